// Proposals in state.db: a decision is one UPDATE that names the state it comes from, so of two at once one changes a row and the other none.

import type { Proposal, ProposalStore } from '../../administration/proposals.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import type { StateDb } from './state-db.ts'

type Row = Omit<Proposal, 'decidedBy' | 'decidedSeconds'> & {
  readonly decidedBy: PrincipalKey | null
  readonly decidedSeconds: number | null
}

const SELECT = `SELECT id, action, target, why, proposer, state, created_at AS createdSeconds, expires_at AS expiresSeconds,
  decided_by AS decidedBy, decided_at AS decidedSeconds FROM proposals`
const ADD = `INSERT INTO proposals (id, action, target, why, proposer, state, created_at, expires_at) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?)`
/** Decided or expired ones are kept this long for whoever asks what became of them; the audit log keeps them for good. */
const KEPT_SECONDS = 90 * 86_400

export const sqliteProposals = (db: StateDb): ProposalStore => ({
  async add({ id, action, target, why, proposer, createdSeconds, expiresSeconds }) {
    await db.write([
      { sql: 'DELETE FROM proposals WHERE expires_at < ?', params: [createdSeconds - KEPT_SECONDS] },
      { sql: ADD, params: [id, action, target, why, proposer, createdSeconds, expiresSeconds] },
    ])
  },
  async find(id) {
    const [row] = await db.all<Row>(`${SELECT} WHERE id = ?`, [id])
    return row && proposalOf(row)
  },
  async list(limit) {
    const rows = await db.all<Row>(`${SELECT} ORDER BY created_at DESC, id DESC LIMIT ?`, [limit])
    return rows.map(proposalOf)
  },
  async pending(nowSeconds) {
    const [row] = await db.all<{ n: number }>(`SELECT count(*) AS n FROM proposals WHERE state = 'pending' AND expires_at > ?`, [
      nowSeconds,
    ])
    return row?.n ?? 0
  },
  async decide(id, { state, by, atSeconds }) {
    const sql = `UPDATE proposals SET state = ?, decided_by = ?, decided_at = ? WHERE id = ? AND state = 'pending' AND expires_at > ?`
    const [changed] = await db.write([{ sql, params: [state, by, atSeconds, id, atSeconds] }])
    return changed === 1
  },
  async settle(id, state) {
    await db.write([{ sql: `UPDATE proposals SET state = ? WHERE id = ? AND state = 'approved'`, params: [state, id] }])
  },
})

function proposalOf({ decidedBy, decidedSeconds, ...rest }: Row): Proposal {
  return { ...rest, ...(decidedBy !== null && { decidedBy }), ...(decidedSeconds !== null && { decidedSeconds }) }
}
