// What an upstream answered is inspected before anybody sees a byte of it, and before its outcome is on record.

import { isStop, type Stop } from '../../kernel/errors.ts'
import { demandsOn, shapes } from '../content-demands.ts'
import type { GatewayDeps } from '../deps.ts'
import { blocked, inspectContent, type Content, type Inspected } from '../inspect-content.ts'
import { breaksSchema } from '../output-schema.ts'
import type { Answer, Answered, Stage } from '../path.ts'
import type { Ready } from '../ready.ts'

type Need = Ready & Answered
type Deps = Pick<GatewayDeps, 'inspectInTurns' | 'catalogue'>
type Said = Extract<Answer, { readonly kind: 'result' | 'error' }>

export const inspectStage = (deps: Deps): Stage<Need, Answered> => ({
  name: 'inspect',
  run: x => {
    const { answer } = x
    // Nothing of the upstream's is in any other.
    if (answer.kind !== 'result' && answer.kind !== 'error') return { answer }
    const content = contentOf(x, answer)
    const stop = unfit(x, answer, content)
    if (stop) return stop
    const found = inspectContent(x, content, deps)
    return found instanceof Promise || (!isStop(found) && found.redacted.length > 0)
      ? Promise.resolve(found).then(inspected => settled(x, answer, inspected, deps))
      : passed(answer, found)
  },
})

function contentOf({ route: { entry }, permit }: Need, answer: Said): Content {
  const demands = demandsOn(entry.inspection.content, permit.obligations)
  return answer.kind === 'result'
    ? { bytes: answer.result, from: entry, in: 'result', demands, place: '_meta' }
    : { bytes: answer.error, from: entry, in: 'error', demands, place: 'data' }
}

/** Too large, or a promise of a result that no rule of this call would shape. */
function unfit(
  { route: { entry }, permit: { obligations } }: Need,
  answer: Said,
  { bytes, demands, in: where }: Content,
): Stop | undefined {
  const { maxBytes } = demands
  if (maxBytes !== undefined && bytes.length > maxBytes)
    return {
      stop: 'result-too-large',
      detail: `the ${where} of \`${entry.alias}\` has ${bytes.length} bytes, and \`@max_result\` permits ${maxBytes}`,
      fix: 'ask for less; a policy author may permit more',
    }
  if (answer.kind !== 'result' || answer.outcome !== 'task' || !obligations || !shapes(obligations)) return undefined
  return {
    ...blocked(
      { from: entry, in: where },
      'a task, whose result comes by a request of its own that `@redact`, `@stop_on`, `@max_result` and `@record` of this one do not reach,',
    ),
    fix: 'a policy author may demand these of the group `task` instead',
  }
}

async function settled(x: Need, answer: Said, inspected: Inspected | Stop, deps: Deps): Promise<Answered | Stop> {
  if (isStop(inspected)) return inspected
  const stop = answer.kind === 'result' && inspected.redacted.length > 0 ? await breaksSchema(x, inspected, deps) : undefined
  return stop ?? passed(answer, inspected)
}

function passed(answer: Said, inspected: Inspected | Stop): Answered | Stop {
  if (isStop(inspected)) return inspected
  const { bytes } = inspected
  return { answer: answer.kind === 'result' ? { ...answer, result: bytes } : { ...answer, error: bytes } }
}
