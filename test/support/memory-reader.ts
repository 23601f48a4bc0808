// A log in memory behind the reader's port, for tests of what reads the log. Lines may be added; everything counts as covered.

import { createHash } from 'node:crypto'
import { matches } from '../../src/audit/query.ts'
import { QUERY_LIMITS, type AuditReader, type Found, type LogState, type Query } from '../../src/audit/reading.ts'
import { Fault } from '../../src/kernel/errors.ts'

export class MemoryReader implements AuditReader {
  readonly lines: string[]
  standing: Partial<LogState> = {}

  constructor(lines: readonly string[] = []) {
    this.lines = [...lines]
  }

  search({ before = this.lines.length, limit = QUERY_LIMITS.defaultLimit, ...query }: Query): ReturnType<AuditReader['search']> {
    const found = this.#found().filter(({ seq, event }) => seq < before && matches(query, JSON.parse(event) as Record<string, unknown>))
    const events = found.slice(-limit).reverse()
    const last = events.at(-1)
    return Promise.resolve({ events, size: this.lines.length, ...(found.length > limit && last !== undefined && { next: last.seq }) })
  }

  read(from: number, max: number): Promise<readonly Found[]> {
    return Promise.resolve(this.#found().slice(from, from + max))
  }

  story(call: string): Promise<readonly Found[]> {
    return Promise.resolve(this.#found().filter(({ event }) => matches({ call }, JSON.parse(event) as Record<string, unknown>)))
  }

  state(): Promise<LogState> {
    return Promise.resolve({ origin: 'memory', vkeys: [], size: this.lines.length, witnesses: [], lagMs: 0, prunedTo: 0, ...this.standing })
  }

  proof(seq: number): Promise<string> {
    return Promise.reject(new Fault('audit-uncovered', `no checkpoint covers event ${seq}`))
  }

  #found(): Found[] {
    return this.lines.map((event, seq) => ({ seq, leaf: createHash('sha256').update('\0').update(event).digest('base64'), event }))
  }
}
