// Marks in state.db (migrations/0014_flow_marks.sql). One transaction each, durable when it resolves, in the order they were made (sqlite/state-db.ts).

import type { Mark, MarkStore } from '../../flow/store.ts'
import type { StateDb } from './state-db.ts'

const ENDS = 'max(untrusted_until, private_until)'
const ALIVE = `SELECT principal, client, server, method, name, read_at AS atMs, untrusted_until AS untrustedUntilMs, private_until AS privateUntilMs
  FROM flow_marks WHERE ${ENDS} > ? AND (principal, client, server) > (?, ?, ?) ORDER BY principal, client, server LIMIT ?`
/** Rows of one answer: names of principals and clients can be long. */
const PAGE = 4000
const PUT = `INSERT INTO flow_marks VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (principal, client, server) DO UPDATE SET method = excluded.method, name = excluded.name, read_at = excluded.read_at,
    untrusted_until = max(untrusted_until, excluded.untrusted_until), private_until = max(private_until, excluded.private_until)`
const REMOVE = 'DELETE FROM flow_marks WHERE principal = ? AND client = ? AND server = ?'
const FORGET = `DELETE FROM flow_marks WHERE ${ENDS} <= ?`

export const sqliteMarks = (db: StateDb): MarkStore => ({
  async alive(nowMs) {
    const found: Mark[] = []
    for (;;) {
      const { principal = '', client = '', server = '' } = found.at(-1) ?? {}
      const page = await db.all<Mark>(ALIVE, [nowMs, principal, client, server, PAGE])
      found.push(...page)
      if (page.length < PAGE) return found
    }
  },
  async put(mark) {
    const { principal, client, server, method, name, atMs, untrustedUntilMs, privateUntilMs } = mark
    await db.write([{ sql: PUT, params: [principal, client, server, method, name, atMs, untrustedUntilMs, privateUntilMs] }])
  },
  async remove(keys) {
    if (keys.length === 0) return
    await db.write(keys.map(({ principal, client, server }) => ({ sql: REMOVE, params: [principal, client, server] })))
  },
  async forget(nowMs) {
    await db.write([{ sql: FORGET, params: [nowMs] }])
  },
})
