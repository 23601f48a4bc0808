// All sinks of a courier: each goes its own way at its own pace, so that a slow or dead one delays no other.

import type { Ledger } from '../../delivery/ledger.ts'
import type { Exported, Outlet } from '../../delivery/outlet.ts'
import { Route, type Level, type RouteParts } from '../../delivery/route.ts'
import type { Source } from '../../delivery/source.ts'
import type { SinkSettings } from '../../delivery/settings.ts'

type Parts = Pick<RouteParts, 'nowMs' | 'random' | 'tell'> & {
  readonly source: Source
  readonly ledger: Ledger
  readonly outletOf: (sink: SinkSettings) => Outlet
  readonly encoderOf: (sink: SinkSettings) => (event: Exported) => string
}

type Running = {
  readonly settings: string
  readonly route: Route
  readonly over: Promise<void>
  readonly end: () => void
  readonly wake: () => void
}

export class Routes {
  readonly #parts: Parts
  readonly #running = new Map<string, Running>()
  #last: Promise<void> = Promise.resolve()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** These and no others, from here on. One whose settings are other ones ends first and goes on from where it was. Calls take effect one after the other. */
  configure(sinks: readonly SinkSettings[]): Promise<void> {
    this.#last = this.#last.then(() => this.#configure(sinks))
    return this.#last
  }

  /** `covered`: events that there are to deliver; absent: as each saw it last. */
  levels(covered?: number): readonly Level[] {
    return [...this.#running.values()].map(({ route }) => route.level(covered))
  }

  /** Somebody mended something: whoever waits tries at once. */
  wake(): void {
    for (const { wake } of this.#running.values()) wake()
  }

  close(): Promise<void> {
    return this.configure([])
  }

  async #configure(sinks: readonly SinkSettings[]): Promise<void> {
    const wanted = new Map(sinks.map(sink => [sink.name, { sink, settings: JSON.stringify(sink) }]))
    const gone = [...this.#running].filter(([name, { settings }]) => wanted.get(name)?.settings !== settings)
    for (const [, { end }] of gone) end()
    await Promise.all(gone.map(([, { over }]) => over))
    for (const [name] of gone) this.#running.delete(name)
    for (const [name, { sink, settings }] of wanted) if (!this.#running.has(name)) this.#running.set(name, this.#start(sink, settings))
  }

  #start(sink: SinkSettings, settings: string): Running {
    const { outletOf, encoderOf, ...parts } = this.#parts
    const { name, from, recordBytes } = sink
    const route = new Route({ ...parts, name, from, recordBytes, outlet: outletOf(sink), encode: encoderOf(sink) })
    const state = { isOver: false }
    let wake = (): void => {}
    const pause = (ms: number): Promise<void> =>
      new Promise(resolve => {
        const timer = setTimeout(resolve, ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    const run = async (): Promise<void> => {
      while (!state.isOver) {
        const ms = await route.step()
        if (ms > 0 && !isEnded(state)) await pause(ms)
      }
      await route.close()
    }
    return {
      settings,
      route,
      over: run(),
      wake: () => {
        route.nudge()
        wake()
      },
      end: () => {
        state.isOver = true
        wake()
        void route.interrupt() // every outlet has its time
      },
    }
  }
}

/** Asked anew: it changes while a step runs. */
const isEnded = ({ isOver }: { readonly isOver: boolean }): boolean => isOver
