// Advisories as they are kept in state.db and asked for: which document counts, what it says of versions here, and who hears of it.

import Database from 'better-sqlite3'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAdvisoryStore } from '../../../src/adapters/sqlite/advisory-store.ts'
import { createDocumentStore } from '../../../src/adapters/sqlite/document-store.ts'
import { createVersionStore } from '../../../src/adapters/sqlite/registry-store.ts'
import { openStateDb, type StateDb } from '../../../src/adapters/sqlite/state-db.ts'
import { isStop, type Stop } from '../../../src/kernel/errors.ts'
import type { PrincipalKey } from '../../../src/kernel/principal.ts'
import { AdvisoryBook, type Recorded } from '../../../src/registry/advisories/book.ts'
import { publication } from '../../contracts/registry.ts'

const ROOT = 'https://idp.example root' as PrincipalKey
let folder: string
let db: StateDb
let book: AdvisoryBook
let nowMs: number
const open = async (): Promise<void> => {
  db = await openStateDb(join(folder, 'state.db'))
  book = new AdvisoryBook({ store: createAdvisoryStore(db), documents: createDocumentStore(db), nowMs: () => nowMs })
}
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-advisories-'))
  nowMs = Date.parse('2026-03-01T00:00:00Z')
  await open()
})
afterEach(async () => {
  await db.close()
  rmSync(folder, { recursive: true, force: true })
})

const about = (ecosystem: string, name: string, fixed?: string): object => ({
  package: { ecosystem, name },
  ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, ...(fixed === undefined ? [] : [{ fixed }])] }],
})
const osv = (id: string, modified: string, more: object = {}): string =>
  JSON.stringify({ id, modified: `2026-01-${modified}T00:00:00Z`, affected: [about('npm', 'left-pad', '2.0.0')], ...more })
const done = (recorded: Recorded | Stop): Recorded => {
  if (isStop(recorded)) throw new Error(`${recorded.stop}: ${recorded.detail ?? ''}`)
  return recorded
}
const record = async (document: string): Promise<readonly string[]> =>
  done(await book.record(document, ROOT)).concerned.map(({ name, version }) => `${name}@${version}`)
const version = (version: string, ...packages: object[]) => ({
  name: 'com.example/weather',
  version,
  serverJson: JSON.stringify({ name: 'com.example/weather', version, packages }),
})
const npm = (identifier: string, at: string): object => ({ registryType: 'npm', identifier, version: at })
const against = async (of: ReturnType<typeof version>): Promise<readonly string[]> =>
  (await book.advisoriesAgainst(of)).map(({ id, about }) => `${id}: ${about}`)

