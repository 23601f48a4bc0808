// An answer of a host on its way to the server that asked: held against exactly what was asked, inspected, and whatever does not fit stays here.

import type { RequestKind } from '../bridge/capabilities.ts'
import { checkAnswer } from '../gates/answers.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { entryNow, METHODS, type GateDeps } from './gate.ts'
import { inWords, worstOf } from './inspected.ts'
import type { Ready } from './ready.ts'

/** What was asked: its method, and what `gate` said its answer is held against. */
export type Awaited = { readonly method: string; readonly expects: string | undefined }

/** The bytes that travel on: one result object. Only a refusal has a record. */
export async function answerTo(x: Ready, { method, expects }: Awaited, result: Buffer, deps: GateDeps): Promise<Buffer | Stop> {
  const checked = judged(x, expects, result, deps)
  if (isStop(checked)) await deps.recorder.serverRequest(x, { method, decision: 'refused', rules: [], stop: checked })
  return checked
}

function judged(x: Ready, expects: string | undefined, result: Buffer, deps: GateDeps): Buffer | Stop {
  // Nothing passes that nothing was said about.
  if (expects === undefined) return { stop: 'answer-invalid', detail: 'nothing like it was asked' }
  const entry = entryNow(x, deps)
  const answer = checkAnswer(expects, result, entry.gates)
  if (isStop(answer)) return answer
  const { inspection } = entry
  if (![...inspection.arguments.values()].includes('block')) return answer
  const worst = worstOf(deps.inspect(answer, 'arguments', { tiers: inspection.arguments }))
  return worst?.tier === 'block' ? { stop: 'arguments-blocked', detail: `the answer to the server has ${inWords(worst)}` } : answer
}

type Answers = {
  readonly asked: ReadonlyMap<string, { readonly kind: RequestKind; readonly expects?: string | undefined }>
  readonly given: ReadonlyMap<string, Buffer>
}

/** All answers of one round, by key; the first that does not fit stops them all. */
export async function answersTo(x: Ready, { asked, given }: Answers, deps: GateDeps): Promise<ReadonlyMap<string, Buffer> | Stop> {
  const checked = new Map<string, Buffer>()
  for (const [key, result] of given) {
    const question = asked.get(key)
    if (!question) continue
    const answer = await answerTo(x, { method: METHODS[question.kind], expects: question.expects }, result, deps)
    if (isStop(answer)) return answer
    checked.set(key, answer)
  }
  return checked
}
