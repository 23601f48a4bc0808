// An audit log with a real notary in a folder of its own, and what somebody who may write there can do to it.

import { randomFillSync } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Floor } from '../../src/adapters/audit/floor.ts'
import { NotaryThread, type NotaryParts } from '../../src/adapters/audit/notary-thread.ts'
import { openFlatLog } from '../../src/adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../src/audit/encode.ts'

export const encoder = new EventEncoder(Date.now, randomFillSync)
export const event = (n: number): string => encoder.lifecycle('test', { n })
export const intent = (request: string): string =>
  encoder.intent(
    encoder.exchange({
      ...{ call: 'c', request, trace: 't' },
      subject: { endpoint: '/mcp', era: 'modern', method: 'tools/call', server: 'files', name: 'x' },
    }),
    ['r'],
    0,
  )

export type LogEvent = { readonly type: string; readonly what?: string; readonly request?: string; readonly detail?: Record<string, any> }

export class NotaryWorld {
  readonly dataDir: string
  readonly dir: string
  readonly floorFile: string

  constructor(dataDir: string) {
    this.dataDir = dataDir
    this.dir = join(dataDir, 'audit')
    this.floorFile = join(dataDir, 'trust/audit.json')
  }

  async open({ segmentBytes, ...parts }: Partial<NotaryParts> & { segmentBytes?: number } = {}) {
    const troubles: string[] = []
    const notary = new NotaryThread({
      settings: { dataDir: this.dataDir, dir: this.dir, host: 'gatehouse' },
      now: () => performance.now(),
      onTrouble: (message, fields) => troubles.push(`${message} ${JSON.stringify(fields)}`),
      ...parts,
    })
    try {
      const limits = segmentBytes === undefined ? {} : { segmentBytes }
      const { log, recovery } = await openFlatLog({ dir: this.dir, encoder, now: Date.now, follower: notary, limits })
      return { log, notary, troubles, recovery, reader: notary.reader }
    } catch (error) {
      await notary.close()
      throw error
    }
  }

  /** Started, filled, stopped. */
  async fill(count: number, options: { segmentBytes?: number } = {}): Promise<void> {
    const { log } = await this.open(options)
    for (let n = 0; n < count; n += 100)
      await Promise.all(Array.from({ length: Math.min(100, count - n) }, (_, i) => log.append(event(n + i))))
    await log.close()
  }

  segment(n = 1): string {
    return join(this.dir, `events-${String(n).padStart(6, '0')}.jsonl`)
  }

  get segments(): string[] {
    return readdirSync(this.dir)
      .filter(name => /^events-\d+\.jsonl$/.test(name))
      .sort()
      .map(name => join(this.dir, name))
  }

  get lines(): string[] {
    return this.segments.flatMap(name => readFileSync(name, 'utf8').split('\n').slice(0, -1))
  }

  get events(): LogEvent[] {
    return this.lines.map(line => JSON.parse(line) as LogEvent)
  }

  get floor(): NonNullable<Floor['last']> {
    return (JSON.parse(readFileSync(this.floorFile, 'utf8')) as { last: NonNullable<Floor['last']> }).last
  }

  lower(last: Floor['last']): void {
    writeFileSync(this.floorFile, JSON.stringify({ last, ended: [] }))
  }

  tree<T>(work: (database: Database.Database) => T): T {
    const database = new Database(join(this.dir, 'tree.db'))
    try {
      return work(database)
    } finally {
      database.close()
    }
  }
}
