// Namespaces of a database from before proofs were bound to anything: they and their members are there after the migration.

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { migrationsFolder } from '../../../src/adapters/sqlite/migrations.ts'
import { createNamespaceStore } from '../../../src/adapters/sqlite/namespace-store.ts'
import { openStateDb } from '../../../src/adapters/sqlite/state-db.ts'

it('keeps namespaces and their members, and binds nothing that nobody proved', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-migration-'))
  const before = join(folder, 'migrations')
  mkdirSync(before)
  const names = readdirSync(migrationsFolder()).sort()
  const at = names.findIndex(name => name.includes('namespace_proofs'))
  for (const name of names.slice(0, at)) copyFileSync(join(migrationsFolder(), name), join(before, name))
  const file = join(folder, 'state.db')
  const old = await openStateDb(file, { migrations: before })
  await old.write([
    {
      sql: `INSERT INTO registry_namespaces (name, skeleton, state, proof, proved_at, prove_again_at, created_at)
        VALUES ('com.Example', 'com-examp1e', 'frozen', 'dns', 100, 200, 100), ('internal', 'internal', 'active', 'operator', 50, NULL, 50)`,
    },
    {
      sql: `INSERT INTO registry_members (namespace, principal, role, added_by, added_at)
        VALUES ('com.example', 'https://idp.example pat', 'owner', 'x', 1), ('COM.example', 'https://idp.example bob', 'publisher', 'x', 2)`,
    },
  ])
  await old.close()
  const db = await openStateDb(file)
  expect(await createNamespaceStore(db).list()).toEqual([
    {
      name: 'com.Example',
      state: 'frozen',
      proof: 'dns',
      provedAtSeconds: 100,
      proveAgainAtSeconds: 200,
      members: [
        { principal: 'https://idp.example bob', role: 'publisher' },
        { principal: 'https://idp.example pat', role: 'owner' },
      ],
    },
    { name: 'internal', state: 'active', proof: 'operator', provedAtSeconds: 50, members: [] },
  ])
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})
