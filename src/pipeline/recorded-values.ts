// What a rule asks to record of a call: kept, sealed and durable, before the event that commits to it.

import { commitmentOf, MAX_VALUE_BYTES, SALT_BYTES, type ValueKind, type ValueStore } from '../audit/values.ts'
import type { Committing } from '../audit/encode.ts'
import { rawOf } from '../mcp/json.ts'
import type { Answer, Authenticated, Permitted, Received } from './path.ts'

export type ValueDeps = {
  readonly values: Pick<ValueStore, 'keep'>
  readonly randomBytes: (size: number) => Buffer
  /** of an event that is not written yet */
  readonly newId: () => string
}

type Asking = Received & Partial<Authenticated & Permitted>

export const isRecorded = ({ permit }: Asking, kind: ValueKind): boolean => permit?.obligations?.record?.includes(kind) === true

/** Durable when it resolves. Rejects with Fault `audit-unavailable`: then nothing may go on. */
export async function recordValue(deps: ValueDeps, x: Asking, kind: ValueKind, bytes: Buffer): Promise<Committing | undefined> {
  // INVARIANT: nothing is permitted before somebody is authenticated.
  if (!x.principal) return undefined
  const salt = deps.randomBytes(SALT_BYTES)
  const digest = commitmentOf(kind, salt, bytes)
  const isLarge = bytes.length > MAX_VALUE_BYTES
  const id = deps.newId()
  await deps.values.keep({ event: id, subject: x.principal.key, kind, digest, salt, ...(!isLarge && { bytes }) })
  return { id, commit: { kind, digest, ...(isLarge && { bytes: bytes.length }) } }
}

/** The bytes that were judged: params as the host sent them. */
export const argumentBytes = ({ doc, params }: Received): Buffer => (doc && params ? rawOf(doc, params) : NOTHING)

/** The bytes that the host gets. */
export function answerBytes(answer: Answer | undefined): Buffer | undefined {
  if (answer?.kind === 'result') return answer.result
  return answer?.kind === 'error' ? answer.error : undefined
}

const NOTHING = Buffer.alloc(0)
