// A copy of state.db of an earlier moment, made so that it can take the place of the present one: what was ended since does not live again (restore-table.ts).

import Database from 'better-sqlite3'
import type { ProposedChange } from '../../audit/ended-acts.ts'
import { EVERYBODY, LONGEST_TOKEN_SECONDS } from '../../identity/revocations.ts'
import { Fault } from '../../kernel/errors.ts'
import { migrate, migrationsFolder, readMigrations } from './migrations.ts'
import { ALL_PROOFS } from './proof-stores.ts'
import { ON_RESTORE } from './restore-table.ts'
import { applyEnded, type Acts } from './restored-acts.ts'

export type Restoring = Acts & {
  /** the copy, of this build's schema; nobody else has it open */
  readonly file: string
  /** a copy of the present database, of this build's schema; undefined = there is none, or it cannot be read */
  readonly present: string | undefined
  /** the log tells everything since the backup */
  readonly isLogWhole: boolean
  /** connections stay although nobody knows which were revoked since */
  readonly keepConnections: boolean
  /** no proof of a namespace lives longer */
  readonly proofSeconds: number
}

/** Texts are `kind target`, `name@version` and the like, for people. */
export type Restored = {
  /** emptied, by table: how many rows there were */
  readonly ended: Readonly<Record<string, number>>
  readonly connections: { readonly kept: number; readonly ended: number; readonly heldBack: number }
  /** put back: in force now, and not in the backup */
  readonly blocked: readonly string[]
  readonly revoked: readonly string[]
  readonly frozen: readonly string[]
  readonly marked: number
  /** the present database was what became of the backed-up one, so it said what was ended since */
  readonly isSuccessor: boolean
  /** versions of the present registry that the backup does not know */
  readonly goneVersions: number
}

/** Numbers that followers of the registry know are not given again, where nobody knows the last one. */
const LEAP = 1_000_000
const NUMBERED = ['registry_revocations', 'registry_standing_history']

/** One transaction: the copy is as it was, or whole. Throws Fault `state-schema-changed` for a copy that migrations did not make, `state-unavailable`. */
export function restoreState(restoring: Restoring): Restored {
  const database = new Database(restoring.file, { fileMustExist: true })
  try {
    for (const pragma of [
      'journal_mode = WAL',
      'synchronous = FULL',
      'trusted_schema = OFF',
      'recursive_triggers = ON',
      'secure_delete = ON',
    ])
      database.pragma(pragma)
    database.pragma('foreign_keys = ON')
    demandOwnSchema(database)
    const present = restoring.present === undefined ? 'none' : attach(database, restoring.present)
    const restored = database.transaction(() => restore(database, restoring, present)).immediate()
    if (present !== 'none') database.exec('DETACH present')
    database.pragma('wal_checkpoint(TRUNCATE)')
    return restored
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault('state-unavailable', 'the backup could not be brought up to what was ended since', { cause })
  } finally {
    database.close()
  }
}

/** Changes that somebody proposed in a copy of this build's schema. Throws as `restoreState` does, for a copy that it would not take. */
export function proposedIn(file: string): readonly ProposedChange[] {
  const database = new Database(file, { fileMustExist: true, readonly: true })
  try {
    database.pragma('trusted_schema = OFF')
    demandOwnSchema(database)
    return database.prepare<[], ProposedChange>('SELECT id, action, target FROM proposals').all()
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault('state-unavailable', 'the backup cannot be read', { cause })
  } finally {
    database.close()
  }
}

/** attacker-controlled: a trigger or view of somebody else's would run with what is written to it */
function demandOwnSchema(database: Database.Database): void {
  if (!isOwnSchema(database, 'main'))
    throw new Fault('state-schema-changed', 'the schema of the backup is not the one that migrations make')
}

/** `successor`: what the backed-up database became. `other`: one that was begun anew. */
type Present = 'none' | 'other' | 'successor'

function attach(database: Database.Database, file: string): Present {
  database.prepare('ATTACH ? AS present').run(file)
  if (!isOwnSchema(database, 'present')) {
    database.exec('DETACH present')
    return 'none'
  }
  // When its first table was made: the only thing that a database keeps all its life.
  const born = (schema: string): unknown =>
    database.prepare(`SELECT applied_at FROM ${schema}.schema_migrations ORDER BY number LIMIT 1`).pluck().get()
  return born('main') === born('present') ? 'successor' : 'other'
}

