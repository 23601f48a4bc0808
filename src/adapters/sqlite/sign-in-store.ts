// SignInStore and BrowserSessionStore in state.db. The identity provider's refresh token is sealed for exactly its row.

import { randomUUID } from 'node:crypto'
import { isSameSet, type BrowserSessionStore, type SignIn, type SignInFilter, type SignInStore } from '../../identity/sign-in.ts'
import { contextOf, type Sealer } from '../../kernel/seal.ts'
import { endedBy, endRecords } from './oauth-record-store.ts'
import type { SqlValue, StateDb, Statement } from './state-db.ts'

type Row = {
  id: string
  issuer: string
  subject: string
  name: string
  member_of: string
  idp_session: string | null
  refresh_token: string | null
  started_at: number
  checked_at: number
  ends_at: number
}

const MAX_SEALED_CHARACTERS = 64 * 1024

/** `now`: seconds since the epoch. */
export function createSignInStore(db: StateDb, sealer: Sealer, now: () => number): SignInStore {
  const sealed = (signIn: SignIn, token: string | undefined): string | null =>
    token === undefined ? null : sealer.seal('sign-in', Buffer.from(token), bindingOf(signIn))

  return {
    async add(signIn, refreshToken) {
      const { id, issuer, subject, name, groups, idpSession, startedAtSeconds, checkedAtSeconds, endsAtSeconds } = signIn
      const all = await db.all<{ member_of: string }>(OTHERS, [issuer, subject, now()])
      const who = [id, issuer, subject, name, JSON.stringify(groups), idpSession ?? null, sealed(signIn, refreshToken)]
      await db.write([
        {
          sql: `INSERT INTO sign_ins (id, issuer, subject, name, member_of, idp_session, refresh_token, started_at, checked_at, ends_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          params: [...who, startedAtSeconds, checkedAtSeconds, endsAtSeconds],
        },
        regroup(signIn),
      ])
      return all.some(({ member_of }) => !isSameSet(JSON.parse(member_of) as string[], groups))
    },
    async find(id, nowSeconds) {
      const [row] = await db.all<Row>('SELECT * FROM sign_ins WHERE id = ? AND ends_at > ?', [id, nowSeconds])
      if (!row) return undefined
      const signIn = signInOf(row)
      if (row.refresh_token === null) return { signIn, refreshToken: undefined }
      const opened = sealer.open('sign-in', row.refresh_token, MAX_SEALED_CHARACTERS, bindingOf(signIn))
      // A row that does not open was tampered with, or its key was rotated twice: nobody is signed in by it.
      return opened && { signIn, refreshToken: opened.toString() }
    },
    async renew(signIn, refreshToken) {
      const { id, name, checkedAtSeconds } = signIn
      const sql = 'UPDATE sign_ins SET name = ?, refresh_token = ?, checked_at = ? WHERE id = ?'
      await db.write([{ sql, params: [name, sealed(signIn, refreshToken), checkedAtSeconds, id] }, regroup(signIn)])
    },
    async ofFamily(family, nowSeconds) {
      const sql = `SELECT sign_ins.id FROM oauth_records AS r JOIN sign_ins ON sign_ins.id = r.sign_in
        WHERE r.family = ? AND r.ends_at > ? AND sign_ins.ends_at > ? LIMIT 1`
      const [row] = await db.all<{ id: string }>(sql, [family, nowSeconds, nowSeconds])
      return row?.id
    },
    async end(which) {
      const cause = randomUUID()
      const [condition, params] = conditionOf(which)
      const ofThese = `sign_in IN (SELECT id FROM sign_ins WHERE ${condition})`
      await db.write([
        ...endRecords(ofThese, params, { cause, now: now() }),
        { sql: `DELETE FROM browser_sessions WHERE ${ofThese}`, params },
        { sql: `DELETE FROM sign_ins WHERE ${condition}`, params },
      ])
      return endedBy(db, cause)
    },
  }
}

const OTHERS = 'SELECT DISTINCT member_of FROM sign_ins WHERE issuer = ? AND subject = ? AND ends_at > ?'
const regroup = ({ issuer, subject, groups }: SignIn): Statement => ({
  sql: 'UPDATE sign_ins SET member_of = ? WHERE issuer = ? AND subject = ?',
  params: [JSON.stringify(groups), issuer, subject],
})

const bindingOf = ({ id, issuer, subject }: SignIn): Buffer => contextOf(['sign-in', id, issuer, subject])

function conditionOf(which: SignInFilter): readonly [string, readonly SqlValue[]] {
  if ('id' in which) return ['id = ?', [which.id]]
  if ('subject' in which) return ['issuer = ? AND subject = ?', [which.issuer, which.subject]]
  // Nothing equals NULL: without a subject the second half finds nobody.
  const condition = 'issuer = ? AND (idp_session = ? OR (idp_session IS NULL AND subject = ?))'
  return [condition, [which.issuer, which.idpSession, which.unnamedOf ?? null]]
}

const signInOf = (row: Row): SignIn => ({
  id: row.id,
  issuer: row.issuer,
  subject: row.subject,
  name: row.name,
  groups: JSON.parse(row.member_of) as string[],
  ...(row.idp_session !== null && { idpSession: row.idp_session }),
  startedAtSeconds: row.started_at,
  checkedAtSeconds: row.checked_at,
  endsAtSeconds: row.ends_at,
})

export const createBrowserSessionStore = (db: StateDb): BrowserSessionStore => ({
  async open(digest, { signInId, endsAtSeconds }) {
    const sql = 'INSERT INTO browser_sessions (digest, sign_in, ends_at) VALUES (?, ?, ?)'
    await db.write([{ sql, params: [digest, signInId, endsAtSeconds] }])
  },
  async find(digest, nowSeconds) {
    const sql = 'SELECT sign_in, ends_at FROM browser_sessions WHERE digest = ? AND ends_at > ?'
    const [row] = await db.all<{ sign_in: string; ends_at: number }>(sql, [digest, nowSeconds])
    return row && { signInId: row.sign_in, endsAtSeconds: row.ends_at }
  },
  async close(digest) {
    await db.write([{ sql: 'DELETE FROM browser_sessions WHERE digest = ?', params: [digest] }])
  },
})
