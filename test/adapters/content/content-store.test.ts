// What was installed stays what it was, or is not started: between installation and start, over restarts, and whoever changes what.

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serveNpm, type NpmRegistry } from '../../../src/demo/artifacts/npm-registry.ts'
import type { Launchable } from '../../../src/trust/content.ts'
import { keptBy, npmWanted, refusalOf, small, worldOf, type World } from './world.ts'

const IS_ROOT = process.geteuid?.() === 0
const weather = small({}, [
  { path: 'lib/a.js', bytes: Buffer.from('a') },
  { path: 'lib/b.js', bytes: Buffer.from('b') },
])
const wanted = npmWanted([weather])

let registry: NpmRegistry
let world: World
let launchable: Launchable
let own: string
let changed: string[]
beforeEach(async () => {
  registry = await serveNpm([weather])
  changed = []
  world = worldOf({ npm: registry.url }, { onChanged: artifact => changed.push(artifact) })
  launchable = await keptBy(world.store, wanted)
  own = join(launchable.folder, 'node_modules/@acme/weather')
})
afterEach(async () => {
  world.end()
  await registry.close()
})
const checked = async (store = world.store): Promise<string> => refusalOf(await store.check(launchable))
/** As somebody with the rights of the gateway's own user would. */
function tamper(folder: string, change: () => void): void {
  chmodSync(folder, 0o755)
  change()
  chmodSync(folder, 0o555)
}
const rewrite = (file: string, text: string): void => {
  chmodSync(file, 0o644)
  writeFileSync(file, text)
  chmodSync(file, 0o444)
}

describe('between installation and start (TOCTOU)', () => {
  it('nothing was changed: it may start', async () => expect(await checked()).toBe('none'))
  it.each<[string, () => void]>([
    ['a file is edited', () => rewrite(join(own, 'lib/a.js'), 'A')],
    [
      'a file is edited and edited back in its time stamps',
      () => rewrite(join(own, 'index.js'), readFileSync(join(own, 'index.js'), 'utf8').replace('hello', 'hullo')),
    ],
    [
      'two files change places',
      () =>
        tamper(join(own, 'lib'), () => {
          renameSync(join(own, 'lib/a.js'), join(own, 'lib/c'))
          renameSync(join(own, 'lib/b.js'), join(own, 'lib/a.js'))
          renameSync(join(own, 'lib/c'), join(own, 'lib/b.js'))
        }),
    ],
    ['a file is added', () => tamper(own, () => writeFileSync(join(own, 'evil.js'), '', { mode: 0o444 }))],
    ['a folder is added', () => tamper(own, () => mkdirSync(join(own, 'node_modules'), { mode: 0o555 }))],
    [
      'a package is added at the top',
      () => tamper(launchable.folder, () => writeFileSync(join(launchable.folder, 'package.json'), '{}', { mode: 0o444 })),
    ],
    ['a file is removed', () => tamper(join(own, 'lib'), () => unlinkSync(join(own, 'lib/a.js')))],
    ['a file may be written to', () => chmodSync(join(own, 'lib/a.js'), 0o644)],
    ['a file may be run', () => chmodSync(join(own, 'lib/a.js'), 0o555)],
    ['a folder may be written to', () => chmodSync(join(own, 'lib'), 0o775)],
    [
      'symlink swap: a file',
      () =>
        tamper(own, () => {
          cpSync(join(own, 'index.js'), join(world.dataDir, 'same.js'))
          unlinkSync(join(own, 'index.js'))
          symlinkSync(join(world.dataDir, 'same.js'), join(own, 'index.js'))
        }),
    ],
    [
      'symlink swap: a folder',
      () =>
        tamper(own, () => {
          renameSync(join(own, 'lib'), join(own, 'moved'))
          symlinkSync(join(own, 'moved'), join(own, 'lib'))
        }),
    ],
    [
      'symlink swap: the whole tree',
      () => {
        renameSync(launchable.folder, join(world.folder, 'moved'))
        symlinkSync(join(world.folder, 'moved'), launchable.folder)
      },
    ],
    ['the whole tree is gone', () => renameSync(launchable.folder, join(world.folder, 'moved'))],
    ['others may write to the folder of all trees', () => chmodSync(world.folder, 0o777)],
    [
      'the folder of all trees is a link',
      () => {
        renameSync(world.folder, join(world.dataDir, 'moved'))
        symlinkSync(join(world.dataDir, 'moved'), world.folder)
      },
    ],
  ])('%s: it does not start', async (_, change) => {
    change()
    expect(await checked()).toMatch(/^tree-changed/)
    expect(await checked(world.again())).toMatch(/^tree-changed/)
  })
  it.runIf(IS_ROOT)('a file that belongs to somebody else, who could open it for writing', async () => {
    chownSync(join(own, 'lib/a.js'), 65_534, 65_534)
    expect(await checked()).toMatch(/^tree-changed/)
  })
  it('an edit while earlier checks run is seen by the next', async () => {
    const before = Array.from({ length: 5 }, () => checked())
    rewrite(join(own, 'lib/a.js'), 'A')
    expect(await checked()).toMatch(/^tree-changed/)
    await Promise.all(before)
  })
  it('another tree than was installed for it: of another version, with its own digest, or somewhere else', async () => {
    const other = small({ version: '1.3.0' })
    registry.put(other.name, other.version, other.tarball)
    const newer = await keptBy(world.store, npmWanted([other]))
    expect(refusalOf(await world.store.check({ ...launchable, folder: newer.folder }))).toMatch(/^tree-changed/)
    expect(refusalOf(await world.store.check({ ...launchable, treeDigest: newer.treeDigest }))).toMatch(/^tree-changed/)
    expect(refusalOf(await world.store.check({ ...launchable, folder: own }))).toMatch(/^tree-unknown/)
    expect(refusalOf(await world.store.check({ ...launchable, folder: join(world.folder, '..', 'content') }))).toMatch(/^tree-unknown/)
    expect(await world.store.check(newer)).toBeUndefined()
  })
})

