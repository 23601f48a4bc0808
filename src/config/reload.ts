// Watches gatehouse.yaml and SIGHUP, and hands over a whole new snapshot or its faults; never something half written.

import { stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { loadConfig } from './load.ts'
import type { LoadResult } from './load.ts'
import type { Snapshot } from './schema.ts'

export type WatchOptions = {
  /** digest of the running snapshot: a change made before watching began is then seen too; default: what stands there when watching begins counts as running */
  readonly running?: string
  /** default 500 */
  readonly intervalMs?: number
  /** default: loadConfig */
  readonly load?: (file: string) => Promise<LoadResult>
  /** differs whenever the file, or what its links lead to, may differ; never rejects; default: device, inode, size and times */
  readonly fingerprint?: (file: string) => Promise<string>
  /** calls back again and again, until the function it answers is called; default: setInterval, which keeps no process alive */
  readonly every?: (ms: number, tick: () => void) => () => void
  /** calls back when the operator asks for a reload, until the function it answers is called; default: SIGHUP */
  readonly onRequest?: (request: () => void) => () => void
}

/**
 * Calls back with every new result: `ok` = swap the snapshot whole; otherwise keep the running one and report the faults. A change counts once the file has
 * stood still for one interval and still does after it was read: saves by rename, swapped links and slow writers all end in one whole read. An unchanged
 * text is not handed over again, unless SIGHUP asks for it: then files and variables behind `fromFile` and `fromEnv` are read again too.
 * Polling, because change events miss network file systems and links in the middle of a path; it costs one system call per interval.
 * Answers a function that stops watching; nothing is called back after it.
 */
export function watchConfig(file: string, onResult: (result: LoadResult) => void, options: WatchOptions = {}): () => void {
  const watch = new Watch(file, onResult, options)
  const stops = [
    (options.every ?? every)(options.intervalMs ?? 500, () => watch.look()),
    (options.onRequest ?? onHangup)(() => watch.request()),
  ]
  watch.look()
  return () => {
    watch.stop()
    for (const stop of stops) stop()
  }
}

/** Settings that differ and that a running gateway cannot change: they take effect at the next start. Empty = the snapshot can be swapped in. */
export function restartNeeded(running: Snapshot, next: Snapshot): readonly string[] {
  const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b)
  const fixed: readonly [string, unknown, unknown][] = [
    ['listen', running.listen, next.listen],
    ['publicUrl', running.publicUrl, next.publicUrl],
    ['dataDir', running.dataDir, next.dataDir],
    ['audit.origin', running.audit.origin, next.audit.origin],
    ['audit.witnesses', running.audit.witnesses, next.audit.witnesses],
    ['registry.artifacts.folder', contentFolder(running), contentFolder(next)],
    ['registry.seeds', running.registry.seeds, next.registry.seeds],
    ['registry.from', running.registry.from, next.registry.from],
    ['registry.repository', running.registry.repository, next.registry.repository],
    ['identity.login', running.login, next.login],
    ['identity.authorizationServer', running.authorizationServer, next.authorizationServer],
    ['identity.evaluation', running.evaluation, next.evaluation],
  ]
  return fixed.filter(([, a, b]) => differs(a, b)).map(([name]) => name)
}

/** Seen from the data directory: by default it moves with that. */
const contentFolder = ({ dataDir, registry }: Snapshot): string => relative(dataDir, registry.artifacts.folder)

class Watch {
  readonly #file: string
  readonly #onResult: (result: LoadResult) => void
  readonly #load: (file: string) => Promise<LoadResult>
  readonly #fingerprint: (file: string) => Promise<string>
  #known: string | undefined
  #settling: string | undefined
  #handedOver: string | undefined
  #isBusy = false
  #isRequested = false
  #isStopped = false

  constructor(file: string, onResult: (result: LoadResult) => void, options: WatchOptions) {
    this.#file = file
    this.#onResult = onResult
    this.#load = options.load ?? loadConfig
    this.#fingerprint = options.fingerprint ?? fingerprintOf
    this.#handedOver = options.running === undefined ? undefined : `ok ${options.running}`
  }

  stop(): void {
    this.#isStopped = true
  }

  request(): void {
    this.#isRequested = true
    this.look()
  }

  /** One look at a time; a request that comes meanwhile is served by the next. */
  look(): void {
    if (this.#isBusy || this.#isStopped) return
    this.#isBusy = true
    void this.#step().finally(() => {
      this.#isBusy = false
      if (this.#isRequested) this.look()
    })
  }

  async #step(): Promise<void> {
    const isRequested = this.#isRequested
    this.#isRequested = false
    const before = await this.#fingerprint(this.#file)
    if (!isRequested && !this.#isSettled(before)) return
    const result = await this.#load(this.#file)
    if ((await this.#fingerprint(this.#file)) !== before) {
      // It changed while it was read: what was read may be half of two files.
      this.#settling = undefined
      this.#isRequested = isRequested && !this.#isStopped
      return
    }
    this.#known = before
    this.#handOver(result, isRequested)
  }

  #isSettled(now: string): boolean {
    if (this.#known === undefined && this.#handedOver === undefined) this.#known = now
    if (now === this.#known) return false
    const isStill = now === this.#settling
    this.#settling = now
    return isStill
  }

  #handOver(result: LoadResult, isRequested: boolean): void {
    const key = result.ok ? `ok ${result.snapshot.digest}` : JSON.stringify(result.faults)
    if (this.#isStopped || (key === this.#handedOver && !isRequested)) return
    this.#handedOver = key
    this.#onResult(result)
  }
}

/** Device, inode, size and times of what its links lead to; the name of the error where there is no file. */
export async function fingerprintOf(file: string): Promise<string> {
  try {
    const now = await stat(file, { bigint: true })
    return `${now.dev} ${now.ino} ${now.size} ${now.mtimeNs} ${now.ctimeNs}`
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
  }
}

function every(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms).unref()
  return () => {
    clearInterval(timer)
  }
}

function onHangup(request: () => void): () => void {
  process.on('SIGHUP', request)
  return () => process.removeListener('SIGHUP', request)
}
