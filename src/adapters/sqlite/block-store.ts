// Blocks and revocations in state.db. One statement each, durable when it resolves (sqlite/state-db.ts): after a crash a change is there or not.

import type { Block, BlockStore } from '../../identity/blocks.ts'
import type { RevocationStore } from '../../identity/revocations.ts'
import type { StateDb } from './state-db.ts'

const BLOCKS = 'SELECT kind, target, why, blocked_by AS "by", blocked_at AS atSeconds FROM blocks'
const PUT_BLOCK = `INSERT INTO blocks (kind, target, why, blocked_by, blocked_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (kind, target) DO UPDATE SET why = excluded.why, blocked_by = excluded.blocked_by, blocked_at = excluded.blocked_at`
const PUT_REVOCATION = `INSERT INTO revocations (key, revoked_at, alive_until) VALUES (?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET revoked_at = excluded.revoked_at, alive_until = excluded.alive_until
  WHERE excluded.revoked_at > revocations.revoked_at`

export const sqliteBlocks = (db: StateDb): BlockStore => ({
  all: () => db.all<Block>(BLOCKS),
  async put({ kind, target, why, by, atSeconds }) {
    await db.write([{ sql: PUT_BLOCK, params: [kind, target, why, by, atSeconds] }])
  },
  async remove({ kind, target }) {
    const [removed = 0] = await db.write([{ sql: 'DELETE FROM blocks WHERE kind = ? AND target = ?', params: [kind, target] }])
    return removed > 0
  },
})

export const sqliteRevocations = (db: StateDb): RevocationStore => ({
  async alive(nowSeconds) {
    await db.write([{ sql: 'DELETE FROM revocations WHERE alive_until <= ?', params: [nowSeconds] }])
    return db.all('SELECT key, revoked_at AS atSeconds, alive_until AS untilSeconds FROM revocations ORDER BY revoked_at')
  },
  async put({ key, atSeconds, untilSeconds }) {
    await db.write([{ sql: PUT_REVOCATION, params: [key, atSeconds, untilSeconds] }])
  },
})
