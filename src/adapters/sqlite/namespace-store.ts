// Namespaces and their members in state.db (migrations/0005_registry.sql, 0009_namespace_proofs.sql).

import { canonicalJson } from '../../kernel/canonical-json.ts'
import { Fault } from '../../kernel/errors.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import type { Binding } from '../../registry/binding.ts'
import type { Look, MemberRole, Namespace, NamespaceStore, NamespaceWatch, Quiet } from '../../registry/namespace.ts'
import type { SqlValue, StateDb } from './state-db.ts'

type Row = Pick<Namespace, 'name' | 'state' | 'proof' | 'provedAtSeconds'> & {
  readonly bound: string | null
  readonly proveAgainAtSeconds: number | null
  readonly quietUntil: number | null
  readonly quietWhy: Quiet['why'] | null
  readonly lookedAt: number | null
  readonly found: Look['found'] | null
  readonly signer: string | null
}
type Member = { readonly namespace: string; readonly principal: PrincipalKey; readonly role: MemberRole }

const NAMESPACE = `SELECT name, state, proof, bound, proved_at AS provedAtSeconds, prove_again_at AS proveAgainAtSeconds, quiet_until AS quietUntil,
  quiet_why AS quietWhy, looked_at AS lookedAt, found, signer FROM registry_namespaces`
const MEMBER = 'INSERT INTO registry_members (namespace, principal, role, added_by, added_at) VALUES (?, ?, ?, ?, ?)'
const REPLACED =
  'ON CONFLICT (namespace, principal) DO UPDATE SET role = excluded.role, added_by = excluded.added_by, added_at = excluded.added_at'
/** Another owner than this principal, so that one is always left. */
const OTHER_OWNER = `EXISTS (SELECT 1 FROM registry_members o WHERE o.namespace = ? AND o.role = 'owner' AND o.principal <> ?)`
/** Who changes members is an owner when it is written, not only when it was asked. */
const BY_OWNER = `EXISTS (SELECT 1 FROM registry_members b JOIN registry_namespaces n ON n.name = b.namespace
  WHERE b.namespace = ? AND b.principal = ? AND b.role = 'owner' AND n.state = 'active')`
/** A quiet time never ends an earlier one sooner. Parameters: until, why, until. */
const QUIET = `quiet_why = CASE WHEN coalesce(quiet_until, 0) < ? THEN ? ELSE quiet_why END,
  quiet_until = nullif(max(coalesce(quiet_until, 0), ?), 0)`
const quietParams = (quiet: Quiet | undefined): readonly SqlValue[] => {
  const until = quiet?.untilSeconds ?? 0
  return [until, quiet?.why ?? null, until]
}

export const createNamespaceStore = (db: StateDb): NamespaceStore & NamespaceWatch => ({
  ...createKeeper(db),
  ...createDecisions(db),
  ...createNamespaceWatch(db),
})

/** What operators decide. */
type Decisions = Pick<NamespaceStore, 'setState' | 'reassign'>
const createDecisions = (db: StateDb): Decisions => ({
  async setState(name, state) {
    const sql = 'UPDATE registry_namespaces SET state = ? WHERE name = ? AND state <> ?'
    const [changed] = await db.write([{ sql, params: [state, name, state] }])
    return changed === 1
  },
  async reassign(name, { principal, atSeconds, quiet }) {
    const [, , changed] = await db.write([
      { sql: 'DELETE FROM registry_members WHERE namespace = ?', params: [name] },
      {
        sql: `INSERT INTO registry_members (namespace, principal, role, added_by, added_at)
          SELECT name, ?, 'owner', 'operator', ? FROM registry_namespaces WHERE name = ?`,
        params: [principal, atSeconds, name],
      },
      {
        sql: `UPDATE registry_namespaces SET state = 'active', proof = 'operator', bound = NULL, proved_at = ?, prove_again_at = NULL,
          looked_at = NULL, found = NULL, ${QUIET} WHERE name = ?`,
        params: [atSeconds, ...quietParams(quiet), name],
      },
    ])
    return changed === 1
  },
})

