import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dryRefresh } from '../../../src/adapters/tuf/dry-refresh.ts'
import { prune } from '../../../src/adapters/tuf/pruning.ts'
import { publishTrust, revocationsFrom } from '../../../src/adapters/tuf/publish.ts'
import { stageDocuments } from '../../../src/adapters/tuf/staging.ts'
import { OperatedRepository } from '../../support/trust-repository.ts'
import { floors, policies, revocations, trustedRoot } from './world.ts'

const DAY = 24 * 3_600_000
const NOW = Date.now()
let path: string
let repository: OperatedRepository
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'pruning-'))
  repository = new OperatedRepository(path, { policies: policies('a@acme.com'), trustedRoot: trustedRoot(), floors: floors(1) })
})
afterEach(() => rmSync(path, { recursive: true, force: true }))
const revoke = (...versions: readonly string[]): void =>
  void publishTrust(repository.folder, { revocations: revocationsFrom(Buffer.from(revocations(...versions))) }, NOW)
/** As if all that is there had been written so long ago. */
function age(ms: number): void {
  for (const name of readdirSync(join(path, 'metadata'))) utimesSync(join(path, 'metadata', name), (NOW - ms) / 1000, (NOW - ms) / 1000)
}
const snapshots = (): string[] => readdirSync(join(path, 'metadata')).filter(name => name.includes('snapshot')).sort() // prettier-ignore
const believed = async (): Promise<unknown> =>
  (await dryRefresh({ place: { kind: 'folder', folder: path }, pinnedRoot: readFileSync(repository.root), now: Date.now })).refused

describe('pruning a repository of trust', () => {
  it('removes what no snapshot of the last day names, and a new gateway still believes all of it', async () => {
    for (let i = 1; i <= 5; i++) revoke(...Array.from({ length: i }, (_, n) => `1.0.${n}`))
    repository.change({ policies: policies('b@acme.com') })
    age(2 * DAY)
    revoke('2.0.0')
    expect(snapshots()).toHaveLength(8)
    expect(await prune(repository.folder, NOW)).toBeGreaterThan(10)
    expect(snapshots()).toEqual(['7.snapshot.json', '8.snapshot.json'])
    expect(readdirSync(join(path, 'targets/revocations'))).toHaveLength(2)
    expect(readdirSync(join(path, 'targets/namespaces'))).toHaveLength(2)
    expect(readdirSync(join(path, 'metadata'))).toContain('1.root.json')
    expect(await believed()).toEqual([])
    expect(await prune(repository.folder, NOW)).toBe(0)
  })

  it('never takes the newest, also where an interruption left a later one behind', async () => {
    revoke('1.0.0')
    cpSync(join(path, 'metadata/2.snapshot.json'), join(path, 'metadata/9.snapshot.json'))
    age(2 * DAY)
    await prune(repository.folder, NOW)
    expect(await believed()).toEqual([])
  })

  it('leaves what was the newest within the last day, and what keyholders have before them', async () => {
    revoke('1.0.0')
    stageDocuments(repository.folder, new Map([['policies', Buffer.from(policies('c@acme.com'))]]), NOW)
    expect(await prune(repository.folder, NOW)).toBe(0)
    age(2 * DAY)
    expect(await prune(repository.folder, NOW)).toBeGreaterThan(0)
    expect(readdirSync(join(path, 'targets/namespaces'))).toHaveLength(3) // policies now and staged, floors
    expect(await believed()).toEqual([])
  })
})