describe('what a child may do', () => {
  it.runIf(IS_ROOT)('a child of another user cannot write into what it was started from, add to it, or replace it', () => {
    // the folder of all trees is where such a child can reach it
    for (const folder of [world.dataDir, world.folder]) chmodSync(folder, 0o755)
    const script = `
      const { writeFileSync, renameSync, readFileSync } = require('node:fs')
      readFileSync(${JSON.stringify(join(own, 'index.js'))})
      for (const act of [
        () => writeFileSync(${JSON.stringify(join(own, 'index.js'))}, 'evil'),
        () => writeFileSync(${JSON.stringify(join(own, 'new.js'))}, 'evil'),
        () => renameSync(${JSON.stringify(launchable.folder)}, ${JSON.stringify(`${launchable.folder}x`)}),
        () => writeFileSync(${JSON.stringify(join(world.folder, 'x'))}, 'evil'),
        () => writeFileSync(${JSON.stringify(join(world.dataDir, 'trust', 'content.json'))}, 'evil'),
      ]) { try { act(); process.exit(1) } catch (error) { if (error.code !== 'EACCES') process.exit(2) } }`
    const child = spawnSync(process.execPath, ['-e', script], { uid: 65_534, gid: 65_534, cwd: '/', env: {} })
    expect({ status: child.status, words: child.stderr.toString() }).toEqual({ status: 0, words: '' })
  })
})

