// Signed lock files: what is installed is what they name, from the one registry, with a SHA-512 each, and nothing else.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readNpmLock, type Platform, type SignedPackage } from '../../../src/adapters/content/npm-lock.ts'
import { ROOT } from './world.ts'

const sri = (byte: number): string => `sha512-${Buffer.alloc(64, byte).toString('base64')}`
const SIGNED: SignedPackage = { name: '@acme/weather', version: '1.2.0', sha512: '01'.repeat(64) }
const LINUX: Platform = { os: 'linux', cpu: 'x64', libc: 'glibc' }
const OWN = 'node_modules/@acme/weather'

type Entries = Record<string, Record<string, unknown> | undefined>
const GOOD: Entries = {
  '': { dependencies: { '@acme/weather': '^1.2.0' } },
  [OWN]: { version: '1.2.0', integrity: sri(1), dependencies: { left: '^1.0.0' }, bin: { weather: 'index.js' }, license: 'MIT' },
  'node_modules/left': { version: '1.0.0', integrity: sri(2) },
  'node_modules/left/node_modules/right': { version: '2.0.0-beta.1', integrity: `sha1-aaaa ${sri(3)}`, hasInstallScript: true },
}
const lock = (changes: Entries = {}, more: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ name: 'x', lockfileVersion: 3, requires: true, packages: { ...GOOD, ...changes }, ...more }))
const planned = (bytes: Buffer, platform = LINUX, signed = SIGNED): string[] | string => {
  const plan = readNpmLock(bytes, signed, platform)
  return 'denied' in plan
    ? `${plan.rule}: ${plan.detail}`
    : plan.packages.map(({ folder, name, version }) => `${folder} ${name}@${version}`)
}

