// Standing grants in state.db (migrations/0015_approvals.sql).

import type { GrantTerms, StandingGrant, Vote } from '../../approvals/approval.ts'
import type { GrantStore } from '../../approvals/store.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import type { SqlValue, StateDb } from './state-db.ts'

type Row = Omit<StandingGrant, 'terms' | 'votes' | 'usedSeconds'> & {
  readonly terms: string
  readonly votes: string
  readonly usedSeconds: number | null
}

const SELECT = `SELECT id, digest, terms, approval, votes, given_at AS givenSeconds, expires_at AS expiresSeconds, uses, used_at AS usedSeconds FROM standing_grants`
const GIVE = `INSERT INTO standing_grants (id, digest, principal, terms, approval, votes, given_at, expires_at, uses)
  SELECT ?, ?, ?, ?, ?, ?, ?, ?, 0 WHERE (SELECT count(*) FROM standing_grants WHERE principal = ?) < ?`

export const sqliteStandingGrants = (db: StateDb): GrantStore => ({
  async give({ id, digest, terms, approval, votes, givenSeconds, expiresSeconds }, perPrincipal) {
    const { principal } = terms
    const row = [id, digest, principal, JSON.stringify(terms), approval, JSON.stringify(votes), givenSeconds, expiresSeconds]
    const [, , given] = await db.write([
      { sql: 'DELETE FROM standing_grants WHERE expires_at <= ?', params: [givenSeconds] },
      { sql: 'DELETE FROM standing_grants WHERE digest = ?', params: [digest] },
      { sql: GIVE, params: [...row, principal, perPrincipal] },
    ])
    return given === 1
  },
  async find(digest, nowSeconds) {
    const [row] = await db.all<Row>(`${SELECT} WHERE digest = ? AND expires_at > ?`, [digest, nowSeconds])
    return row && grantOf(row)
  },
  async use(id, nowSeconds) {
    const sql = 'UPDATE standing_grants SET uses = uses + 1, used_at = ? WHERE id = ? AND expires_at > ?'
    const [used] = await db.write([{ sql, params: [nowSeconds, id, nowSeconds] }])
    return used === 1
  },
  async list(principal, nowSeconds, limit) {
    const own = principal === undefined ? '' : ' AND principal = ?'
    const params: SqlValue[] = principal === undefined ? [nowSeconds, limit] : [nowSeconds, principal, limit]
    const rows = await db.all<Row>(`${SELECT} WHERE expires_at > ?${own} ORDER BY seq DESC LIMIT ?`, params)
    return rows.map(grantOf)
  },
  async revoke(id, principal: PrincipalKey | undefined) {
    const [row] = await db.all<Row>(`${SELECT} WHERE id = ?`, [id])
    const grant = row && grantOf(row)
    if (!grant || (principal !== undefined && grant.terms.principal !== principal)) return undefined
    const [removed] = await db.write([{ sql: 'DELETE FROM standing_grants WHERE id = ?', params: [id] }])
    return removed === 1 ? grant : undefined
  },
})

function grantOf({ terms, votes, usedSeconds, ...rest }: Row): StandingGrant {
  return {
    ...rest,
    terms: JSON.parse(terms) as GrantTerms,
    votes: JSON.parse(votes) as readonly Vote[],
    ...(usedSeconds !== null && { usedSeconds }),
  }
}
