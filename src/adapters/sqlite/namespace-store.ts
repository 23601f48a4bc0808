// Namespaces, their members and challenges in state.db (migrations/0005_registry.sql).

import { Fault } from '../../kernel/errors.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import type { Challenge, ChallengeStore, MemberRole, Namespace, NamespaceStore } from '../../registry/namespaces.ts'
import type { StateDb } from './state-db.ts'

type Row = Omit<Namespace, 'members' | 'proveAgainAtSeconds'> & { readonly proveAgainAtSeconds: number | null }
type Member = { readonly namespace: string; readonly principal: PrincipalKey; readonly role: MemberRole }

const NAMESPACE = 'SELECT name, state, proof, proved_at AS provedAtSeconds, prove_again_at AS proveAgainAtSeconds FROM registry_namespaces'
const MEMBER = 'INSERT INTO registry_members (namespace, principal, role, added_by, added_at) VALUES (?, ?, ?, ?, ?)'
const REPLACED =
  'ON CONFLICT (namespace, principal) DO UPDATE SET role = excluded.role, added_by = excluded.added_by, added_at = excluded.added_at'
/** Another owner than this principal, so that one is always left. */
const OTHER_OWNER = `EXISTS (SELECT 1 FROM registry_members o WHERE o.namespace = ? AND o.role = 'owner' AND o.principal <> ?)`
/** Who changes members is an owner when it is written, not only when it was asked. */
const BY_OWNER = `EXISTS (SELECT 1 FROM registry_members b JOIN registry_namespaces n ON n.name = b.namespace
  WHERE b.namespace = ? AND b.principal = ? AND b.role = 'owner' AND n.state = 'active')`

export const createNamespaceStore = (db: StateDb): NamespaceStore => ({
  async find(name) {
    const [row] = await db.all<Row>(`${NAMESPACE} WHERE name = ?`, [name])
    if (!row) return undefined
    return namespaceOf(
      row,
      await db.all<Member>('SELECT namespace, principal, role FROM registry_members WHERE namespace = ? ORDER BY principal', [name]),
    )
  },
  async register({ name, state, proof, provedAtSeconds, proveAgainAtSeconds }, skeleton, owner) {
    const values = [name, skeleton, state, proof, provedAtSeconds, proveAgainAtSeconds ?? null, provedAtSeconds]
    try {
      await db.write([
        {
          sql: 'INSERT INTO registry_namespaces (name, skeleton, state, proof, proved_at, prove_again_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
          params: values,
        },
        { sql: MEMBER, params: [name, owner, 'owner', owner, provedAtSeconds] },
      ])
      return true
    } catch (error) {
      if (error instanceof Fault && error.code === 'state-conflict') return false
      throw error
    }
  },
  async prove({ name, proof, provedAtSeconds, proveAgainAtSeconds }) {
    const sql = 'UPDATE registry_namespaces SET proof = ?, proved_at = ?, prove_again_at = ? WHERE name = ?'
    const [changed] = await db.write([{ sql, params: [proof, provedAtSeconds, proveAgainAtSeconds ?? null, name] }])
    return changed === 1
  },
  async setState(name, state) {
    const sql = 'UPDATE registry_namespaces SET state = ? WHERE name = ? AND state <> ?'
    const [changed] = await db.write([{ sql, params: [state, name, state] }])
    return changed === 1
  },
  async setMember(name, { principal, role }, by, atSeconds) {
    const statement =
      role === undefined
        ? {
            sql: `DELETE FROM registry_members WHERE namespace = ? AND principal = ? AND ${BY_OWNER} AND ${OTHER_OWNER}`,
            params: [name, principal, name, by, name, principal],
          }
        : {
            sql: `INSERT INTO registry_members (namespace, principal, role, added_by, added_at) SELECT ?, ?, ?, ?, ?
              WHERE ${BY_OWNER} AND (? = 'owner' OR ${OTHER_OWNER}) ${REPLACED}`,
            params: [name, principal, role, by, atSeconds, name, by, role, name, principal],
          }
    const [changed] = await db.write([statement])
    return changed === 1
  },
  async list() {
    const [rows, members] = await Promise.all([
      db.all<Row>(`${NAMESPACE} ORDER BY name`),
      db.all<Member>('SELECT namespace, principal, role FROM registry_members ORDER BY namespace, principal'),
    ])
    const of = Map.groupBy(members, ({ namespace }) => namespace.toLowerCase())
    return rows.map(row => namespaceOf(row, of.get(row.name.toLowerCase()) ?? []))
  },
})

function namespaceOf({ proveAgainAtSeconds, ...row }: Row, members: readonly Member[]): Namespace {
  return {
    ...row,
    ...(proveAgainAtSeconds !== null && { proveAgainAtSeconds }),
    members: members.map(({ principal, role }) => ({ principal, role })),
  }
}

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
