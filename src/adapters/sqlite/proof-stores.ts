// What counts once, in state.db: challenges of claims, and tokens and signatures that proved something.

import type { Challenge, ChallengeStore, SpentProofs } from '../../registry/namespace.ts'
import type { StateDb } from './state-db.ts'

export const createChallengeStore = (db: StateDb): ChallengeStore => ({
  async open({ nonce, namespace, principal, issuedAtSeconds }, expiresAtSeconds, most) {
    await db.write([
      { sql: 'DELETE FROM registry_challenges WHERE expires_at <= ?', params: [issuedAtSeconds] },
      {
        sql: 'INSERT INTO registry_challenges (nonce, namespace, principal, issued_at, expires_at) VALUES (?, ?, ?, ?, ?)',
        params: [nonce, namespace, principal, issuedAtSeconds, expiresAtSeconds],
      },
      {
        sql: `DELETE FROM registry_challenges WHERE principal = ? AND nonce NOT IN
          (SELECT nonce FROM registry_challenges WHERE principal = ? ORDER BY issued_at DESC, nonce = ? DESC LIMIT ?)`,
        params: [principal, principal, nonce, most],
      },
    ])
  },
  async spend(nonce, nowSeconds) {
    const sql =
      'SELECT nonce, namespace, principal, issued_at AS issuedAtSeconds FROM registry_challenges WHERE nonce = ? AND expires_at > ?'
    const [row] = await db.all<Challenge>(sql, [nonce, nowSeconds])
    if (!row) return undefined
    // Of all who read it, one takes it away.
    const [taken] = await db.write([{ sql: 'DELETE FROM registry_challenges WHERE nonce = ?', params: [nonce] }])
    return taken === 1 ? row : undefined
  },
})

/**
 * No digest is this. While a row of it stands (`gatehouse restore` puts it there), no proof counts that ends before the row does: it may have been spent after
 * the moment that this database is of.
 */
export const ALL_PROOFS = '0'.repeat(64)

/** Of two INSERTs of one id one changes a row. Rows come of verified proofs alone, and go with their time. */
export const createSpentProofs = (db: StateDb): SpentProofs => ({
  async spend(id, expiresAtSeconds, nowSeconds) {
    const [, added] = await db.write([
      { sql: 'DELETE FROM registry_spent_proofs WHERE expires_at < ?', params: [nowSeconds] },
      {
        sql: `INSERT INTO registry_spent_proofs (id, expires_at) SELECT ?, ?
          WHERE NOT EXISTS (SELECT 1 FROM registry_spent_proofs WHERE id = ? AND expires_at >= ?) ON CONFLICT (id) DO NOTHING`,
        params: [id, expiresAtSeconds, ALL_PROOFS, expiresAtSeconds],
      },
    ])
    return added === 1
  },
})
