// The way of the log's events to one sink: in order, at least once, in bounded memory. What the sink will never take becomes a dead letter, and the rest passes.

import { Fault } from '../kernel/errors.ts'
import type { Ledger, NewlyDead, Standing } from './ledger.ts'
import type { Exported, Outlet, Parcel, Sent } from './outlet.ts'
import { itemOf, pack, timeOf, type Item } from './packing.ts'
import { pauseMs } from './pause.ts'
import type { LogView, Source } from './source.ts'

export type RouteParts = {
  readonly name: string
  /** where a sink begins that nothing is known of: with the first event there is, or with what comes from now on */
  readonly from: 'start' | 'now'
  /** largest text of one event; what is larger becomes a dead letter */
  readonly recordBytes: number
  readonly outlet: Outlet
  /** may throw: then this event is a dead letter */
  readonly encode: (event: Exported) => string
  readonly source: Source
  readonly ledger: Ledger
  /** wall clock, milliseconds */
  readonly nowMs: () => number
  /** 0 up to 1 */
  readonly random: () => number
  /** said once for each outage, and for each dead letter; holds no secret and nothing of an event */
  readonly tell: (what: string, detail: Readonly<Record<string, unknown>>) => void
}

/**
 * `ready`: all that is covered was taken. `busy`: it is being sent. `waiting`: the sink does not take it, for the reason in `why`; tried again.
 * `held`: too many dead letters; nothing more is sent until an administrator replays or drops some.
 */
export type Level = {
  readonly name: string
  readonly state: 'ready' | 'busy' | 'waiting' | 'held'
  readonly cursor: number
  /** covered and not taken yet */
  readonly lagEvents: number
  /** age of the oldest of these; 0 = there is none */
  readonly lagSeconds: number
  readonly dead: number
  /** since the courier began */
  readonly taken: number
  readonly failures: number
  readonly why?: string
}

/** Events of one shipment: what one sink keeps in memory, whatever its backlog. */
const MAX_RECORDS = 256
/** More than this is no bad record but a bad setting: the log has everything, so it waits there. */
export const MAX_DEAD = 1000
const IDLE_MS = 250
const HELD_MS = 2000
const REPLAYED_AT_ONCE = 32

export class Route {
  readonly #parts: RouteParts
  #standing: Standing | undefined
  #dueMs = 0
  #failures = 0
  #why: string | undefined
  #isHeld = false
  #limit = MAX_RECORDS
  #dead = 0
  /** time of the oldest event that was read and not taken */
  #oldestMs: number | undefined
  #covered = 0
  /** where the cursor was before it went back: until it is past that again, the sink is not well */
  #lostAt = -1
  #counts = { taken: 0, failures: 0 }

  constructor(parts: RouteParts) {
    this.#parts = parts
  }

  get name(): string {
    return this.#parts.name
  }

  /** Does what can be done now. Milliseconds until it wants to be called again; 0 = at once, there is more. Never rejects. */
  async step(): Promise<number> {
    const wait = this.#dueMs - this.#parts.nowMs()
    if (wait > 0) return wait
    try {
      return await this.#work()
    } catch (cause) {
      return this.#trouble(cause instanceof Fault ? `${cause.code}: ${cause.message}` : 'it failed in a way that is a fault of the gateway')
    }
  }

  /** An administrator mended something: no pause is waited for. */
  nudge(): void {
    this.#dueMs = 0
  }

