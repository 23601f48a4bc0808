// The audit log in memory: what a test of the pipeline appends to. It can hold, and it can fail before or after it keeps a row.

import type { AuditLog } from '../../src/audit/log.ts'
import { Fault } from '../../src/kernel/errors.ts'

const unavailable = (): Fault => new Fault('audit-unavailable', 'the memory log was told to fail')

export class MemoryAuditLog implements AuditLog {
  /** what a reader would find: rows that are kept, acknowledged or not */
  readonly rows: string[]
  readonly #maxBacklog: number
  #pending: { readonly event: string; readonly resolve: () => void; readonly reject: (fault: Fault) => void }[] = []
  #fail: 'before' | 'after' | undefined
  #isHeld = false
  #isBroken = false
  #isClosed = false
  #drained: (() => void)[] = []

  constructor(rows: string[] = [], maxBacklog = Number.POSITIVE_INFINITY) {
    this.rows = rows
    this.#maxBacklog = maxBacklog
  }

  get backlog(): number {
    return this.#pending.length
  }
  get isHealthy(): boolean {
    return !this.#isBroken && !this.#isClosed
  }
  /** the rows as events */
  get events(): Record<string, any>[] {
    return this.rows.map(row => JSON.parse(row) as Record<string, any>)
  }

  /** The next row that is due breaks the log: `before` it is kept, or `after`. */
  failNext(when: 'before' | 'after'): void {
    this.#fail = when
  }
  /** Nothing becomes durable until the returned function is called. */
  hold(): () => void {
    this.#isHeld = true
    return () => {
      this.#isHeld = false
      this.#drain()
    }
  }

  append(event: string): Promise<void> {
    if (!this.isHealthy || this.#pending.length >= this.#maxBacklog || !event.startsWith('{') || event.includes('\n'))
      return Promise.reject(unavailable())
    return new Promise((resolve, reject) => {
      this.#pending.push({ event, resolve, reject })
      queueMicrotask(() => this.#drain())
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#pending.length > 0) await new Promise<void>(resolve => this.#drained.push(resolve))
  }

  #drain(): void {
    while (!this.#isHeld && this.#pending.length > 0) {
      if (this.#fail !== undefined) {
        const failed = this.#pending.splice(0)
        if (this.#fail === 'after') this.rows.push(failed[0]!.event)
        this.#fail = undefined
        this.#isBroken = true
        for (const row of failed) row.reject(unavailable())
      } else {
        const row = this.#pending.shift()!
        this.rows.push(row.event)
        row.resolve()
      }
    }
    if (this.#pending.length === 0) for (const resolve of this.#drained.splice(0)) resolve()
  }
}
