// What the audit log says was ended, written into a restored copy of state.db. The log tells less than a database: where it leaves something open, the stricter holds.

import type { Database } from 'better-sqlite3'
import type { Ended, ReadAct } from '../../audit/ended-acts.ts'
import { BLOCK_KINDS } from '../../identity/blocks.ts'
import { RENEW_MS } from '../../flow/marks.ts'
import { REVOCATION_KINDS } from '../../registry/store.ts'

export type Acts = {
  /** what the log says, whole or not */
  readonly ended: Ended
  readonly nowSeconds: number
  /** how long a mark stands after the last read */
  readonly decayMs: number
}

/** Shown with what the log alone remembers. */
const WHY = 'put back by a restore: the audit log names it'
/** An account is on record as connected right after it is kept. */
const LATER_SECONDS = 5

/** How many marks were made. In the transaction of the restore. `isSuccessor`: what the present database knows was taken over already. */
export function applyEnded(database: Database, acts: Acts, isSuccessor: boolean): number {
  const { ended } = acts
  const run = (sql: string, ...params: readonly (string | number | null)[]): void => void database.prepare(sql).run(...params)

  for (const id of ended.connections) run('DELETE FROM vault_grants WHERE id = ?', id)
  // The present database knows which of a person's accounts is the one that counts.
  if (!isSuccessor)
    for (const { principal, server, atSeconds } of ended.replaced)
      run(
        `DELETE FROM vault_grants WHERE principal = ? AND substr(upstream || ' ', 1, length(?)) = ? AND created_at < ?`,
        ...[principal, `${server} `, `${server} `, atSeconds - LATER_SECONDS],
      )

  for (const { kind, target, by, atSeconds } of ended.blocks)
    if (BLOCK_KINDS.some(known => known === kind))
      run('INSERT OR IGNORE INTO blocks VALUES (?, ?, ?, ?, ?)', kind, target, WHY, by, atSeconds)

  for (const { kind, target, by, atSeconds } of ended.revocations) {
    if (!REVOCATION_KINDS.some(known => known === kind)) continue
    run(
      `INSERT INTO registry_revocations (kind, target, reason, action, revoked_by, revoked_at) SELECT ?, ?, 'policy', 'block', ?, ?
        WHERE NOT EXISTS (SELECT 1 FROM registry_revocations WHERE kind = ? AND target = ? COLLATE NOCASE)`,
      ...[kind, target, by, atSeconds, kind, target],
    )
    if (kind === 'namespace') freeze(database, target)
    const at = target.lastIndexOf('@')
    // One that only warns is in the database that this one is joined with, and says so there.
    if (kind === 'version' && isBlocking(database, target))
      stand(database, 'revoked', { name: target.slice(0, at), version: target.slice(at + 1), by, atSeconds })
  }
  for (const { status, ...act } of ended.statuses) stand(database, status === 'deleted' ? 'revoked' : 'deprecated', act)
  // What changed in a namespace, the present database says.
  if (!isSuccessor) for (const name of ended.namespaces) freeze(database, name)

  return ended.reads.filter(read => mark(database, read, acts)).length
}

const isBlocking = (database: Database, target: string): boolean =>
  database
    .prepare(`SELECT 1 FROM registry_revocations WHERE kind = 'version' AND target = ? COLLATE NOCASE AND action = 'block'`)
    .get(target) !== undefined

const freeze = (database: Database, name: string): void =>
  void database.prepare(`UPDATE registry_namespaces SET state = 'frozen' WHERE name = ?`).run(name)

type Change = { readonly name: string; readonly version: string; readonly by: string; readonly atSeconds: number }
const FROM = { revoked: ['quarantined', 'admitted', 'deprecated'], deprecated: ['admitted'] }
/** Of versions that there were: all of them does not mean those that came later. */
function stand(database: Database, to: 'revoked' | 'deprecated', { name, version, by, atSeconds }: Change): void {
  database
    .prepare(
      `UPDATE registry_standings SET standing = ?, message = ?, changed_by = ?, changed_at = ?, by_operator = 1
        WHERE server = ? AND (? = '*' OR version = ?) AND standing IN (SELECT value FROM json_each(?))
          AND ? >= (SELECT v.published_at FROM registry_versions AS v WHERE v.server = registry_standings.server AND v.version = registry_standings.version)`,
    )
    .run(...[to, WHY, by, atSeconds, name, version, version], JSON.stringify(FROM[to]), atSeconds)
}

/** As the gateway would have kept it; false where it has ended by now. */
function mark(
  database: Database,
  { principal, client, server, method, name, labels, atMs }: ReadAct,
  { decayMs, nowSeconds }: Acts,
): boolean {
  const untilMs = atMs + decayMs + RENEW_MS
  if (untilMs <= nowSeconds * 1000) return false
  const [untrusted, own] = ['untrusted', 'private'].map(label => (labels.includes(label) ? untilMs : 0))
  database
    .prepare(
      `INSERT INTO flow_marks VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (principal, client, server) DO UPDATE SET read_at = max(read_at, excluded.read_at),
        untrusted_until = max(untrusted_until, excluded.untrusted_until), private_until = max(private_until, excluded.private_until)`,
    )
    .run(principal, client, server, method, name, Math.floor(atMs), Math.ceil(untrusted ?? 0), Math.ceil(own ?? 0))
  return true
}