describe('a signed lock file', () => {
  it('names every package with its place, version and SHA-512', () => {
    expect(planned(lock())).toEqual([
      `${OWN} @acme/weather@1.2.0`,
      'node_modules/left left@1.0.0',
      'node_modules/left/node_modules/right right@2.0.0-beta.1',
    ])
    const plan = readNpmLock(lock(), SIGNED, LINUX)
    expect('packages' in plan && plan.packages.map(({ sha512 }) => sha512.slice(0, 2))).toEqual(['01', '02', '03'])
  })
  it('may be the one of the package itself: its dependencies for development are left out', () => {
    const root = { name: '@acme/weather', version: '1.2.0', dependencies: { left: '^1.0.0' }, devDependencies: { tool: '1' } }
    const own = lock({ '': root, [OWN]: undefined, 'node_modules/tool': { version: '1.0.0', integrity: sri(4), dev: true } })
    expect(planned(own)).toEqual([
      `${OWN} @acme/weather@1.2.0`,
      'node_modules/left left@1.0.0',
      'node_modules/left/node_modules/right right@2.0.0-beta.1',
    ])
  })
  it('of this very project is read, whatever npm wrote into it', () => {
    const bytes = readFileSync(join(ROOT, 'package-lock.json'))
    const { name, version } = JSON.parse(bytes.toString())
    const plan = planned(bytes, LINUX, { name, version, sha512: SIGNED.sha512 })
    expect(plan).toContain(`node_modules/${name} ${name}@${version}`)
    expect(plan.length).toBeGreaterThan(50)
  })
  it('leaves out what is optional and for other platforms, with all that lies in it', () => {
    const optional = { version: '1.0.0', integrity: sri(5), optional: true }
    const more = {
      'node_modules/mac': { ...optional, os: ['darwin'] },
      'node_modules/mac/node_modules/inner': { ...optional },
      'node_modules/arm': { ...optional, cpu: ['arm64'] },
      'node_modules/musl': { ...optional, os: ['linux'], libc: ['musl'] },
      'node_modules/not-windows': { ...optional, os: ['!win32'] },
      'node_modules/here': { ...optional, os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
    }
    const all = planned(lock(more)) as string[]
    expect(all.filter(each => !/left|weather/.test(each))).toEqual([
      'node_modules/here here@1.0.0',
      'node_modules/not-windows not-windows@1.0.0',
    ])
    const mac = planned(lock(more), { os: 'darwin', cpu: 'arm64' }) as string[]
    expect(mac.map(each => each.split(' ')[0])).toEqual(
      expect.arrayContaining(['node_modules/mac', 'node_modules/mac/node_modules/inner', 'node_modules/arm']),
    )
    expect(planned(lock({ 'node_modules/left': { ...GOOD['node_modules/left'], os: ['darwin'] } }))).toMatch(/^lock-entry.*platform/)
  })
  it('may give a package another name, as long as the package is of the registry', () => {
    const alias = {
      version: '4.2.3',
      name: 'string-width',
      resolved: 'https://registry.example/string-width/-/string-width-4.2.3.tgz',
      integrity: sri(6),
    }
    expect(planned(lock({ 'node_modules/string-width-cjs': alias }))).toContain('node_modules/string-width-cjs string-width@4.2.3')
  })
  it.each(['https://registry.example/left/-/left-1.0.0.tgz', 'https://other.example/npm/team/left/-/left-1.0.0.tgz'])(
    'may say where npm found it: the host does not count (%s)',
    resolved => {
      expect(planned(lock({ 'node_modules/left': { ...GOOD['node_modules/left'], resolved } }))).toContain('node_modules/left left@1.0.0')
    },
  )
})

describe('attacks', () => {
  const left = (changes: object): string => String(planned(lock({ 'node_modules/left': { ...GOOD['node_modules/left'], ...changes } })))
  it.each([
    ['none', undefined],
    ['SHA-1', 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk='],
    ['SHA-256', `sha256-${Buffer.alloc(32).toString('base64')}`],
    ['a SHA-512 that is cut', sri(2).slice(0, -4)],
    ['two', `${sri(2)} ${sri(3)}`],
    ['not base64 as it is written', sri(2).replace('==', '')],
    ['a number', 5],
  ])('a lock entry without integrity that counts: %s', (_, integrity) => expect(left({ integrity })).toMatch(/^lock-entry.*integrity/))
  it.each([
    ['git dependency', { version: 'git+ssh://git@github.com/acme/left.git#0123456' }],
    ['git dependency with a version', { resolved: 'git+ssh://git@github.com/acme/left.git#0123456' }],
    ['tarball of any URL', { resolved: 'https://evil.example/left.tgz' }],
    ['tarball of another package', { resolved: 'https://registry.example/right/-/right-1.0.0.tgz' }],
    ['tarball over http', { resolved: 'http://registry.example/left/-/left-1.0.0.tgz' }],
    ['file', { resolved: 'file:../left' }],
    ['file as its version', { version: 'file:../left' }],
    ['link', { link: true, resolved: 'packages/left' }],
    ['bundled package', { inBundle: true }],
    ['package that nothing needs', { extraneous: true }],
    ['range', { version: '^1.0.0' }],
    ['tag', { version: 'latest' }],
    ['no version', { version: undefined }],
    ['alias that is no name', { name: '../../left' }],
    ['alias that is a URL', { name: 'https://evil.example/left.tgz' }],
  ])('a %s is refused', (_, changes) => expect(left(changes)).toMatch(/^lock-entry/))
  it.each([
    'left',
    'packages/left',
    '../node_modules/left',
    'node_modules/../../left',
    'node_modules/.bin',
    'node_modules/left/lib',
    'node_modules/@acme',
    'node_modules//left',
    'node_modules/left/node_modules/',
    '/node_modules/left',
    'node_modules/a/../b',
    'node_modules/a\u0000b',
    `node_modules/a${'/node_modules/a'.repeat(20)}`,
  ])('a package in %j', folder => expect(planned(lock({ [folder]: { version: '1.0.0', integrity: sri(2) } }))).toMatch(/^lock-entry/))
  it('workspaces, older lock files, duplicate members and folders that differ in case', () => {
    expect(planned(lock({ '': { ...GOOD[''], workspaces: ['packages/*'] } }))).toMatch(/^lock-entry.*workspaces/)
    for (const lockfileVersion of [1, 2, '3', undefined]) expect(planned(lock({}, { lockfileVersion }))).toMatch(/^lock-invalid/)
    expect(planned(Buffer.from(lock().toString().replace('"requires":true', '"lockfileVersion":3')))).toMatch(/^lock-invalid.*duplicate/)
    expect(planned(lock({ 'node_modules/Left': { version: '1.0.0', integrity: sri(2) } }))).toMatch(/^lock-entry.*case/)
    for (const text of ['', '[]', '{}', 'null', '{"lockfileVersion":3}', '{"lockfileVersion":3,"packages":[]}'])
      expect(planned(Buffer.from(text))).toMatch(/^lock-invalid/)
  })
  it('more packages than are taken', () => {
    const many = Object.fromEntries(
      Array.from({ length: 5_001 }, (_, i) => [`node_modules/p${i}`, { version: '1.0.0', integrity: sri(2) }]),
    )
    expect(planned(lock(many))).toMatch(/^lock-invalid.*5000/)
  })
  it('a package in one that the lock file does not have', () => {
    expect(planned(lock({ 'node_modules/gone/node_modules/a': { version: '1.0.0', integrity: sri(2) } }))).toMatch(
      /^lock-entry.*does not have/,
    )
  })
})

describe('mix and match: the lock file of something else', () => {
  it('has the signed package with other bytes', () => {
    expect(planned(lock({ [OWN]: { ...GOOD[OWN], integrity: sri(9) } }))).toMatch(/^artifact-mismatch/)
  })
  it('has it in another version, under another name, or not at all', () => {
    expect(planned(lock({ [OWN]: { ...GOOD[OWN], version: '1.1.0' } }))).toMatch(/^lock-invalid.*1\.1\.0/)
    expect(planned(lock({ [OWN]: { ...GOOD[OWN], name: '@evil/weather' } }))).toMatch(/^lock-invalid.*@evil/)
    expect(planned(lock({ [OWN]: undefined }))).toMatch(/^lock-invalid/)
    expect(planned(lock({ '': { dependencies: { left: '1' } } }))).toMatch(/^lock-invalid/)
    expect(planned(lock({ '': { devDependencies: { '@acme/weather': '1.2.0' } } }))).toMatch(/^lock-invalid/)
    expect(planned(lock({ [OWN]: { ...GOOD[OWN], dev: true } }))).toMatch(/^lock-invalid/)
    expect(planned(lock({ '': { name: '@acme/weather', version: '1.1.0' }, [OWN]: undefined }))).toMatch(/^lock-invalid/)
  })
})