describe('the record of what was installed', () => {
  const file = (): string => join(world.dataDir, 'trust/content.json')
  it('is private', () => expect(statSync(file()).mode & 0o777).toBe(0o600))
  it('is missing: nothing starts before it is installed anew', async () => {
    rmSync(file())
    const again = world.again()
    expect(await checked(again)).toMatch(/^tree-unknown/)
    const before = registry.asked.length
    expect(await keptBy(again, wanted)).toEqual(launchable)
    expect(registry.asked.length).toBe(before + 1)
    expect(await checked(again)).toBe('none')
  })
  it('says another digest: the tree is not started, and installed anew', async () => {
    writeFileSync(file(), readFileSync(file(), 'utf8').replace(launchable.treeDigest, '0'.repeat(64)), { mode: 0o600 })
    const again = world.again()
    expect(await checked(again)).toMatch(/^tree-changed/)
    expect(await keptBy(again, wanted)).toEqual(launchable)
    expect(await checked(again)).toBe('none')
  })
  it('is damaged, or others could have written it: the store does not open', () => {
    writeFileSync(file(), '{"version":1,"trees":{"x":{}}}')
    expect(() => world.again()).toThrow(expect.objectContaining({ code: 'content-invalid' }))
    writeFileSync(file(), '{"version":1,"trees":{}}')
    chmodSync(file(), 0o666)
    expect(() => world.again()).toThrow(expect.objectContaining({ code: 'content-invalid' }))
  })
})

describe('installing anew', () => {
  it('replaces a changed tree by what was signed', async () => {
    rewrite(join(own, 'index.js'), 'evil')
    expect(await keptBy(world.store, wanted)).toEqual(launchable)
    expect(readFileSync(join(own, 'index.js'), 'utf8')).toContain('hello')
    expect(await checked()).toBe('none')
    expect(readdirSync(world.folder)).toHaveLength(1)
  })
  it('attack: a tree that was changed while nothing ran is replaced, and not without a word', async () => {
    await keptBy(world.again(), wanted)
    expect(changed).toEqual([])
    tamper(own, () => writeFileSync(join(own, 'left-behind'), 'x'))
    await keptBy(world.again(), wanted)
    expect(changed).toEqual(['pkg:npm/%40acme/weather@1.2.0'])
    expect(readdirSync(own)).not.toContain('left-behind')
  })
  it('leaves a changed tree refused where the source is gone', async () => {
    rewrite(join(own, 'index.js'), 'evil')
    await registry.close()
    expect(refusalOf(await world.store.keep(wanted))).toMatch(/^artifact-unreachable/)
    expect(await checked()).toMatch(/^tree-changed/)
  })
  it('replaces a link that stands in its place, and leaves alone what it points to', async () => {
    const target = join(world.dataDir, 'target')
    mkdirSync(target)
    writeFileSync(join(target, 'precious'), 'x')
    renameSync(launchable.folder, join(world.folder, 'moved'))
    symlinkSync(target, launchable.folder)
    expect(await keptBy(world.store, wanted)).toEqual(launchable)
    expect(await checked()).toBe('none')
    expect(readFileSync(join(target, 'precious'), 'utf8')).toBe('x')
  })
  it('sweeps away what an earlier process left half done', async () => {
    const left = join(world.folder, '.new-x')
    mkdirSync(join(left, 'closed'), { recursive: true })
    chmodSync(join(left, 'closed'), 0o555)
    const other = small({ version: '1.3.0' })
    registry.put(other.name, other.version, other.tarball)
    await keptBy(world.again(), npmWanted([other]))
    expect(existsSync(left)).toBe(false)
  })
  it('says where it cannot write, and rejects nothing', async () => {
    const file = join(world.dataDir, 'file')
    writeFileSync(file, '')
    const blocked = worldOf({ npm: registry.url }, { folder: join(file, 'content') })
    expect(refusalOf(await blocked.store.keep(wanted))).toBe('content-failed: it cannot be kept (ENOTDIR)')
    blocked.end()
  })
})

describe('cost', () => {
  it('reading a tree back holds up nobody: the event loop is free meanwhile', async () => {
    const large = small(
      { name: 'large' },
      Array.from({ length: 2_000 }, (_, i) => ({ path: `f/${i}.js`, bytes: Buffer.alloc(8_000, i) })),
    )
    registry.put(large.name, large.version, large.tarball)
    const there = await keptBy(world.store, npmWanted([large]))
    await world.store.check(there)
    const before = performance.eventLoopUtilization()
    const begun = performance.now()
    expect(await world.store.check(there)).toBeUndefined()
    const tookMs = performance.now() - begun
    const { active } = performance.eventLoopUtilization(before)
    expect(active).toBeLessThan(Math.max(10, tookMs / 2))
  })
})
