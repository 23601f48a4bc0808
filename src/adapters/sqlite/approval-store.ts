// Approvals in state.db (migrations/0015_approvals.sql). A change is one UPDATE that names the version it comes from, so of two at once one changes a row and the
// other none; one live approval of a digest is a constraint of the schema.

import type { Approval, ApprovalState, Binding, Demand } from '../../approvals/approval.ts'
import type { ApprovalFilter, ApprovalStore } from '../../approvals/store.ts'
import { Fault } from '../../kernel/errors.ts'
import type { SqlValue, StateDb } from './state-db.ts'

type Row = {
  readonly id: string
  readonly digest: string
  readonly state: ApprovalState
  readonly version: number
  readonly quorum: number
  readonly openedSeconds: number
  readonly expiresSeconds: number
  readonly binding: string
  readonly demands: string
  readonly decisions: string
}
type Decisions = Pick<Approval, 'votes' | 'rejected' | 'spent'>

const SELECT = `SELECT id, digest, state, version, quorum, opened_at AS openedSeconds, expires_at AS expiresSeconds, binding, demands, decisions FROM approvals`
/** What ended in time is told by the sweep; here it only makes room for the next of its digest. */
const MAKE_ROOM = 'UPDATE approvals SET live = NULL WHERE live = ? AND expires_at <= ?'
// Counted in indexes, whatever the planner thinks: ten thousand may wait, few of them of one principal.
const OPEN = `INSERT INTO approvals (id, digest, live, principal, server, method, name, state, version, quorum, opened_at, expires_at, escalates_at, binding, demands, decisions, body)
  SELECT ?, ?, ?, ?, ?, ?, ?, 'pending', 1, ?, ?, ?, ?, ?, ?, ?, ?
  WHERE (SELECT count(*) FROM approvals INDEXED BY approvals_state WHERE state = 'pending' AND expires_at > ?) < ?
    AND (SELECT count(*) FROM approvals INDEXED BY approvals_principal WHERE principal = ? AND state IN ('pending', 'rejected') AND expires_at > ?) < ?
    AND (SELECT count(*) FROM approvals INDEXED BY approvals_principal WHERE principal = ? AND state IN ('pending', 'rejected') AND expires_at > ? AND server = ?) < ?`
const CHANGE = `UPDATE approvals SET state = ?, version = version + 1, expires_at = ?, decisions = ?,
    live = CASE WHEN ? IN ('pending', 'approved', 'rejected') THEN live END,
    escalates_at = CASE WHEN ? = 'pending' THEN escalates_at END,
    body = CASE WHEN ? THEN NULL ELSE body END
  WHERE id = ? AND version = ?`
const END = `UPDATE approvals SET state = 'expired', version = version + 1, live = NULL, escalates_at = NULL, body = NULL WHERE id = ? AND version = ?`
const TOLD = 'UPDATE approvals SET escalates_at = NULL WHERE id = ? AND escalates_at = ?'
const DROP = `DELETE FROM approvals WHERE state IN ('rejected', 'spent', 'expired') AND expires_at < ?`
/** Ended ones are kept this long for whoever asks what became of them, and for differences; the audit log keeps them for good. */
const KEPT_SECONDS = 30 * 86_400
const LAST = Number.MAX_SAFE_INTEGER

