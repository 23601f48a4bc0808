// What doctor says of the files that publications are verified by.

import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { World } from '../../src/cli/doctor/check.ts'
import { checkRegistryTrust } from '../../src/cli/doctor/registry-trust.ts'
import type { Snapshot } from '../../src/config/schema.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-registry-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })
const signer = { mode: 'key', keys: [{ publicKey: pem, validFor: { start: '2020-01-01T00:00:00Z' } }] }
const POLICIES = { version: 1, namespaces: { 'com.example': signer }, reviewers: [{ verifier: 'https://r.example/', signer }] }
const put = (name: string, value: unknown): string => {
  const file = join(folder, name)
  writeFileSync(file, JSON.stringify(value))
  return file
}
const check = (trust?: { policies: string; root?: string }) =>
  checkRegistryTrust({} as World, { registry: { isExposed: false, sets: new Map(), ...(trust && { trust }) } } as unknown as Snapshot)

it('says nothing where nothing is configured', async () => {
  expect(await check()).toEqual([])
})
it('counts signers and reviewers', async () => {
  expect(await check({ policies: put('p.json', POLICIES) })).toMatchObject([
    { status: 'ok', what: 'the policies name signers of 1 namespaces and 1 reviewers' },
  ])
})
it('warns where nobody could admit anything', async () => {
  expect(await check({ policies: put('p.json', { ...POLICIES, reviewers: [] }) })).toMatchObject([{ status: 'warn' }])
})
it('fails for each file that is missing or broken, and says where it is wrong', async () => {
  const broken = { policies: put('p.json', { version: 1, namespaces: { 'com.example': {} } }), root: join(folder, 'gone.json') }
  expect(await check(broken)).toMatchObject([
    { status: 'fail', what: expect.stringContaining('namespaces.com.example') },
    { status: 'fail', what: expect.stringContaining('(ENOENT)') },
  ])
  expect(await check({ policies: put('p.json', POLICIES), root: put('r.json', {}) })).toMatchObject([
    { status: 'fail', what: expect.stringContaining('trusted root') },
  ])
})
