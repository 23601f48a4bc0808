// The contract of marks against each implementation, and what a store that fails does to it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { sqliteMarks } from '../../src/adapters/sqlite/mark-store.ts'
import { openStateDb } from '../../src/adapters/sqlite/state-db.ts'
import { memoryMarks } from '../support/memory-marks.ts'
import { mark, marksContract } from './marks.ts'

marksContract('in memory', () =>
  Promise.resolve({ marks: memoryMarks(), reopen: () => Promise.resolve(), dispose: () => Promise.resolve() }),
)

marksContract('in SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-state-'))
  const file = join(folder, 'state.db')
  let db = await openStateDb(file)
  let marks = sqliteMarks(db)
  return {
    get marks() {
      return marks
    },
    async reopen() {
      await db.close()
      db = await openStateDb(file)
      marks = sqliteMarks(db)
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
  const marks = sqliteMarks(db)
  for (const asked of [marks.put(mark()), marks.remove([mark()]), marks.forget(0), marks.alive(0)])
    await expect(asked).rejects.toMatchObject({ code: 'state-unavailable' })
  rmSync(folder, { recursive: true, force: true })
})
