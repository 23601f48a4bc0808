// What webhooks are told, in state.db (migrations/0016_approval_notices.sql).

import type { Notice, NoticeStore } from '../../approvals/notices.ts'
import type { StateDb } from './state-db.ts'

const ADD = `INSERT INTO approval_notices (id, hook, approval, kind, at, due) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (hook, approval, kind) DO NOTHING`
const DUE = `SELECT id, hook, approval, kind, at AS atSeconds, attempts FROM approval_notices INDEXED BY approval_notices_due
  WHERE due IS NOT NULL AND due <= ? AND hook = ? ORDER BY due, seq LIMIT ?`
const WAITING = `SELECT DISTINCT hook FROM approval_notices INDEXED BY approval_notices_due WHERE due IS NOT NULL AND due <= ?`
const END = 'UPDATE approval_notices SET state = ?, due = NULL WHERE id = ?'
const DELAY = `UPDATE approval_notices SET attempts = ?, due = ? WHERE id = ? AND state = 'due'`
const DROP = `DELETE FROM approval_notices WHERE state <> 'due' AND at < ?`
const COUNT = `SELECT state, count(*) AS count FROM approval_notices WHERE state <> 'taken' GROUP BY state`

export const sqliteNotices = (db: StateDb): NoticeStore => ({
  async add(notices) {
    await db.write(
      notices.map(({ id, hook, approval, kind, atSeconds }) => ({ sql: ADD, params: [id, hook, approval, kind, atSeconds, atSeconds] })),
    )
  },
  async waiting(nowSeconds) {
    return (await db.all<{ hook: string }>(WAITING, [nowSeconds])).map(({ hook }) => hook)
  },
  due: (hook, nowSeconds, limit) => db.all<Notice>(DUE, [nowSeconds, hook, limit]),
  async end(id, state) {
    await db.write([{ sql: END, params: [state, id] }])
  },
  async delay(id, attempts, dueSeconds) {
    await db.write([{ sql: DELAY, params: [attempts, dueSeconds, id] }])
  },
  async sweep(beforeSeconds) {
    await db.write([{ sql: DROP, params: [beforeSeconds] }])
    const counts = await db.all<{ state: 'due' | 'dead'; count: number }>(COUNT, [])
    const of = (state: 'due' | 'dead'): number => counts.find(each => each.state === state)?.count ?? 0
    return { due: of('due'), dead: of('dead') }
  },
})
