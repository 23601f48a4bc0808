// The schema of state.db, grown by files `migrations/NNNN_name.sql`: forward only, each recorded with the digest of what was run.

import type { Database } from 'better-sqlite3'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault } from '../../kernel/errors.ts'

/** `checksum`: SHA-256 of the file, hexadecimal. */
type Migration = { readonly number: number; readonly name: string; readonly sql: string; readonly checksum: string }

const NAME = /^(\d{4})_([a-z][a-z0-9_]*)\.sql$/

/** Where this build keeps them: beside `src` in a checkout, beside `dist` in an installed package. */
export const migrationsFolder = (): string => fileURLToPath(new URL('../../../migrations', import.meta.url))

/** All migrations of a folder by number. Throws Fault `state-migrations-invalid` for a foreign file or a number that comes twice. */
export function readMigrations(folder: string): readonly Migration[] {
  let names: string[]
  try {
    names = readdirSync(folder).sort()
  } catch (cause) {
    throw new Fault('state-migrations-invalid', `cannot read the migrations in \`${folder}\``, { cause })
  }
  const migrations = names.map(file => {
    const [, digits, name] = NAME.exec(file) ?? []
    if (digits === undefined || name === undefined)
      throw new Fault('state-migrations-invalid', `expected files \`NNNN_name.sql\` in \`${folder}\`, got \`${file}\``)
    const sql = readFileSync(join(folder, file), 'utf8')
    return { number: Number(digits), name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
  })
  migrations.forEach(({ number }, at) => {
    if (number === migrations[at - 1]?.number)
      throw new Fault('state-migrations-invalid', `expected one migration ${number} in \`${folder}\`, got two`)
  })
  return migrations
}

/**
 * Runs what is missing, all of it in one transaction: after a crash the database has its old schema or the new one. Throws Fault
 * `state-schema-newer` when a later build made the database, `state-schema-changed` when a migration was edited after it had run, was
 * taken away, or has come in front of one that has run: such a database is left as it is.
 */
export function migrate(database: Database, migrations: readonly Migration[], nowSeconds: number): void {
  // IMMEDIATE: of two processes that open a new database at once, the second waits here and then finds nothing to do.
  database
    .transaction(() => {
      database.exec(
        'CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT',
      )
      const last = checkApplied(database, migrations)
      const record = database.prepare('INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)')
      for (const { number, name, sql, checksum } of migrations) {
        if (number <= last) continue
        database.exec(sql)
        record.run(number, name, checksum, nowSeconds)
      }
    })
    .immediate()
}

/** The highest number that has run; 0 for none. */
function checkApplied(database: Database, migrations: readonly Migration[]): number {
  const applied = database.prepare<[], { number: number; name: string; checksum: string }>('SELECT * FROM schema_migrations').all()
  const known = new Map(migrations.map(migration => [migration.number, migration]))
  const newest = Math.max(0, ...known.keys())
  for (const { number, name, checksum } of applied) {
    if (number > newest)
      throw new Fault(
        'state-schema-newer',
        `the database has migration ${number} (${name}), this build ends at ${newest}; run the newer build`,
      )
    if (known.get(number)?.name !== name || known.get(number)?.checksum !== checksum)
      throw new Fault('state-schema-changed', `migration ${number} (${name}) is not the one that made the database`)
  }
  const last = Math.max(0, ...applied.map(({ number }) => number))
  const ran = new Set(applied.map(({ number }) => number))
  const late = migrations.find(({ number }) => number < last && !ran.has(number))
  if (late)
    throw new Fault('state-schema-changed', `migration ${late.number} (${late.name}) came after ${last} had run; give it a later number`)
  return last
}