describe('an advisory', () => {
  it('is known of a version made of what it concerns, over a restart, and of no other', async () => {
    await record(osv('GHSA-1-a', '01'))
    await db.close()
    await open()
    expect(await against(version('1.0.0', npm('left-pad', '1.9.9')))).toEqual(['GHSA-1-a: npm left-pad 1.9.9'])
    expect(await against(version('1.0.0', npm('left-pad', '2.0.0')))).toEqual([])
    expect(await against(version('1.0.0', npm('right-pad', '1.9.9')))).toEqual([])
  })
  it('may concern the server itself, by its registry name in whatever case', async () => {
    await record(osv('X-1', '01', { affected: [about('MCP', 'com.Example/Weather', '1.5.0')] }))
    expect(await against(version('1.4.0'))).toEqual(['X-1: MCP com.example/weather 1.4.0'])
    expect(await against(version('1.5.0'))).toEqual([])
  })
  it('finds what is here already, and tells the exact ones of those that only look so', async () => {
    const versions = createVersionStore(db)
    const made = (name: string, type: string, identifier: string, at?: string) =>
      versions.publish(
        publication(name, '1.0.0', {
          serverJson: JSON.stringify({ packages: [{ registryType: type, identifier, ...(at !== undefined && { version: at }) }] }),
        }),
      )
    await made('com.example/a', 'pypi', 'Left__Pad', '1.0')
    await made('com.example/b', 'pypi', 'leftpad', '1.0')
    await made('com.example/c', 'oci', 'Example.com/Acme/Left:1@sha256:aa')
    await made('com.example/d', 'oci', 'example.com/acme/lefty:1')
    await made('com.example/e', 'npm', 'left-pad', '1.0.0')
    await made('com.example/f', 'npm', 'left-pad', '2.0.0')
    expect(await record(osv('A-1', '01', { affected: [about('PyPI', 'left.pad')] }))).toEqual(['com.example/a@1.0.0'])
    expect(await record(osv('A-2', '01', { affected: [about('OCI', 'example.com/acme/left')] }))).toEqual(['com.example/c@1.0.0'])
    expect(await record(osv('A-3', '01'))).toEqual(['com.example/e@1.0.0'])
    expect(await record(osv('A-4', '01', { affected: [about('MCP', 'COM.example/F')] }))).toEqual(['com.example/f@1.0.0'])
  })
  it('finds all of more versions than are judged at once', async () => {
    const versions = createVersionStore(db)
    for (let i = 0; i < 405; i++)
      await versions.publish(
        publication(`com.example/s${i % 3}`, `1.0.${i}`, { serverJson: JSON.stringify({ packages: [npm('left-pad', '1.0.0')] }) }),
      )
    expect(new Set(await record(osv('A-1', '01'))).size).toBe(405)
  })
  it('gives way to a later document of its id, and never to an earlier one', async () => {
    await record(osv('A-1', '05'))
    expect(await book.record(osv('A-1', '04', { affected: [] }), ROOT)).toMatchObject({ stop: 'advisory-invalid' })
    expect(await book.record(osv('A-1', '05', { affected: [] }), ROOT)).toMatchObject({ stop: 'advisory-invalid' })
    expect(await against(version('1.0.0', npm('left-pad', '1.0.0')))).toHaveLength(1)
    await record(osv('A-1', '06', { affected: [about('npm', 'left-pad', '1.0.0')] }))
    expect(await against(version('1.0.0', npm('left-pad', '1.0.0')))).toEqual([])
    expect(await against(version('1.0.0', npm('left-pad', '0.9.0')))).toHaveLength(1)
  })
  it('is the same when it is sent again, so that what failed half way can be done anew', async () => {
    const versions = createVersionStore(db)
    await versions.publish(publication('com.example/a', '1.0.0', { serverJson: JSON.stringify({ packages: [npm('left-pad', '1.0.0')] }) }))
    expect(await record(osv('A-1', '05'))).toEqual(await record(osv('A-1', '05')))
  })
  it('ends when it is withdrawn, by its own newer document or by ours, and comes back with a later one', async () => {
    await record(osv('A-1', '05'))
    await record(osv('A-1', '06', { withdrawn: '2026-01-06T00:00:00Z' }))
    expect(await against(version('1.0.0', npm('left-pad', '1.0.0')))).toEqual([])
    expect(await book.withdraw('A-1', ROOT)).toMatchObject({ stop: 'params-invalid' })
    await record(osv('A-1', '07'))
    expect(await against(version('1.0.0', npm('left-pad', '1.0.0')))).toHaveLength(1)
    const { document } = done(await book.withdraw('A-1', ROOT))
    expect(JSON.parse(document.document)).toMatchObject({ modified: '2026-03-01T00:00:00.000Z', withdrawn: '2026-03-01T00:00:00.000Z' })
    expect(await against(version('1.0.0', npm('left-pad', '1.0.0')))).toEqual([])
    expect(await book.withdraw('A-2', ROOT)).toMatchObject({ stop: 'registry-unknown' })
  })
  it('dated in the future can be withdrawn all the same', async () => {
    nowMs = 0
    await record(osv('A-1', '05'))
    expect(done(await book.withdraw('A-1', ROOT)).document.modifiedMs).toBe(Date.parse('2026-01-05T00:00:00.001Z'))
  })
  it('may speak of one package in several places', async () => {
    const ranges = (introduced: string, fixed: string): object => ({
      package: { ecosystem: 'npm', name: 'left-pad' },
      ranges: [{ type: 'SEMVER', events: [{ introduced }, { fixed }] }],
    })
    await record(osv('A-1', '01', { affected: [ranges('1.0.0', '1.1.0'), ranges('2.0.0', '2.1.0')] }))
    for (const at of ['1.0.5', '2.0.5']) expect(await against(version('1.0.0', npm('left-pad', at)))).toHaveLength(1)
    expect(await against(version('1.0.0', npm('left-pad', '1.5.0')))).toEqual([])
  })
  it('is refused where it is too large, or wrong, with what is wrong', async () => {
    expect(await book.record(osv('A-1', '01', { details: 'x'.repeat(530_000) }), ROOT)).toMatchObject({ stop: 'advisory-invalid' })
    expect(await book.record(osv('A-1', '99'), ROOT)).toMatchObject({
      stop: 'advisory-invalid',
      data: { faults: [{ at: 'modified' }] },
    })
    expect(await book.page('', 10)).toEqual([])
  })
  it('of two at once is the later one in the end', async () => {
    const all = ['03', '09', '05', '07'].map(day => book.record(osv('A-1', day, { summary: day }), ROOT))
    await Promise.all(all)
    expect(await book.find('A-1')).toMatchObject({ summary: '09' })
  })
})

