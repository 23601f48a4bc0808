// Reading the audit log as acts: searching it, the story of one call, how it stands, the proof of one event. Reading is on record like everything else.

import { leadsToCheckpoint } from '../../audit/proof.ts'
import { parseQuery } from '../../audit/query.ts'
import { QUERY_LIMITS, type AuditReader, type Query } from '../../audit/reading.ts'
import { Fault, isStop, type Stop } from '../../kernel/errors.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Received, Stage } from '../path.ts'

type Deps = Pick<AdminDeps, 'auditReader'>
type Searching = Aimed & { readonly query: Query }

const MEMBERS = Object.keys({
  ...{ principal: 1, issuer: 1, client: 1, server: 1, reason: 1, method: 1, type: 1, name: 1, outcome: 1, what: 1 },
  ...{ call: 1, request: 1, trace: 1, approval: 1, id: 1, from: 1, to: 1, before: 1, limit: 1 },
} satisfies Record<keyof Query, 1>)

/** The members of a query, as texts. On record stands by what was looked for, and not what: that may be anybody's words. */
export const aimSearchStage: Stage<Received, Searching> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, [], MEMBERS)
    if (isStop(read)) return read
    const parsed = parseQuery(read.params)
    if ('faults' in parsed) return { stop: 'params-invalid', detail: parsed.faults.join('; ') }
    return { act: { target: ['events', ...Object.keys(read.params).sort()].join(' '), params: read.params }, query: parsed.query }
  },
}

/** A page: `events`, newest first, `size` of the log, and `next` where there may be more. */
export const searchAuditStage = (deps: Deps): Stage<Received & Searching, Answered> => ({
  name: 'search-audit',
  run: ({ query }) => answer(deps, reader => reader.search(query)),
})

/** `{call}`: the id of a logical call */
export const aimCallStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['call'], [], QUERY_LIMITS.maxText)
    return isStop(read) ? read : { act: { target: `call ${(read.params['call'] ?? '').slice(0, 128)}`, params: read.params } }
  },
}

export const showCallStage = (deps: Deps): Stage<Received & Aimed, Answered> => ({
  name: 'show-call',
  run: ({ act }) => answer(deps, async reader => ({ events: await reader.story(act.params['call'] ?? '') })),
})

export const auditStateStage = (deps: Deps): Stage<Received, Answered> => ({
  name: 'audit-state',
  run: () => answer(deps, reader => reader.state()),
})

/** `{seq}`: an event's place in the log, in decimal digits */
export const aimEventStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['seq'], [], 32)
    if (isStop(read)) return read
    const seq = read.params['seq'] ?? ''
    if (!/^(0|[1-9]\d{0,14})$/.test(seq)) return { stop: 'params-invalid', detail: 'expected `seq` as a number in decimal digits' }
    return { act: { target: `event ${seq}`, params: read.params } }
  },
}

/** `proof`: text of a `c2sp.org/tlog-proof@v1` file; `event`: the line it is of, where that was not removed. A proof that does not hold is none. */
export const proveEventStage = (deps: Deps): Stage<Received & Aimed, Answered> => ({
  name: 'prove-event',
  run: ({ act }) =>
    answer(deps, async reader => {
      const seq = Number(act.params['seq'])
      const proof = await reader.proof(seq)
      const [found] = await reader.read(seq, 1)
      if (found?.seq === seq && !leadsToCheckpoint(proof, Buffer.from(found.event)))
        throw new Fault('audit-changed', `no proof leads from event ${seq} to the last checkpoint`)
      return { proof, ...(found?.seq === seq && { event: found.event }) }
    }),
})

async function answer({ auditReader }: Deps, ask: (reader: AuditReader) => Promise<object>): Promise<Answered | Stop> {
  try {
    return adminAnswer(await ask(auditReader))
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    if (error.code === 'audit-uncovered')
      return { stop: 'params-invalid', detail: 'no checkpoint covers that event', fix: 'wait a second, or ask for an older one' }
    if (error.code === 'audit-changed')
      return {
        stop: 'state-unavailable',
        detail: 'the audit log was changed outside the gateway',
        fix: 'run `gatehouse audit verify` where it is',
      }
    return { stop: 'state-unavailable', detail: 'the audit log cannot be read now', fix: 'try again; the log of the gateway says why' }
  }
}
