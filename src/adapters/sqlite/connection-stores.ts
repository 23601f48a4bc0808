// Pending connections, consents and client registrations in state.db (migrations/0004_connections.sql).

import type { PrincipalKey } from '../../kernel/principal.ts'
import { contextOf, type Sealer } from '../../kernel/seal.ts'
import type { ConnectionConsents, PendingConnection, PendingConnections, StartedConnection } from '../../vault/connections.ts'
import type { ClientRegistrations } from '../../vault/credential-source.ts'
import type { StateDb } from './state-db.ts'

type Row = {
  readonly link: string
  readonly principal: string
  readonly alias: string
  readonly account: string
  readonly client: string
  readonly scopes: string
  readonly session: string | null
  readonly flow: string | null
  readonly expires_at: number
  readonly state_expires_at: number | null
}

/** Longest sealed flow, and sealed client secret, in characters. */
const MAX_FLOW = 32_768
const MAX_SECRET = 8_192

const pendingOf = (row: Row): PendingConnection => ({
  principal: row.principal as PrincipalKey,
  alias: row.alias,
  account: row.account,
  client: row.client,
  scopes: JSON.parse(row.scopes) as string[],
  expiresAtSeconds: row.expires_at,
})

export function createPendingConnections(db: StateDb, sealer: Sealer, nowSeconds: () => number): PendingConnections {
  return {
    async open(link, { principal, alias, account, client, scopes, expiresAtSeconds }, most) {
      const now = nowSeconds()
      await db.write([
        // An authorization under way may outlive its link.
        { sql: 'DELETE FROM pending_connections WHERE max(expires_at, coalesce(state_expires_at, 0)) <= ?', params: [now] },
        {
          sql: 'INSERT INTO pending_connections (link, principal, alias, account, client, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          params: [link, principal, alias, account, client, JSON.stringify(scopes), now, expiresAtSeconds],
        },
        {
          // Within one second the one just made counts as the newest.
          sql: 'DELETE FROM pending_connections WHERE principal = ? AND link NOT IN (SELECT link FROM pending_connections WHERE principal = ? ORDER BY created_at DESC, link = ? DESC, link LIMIT ?)',
          params: [principal, principal, link, most],
        },
      ])
    },
    async find(link, now) {
      const [row] = await db.all<Row>('SELECT * FROM pending_connections WHERE link = ? AND expires_at > ?', [link, now])
      return row && pendingOf(row)
    },
    async start(link, state, started) {
      const sealed = sealer.seal('connection', Buffer.from(started.flow), contextOf([state, started.principal, started.session]))
      await db.write([
        {
          sql: 'UPDATE pending_connections SET state = ?, session = ?, flow = ?, state_expires_at = ? WHERE link = ?',
          params: [state, started.session, sealed, started.expiresAtSeconds, link],
          expectChanges: 1,
        },
      ])
    },
    async spend(state, now) {
      const [row] = await db.all<Row>('SELECT * FROM pending_connections WHERE state = ?', [state])
      if (!row) return undefined
      // Of all who read it, one takes it away; the others changed nothing and get nothing.
      const [taken] = await db.write([{ sql: 'UPDATE pending_connections SET state = NULL, flow = NULL WHERE state = ?', params: [state] }])
      return taken === 1 ? startedOf(row, state, now) : undefined
    },
    async close(principal, account) {
      await db.write([{ sql: 'DELETE FROM pending_connections WHERE principal = ? AND account = ?', params: [principal, account] }])
    },
  }

  function startedOf(row: Row, state: string, now: number): StartedConnection | undefined {
    const { session, flow, state_expires_at: end } = row
    if (session === null || flow === null || end === null || end <= now) return undefined
    const opened = sealer.open('connection', flow, MAX_FLOW, contextOf([state, row.principal, session]))
    return opened && { ...pendingOf(row), session, flow: opened.toString(), expiresAtSeconds: end }
  }
}

export const createConnectionConsents = (db: StateDb): ConnectionConsents => ({
  async list(principal, account) {
    const sql = 'SELECT client FROM connection_consents WHERE principal = ? AND account = ? LIMIT 1000'
    return (await db.all<{ readonly client: string }>(sql, [principal, account])).map(({ client }) => client)
  },
  async give(principal, account, client, nowSeconds) {
    const sql = 'INSERT INTO connection_consents (principal, account, client, given_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'
    await db.write([{ sql, params: [principal, account, client, nowSeconds] }])
  },
  async forget(principal, account) {
    await db.write([{ sql: 'DELETE FROM connection_consents WHERE principal = ? AND account = ?', params: [principal, account] }])
  },
  async forgetClient(principal, client) {
    await db.write([{ sql: 'DELETE FROM connection_consents WHERE principal = ? AND client = ?', params: [principal, client] }])
  },
})

type ClientRow = {
  readonly client_id: string
  readonly authentication: string
  readonly secret: string | null
  readonly expires_at: number | null
}

/** A secret that no key opens any more counts as no registration: the gateway registers anew. */
export const createClientRegistrations = (db: StateDb, sealer: Sealer): ClientRegistrations => ({
  async find(issuer, redirectUri) {
    const [row] = await db.all<ClientRow>('SELECT * FROM upstream_clients WHERE issuer = ? AND redirect_uri = ?', [issuer, redirectUri])
    if (!row) return undefined
    const { client_id: clientId, authentication, secret, expires_at: expires } = row
    const context = contextOf([issuer, redirectUri, clientId])
    const opened = secret === null ? undefined : sealer.open('upstream-client', secret, MAX_SECRET, context)
    if (secret !== null && !opened) return undefined
    return {
      clientId,
      authentication,
      ...(opened && { secret: opened.toString() }),
      ...(expires !== null && { expiresAtSeconds: expires }),
    }
  },
  async put(issuer, redirectUri, { clientId, authentication, secret, expiresAtSeconds }) {
    const context = contextOf([issuer, redirectUri, clientId])
    const sealed = secret === undefined ? null : sealer.seal('upstream-client', Buffer.from(secret), context)
    await db.write([
      { sql: 'DELETE FROM upstream_clients WHERE issuer = ? AND redirect_uri = ?', params: [issuer, redirectUri] },
      {
        sql: 'INSERT INTO upstream_clients (issuer, redirect_uri, client_id, authentication, secret, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
        params: [issuer, redirectUri, clientId, authentication, sealed, expiresAtSeconds ?? null],
      },
    ])
  },
  async remove(issuer, redirectUri) {
    await db.write([{ sql: 'DELETE FROM upstream_clients WHERE issuer = ? AND redirect_uri = ?', params: [issuer, redirectUri] }])
  },
})
