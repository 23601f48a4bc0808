// A log in memory and sinks in memory, with a clock that stands until it is moved.

import { createHash } from 'node:crypto'
import { Route, type RouteParts } from '../../src/delivery/route.ts'
import type { LogView, Source } from '../../src/delivery/source.ts'
import { enveloped } from '../../src/delivery/forms.ts'
import type { Exported, Outlet, Sent, Shipment } from '../../src/delivery/outlet.ts'
import { MemoryLedger } from '../support/memory-ledger.ts'

export const leafOf = (event: string): string => createHash('sha256').update('\0').update(event).digest('base64')
export const eventLine = (n: number, more: object = {}): string =>
  JSON.stringify({ v: 1, type: 'decision', id: `e${n}`, time: new Date(1_700_000_000_000 + n * 1000).toISOString(), ...more })
export const exported = (more: Partial<Exported> = {}): Exported => {
  const event = more.event ?? eventLine(1)
  return { seq: 1, leaf: leafOf(event), checkpoint: 9, origin: 'gw.example/1', event, ...more }
}

export class MemoryLog implements Source {
  lines: string[] = []
  origin = 'gw.example/1'
  covered: number | undefined
  prunedTo = 0
  /** largest number of events read at once */
  mostRead = 0

  add(...lines: readonly string[]): this {
    this.lines.push(...lines)
    return this
  }
  grow(count: number): this {
    const at = this.lines.length
    for (let n = at; n < at + count; n += 1) this.lines.push(eventLine(n))
    return this
  }
  state(): Promise<LogView> {
    return Promise.resolve({ origin: this.origin, covered: this.covered ?? this.lines.length, prunedTo: this.prunedTo })
  }
  read(from: number, max: number): Promise<readonly { seq: number; leaf: string; event: string }[]> {
    const at = Math.max(from, this.prunedTo)
    const found = this.lines.slice(at, at + max).map((event, i) => ({ seq: at + i, leaf: leafOf(event), event }))
    this.mostRead = Math.max(this.mostRead, found.length)
    return Promise.resolve(found)
  }
}

/** Takes everything, unless `answer` says otherwise. */
class MemoryOutlet implements Outlet {
  readonly got: number[] = []
  readonly texts: string[] = []
  answer: (shipment: Shipment) => Sent | Promise<Sent> = ({ parcels }) => ({ taken: parcels.length })
  sends = 0
  isClosed = false

  async send(shipment: Shipment): Promise<Sent> {
    this.sends += 1
    const sent = await this.answer(shipment)
    for (const { seq, text } of shipment.parcels.slice(0, sent.taken)) {
      this.got.push(seq)
      this.texts.push(text)
    }
    return sent
  }
  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }
}

type World = {
  readonly log: MemoryLog
  readonly outlet: MemoryOutlet
  readonly ledger: MemoryLedger
  readonly route: Route
  readonly told: string[]
  readonly clock: { ms: number }
  /** steps until the route wants to wait; what it wants to wait then */
  run(route?: Route, most?: number): Promise<number>
  /** the same route after a crash: what was not kept is forgotten */
  restart(outlet?: Outlet): Route
}

export function world(more: Partial<RouteParts> = {}): World {
  const [log, outlet, ledger] = [new MemoryLog(), new MemoryOutlet(), new MemoryLedger()]
  const told: string[] = []
  const clock = { ms: 1_700_000_000_000 }
  const make = (at: Outlet): Route =>
    new Route({
      name: 'siem',
      from: 'start',
      recordBytes: 65_536,
      outlet: at,
      encode: enveloped,
      source: log,
      ledger,
      nowMs: () => clock.ms,
      random: () => 0,
      tell: (what, detail) => told.push(`${what} ${JSON.stringify(detail)}`),
      ...more,
    })
  const route = make(outlet)
  const run = async (of = route, most = 10_000): Promise<number> => {
    for (let n = 0; n < most; n += 1) {
      const ms = await of.step()
      if (ms > 0) return ms
    }
    throw new Error('it never waits')
  }
  return { log, outlet, ledger, route, told, clock, run, restart: (at = outlet) => make(at) }
}
export const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => from + n)
