// The contract of approvals against each implementation, and ten thousand of them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { sqliteApprovals } from '../../src/adapters/sqlite/approval-store.ts'
import { sqliteStandingGrants } from '../../src/adapters/sqlite/standing-grant-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { memoryApprovals } from '../support/memory-approvals.ts'
import { approval, approvalsContract } from './approvals.ts'

approvalsContract('in memory', () =>
  Promise.resolve({ ...memoryApprovals(), reopen: () => Promise.resolve(), dispose: () => Promise.resolve() }),
)

approvalsContract('in SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
  const file = join(folder, 'state.db')
  let db = await openStateDb(file)
  let stores = { approvals: sqliteApprovals(db), grants: sqliteStandingGrants(db) }
  return {
    get approvals() {
      return stores.approvals
    },
    get grants() {
      return stores.grants
    },
    async reopen() {
      await db.close()
      db = await openStateDb(file)
      stores = { approvals: sqliteApprovals(db), grants: sqliteStandingGrants(db) }
    },
    async dispose() {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})

it('rejects what is asked of a database that is closed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
  const db = await openStateDb(join(folder, 'state.db'))
  await db.close()
  const store = sqliteApprovals(db)
  for (const asked of [store.open(approval(), '', { total: 1, perPrincipal: 1, perServer: 1 }), store.find({ id: 'x' }), store.sweep(0, 1)])
    await expect(asked).rejects.toMatchObject({ code: 'state-unavailable' })
  rmSync(folder, { recursive: true, force: true })
})

it('keeps ten thousand that wait within 64 MB, database included (N120)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
  const db = await openStateDb(join(folder, 'state.db'))
  const store = sqliteApprovals(db)
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  const body = 'x'.repeat(1000)
  const limits = { total: 10_000, perPrincipal: 100, perServer: 100 }
  for (let group = 0; group < 100; group++) {
    const principal = `https://idp.example user-${group}` as PrincipalKey
    const many = Array.from({ length: 100 }, (_, i) => approval({}, { principal, request: `request-${i}` }))
    const answers = await Promise.all(many.map(each => store.open(each, body, limits)))
    expect(new Set(answers)).toEqual(new Set(['opened']))
  }
  expect(await store.open(approval({}, { request: 'one more' }), body, limits)).toBe('full')
  const grown = process.memoryUsage.rss() - before
  await db.close()
  rmSync(folder, { recursive: true, force: true })
  expect(grown / 1024 / 1024).toBeLessThan(64)
})