  level(covered = this.#covered): Level {
    const cursor = this.#standing?.cursor ?? 0
    const lagEvents = this.#standing ? Math.max(0, covered - cursor) : 0
    const oldest = this.#oldestMs
    const state = this.#isHeld ? 'held' : this.#failures > 0 ? 'waiting' : lagEvents > 0 ? 'busy' : 'ready'
    return {
      name: this.name,
      state,
      cursor,
      lagEvents,
      lagSeconds: lagEvents === 0 || oldest === undefined ? 0 : Math.max(0, (this.#parts.nowMs() - oldest) / 1000),
      dead: this.#dead,
      ...this.#counts,
      ...(this.#why !== undefined && { why: this.#why }),
    }
  }

  /** What is under way is given up, or is over soon. Never rejects. */
  interrupt(): Promise<void> {
    return this.#parts.outlet.close()
  }

  /** After the last step. Never rejects. What its outlet then knows to have been read is not sent again at the next start. */
  async close(): Promise<void> {
    const { outlet, ledger, name } = this.#parts
    await outlet.close()
    const standing = this.#standing
    if (!outlet.unacknowledged || !standing || standing.unsure === outlet.unacknowledged.from()) return
    this.#standing = this.#sureness(standing)
    await ledger.advance(name, this.#standing, []).catch(() => {}) // then they are sent again, and have their seq
  }

  async #work(): Promise<number> {
    const { source, ledger, name } = this.#parts
    const view = await source.state()
    this.#covered = view.covered
    const standing = await this.#stand(view)
    this.#dead = await ledger.count(name)
    const replayed = await this.#replay(view, standing)
    if (replayed !== undefined) return replayed
    this.#isHeld = this.#dead >= MAX_DEAD
    if (this.#isHeld) {
      this.#why = `${MAX_DEAD} dead letters wait for an administrator`
      return HELD_MS
    }
    const wanted = Math.min(this.#limit, view.covered - standing.cursor)
    const found = wanted > 0 ? await source.read(standing.cursor, wanted) : []
    if (found.length === 0) {
      const lost = this.#parts.outlet.unacknowledged?.look()?.trouble
      if (lost?.is === 'behind') return this.#goBack(standing, lost.from, lost.why)
      this.#well(true)
      return IDLE_MS
    }
    const events = found.filter(({ seq }) => seq < view.covered).map(each => ({ ...each, checkpoint: view.covered, origin: view.origin }))
    return this.#ship(standing, events)
  }

  /** Where it goes on. A log with another name is another log: its events are counted from 0 again. */
  async #stand({ origin, covered, prunedTo }: LogView): Promise<Standing> {
    const { ledger, name, from, tell } = this.#parts
    let known = this.#standing ?? (await ledger.standing(name))
    if (!this.#standing && known?.origin === origin && known.unsure !== undefined && known.unsure < known.cursor) {
      // The connection that it went over is gone, with whatever was on its way.
      const cursor = Math.max(known.began, known.unsure)
      tell('a sink gets events again', { sink: name, from: cursor, before: known.cursor, why: 'nobody knows whether it read them' })
      known = { ...known, cursor, last: cursor - 1 }
      await ledger.advance(name, known, [])
    }
    if (known?.origin !== origin) {
      const began = from === 'now' && known === undefined ? covered : prunedTo
      if (known) tell('a sink goes on with another log', { sink: name, before: known.origin, origin })
      known = { origin, began, cursor: began, last: -1 }
      await ledger.advance(name, known, [])
    }
    if (known.cursor < prunedTo) {
      // Retention took them before the sink did: said, and shown by the gap in `seq` that every receiver sees.
      tell('events were pruned before a sink took them', { sink: name, from: known.cursor, to: prunedTo })
      known = { ...known, cursor: prunedTo, began: Math.max(known.began, prunedTo) }
      await ledger.advance(name, known, [])
    }
    this.#standing = known
    return known
  }

  async #ship(standing: Standing, events: readonly Exported[]): Promise<number> {
    const items = pack(events, this.#parts)
    this.#oldestMs = timeOf(events[0]?.event)
    const parcels = items.flatMap(({ parcel }) => parcel ?? [])
    const sent = parcels.length === 0 ? { taken: 0 } : await this.#send(parcels, standing, false)
    const { trouble } = sent
    if (trouble?.is === 'behind') return this.#goBack(standing, trouble.from, trouble.why)
    // What went before the first that was not taken is over: taken, or dead.
    const at = items.findIndex(({ parcel }) => parcel !== undefined && parcels.indexOf(parcel) >= sent.taken)
    const over = at < 0 ? items.length : at
    const left = parcels.length - sent.taken
    const isBad = trouble?.is === 'refused' && left === 1
    const done = items.slice(0, isBad ? over + 1 : over)
    await this.#advance(standing, done, isBad ? trouble.why : undefined, parcels[sent.taken - 1]?.seq)
    if (trouble === undefined || isBad) {
      this.#oldestMs = undefined
      this.#limit = Math.min(MAX_RECORDS, this.#limit * 2)
      this.#well()
      return 0
    }
    if (trouble.is === 'later') return this.#trouble(trouble.why, trouble.afterSeconds)
    // One of them is refused, and only alone it shows which.
    this.#limit = Math.max(1, Math.floor(left / 2))
    return 0
  }

  async #send(parcels: readonly Parcel[], { last, began }: Standing, isReplay: boolean): Promise<Sent> {
    const { taken, trouble } = await this.#parts.outlet.send({ parcels, after: last >= began ? last : -1, isReplay, leafAt: this.#leafAt })
    this.#counts.taken += taken
    if (trouble !== undefined) return { taken, trouble }
    return taken < parcels.length ? { taken, trouble: { is: 'later', why: 'it did not say what became of all events' } } : { taken }
  }

  readonly #leafAt = async (seq: number): Promise<string | undefined> => {
    const [found] = seq < this.#covered ? await this.#parts.source.read(seq, 1) : []
    return found?.seq === seq ? found.leaf : undefined
  }

  /** With what the outlet knows now of what was read. */
  #sureness({ origin, began, cursor, last }: Standing): Standing {
    const from = this.#parts.outlet.unacknowledged?.from()
    return { origin, began, cursor, last, ...(from !== undefined && { unsure: from }) }
  }

