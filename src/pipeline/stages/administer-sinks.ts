// Delivery of audit events as acts: how far each sink is, and its dead letters, looked at, sent again, or given up.

import type { DeadLetter, Which } from '../../delivery/ledger.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'

type Deps = Pick<AdminDeps, 'delivery' | 'rolesOf'>
type Chosen = Aimed & { readonly which: Which }

/** Told at once; there may be more. */
const MAX_LISTED = 1000
const UNKNOWN: Stop = { stop: 'params-invalid', detail: 'there is no such dead letter', fix: 'list them' }
/** The courier is not there, or its database cannot be read. */
const away = (): Stop => ({
  stop: 'state-unavailable',
  detail: 'delivery does not answer',
  fix: 'look at the sinks of `audit` in the configuration, and at the gateway’s log',
})

export const listSinksStage = (deps: Deps): Stage<Received, Answered> => ({
  name: 'list-sinks',
  run: () => adminAnswer({ sinks: deps.delivery.levels() }),
})

/** Of all sinks, without their events. */
export const listDeadStage = (deps: Deps): Stage<Received, Answered> => ({
  name: 'list-dead',
  run: async () => {
    const found = await deps.delivery.letters.list(undefined, MAX_LISTED + 1).catch(away)
    if (isAway(found)) return found
    return adminAnswer({ dead: found.slice(0, MAX_LISTED).map(told), more: found.length > MAX_LISTED })
  },
})

/** `{sink, seq}`; `seq` may be absent where all of a sink's are meant. */
export const aimDeadStage = (isOne: boolean): Stage<Received, Chosen> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, isOne ? ['sink', 'seq'] : ['sink'], isOne ? [] : ['seq'])
    if (isStop(read)) return read
    const { sink = '', seq } = read.params
    if (seq !== undefined && !/^\d{1,15}$/.test(seq)) return { stop: 'params-invalid', detail: 'expected `seq` as a whole number' }
    if (!/^[a-z0-9-]{1,24}$/.test(sink)) return { stop: 'params-invalid', detail: 'expected `sink` as the name of a sink' }
    const target = `sink ${sink}${seq === undefined ? '' : ` ${seq}`}`
    return { act: { target, params: read.params }, which: { sink, ...(seq !== undefined && { seq: Number(seq) }) } }
  },
})

/** For auditors with its event, as the log has it: who may not search the log reads no event of it by this way either. */
export const showDeadStage = (deps: Deps): Stage<Received & Authenticated & Chosen, Answered> => ({
  name: 'show-dead',
  run: async ({ which, principal }) => {
    const found = await deps.delivery.letters.list(which.sink, MAX_LISTED + 1).catch(away)
    if (isAway(found)) return found
    const letter = found.find(({ seq }) => seq === which.seq)
    if (!letter) return UNKNOWN
    if (!deps.rolesOf(principal).has('auditor')) return adminAnswer({ dead: told(letter) })
    const event = await deps.delivery.eventOf(letter).catch(away)
    if (typeof event === 'object') return event
    return adminAnswer({ dead: told(letter), ...(event === undefined ? { gone: true } : { event: JSON.parse(event) as unknown }) })
  },
})

export const replayDeadStage = (deps: Deps): Stage<Received & Chosen, Answered> => ({
  name: 'replay-dead',
  effect: true,
  run: async ({ which }) => {
    const count = await deps.delivery.letters.replay(which).catch(away)
    if (typeof count === 'object') return count
    return count === 0 ? UNKNOWN : adminAnswer({ replayed: count })
  },
})

export const dropDeadStage = (deps: Deps): Stage<Received & Chosen, Answered> => ({
  name: 'drop-dead',
  effect: true,
  run: async ({ which }) => {
    const count = await deps.delivery.letters.drop(which).catch(away)
    if (typeof count === 'object') return count
    return count === 0 ? UNKNOWN : adminAnswer({ dropped: count })
  },
})

const isAway = (found: Stop | readonly DeadLetter[]): found is Stop => !Array.isArray(found)
const told = ({ atMs, ...letter }: DeadLetter): object => ({ ...letter, at: new Date(atMs).toISOString() })
