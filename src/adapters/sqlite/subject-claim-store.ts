// SubjectClaimStore in state.db, and a look at it for whoever only wants to know.

import { randomUUID } from 'node:crypto'
import Database from 'better-sqlite3'
import type { KeptUnder, KnownClaim, SubjectClaimStore } from '../../identity/subject-claims.ts'
import { Fault } from '../../kernel/errors.ts'
import { endRecords } from './oauth-record-store.ts'
import type { SqlValue, StateDb, Statement } from './state-db.ts'

const CLAIMS = 'SELECT issuer, claim FROM subject_claims ORDER BY issuer'
/** Keys begin with the issuer and a space (kernel/principal.ts); `!` is what comes after a space. */
const UNDER = `(principal >= ? || ' ' AND principal < ? || '!')`
const KEPT = `SELECT (SELECT count(*) FROM vault_grants WHERE ${UNDER}) AS connections,
  (SELECT count(*) FROM blocks WHERE kind = 'principal' AND ${UNDER.replaceAll('principal', 'target')}) AS blocks`
const keptOf = (issuer: string): readonly SqlValue[] => [issuer, issuer, issuer, issuer]

/** `now`: seconds since the epoch. */
export const sqliteSubjectClaims = (db: StateDb, now: () => number): SubjectClaimStore => ({
  all: () => db.all<KnownClaim>(CLAIMS),
  async keptUnder(issuer) {
    const [row] = await db.all<KeptUnder>(KEPT, keptOf(issuer))
    return row ?? { connections: 0, blocks: 0 }
  },
  async take({ issuer, claim }) {
    const [isKnown] = await db.all('SELECT 1 FROM subject_claims WHERE issuer = ?', [issuer])
    const statements = isKnown
      ? changing(issuer, claim, now())
      : [{ sql: 'INSERT INTO subject_claims VALUES (?, ?)', params: [issuer, claim] }]
    try {
      await db.write(statements)
      return true
    } catch (error) {
      if (error instanceof Fault && error.code === 'state-conflict') return false
      throw error
    }
  },
})

/** One transaction: on disk after a crash is the old claim with everything under it, or the new one with nothing. */
function changing(issuer: string, claim: string, nowSeconds: number): readonly Statement[] {
  const ofThese = 'sign_in IN (SELECT id FROM sign_ins WHERE issuer = ?)'
  return [
    {
      sql: `UPDATE subject_claims SET claim = ? WHERE issuer = ? AND (SELECT connections + blocks FROM (${KEPT})) = 0`,
      params: [claim, issuer, ...keptOf(issuer)],
      expectChanges: 1,
    },
    ...endRecords(ofThese, [issuer], { cause: randomUUID(), now: nowSeconds }),
    { sql: `DELETE FROM browser_sessions WHERE ${ofThese}`, params: [issuer] },
    ...['sign_ins', 'consents'].map(table => ({ sql: `DELETE FROM ${table} WHERE issuer = ?`, params: [issuer] })),
    ...['connection_consents', 'pending_connections'].map(table => ({
      sql: `DELETE FROM ${table} WHERE ${UNDER}`,
      params: [issuer, issuer],
    })),
  ]
}

type Look = { readonly claims: readonly KnownClaim[]; readonly keptUnder: (issuer: string) => KeptUnder }

/** Reads a state.db beside whoever uses it, and changes nothing. `look` sees one moment of it. Throws Fault `state-unavailable`. */
export function lookAtSubjectClaims<T>(path: string, look: (at: Look) => T): T {
  let database: Database.Database | undefined
  try {
    // Not opened as read-only: such a connection leaves its side files behind where nobody else has the database open.
    database = new Database(path, { fileMustExist: true, timeout: 2000 })
    database.pragma('query_only = ON')
    const isThere = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'subject_claims'").get() !== undefined
    const kept = database.prepare<SqlValue[], KeptUnder>(KEPT)
    const claims = isThere ? database.prepare<[], KnownClaim>(CLAIMS).all() : []
    return look({ claims, keptUnder: issuer => kept.get(...keptOf(issuer)) ?? { connections: 0, blocks: 0 } })
  } catch (cause) {
    throw new Fault('state-unavailable', `\`${path}\` cannot be read`, { cause })
  } finally {
    database?.close()
  }
}