  /** INVARIANT: the cursor in memory is the one on disk. If we crash before this, the sink gets them again: it has `seq`. */
  async #advance(standing: Standing, done: readonly Item[], why: string | undefined, took: number | undefined): Promise<void> {
    const final = done.at(-1)
    if (!final) return
    const dead = done.flatMap((item, at): NewlyDead[] => {
      const reason = item.why ?? (at === done.length - 1 ? why : undefined)
      return reason === undefined ? [] : [{ seq: item.event.seq, leaf: item.event.leaf, why: reason }]
    })
    const next = this.#sureness({ ...standing, cursor: final.event.seq + 1, last: took ?? standing.last })
    await this.#parts.ledger.advance(this.name, next, dead)
    this.#standing = next
    this.#dead += dead.length
    for (const letter of dead) this.#parts.tell('an event became a dead letter', { sink: this.name, seq: letter.seq, why: letter.why })
  }

  async #goBack(standing: Standing, from: number, why: string): Promise<number> {
    const cursor = Math.max(standing.began, Math.min(from, standing.cursor))
    const next = this.#sureness({ ...standing, cursor, last: cursor - 1 })
    // Where that fails the ledger is asked anew: an outlet without acknowledgements does not say it twice, but what was unsure stands there.
    this.#standing = undefined
    await this.#parts.ledger.advance(this.name, next, [])
    this.#standing = next
    this.#lostAt = Math.max(this.#lostAt, standing.cursor)
    if (cursor < standing.cursor)
      this.#parts.tell('a sink gets events again', { sink: this.name, from: cursor, before: standing.cursor, why })
    // A sink that takes and loses, again and again, is not well, however much it takes: each time is a failure with its pause.
    return this.#trouble(why)
  }

  /** Dead letters that an administrator wants sent again, each alone. Undefined: there is none. */
  async #replay(view: LogView, standing: Standing): Promise<number | undefined> {
    const { ledger, source, name } = this.#parts
    // Behind the cursor alone: where a sink is filled anew, they come in their turn.
    const letters = (await ledger.replays(name, REPLAYED_AT_ONCE)).filter(
      ({ seq, origin }) => origin !== view.origin || seq < standing.cursor,
    )
    if (letters.length === 0) return undefined
    for (const { seq, origin, leaf } of letters) {
      const [found] = origin === view.origin ? await source.read(seq, 1) : []
      if (found?.seq !== seq || found.leaf !== leaf) {
        await ledger.settle(name, seq, 'its event is not in the log any more')
        continue
      }
      const { parcel, why } = itemOf({ ...found, checkpoint: view.covered, origin: view.origin }, this.#parts)
      if (!parcel) {
        await ledger.settle(name, seq, why)
        continue
      }
      const { trouble } = await this.#send([parcel], standing, true)
      if (trouble?.is === 'behind') return this.#goBack(standing, trouble.from, trouble.why)
      if (trouble?.is === 'later') return this.#trouble(trouble.why, trouble.afterSeconds)
      await ledger.settle(name, seq, trouble?.why)
    }
    this.#well()
    return 0
  }

  /** `hasAll`: nothing that is covered was left to send, and it still has what it took. */
  #well(hasAll = false): void {
    if (!hasAll && (this.#standing?.cursor ?? 0) <= this.#lostAt) return
    this.#lostAt = -1
    if (this.#failures > 0) this.#parts.tell('a sink takes events again', { sink: this.name, failures: this.#failures })
    this.#failures = 0
    this.#why = undefined
  }

  #trouble(why: string, afterSeconds?: number): number {
    const { nowMs, random, tell } = this.#parts
    this.#failures += 1
    this.#counts.failures += 1
    if (this.#failures === 1 || why !== this.#why) tell('a sink does not take events; they wait in the log', { sink: this.name, why })
    this.#why = why
    const wait = pauseMs(this.#failures, random(), afterSeconds)
    this.#dueMs = nowMs() + wait
    return wait
  }
}
