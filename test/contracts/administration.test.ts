// The contracts of blocks, revocations and proposals against each of their implementations.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqliteBlocks, sqliteRevocations } from '../../src/adapters/sqlite/block-store.ts'
import { sqliteLogoutTokens } from '../../src/adapters/sqlite/logout-token-store.ts'
import { sqliteProposals } from '../../src/adapters/sqlite/proposal-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import { memoryBlocks, memoryLogoutTokens, memoryRevocations } from '../support/memory-blocks.ts'
import { memoryProposals } from '../support/memory-proposals.ts'
import { administrationContract } from './administration.ts'

administrationContract('in memory', () =>
  Promise.resolve({
    blocks: memoryBlocks(),
    revocations: memoryRevocations(),
    proposals: memoryProposals(),
    logoutTokens: memoryLogoutTokens(),
    reopen: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
  }),
)

administrationContract('in SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
  const file = join(folder, 'state.db')
  let db = await openStateDb(file)
  const stores = () => ({
    blocks: sqliteBlocks(db),
    revocations: sqliteRevocations(db),
    proposals: sqliteProposals(db),
    logoutTokens: sqliteLogoutTokens(db),
  })
  let now = stores()
  return {
    get blocks() {
      return now.blocks
    },
    get revocations() {
      return now.revocations
    },
    get proposals() {
      return now.proposals
    },
    get logoutTokens() {
      return now.logoutTokens
    },
    async reopen() {
      await db.close()
      db = await openStateDb(file)
      now = stores()
    },
    async dispose() {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})
