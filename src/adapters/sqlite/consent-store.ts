// ConsentStore in state.db.

import { randomUUID } from 'node:crypto'
import type { Consent, ConsentStore } from '../../identity/consent.ts'
import { endedBy, endRecords } from './oauth-record-store.ts'
import type { StateDb } from './state-db.ts'

type Row = {
  client: string
  client_name: string
  redirect: string
  resource: string
  redirects: string
  scopes: string
  granted_at: number
}

/** `now`: seconds since the epoch. */
export const createConsentStore = (db: StateDb, now: () => number): ConsentStore => ({
  async put({ issuer, subject }, consent) {
    const { client, resource, clientName, redirect, redirects, scopes, grantedAtSeconds } = consent
    await db.write([
      {
        sql: `INSERT OR REPLACE INTO consents (issuer, subject, client, resource, client_name, redirect, redirects, scopes, granted_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        params: [issuer, subject, client, resource, clientName, redirect, redirects, JSON.stringify(scopes), grantedAtSeconds],
      },
    ])
  },
  async find({ issuer, subject }, client, resource) {
    const sql = 'SELECT * FROM consents WHERE issuer = ? AND subject = ? AND client = ? AND resource = ?'
    const [row] = await db.all<Row>(sql, [issuer, subject, client, resource])
    return row && consentOf(row)
  },
  async list({ issuer, subject }) {
    const sql = 'SELECT * FROM consents WHERE issuer = ? AND subject = ? ORDER BY client_name, client, resource'
    return (await db.all<Row>(sql, [issuer, subject])).map(consentOf)
  },
  async revoke({ issuer, subject }, client) {
    const cause = randomUUID()
    const ofPerson = 'client = ? AND sign_in IN (SELECT id FROM sign_ins WHERE issuer = ? AND subject = ?)'
    await db.write([
      ...endRecords(ofPerson, [client, issuer, subject], { cause, now: now() }),
      { sql: 'DELETE FROM consents WHERE issuer = ? AND subject = ? AND client = ?', params: [issuer, subject, client] },
    ])
    return endedBy(db, cause)
  },
})

const consentOf = (row: Row): Consent => ({
  client: row.client,
  clientName: row.client_name,
  redirect: row.redirect,
  resource: row.resource,
  redirects: row.redirects,
  scopes: JSON.parse(row.scopes) as string[],
  grantedAtSeconds: row.granted_at,
})
