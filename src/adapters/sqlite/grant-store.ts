// Grants in state.db (migrations/0001_vault.sql). Terms stand in columns, the secret sealed beside them.

import type { PrincipalKey } from '../../kernel/principal.ts'
import type { Grant, GrantKind, GrantStore, StoredGrant } from '../../vault/grant.ts'
import type { SqlValue, StateDb, Statement } from './state-db.ts'

type Row = {
  readonly id: string
  readonly principal: string
  readonly upstream: string
  readonly issuer: string
  readonly resource: string
  readonly scopes: string
  readonly kind: string
  readonly revision: number
  readonly account: string | null
  readonly created_at: number
  readonly expires_at: number | null
  readonly key_id: string
  readonly sealed: string
}

const MAX_LISTED = 1000
const COLUMNS = 'id, principal, upstream, issuer, resource, scopes, kind, revision, account, created_at, expires_at, key_id, sealed'

export function createGrantStore(db: StateDb): GrantStore {
  const rows = async (rest: string, params: readonly SqlValue[]): Promise<readonly StoredGrant[]> =>
    (await db.all<Row>(`SELECT ${COLUMNS} FROM vault_grants ${rest}`, params)).map(storedGrant)
  const changes = async (statement: Statement): Promise<boolean> => (await db.write([statement]))[0] === 1

  return {
    async find(principal, upstream) {
      const [row] = await rows('WHERE principal = ? AND upstream = ?', [principal, upstream])
      return row
    },
    list: principal => rows('WHERE principal = ? ORDER BY created_at, id LIMIT ?', [principal, MAX_LISTED]),
    async put(row) {
      const { principal, upstream } = row.grant
      await db.write([
        { sql: 'DELETE FROM vault_grants WHERE principal = ? AND upstream = ?', params: [principal, upstream] },
        { sql: `INSERT INTO vault_grants (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, params: valuesOf(row) },
      ])
    },
    replace({ grant, keyId, sealed }, revision) {
      return changes({
        sql: 'UPDATE vault_grants SET scopes = ?, revision = ?, expires_at = ?, key_id = ?, sealed = ? WHERE id = ? AND revision = ?',
        params: [JSON.stringify(grant.scopes), grant.revision, grant.expiresAtSeconds ?? null, keyId, sealed, grant.id, revision],
      })
    },
    remove: (principal, id) => changes({ sql: 'DELETE FROM vault_grants WHERE principal = ? AND id = ?', params: [principal, id] }),
    // the inner query runs on an index of ids and keys alone: a start that has nothing to reseal does not read every sealed row
    sealedOtherwise: (keyId, afterId, limit) =>
      rows('WHERE id IN (SELECT id FROM vault_grants WHERE key_id <> ? AND id > ? ORDER BY id LIMIT ?) ORDER BY id', [
        keyId,
        afterId,
        limit,
      ]),
  }
}

const valuesOf = ({ grant, keyId, sealed }: StoredGrant): readonly SqlValue[] => [
  grant.id,
  grant.principal,
  grant.upstream,
  grant.issuer,
  grant.resource,
  JSON.stringify(grant.scopes),
  grant.kind,
  grant.revision,
  grant.account ?? null,
  grant.createdAtSeconds,
  grant.expiresAtSeconds ?? null,
  keyId,
  sealed,
]

/** Whatever somebody wrote into the columns: if it is not what was sealed, the secret does not open. */
const storedGrant = (row: Row): StoredGrant => ({ grant: grantOf(row), keyId: row.key_id, sealed: row.sealed })

const grantOf = (row: Row): Grant => ({
  id: row.id,
  principal: row.principal as PrincipalKey,
  upstream: row.upstream,
  issuer: row.issuer,
  resource: row.resource,
  scopes: scopesOf(row.scopes),
  kind: row.kind as GrantKind,
  revision: row.revision,
  createdAtSeconds: row.created_at,
  ...(row.account !== null && { account: row.account }),
  ...(row.expires_at !== null && { expiresAtSeconds: row.expires_at }),
})

function scopesOf(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every(scope => typeof scope === 'string') ? value : []
  } catch {
    return [] // not what put() wrote: the row counts as tampered with, and does not open
  }
}
