// OauthRecordStore and RegisteredClientStore in state.db.

import { randomUUID } from 'node:crypto'
import type { OauthRecord, OauthRecordStore, RegisteredClientStore } from '../../identity/oauth-records.ts'
import type { SqlValue, StateDb, Statement } from './state-db.ts'

/** Longest life of an access token of our own (config: 15 minutes), and the clock skew forgiven on top; seconds. */
const ENDED_SECONDS = 15 * 60 + 60
/** A sign-in that no session and no token rests on goes after this long. */
const UNUSED_SECONDS = 3600

type Row = {
  kind: string
  digest: string
  family: string
  sign_in: string
  client: string
  sealed: Buffer
  consumed_at: number | null
  ends_at: number
}

/** Rows of `oauth_records` that a condition names, gone, and their families written down as ended: statements of one transaction. */
export function endRecords(
  condition: string,
  params: readonly SqlValue[],
  ending: { readonly cause: string; readonly now: number },
): Statement[] {
  return [
    {
      sql: `INSERT INTO ended_families (family, ended_by, until) SELECT DISTINCT family, ?, ? FROM oauth_records WHERE ${condition}
        ON CONFLICT (family) DO UPDATE SET ended_by = excluded.ended_by, until = excluded.until`,
      params: [ending.cause, ending.now + ENDED_SECONDS, ...params],
    },
    { sql: `DELETE FROM oauth_records WHERE ${condition}`, params },
  ]
}

/** The families that one transaction ended. */
export async function endedBy(db: StateDb, cause: string): Promise<readonly string[]> {
  const rows = await db.all<{ family: string }>('SELECT family FROM ended_families WHERE ended_by = ?', [cause])
  return rows.map(({ family }) => family)
}

/** All that still matter, for the start of the process: family and when its last token ends. */
export async function readEndedFamilies(db: StateDb, now: number): Promise<ReadonlyMap<string, number>> {
  const sql = 'SELECT family, until FROM ended_families WHERE until > ? ORDER BY until'
  const rows = await db.all<{ family: string; until: number }>(sql, [now])
  return new Map(rows.map(({ family, until }) => [family, until]))
}

/** `now`: seconds since the epoch. */
export function createOauthRecordStore(db: StateDb, now: () => number): OauthRecordStore {
  return {
    async put({ kind, digest, family, signInId, client, sealed, endsAtSeconds }) {
      await db.write([
        {
          sql: `INSERT INTO oauth_records (kind, digest, family, sign_in, client, sealed, ends_at) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (kind, digest) DO UPDATE SET sealed = excluded.sealed, ends_at = excluded.ends_at`,
          params: [kind, digest, family, signInId, client, sealed, endsAtSeconds],
        },
      ])
    },
    async find(kind, digest, nowSeconds) {
      const sql = 'SELECT * FROM oauth_records WHERE kind = ? AND digest = ? AND ends_at > ?'
      const [row] = await db.all<Row>(sql, [kind, digest, nowSeconds])
      if (!row) return undefined
      return { record: recordOf(row), ...(row.consumed_at !== null && { consumedAtSeconds: row.consumed_at }) }
    },
    async consume(kind, digest, nowSeconds) {
      const sql = 'UPDATE oauth_records SET consumed_at = ? WHERE kind = ? AND digest = ? AND consumed_at IS NULL AND ends_at > ?'
      const [changed] = await db.write([{ sql, params: [nowSeconds, kind, digest, nowSeconds] }])
      return changed === 1
    },
    async remove(kind, digest) {
      await db.write([{ sql: 'DELETE FROM oauth_records WHERE kind = ? AND digest = ?', params: [kind, digest] }])
    },
    async endFamily(family) {
      await db.write(endRecords('family = ?', [family], { cause: randomUUID(), now: now() }))
    },
    async sweep(nowSeconds) {
      const expired = (table: string): Statement => ({ sql: `DELETE FROM ${table} WHERE ends_at <= ?`, params: [nowSeconds] })
      await db.write([
        ...['oauth_records', 'browser_sessions', 'sign_ins'].map(expired),
        // A sign-in that nothing rests on any more holds a refresh token of the provider for nobody.
        {
          sql: `DELETE FROM sign_ins WHERE started_at <= ? AND NOT EXISTS (SELECT 1 FROM browser_sessions AS b WHERE b.sign_in = sign_ins.id)
            AND NOT EXISTS (SELECT 1 FROM oauth_records AS r WHERE r.sign_in = sign_ins.id)`,
          params: [nowSeconds - UNUSED_SECONDS],
        },
        { sql: 'DELETE FROM ended_families WHERE until <= ?', params: [nowSeconds] },
      ])
    },
  }
}

const recordOf = (row: Row): OauthRecord => ({
  kind: row.kind,
  digest: row.digest,
  family: row.family,
  signInId: row.sign_in,
  client: row.client,
  sealed: row.sealed,
  endsAtSeconds: row.ends_at,
})

export const createRegisteredClientStore = (db: StateDb, maxClients = 2_000): RegisteredClientStore => ({
  async put({ id, metadata }, nowSeconds) {
    await db.write([
      { sql: 'INSERT OR REPLACE INTO oauth_clients (id, metadata, registered_at) VALUES (?, ?, ?)', params: [id, metadata, nowSeconds] },
      {
        sql: `DELETE FROM oauth_clients WHERE id IN (
          SELECT id FROM oauth_clients AS c WHERE id <> ? AND NOT EXISTS (SELECT 1 FROM consents WHERE client = c.id)
          ORDER BY registered_at, id LIMIT max(0, (SELECT count(*) FROM oauth_clients) - ?))`,
        params: [id, maxClients],
      },
    ])
  },
  async find(id) {
    const [row] = await db.all<{ metadata: string }>('SELECT metadata FROM oauth_clients WHERE id = ?', [id])
    return row && { id, metadata: row.metadata }
  },
})