describe('what a lock file pins', () => {
  const lockOf = (packages: object): string => JSON.stringify({ lockfileVersion: 3, packages: { '': { name: 'x' }, ...packages } })
  const keep = async (name: string, lock: string): Promise<void> => {
    const sha256 = hash('sha256', lock)
    const documents = [{ kind: 'lock:package-lock.json', signed: sha256, sha256, content: Buffer.from(lock) }] as const
    await createVersionStore(db).publish(publication(name, '1.0.0', { documents }))
  }
  const entry = (name: string) => ({ name, version: '1.0.0', serverJson: `{"name":"${name}","version":"1.0.0"}` })
  it('is known of its version, over a restart, and told apart from its own packages', async () => {
    await keep('com.example/a', lockOf({ 'node_modules/deep/node_modules/left-pad': { version: '1.0.0' } }))
    await record(osv('A-1', '01'))
    await db.close()
    await open()
    expect(await book.advisoriesAgainst(entry('com.example/a'))).toEqual([
      { id: 'A-1', isMalware: false, isIndirect: true, about: 'npm left-pad 1.0.0' },
    ])
    const both = {
      ...version('1.0.0', npm('left-pad', '1.0.0')),
      locks: [{ kind: 'lock:package-lock.json', text: lockOf({ 'node_modules/left-pad': { version: '1.0.0' } }) }],
    }
    expect(await book.advisoriesAgainst(both)).toMatchObject([{ isIndirect: false }])
  })
  it('is found when the advisory comes, and no other version of it', async () => {
    await keep('com.example/a', lockOf({ 'node_modules/left-pad': { version: '1.0.0' } }))
    await keep('com.example/b', lockOf({ 'node_modules/left-pad': { version: '2.0.0' } }))
    await keep('com.example/c', lockOf({ 'node_modules/other': { name: 'left-pad', version: '1.0.0' } }))
    expect(await record(osv('A-1', '01'))).toEqual(['com.example/a@1.0.0', 'com.example/c@1.0.0'])
  })
})

describe('whoever runs versions', () => {
  it('hears of each change once it can be asked for, and of nothing else', async () => {
    const heard: number[] = []
    const end = book.onChange(() => void against(version('1.0.0', npm('left-pad', '1.0.0'))).then(found => heard.push(found.length)))
    await record(osv('A-1', '05'))
    await record(osv('A-1', '05'))
    await book.record('[]', ROOT)
    await book.withdraw('A-1', ROOT)
    await against(version('1.0.0'))
    expect(heard).toEqual([1, 0])
    end()
    await record(osv('A-2', '05'))
    await against(version('1.0.0'))
    expect(heard).toEqual([1, 0])
  })
})

describe('pages', () => {
  it('hold what counts by id, fewer where documents are long, and always go on', async () => {
    const ids = Array.from({ length: 12 }, (_, i) => `A-${10 + i}`)
    for (const id of ids) await record(osv(id, '01', { details: 'x'.repeat(500_000) }))
    const seen: string[] = []
    const sizes: number[] = []
    for (let after = ''; ;) {
      const page = await book.page(after, 100)
      if (page.length === 0) break
      sizes.push(page.length)
      seen.push(...page.map(({ id }) => id))
      after = page.at(-1)?.id ?? ''
    }
    expect(seen).toEqual(ids)
    expect(sizes[0]).toBe(9)
  })
})

describe('somebody who reaches the tables themselves (attack 8)', () => {
  it.each([
    `UPDATE registry_advisories SET document = '{}'`,
    `DELETE FROM registry_advisories`,
    `INSERT OR REPLACE INTO registry_advisories (id, modified_ms, is_withdrawn, is_malware, document, recorded_by, recorded_ms) SELECT id, modified_ms, 1, 0, '{}', 'x', 0 FROM registry_advisories`,
  ])('changes nothing by %s', async statement => {
    await record(osv('A-1', '05'))
    await expect(db.write([{ sql: statement }])).rejects.toMatchObject({ code: 'state-conflict' })
    const raw = new Database(join(folder, 'state.db'))
    raw.pragma('recursive_triggers = OFF')
    expect(() => raw.exec(statement)).toThrow()
    raw.close()
    expect(await book.find('A-1')).toMatchObject({ isWithdrawn: false })
  })
})
