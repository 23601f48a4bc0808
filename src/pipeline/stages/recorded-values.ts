// Contents that rules asked to record, as acts: one shown to an auditor, after it was held against its event, and all of one person's erased for good.

import { QUERY_LIMITS, type AuditReader } from '../../audit/reading.ts'
import { commitmentOf, type ValueKind } from '../../audit/values.ts'
import { Fault, isStop, type Stop } from '../../kernel/errors.ts'
import { keyOf, type PrincipalKey } from '../../kernel/principal.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'

type Reading = Pick<AdminDeps, 'auditReader' | 'auditValues'>

/** `{event}`: an event's id */
export const aimValueStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['event'], [], 64)
    if (isStop(read)) return read
    const event = read.params['event'] ?? ''
    if (!/^[0-9a-f-]{36}$/.test(event)) return { stop: 'params-invalid', detail: 'expected `event` as the id of an event' }
    return { act: { target: `event ${event}`, params: read.params } }
  },
}

/** `what`, `commit`, `salt` and, where it was kept, `value`: base64url each. The decision that shows it is durable first. */
export const showValueStage = ({ auditReader, auditValues }: Reading): Stage<Received & Aimed, Answered> => ({
  name: 'show-value',
  run: ({ act }) =>
    readable(async () => {
      const event = act.params['event'] ?? ''
      const said = await commitmentIn(auditReader, event)
      if ('stop' in said) return said
      const found = await auditValues.read({ event, kind: said.kind, digest: said.digest })
      // Bound to both already when it was sealed; what is shown as evidence rests on the event alone.
      const isOther = found.is === 'value' && found.bytes && commitmentOf(said.kind, found.salt, found.bytes) !== said.digest
      if (found.is !== 'value' || isOther) return notShown(found.is === 'absent', await isErased(auditReader, said))
      return adminAnswer({
        ...{ event, what: said.kind, commit: said.digest, salt: found.salt.toString('base64url') },
        ...(found.bytes ? { value: found.bytes.toString('base64url') } : { bytes: said.bytes }),
      })
    }),
})

/** `{issuer, subject, why}`: whoever it is need not be known to the configuration any more. What is recorded of oneself is evidence, which nobody takes away alone. */
export const aimErasureStage = ({ isTwoPerson }: Pick<AdminDeps, 'isTwoPerson'>): Stage<Received & Authenticated, Aimed> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['issuer', 'subject', 'why'])
    if (isStop(read)) return read
    const { issuer = '', subject = '' } = read.params
    if (issuer.includes(' ')) return { stop: 'params-invalid', detail: 'expected `issuer` without a space' }
    const target = keyOf(issuer, subject)
    if (target === x.principal.key && !isTwoPerson())
      return { stop: 'role-missing', detail: 'nobody erases alone what was recorded of themselves', fix: 'ask another operator' }
    return { act: { target: `values ${target}`, params: { ...read.params, target } } }
  },
})

/** Nothing goes but by an erasure, and that is on record: what is gone without one was taken away. */
const notShown = (isAbsent: boolean, erased: boolean): Stop => ({
  stop: 'params-invalid',
  detail: `${isAbsent ? 'its value is not here' : 'its value opens with no key that is here, or is not what the event commits to'}${
    erased ? ': it was erased, as an event after it says' : ', and no event says that it was erased: somebody removed or changed it'
  }`,
  ...(!erased && { fix: 'if this is the data directory it was recorded in, keep a copy of it, and find out who did that' }),
})

/** Whether the log says, after the event, that the values of its principal were erased. */
async function isErased(reader: AuditReader, { seq, whose }: Said): Promise<boolean> {
  for (let before: number | undefined; ;) {
    const page = await reader.search({ what: 'audit-erased', limit: QUERY_LIMITS.maxLimit, ...(before !== undefined && { before }) })
    for (const { seq: at, event, isChanged } of page.events) {
      if (at < seq) return false
      if (isChanged !== true && (JSON.parse(event) as ErasedEvent).detail?.of === whose) return true
    }
    if (page.next === undefined) return false
    before = page.next
  }
}
type ErasedEvent = { readonly detail?: { readonly of?: unknown } }

type Said = {
  readonly kind: ValueKind
  readonly digest: string
  readonly bytes: unknown
  /** of the event, and whose value it is about */
  readonly seq: number
  readonly whose: PrincipalKey
}
type Committing = {
  readonly commit?: Readonly<Record<string, unknown>>
  readonly commitBytes?: unknown
  readonly principal?: { readonly issuer: string; readonly subject: string }
}

async function commitmentIn(reader: AuditReader, id: string): Promise<Said | Stop> {
  const { events } = await reader.search({ id, limit: 1 })
  const [found] = events
  if (!found) return { stop: 'params-invalid', detail: 'no such event', fix: 'an event can be found a moment after it was written' }
  if (found.isChanged)
    return { stop: 'state-unavailable', detail: 'the event was changed outside the gateway', fix: 'run `gatehouse audit verify`' }
  const { commit, commitBytes, principal } = JSON.parse(found.event) as Committing
  const whose = keyOf(principal?.issuer ?? '', principal?.subject ?? '')
  for (const kind of ['arguments', 'result'] as const) {
    const digest = commit?.[kind]
    if (typeof digest === 'string') return { kind, digest, bytes: commitBytes, seq: found.seq, whose }
  }
  return { stop: 'params-invalid', detail: 'no rule asked to record anything with that event' }
}

async function readable(work: () => Promise<Answered | Stop>): Promise<Answered | Stop> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { stop: 'state-unavailable', detail: error.message, fix: 'mend that, and do it again' }
  }
}
