// The table of a restore against the schema: no table is forgotten, and every statement fits the tables it names.

import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { migrate, migrationsFolder, readMigrations } from '../../../src/adapters/sqlite/migrations.ts'
import { ON_RESTORE } from '../../../src/adapters/sqlite/restore-table.ts'

function made(): Database.Database {
  const database = new Database(':memory:')
  migrate(database, readMigrations(migrationsFolder()), 0)
  return database
}
const tablesOf = (database: Database.Database): string[] =>
  database.prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).pluck().all()

it('says of every table that migrations make what a restore does, and of no other', () => {
  expect(Object.keys(ON_RESTORE).sort()).toEqual(tablesOf(made()).sort())
})

it('is caught by a migration that adds a table', () => {
  const later = made()
  later.exec('CREATE TABLE later (id TEXT PRIMARY KEY) STRICT')
  expect(Object.keys(ON_RESTORE)).not.toEqual(expect.arrayContaining(tablesOf(later)))
})

it.each(Object.entries(ON_RESTORE))('%s: what is kept has no statement, what is not has one, and each fits the schema', (table, fate) => {
  const { is, sql = [], join = [], succeed = [] } = fate
  expect(sql.length > 0).toBe(is === 'ended')
  expect(join.length + succeed.length > 0).toBe(is === 'joined')
  const database = made()
  // no second database of the same schema can be attached in memory: the names alone are compared
  for (const statement of [...sql, ...join, ...succeed]) {
    expect(statement).toContain(`main.${table}`.replace('registry_namespaces', 'registry_'))
    expect(() => database.prepare(statement.replaceAll('present.', 'main.'))).not.toThrow()
  }
})