export const sqliteApprovals = (db: StateDb): ApprovalStore => {
  const findById = async (id: string): Promise<Approval | undefined> => {
    const [row] = await db.all<Row>(`${SELECT} WHERE id = ?`, [id])
    return row && approvalOf(row)
  }
  return {
    async open(approval, body, { total, perPrincipal, perServer }) {
      const { id, digest, binding, quorum, openedSeconds: now, expiresSeconds, demands } = approval
      const { principal, server, method, name } = binding
      const row = [id, digest, digest, principal, server, method, name, quorum, now, expiresSeconds, escalatesAt(approval)]
      const texts = [JSON.stringify(binding), JSON.stringify(demands), JSON.stringify({ votes: [] }), body]
      const params: SqlValue[] = [...row, ...texts, now, total, principal, now, perPrincipal, principal, now, server, perServer]
      try {
        const [, opened] = await db.write([
          { sql: MAKE_ROOM, params: [digest, now] },
          { sql: OPEN, params },
        ])
        return opened === 1 ? 'opened' : 'full'
      } catch (cause) {
        if (cause instanceof Fault && cause.code === 'state-conflict') return 'exists'
        throw cause
      }
    },
    async find(by) {
      if ('id' in by) return findById(by.id)
      const [row] = await db.all<Row>(`${SELECT} WHERE live = ? AND expires_at > ?`, [by.digest, by.nowSeconds])
      return row && approvalOf(row)
    },
    async body(id) {
      const [row] = await db.all<{ body: string | null }>('SELECT body FROM approvals WHERE id = ?', [id])
      return row?.body ?? undefined
    },
    async list(filter) {
      const { sql, params } = listing(filter)
      const rows = await db.all<Row>(sql, params)
      return rows.map(approvalOf)
    },
    async change(id, version, change) {
      const found = await findById(id)
      if (found?.version !== version) return undefined
      const { state, votes, expiresSeconds, rejected, spent } = change
      const decisions: Decisions = { votes, ...(rejected && { rejected }), ...(spent && { spent }) }
      // What nobody but its requester decided is shown to nobody any more.
      const isTakenBack = state === 'rejected' && rejected?.by === found.binding.principal
      const params = [state, expiresSeconds, JSON.stringify(decisions), state, state, isTakenBack ? 1 : 0, id, version]
      const [changed] = await db.write([{ sql: CHANGE, params }])
      return changed === 1 ? { ...found, ...change, version: version + 1 } : undefined
    },
    async sweep(nowSeconds, limit) {
      const over = await db.all<Row>(`${SELECT} WHERE state IN ('pending', 'approved') AND expires_at <= ? ORDER BY expires_at LIMIT ?`, [
        nowSeconds,
        limit,
      ])
      const due = await db.all<Row & { due: number }>(
        `${SELECT.replace(' FROM', ', escalates_at AS due FROM')} WHERE escalates_at <= ? AND state = 'pending' AND expires_at > ? LIMIT ?`,
        [nowSeconds, nowSeconds, limit],
      )
      const changes = await db.write([
        ...over.map(({ id, version }) => ({ sql: END, params: [id, version] })),
        ...due.map(row => ({ sql: TOLD, params: [row.id, row.due] })),
        { sql: DROP, params: [nowSeconds - KEPT_SECONDS] },
      ])
      return {
        ended: over
          .filter((_row, at) => changes[at] === 1)
          .map((row): Approval => ({ ...approvalOf(row), state: 'expired', version: row.version + 1 })),
        escalated: due.filter((_row, at) => changes[over.length + at] === 1).map(approvalOf),
      }
    },
  }
}

/** One of a fixed set of texts: they are kept prepared. */
function listing({ state, principal, about, before, limit }: ApprovalFilter): { readonly sql: string; readonly params: SqlValue[] } {
  const where = ['seq < CASE WHEN ? IS NULL THEN ? ELSE (SELECT seq FROM approvals WHERE id = ?) END']
  const params: SqlValue[] = [before ?? null, LAST, before ?? null]
  if (principal !== undefined) {
    where.push('principal = ?')
    params.push(principal)
  }
  if (state !== undefined) {
    where.push('state = ?')
    params.push(state)
  }
  if (about !== undefined) {
    where.push('server = ?')
    params.push(about.server)
    if (about.name !== undefined) {
      where.push('method = ? AND name = ?')
      params.push(about.method, about.name)
    }
  }
  return { sql: `${SELECT} WHERE ${where.join(' AND ')} ORDER BY seq DESC LIMIT ?`, params: [...params, limit] }
}

function escalatesAt({ demands, openedSeconds }: Pick<Approval, 'demands' | 'openedSeconds'>): number | null {
  const times = demands.flatMap(({ escalation }) => (escalation ? [openedSeconds + escalation.afterSeconds] : []))
  return times.length === 0 ? null : Math.min(...times)
}

function approvalOf({ id, digest, state, version, quorum, openedSeconds, expiresSeconds, binding, demands, decisions }: Row): Approval {
  // What this build wrote; migrations say when it changes.
  return {
    id,
    digest,
    state,
    version,
    quorum,
    openedSeconds,
    expiresSeconds,
    binding: JSON.parse(binding) as Binding,
    demands: JSON.parse(demands) as readonly Demand[],
    ...(JSON.parse(decisions) as Decisions),
  }
}