const createKeeper = (db: StateDb): Omit<NamespaceStore, keyof Decisions> => ({
  async find(name) {
    const [row] = await db.all<Row>(`${NAMESPACE} WHERE name = ?`, [name])
    if (!row) return undefined
    return namespaceOf(
      row,
      await db.all<Member>('SELECT namespace, principal, role FROM registry_members WHERE namespace = ? ORDER BY principal', [name]),
    )
  },
  async register({ name, state, proof, bound, provedAtSeconds, proveAgainAtSeconds }, skeleton, owner) {
    const values = [name, skeleton, state, proof, textOf(bound), provedAtSeconds, proveAgainAtSeconds ?? null, provedAtSeconds]
    try {
      await db.write([
        {
          sql: `INSERT INTO registry_namespaces (name, skeleton, state, proof, bound, proved_at, prove_again_at, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
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
  async prove({ name, proof, bound, provedAtSeconds, proveAgainAtSeconds }, before, quiet) {
    const sql = `UPDATE registry_namespaces SET proof = ?, bound = ?, proved_at = ?, prove_again_at = ?, looked_at = NULL, found = NULL, ${QUIET}
      WHERE name = ? AND bound IS ?`
    const values = [proof, textOf(bound), provedAtSeconds, proveAgainAtSeconds ?? null]
    const [changed] = await db.write([{ sql, params: [...values, ...quietParams(quiet), name, textOf(before)] }])
    return changed === 1
  },
  async setMember(name, { principal, role }, { principal: by, atSeconds, quiet }) {
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
    // changes(): of the statement before, in this transaction.
    const silence = {
      sql: `UPDATE registry_namespaces SET ${QUIET} WHERE name = ? AND changes() = 1`,
      params: [...quietParams(quiet), name],
    }
    const [changed] = await db.write(quiet ? [statement, silence] : [statement])
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

const createNamespaceWatch = (db: StateDb): NamespaceWatch => ({
  async due(endsUntilSeconds, lookedUntilSeconds, most) {
    const rows = await db.all<Row>(
      `${NAMESPACE} WHERE proof IN ('dns', 'https') AND prove_again_at <= ? AND bound IS NOT NULL AND coalesce(looked_at, 0) <= ?
        ORDER BY coalesce(looked_at, 0), prove_again_at LIMIT ?`,
      [endsUntilSeconds, lookedUntilSeconds, most],
    )
    return rows.map(row => namespaceOf(row, []))
  },
  async looked(name, bound, { atSeconds, found, proveAgainAtSeconds, quiet }) {
    const sql = `UPDATE registry_namespaces SET looked_at = ?, found = ?, prove_again_at = coalesce(?, prove_again_at), ${QUIET}
      WHERE name = ? AND bound IS ?`
    const values = [atSeconds, found, proveAgainAtSeconds ?? null]
    const [changed] = await db.write([{ sql, params: [...values, ...quietParams(quiet), name, textOf(bound)] }])
    return changed === 1
  },
  async sign(name, before, signer, quiet) {
    const sql = `UPDATE registry_namespaces SET signer = ?, ${QUIET} WHERE name = ? AND signer IS ?`
    const [changed] = await db.write([{ sql, params: [signer, ...quietParams(quiet), name, before ?? null] }])
    return changed === 1
  },
})

/** One text for one binding: it is compared with what is kept. */
const textOf = (bound: Binding | undefined): string | null => (bound === undefined ? null : (canonicalJson(bound) ?? null))

function namespaceOf(row: Row, members: readonly Member[]): Namespace {
  const { name, state, proof, provedAtSeconds, bound, proveAgainAtSeconds, quietUntil, quietWhy, lookedAt, found, signer } = row
  return {
    ...{ name, state, proof, provedAtSeconds },
    ...(bound !== null && { bound: JSON.parse(bound) as Binding }),
    ...(proveAgainAtSeconds !== null && { proveAgainAtSeconds }),
    ...(quietUntil !== null && quietWhy !== null && { quiet: { untilSeconds: quietUntil, why: quietWhy } }),
    ...(lookedAt !== null && found !== null && { look: { atSeconds: lookedAt, found } }),
    ...(signer !== null && { signer }),
    members: members.map(({ principal, role }) => ({ principal, role })),
  }
}
