// An attacker who holds state.db, and no key: whatever is written into any column of the registry's tables, no unsigned, unreviewed or older version is used.

import Database from 'better-sqlite3'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RootedVerification } from '../../src/adapters/sigstore/rooted-verification.ts'
import { createDocumentStore } from '../../src/adapters/sqlite/document-store.ts'
import { createRevocationLog, createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { registrySource, withdrawnIn } from '../../src/compose/registry-source.ts'
import { ServedTrust } from '../../src/compose/served-trust.ts'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { isDenial } from '../../src/trust/denial.ts'
import { LOCK, NAME, serverJson, sha256, Signers, SURFACE } from '../support/served.ts'

const PAT = 'https://idp.example pat' as PrincipalKey
const [GOOD, UNREVIEWED, UNSIGNED] = ['1.0.0', '2.0.0', '3.0.0'] as const
const rooted = new RootedVerification(60_000)
let signers: Signers
let folder: string
let file: string
let policies: string
let db: Database.Database
let held: StateDb
const texts = new Map<string, readonly string[]>()
beforeAll(async () => {
  signers = new Signers(() => 'local')
  policies = join(signers.folder, 'policies.json')
  writeFileSync(policies, signers.policies())
  const json = (version: string): string => serverJson(version)
  texts.set(GOOD, [await signers.publish(json(GOOD), 1), await signers.review(json(GOOD))])
  texts.set(UNREVIEWED, [await signers.publish(json(UNREVIEWED), 2)])
  texts.set(UNSIGNED, [])
})
afterAll(() => signers.remove())
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-held-db-'))
  file = join(folder, 'state.db')
  const state = await openStateDb(file)
  const versions = createVersionStore(state)
  for (const [version, bundles] of texts)
    await versions.publish({
      name: NAME,
      namespace: 'com.example',
      version,
      serverJson: serverJson(version),
      digest: hash('sha256', canonicalJson(JSON.parse(serverJson(version))) ?? ''),
      search: '',
      publishedBy: PAT,
      atSeconds: 1,
      artifacts: [],
      attestations: bundles.map((bundle, i) => ({ digest: sha256(bundle), kind: i === 0 ? 'publisher' : 'review', bundle, signer: 'x' })),
      documents: [
        { kind: 'lock:package-lock.json', signed: sha256(LOCK), sha256: sha256(LOCK), content: Buffer.from(LOCK) },
        { kind: 'surface', signed: surface.digest, sha256: surface.digest, content: Buffer.from(surface.text) },
      ],
      standing: version === GOOD ? 'admitted' : 'quarantined',
    })
  await state.close()
  db = new Database(file)
  // Past every trigger, check and foreign key: whoever has the file has them too.
  for (const { name } of db.prepare(`SELECT name FROM sqlite_master WHERE type = 'trigger'`).all() as { name: string }[])
    db.exec(`DROP TRIGGER "${name}"`)
  db.pragma('foreign_keys = OFF')
  db.pragma('ignore_check_constraints = ON')
  held = { all: (sql: string, params: unknown[]) => Promise.resolve(db.prepare(sql).all(...params)) } as unknown as StateDb
  return () => {
    db.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
const text = canonicalJson(SURFACE) ?? ''
const surface = { text, digest: sha256(text) }

/** What a gateway makes of the database as it is. */
async function judge(version: string, floor = 0): Promise<string> {
  const trust = new ServedTrust({
    followed: undefined,
    files: () => ({ policies }),
    rooted,
    source: registrySource(createVersionStore(held), createDocumentStore(held)),
    withdrawn: () => withdrawnIn(createRevocationLog(held)),
    floors: { of: () => floor, raise: () => {} },
    advisories: { advisoriesAgainst: () => Promise.resolve([]) },
    vulnerable: () => 'refuse',
    registry: () => 'local',
    now: Date.now,
  })
  const found = await trust.judge({ name: NAME, version, launch: { args: [], env: {}, headers: {} } }, undefined)
  return isDenial(found) ? found.rule : `served ${found.version} ${found.sequence}`
}

const write = (sql: string, ...params: unknown[]): unknown => db.prepare(sql).run(...params)
const columns = (): readonly (readonly [table: string, column: string])[] => {
  const tables = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'registry_%'`).all() as { name: string }[]
  return tables.flatMap(({ name }) =>
    (db.prepare(`SELECT name FROM pragma_table_info('${name}')`).all() as { name: string }[]).map(column => [name, column.name] as const),
  )
}

describe('whoever holds the database', () => {
  it('finds one version that is used, and two that are not', async () => {
    expect([await judge(GOOD), await judge(UNREVIEWED), await judge(UNSIGNED)]).toEqual([
      'served 1.0.0 1',
      'review-absent',
      'review-absent',
    ])
  })

  it('admits nothing by any one value of any column: neither words that mean well, nor what stands in the row of a good version', async () => {
    const served: string[] = []
    let written = 0
    for (const [table, column] of columns()) {
      for (const value of ['admitted', 'review', GOOD, 1, 'null', '{}', 0]) {
        db.exec('BEGIN')
        try {
          write(`UPDATE OR REPLACE "${table}" SET "${column}" = ?`, value)
          written += 1
          for (const version of [UNREVIEWED, UNSIGNED]) {
            const said = await judge(version)
            if (said.startsWith('served')) served.push(`${table}.${column} = ${value}: ${said}`)
          }
        } catch (error) {
          if (!/constraint|datatype|STRICT|cannot store/i.test(String(error))) throw error // not even this file takes it
        }
        db.exec('ROLLBACK')
      }
    }
    expect(written).toBeGreaterThan(200)
    expect(served).toEqual([])
  })

  it.each<[string, () => void, string]>([
    [
      'calls it admitted, signed and latest',
      () => write(`UPDATE registry_standings SET standing = 'admitted', is_latest = 1 WHERE version = '${UNREVIEWED}'`),
      'review-absent',
    ],
    [
      'moves the review of another version to it',
      () => write(`UPDATE registry_attestations SET version = '${UNREVIEWED}' WHERE kind = 'review'`),
      'server-mismatch',
    ],
    [
      'moves all bundles of another version to it',
      () => write(`UPDATE registry_attestations SET version = '${UNREVIEWED}'`),
      'server-mismatch',
    ],
    [
      'calls the publisher’s bundle a review',
      () => write(`UPDATE registry_attestations SET kind = 'review' WHERE version = '${UNREVIEWED}'`),
      'review-absent',
    ],
    [
      'writes the server.json of the good version over it',
      () => write(`UPDATE registry_versions SET server_json = ? WHERE version = '${UNREVIEWED}'`, serverJson(GOOD)),
      'server-mismatch',
    ],
    ['renames the good version to it', () => rename(GOOD, UNREVIEWED), 'server-mismatch'],
  ])('an unreviewed version stays out: %s', async (_what, attack, rule) => {
    attack()
    expect(await judge(UNREVIEWED)).toBe(rule)
  })

  it('an older version stays below the floor, whatever number the database gives it', async () => {
    write('UPDATE registry_versions SET sequence = sequence + 100')
    write('UPDATE registry_standings SET sequence = sequence + 100')
    expect(await judge(GOOD, 2)).toBe('below-floor')
    expect(await judge(GOOD, 1)).toBe('served 1.0.0 1')
  })

  it.each<[string, () => void]>([
    [
      'server.json',
      () => write(`UPDATE registry_versions SET server_json = ? WHERE version = '${GOOD}'`, serverJson(GOOD, { title: 'x' })),
    ],
    ['the lock file', () => write(`UPDATE registry_documents SET content = ? WHERE kind LIKE 'lock%'`, Buffer.from('other'))],
    [
      'the lock file, with its digest',
      () => write(`UPDATE registry_documents SET content = ?, sha256 = ? WHERE kind LIKE 'lock%'`, Buffer.from('other'), sha256('other')),
    ],
    ['the bundle of its publisher', () => write(`DELETE FROM registry_attestations WHERE kind = 'publisher'`)],
    ['a bundle', () => write(`UPDATE registry_attestations SET bundle = replace(bundle, 'a', 'b')`)],
  ])('the good version is not used with another %s', async (_what, attack) => {
    attack()
    expect(await judge(GOOD)).not.toContain('served')
  })
})

function rename(from: string, to: string): void {
  for (const table of ['registry_versions', 'registry_standings', 'registry_attestations', 'registry_documents']) {
    write(`DELETE FROM ${table} WHERE version = '${to}'`)
    write(`UPDATE ${table} SET version = '${to}' WHERE version = '${from}'`)
  }
}
