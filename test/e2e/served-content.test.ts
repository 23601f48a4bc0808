// A version of the registry whose bytes come from a registry of packages over HTTP and lie on a real disk: what runs is what was signed, at each start.

import { appendFileSync, chmodSync, readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { uproot } from '../../src/adapters/content/tree.ts'
import { serveNpm, type NpmRegistry } from '../../src/demo/artifacts/npm-registry.ts'
import { lockFileOf, packFiles, type PackedPackage } from '../../src/demo/artifacts/pack.ts'
import type { Answer } from '../attacks/wire.ts'
import { startServed, type ServedGateway } from '../support/served-gateway.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
const SERVER = stripTypeScriptTypes(readFileSync(join(import.meta.dirname, '../support/upstreams/flipping-stdio.ts'), 'utf8'))
const packageOf = (script: string): PackedPackage =>
  packFiles([
    {
      path: 'package.json',
      bytes: Buffer.from('{"name":"@example/weather","version":"1.0.0","bin":"index.mjs","scripts":{"postinstall":"exit 1"}}'),
    },
    { path: 'index.mjs', bytes: Buffer.from(script) },
  ])
const GENUINE = packageOf(SERVER)
const EVIL = packageOf(`${SERVER}\n// evil\n`)

async function serving(served = GENUINE): Promise<{ world: ServedGateway; registry: NpmRegistry }> {
  const registry = await serveNpm([served])
  closing.push(() => registry.close())
  const world = await startServed({ packed: { npm: registry.url, tarball: GENUINE.tarball, lock: lockFileOf([GENUINE]).toString() } })
  closing.push(async () => {
    uproot(join(world.running.dataDir, 'content')) // closed to writing: nothing else could remove it but root
    await world.stop()
  })
  expect((await world.publish('1.0.0', 1)).status).toBe(200)
  expect(await world.running.reload(world.pinned('1.0.0'))).toBe(undefined)
  return { world, registry }
}
const textOf = ({ body }: Answer): unknown => body.result?.content[0].text
const ruleOf = ({ body }: Answer): unknown => body.error?.data?.trust?.rule
/** the one file of the program, as it lies there */
function scriptIn({ running }: ServedGateway): string {
  const content = join(running.dataDir, 'content')
  const [id = ''] = readdirSync(content)
  return join(content, id, 'node_modules/@example/weather/index.mjs')
}
function worsen(file: string): void {
  chmodSync(file, 0o644)
  appendFileSync(file, '\n// evil\n')
  chmodSync(file, 0o444)
}

describe('a package that was signed, reviewed and pinned', () => {
  it('is fetched, compared, installed without its scripts, and answers calls', async () => {
    const { world, registry } = await serving()
    expect(textOf(await world.call())).toBe('get_weather 1')
    expect(registry.asked).toEqual(['/@example/weather/-/weather-1.0.0.tgz'])
    expect(readFileSync(scriptIn(world), 'utf8')).toBe(SERVER)
  })
  it('N140: its tarball was swapped where it is fetched from: nothing of it starts', async () => {
    const { world } = await serving(EVIL)
    expect(ruleOf(await world.call())).toBe('artifact-mismatch')
    expect(readdirSync(join(world.running.dataDir, 'content'))).toEqual([])
    expect(world.running.events().filter(e => e['type'] === 'upstream-contact')).toEqual([])
  })
  it('TOCTOU: its file is edited between installation and a start: refused, on record, and what was signed is installed anew', async () => {
    const { world, registry } = await serving()
    expect(textOf(await world.call('alice'))).toBe('get_weather 1')
    worsen(scriptIn(world))
    // a process of his own would start from the changed file
    expect(ruleOf(await world.call('bob'))).toBe('tree-changed')
    expect(world.events('server-version').at(-1)!['detail']).toMatchObject({ is: 'ended', rule: 'tree-changed' })
    // the next look at what is pinned: each half minute, and whenever the registry changes
    await world.publish('1.1.0', 2)
    await expect.poll(async () => String(textOf(await world.call('bob'))), { timeout: 20_000 }).toMatch(/^get_weather /)
    expect(registry.asked).toHaveLength(2)
    expect(readFileSync(scriptIn(world), 'utf8')).toBe(SERVER)
  })
  it('TOCTOU: its file is edited, and the source serves the same evil by then: it stays refused', async () => {
    const { world, registry } = await serving()
    expect(textOf(await world.call('alice'))).toBe('get_weather 1')
    registry.put('@example/weather', '1.0.0', EVIL.tarball)
    worsen(scriptIn(world))
    expect(ruleOf(await world.call('bob'))).toBe('tree-changed')
    await world.publish('1.1.0', 2)
    await expect.poll(async () => ruleOf(await world.call('bob')), { timeout: 20_000 }).toBe('artifact-mismatch')
    expect(world.events('server-version').map(e => e['detail'].is)).toEqual(['in-force', 'ended', 'refused'])
  })
})
