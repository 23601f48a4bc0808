// Keeps the evaluation identity provider running: a process that dies costs the sign-ins of its seconds, not all that follow.

import type { Snapshot } from '../config/schema.ts'
import { spawnEvaluationProvider, type EvaluationProcess, type SpawnOptions } from './spawn.ts'

export type KeptProvider = {
  /** of the process that runs now */
  readonly pid: number
  /** tells it of a reload, and what is started after it */
  configure(snapshot: Snapshot): void
  /** resolves when no process is left, and none will be */
  stop(): Promise<void>
}

export type KeepOptions = SpawnOptions & {
  /** the pause before the first new try in milliseconds, doubled with each that fails; default 500, at most 30,000 */
  readonly pauseMs?: number
}

const LONGEST_MS = 30_000

/** Resolves when the first process listens; throws as spawnEvaluationProvider does when it does not. */
export async function keepEvaluationProvider(snapshot: Snapshot, options: KeepOptions = {}): Promise<KeptProvider> {
  const keeper = new Keeper(snapshot, await spawnEvaluationProvider(snapshot, options), options)
  keeper.watch()
  return keeper
}

class Keeper implements KeptProvider {
  readonly #options: KeepOptions
  #wanted: Snapshot
  #process: EvaluationProcess
  #isStopping = false
  #endPause: (() => void) | undefined
  #watching: Promise<void> = Promise.resolve()

  constructor(wanted: Snapshot, first: EvaluationProcess, options: KeepOptions) {
    this.#wanted = wanted
    this.#process = first
    this.#options = options
  }

  get pid(): number {
    return this.#process.pid
  }

  watch(): void {
    this.#watching = this.#keep()
  }

  async #keep(): Promise<void> {
    const { pauseMs = 500, onLine = line => process.stderr.write(`${line}\n`) } = this.#options
    let pause = pauseMs
    for (;;) {
      await this.#process.gone
      // A configuration without it ends it: that is no death.
      while (this.#isWanted()) {
        onLine('the evaluation identity provider ended; it is started again')
        await this.#wait(pause)
        if (!this.#isWanted()) return
        const next = await spawnEvaluationProvider(this.#wanted, this.#options).catch((error: unknown) => error as Error)
        if (!(next instanceof Error)) {
          this.#process = next
          pause = pauseMs
          break
        }
        onLine(`the evaluation identity provider does not start: ${next.message}`)
        pause = Math.min(pause * 2, LONGEST_MS)
      }
      if (!this.#isWanted()) return
    }
  }

  #isWanted(): boolean {
    return !this.#isStopping && this.#wanted.evaluation !== undefined
  }

  #wait(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  configure(snapshot: Snapshot): void {
    this.#wanted = snapshot
    this.#process.configure(snapshot)
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#endPause?.()
    await this.#process.stop()
    await this.#watching
    // One that was starting when this was called is there only now.
    await this.#process.stop()
  }
}