function restore(database: Database.Database, restoring: Restoring, present: Present): Restored {
  const isSuccessor = present === 'successor'
  const { nowSeconds, isLogWhole, keepConnections, proofSeconds } = restoring
  database.pragma('defer_foreign_keys = ON')
  const before = standing(database)
  const emptied = Object.entries(ON_RESTORE).filter(([, { is }]) => is === 'ended')
  const counts = emptied.map(([table]) => [table, count(database, table)] as const)
  for (const { sql = [], join = [], succeed = [] } of Object.values(ON_RESTORE))
    for (const each of [...sql, ...(present === 'none' ? [] : join), ...(isSuccessor ? succeed : [])]) database.exec(each)

  const marked = applyEnded(database, restoring, isSuccessor)
  if (!isLogWhole && !isSuccessor) database.exec(`UPDATE registry_namespaces SET state = 'frozen'`)
  const isHeldBack = !isLogWhole && !keepConnections
  const left = count(database, 'vault_grants')
  if (isHeldBack) database.exec('DELETE FROM vault_grants')

  database
    .prepare(
      'INSERT INTO revocations VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET revoked_at = excluded.revoked_at, alive_until = excluded.alive_until',
    )
    .run(EVERYBODY, nowSeconds, nowSeconds + LONGEST_TOKEN_SECONDS)
  if (!isSuccessor)
    database.prepare('INSERT OR REPLACE INTO registry_spent_proofs VALUES (?, ?)').run(ALL_PROOFS, nowSeconds + proofSeconds)
  for (const table of NUMBERED) leap(database, table, isSuccessor)

  const after = standing(database)
  const news = (of: keyof Standing): readonly string[] => [...after[of]].filter(each => !before[of].has(each)).sort()
  return {
    ended: Object.fromEntries(counts.map(([table, rows]) => [table, rows - count(database, table)])),
    connections: { kept: isHeldBack ? 0 : left, ended: before.connections.size - left, heldBack: isHeldBack ? left : 0 },
    blocked: news('blocks'),
    revoked: [...news('revoked'), ...news('revocations')],
    frozen: news('frozen'),
    marked,
    isSuccessor,
    goneVersions: present === 'none' ? 0 : missing(database, 'registry_versions', ['server', 'version']),
  }
}

type Standing = Record<'blocks' | 'revoked' | 'revocations' | 'frozen' | 'connections', ReadonlySet<string>>
function standing(database: Database.Database): Standing {
  const texts = (sql: string): ReadonlySet<string> => new Set(database.prepare<[], string>(sql).pluck().all())
  return {
    blocks: texts(`SELECT kind || ' ' || target FROM blocks`),
    revoked: texts(`SELECT server || '@' || version FROM registry_standings WHERE standing = 'revoked'`),
    revocations: texts(`SELECT kind || ' ' || target FROM registry_revocations WHERE kind <> 'version'`),
    frozen: texts(`SELECT name FROM registry_namespaces WHERE state = 'frozen'`),
    connections: texts('SELECT id FROM vault_grants'),
  }
}

const count = (database: Database.Database, table: string): number =>
  database.prepare<[], number>(`SELECT count(*) FROM main.${table}`).pluck().get() ?? 0

function missing(database: Database.Database, table: string, key: readonly string[]): number {
  const same = key.map(column => `m.${column} = p.${column}`).join(' AND ')
  const sql = `SELECT count(*) FROM present.${table} AS p WHERE NOT EXISTS (SELECT 1 FROM main.${table} AS m WHERE ${same})`
  return database.prepare<[], number>(sql).pluck().get() ?? 0
}

function leap(database: Database.Database, table: string, isSuccessor: boolean): void {
  const last = (schema: string): number =>
    database.prepare<[string], number>(`SELECT seq FROM ${schema}.sqlite_sequence WHERE name = ?`).pluck().get(table) ?? 0
  const next = isSuccessor ? Math.max(last('main'), last('present')) : last('main') + LEAP
  const { changes } = database.prepare('UPDATE main.sqlite_sequence SET seq = ? WHERE name = ?').run(next, table)
  if (changes === 0) database.prepare('INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)').run(table, next)
}

/** Texts of everything in a schema, as SQLite keeps them. */
const schemaOf = (database: Database.Database, schema: 'main' | 'present'): string =>
  JSON.stringify(
    database
      .prepare(
        `SELECT type, name, tbl_name, sql FROM ${schema}.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name`,
      )
      .all(),
  )

function isOwnSchema(database: Database.Database, schema: 'main' | 'present'): boolean {
  const own = new Database(':memory:')
  try {
    migrate(own, readMigrations(migrationsFolder()), 0)
    return schemaOf(own, 'main') === schemaOf(database, schema)
  } finally {
    own.close()
  }
}
