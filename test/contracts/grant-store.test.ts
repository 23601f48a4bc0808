import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGrantStore } from '../../src/adapters/sqlite/grant-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { MemoryGrantStore } from '../support/memory-grant-store.ts'
import { grantStoreContract } from './grant-store.ts'

grantStoreContract('memory', async () => {
  const store = new MemoryGrantStore()
  return { open: async () => store, dispose: async () => {} }
})

grantStoreContract('SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'grants-'))
  const opened: StateDb[] = []
  return {
    async open() {
      await opened.at(-1)?.close()
      opened.push(await openStateDb(join(dir, 'state.db')))
      return createGrantStore(opened.at(-1)!)
    },
    async dispose() {
      await opened.at(-1)?.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
})
