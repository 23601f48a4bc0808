// Delivery over the end of a log: what is known of sinks does not go aside with it.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DeliveryDb } from '../../src/adapters/sqlite/delivery-db.ts'
import { openDelivery, type Delivery } from '../../src/compose/delivery.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { MemoryLog, upTo } from '../delivery/world.ts'
import { silentLogger } from '../support/silent-logger.ts'

let dataDir: string
let log: MemoryLog
let delivery: Delivery | undefined
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-delivery-'))
  mkdirSync(join(dataDir, 'audit'))
  log = new MemoryLog()
})
afterEach(async () => {
  await delivery?.close()
  rmSync(dataDir, { recursive: true, force: true })
})

const reader = {
  state: async () => {
    const { origin, covered, prunedTo } = await log.state()
    return {
      origin,
      vkeys: [],
      size: covered,
      checkpoint: { size: covered, root: '', time: '', note: '' },
      witnesses: [],
      lagMs: 0,
      prunedTo,
    }
  },
  read: (from: number, max: number) => log.read(from, max),
}
const path = (): string => join(dataDir, 'out.jsonl')
const open = (): Delivery => {
  const file = { kind: 'file', form: 'event', recordBytes: 65_536, rotateBytes: 1e9, rotateSeconds: 1e9 } as const
  const sinks = [{ ...file, name: 'new', from: 'now', path: path() } as const]
  return (delivery = openDelivery({ dataDir, audit: { sinks } } as unknown as Snapshot, {
    reader,
    logger: silentLogger(),
    version: '0.1.0',
  }))
}
const lines = (): [string, number][] =>
  existsSync(path())
    ? readFileSync(path(), 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line) as { origin: string; seq: number })
        .map(({ origin, seq }) => [origin, seq])
    : []
const caughtUp = (cursor: number): Promise<void> =>
  expect.poll(() => delivery?.levels(), { timeout: 10_000 }).toMatchObject([{ cursor, state: 'ready' }])
const ofLog = (origin: string, seqs: readonly number[]): [string, number][] => seqs.map(seq => [origin, seq])

it('attack: a log is ended so that a sink that begins with what comes from now on misses the beginning of the next', async () => {
  log.grow(5)
  open()
  await caughtUp(5)
  await delivery?.close()
  renameSync(join(dataDir, 'audit'), join(dataDir, 'audit.ended-20260101T000000Z'))
  mkdirSync(join(dataDir, 'audit'))
  log = new MemoryLog()
  log.origin = 'gw.example/2'
  log.grow(3)
  open()
  await expect.poll(lines, { timeout: 10_000 }).toEqual(ofLog('gw.example/2', upTo(3)))
}, 30_000)

it('goes on with what an older build kept in the folder of the log', async () => {
  const old = DeliveryDb.open(join(dataDir, 'audit', 'delivery.db'), Date.now)
  await old.advance('new', { origin: log.origin, began: 0, cursor: 2, last: 1 }, [])
  old.close()
  log.grow(4)
  open()
  await expect.poll(lines, { timeout: 10_000 }).toEqual(ofLog(log.origin, [2, 3]))
  expect([existsSync(join(dataDir, 'delivery.db')), existsSync(join(dataDir, 'audit', 'delivery.db'))]).toEqual([true, false])
}, 30_000)
