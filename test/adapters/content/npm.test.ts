// npm packages through the content store: a real server from real tarballs over real HTTP, and everything that may go wrong on the way.

import { execFile, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import type { ContentSources } from '../../../src/adapters/content/source.ts'
import { serveNpm, type NpmRegistry } from '../../../src/demo/artifacts/npm-registry.ts'
import { lockFileOf, packFiles, tarHeader, tarOf, type PackedPackage } from '../../../src/demo/artifacts/pack.ts'
import type { Launchable } from '../../../src/trust/content.ts'
import { makeCertificate, trustCertificates } from '../../support/certificates.ts'
import { kept, keptBy, memoryPackages, npmWanted, refusalOf, small, worldOf, type World } from './world.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
async function registryOf(packages: readonly PackedPackage[]): Promise<NpmRegistry> {
  const registry = await serveNpm(packages)
  closing.push(() => registry.close())
  return registry
}
function storeFrom(sources: Partial<ContentSources>, limits: Parameters<typeof worldOf>[1] = {}): World {
  const world = worldOf(sources, limits)
  closing.push(() => world.end())
  return world
}
/** A source whose every byte a test decides. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
const nothingIn = (world: World): void => expect(existsSync(world.folder) ? readdirSync(world.folder) : []).toEqual([])

/** Starts it as the gateway would, and asks one question. */
async function initialized({ command, args, cwd }: Launchable): Promise<unknown> {
  const child = spawn(command, [...args], { cwd, env: {}, stdio: ['pipe', 'pipe', 'ignore'] })
  closing.push(() => child.kill('SIGKILL'))
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`)
  let text = ''
  for await (const chunk of child.stdout) {
    text += String(chunk)
    if (text.includes('\n')) return JSON.parse(text.slice(0, text.indexOf('\n')))
  }
  return undefined
}

describe('a real server', () => {
  it('is installed from what its signed lock file names, over https, and answers initialize', async () => {
    const certificate = makeCertificate()
    closing.push(trustCertificates(certificate))
    const registry = await serveNpm(memoryPackages(), { tls: certificate })
    closing.push(() => registry.close())
    const { store } = storeFrom({ npm: registry.url })
    const launchable = await keptBy(store, npmWanted(memoryPackages()))
    expect(registry.asked.length).toBe(memoryPackages().length)
    expect(launchable.command).toBe(process.execPath)
    expect(launchable.args[0]).toMatch(/^\/.*\/node_modules\/@modelcontextprotocol\/server-memory\/dist\/index\.js$/)
    expect(await store.check(launchable)).toBeUndefined()
    expect(await initialized(launchable)).toMatchObject({ id: 1, result: { serverInfo: { name: 'memory-server' } } })
    expect(await store.check(launchable)).toBeUndefined()
  }, 60_000)
  it('is installed from the lock file that npm itself makes', async () => {
    const registry = await registryOf(memoryPackages())
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-npm-'))
    closing.push(() => rmSync(folder, { recursive: true }))
    const [{ name, version } = { name: '', version: '' }] = memoryPackages()
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'launch', version: '1.0.0', dependencies: { [name]: version } }))
    const flags = ['--package-lock-only', '--ignore-scripts', '--omit-lockfile-registry-resolved', '--no-audit', '--no-fund']
    await promisify(execFile)('npm', ['install', ...flags, '--registry', registry.url, '--cache', join(folder, 'cache')], { cwd: folder })
    const lock = readFileSync(join(folder, 'package-lock.json'))
    const launchable = await keptBy(storeFrom({ npm: registry.url }).store, npmWanted(memoryPackages(), { lock }))
    expect(await initialized(launchable)).toMatchObject({ result: { serverInfo: { name: 'memory-server' } } })
  }, 120_000)
  it('is kept: no second download, not after a restart either', async () => {
    const weather = small()
    const registry = await registryOf([weather])
    const world = storeFrom({ npm: registry.url })
    const first = await keptBy(world.store, npmWanted([weather]))
    await registry.close()
    expect(await keptBy(world.store, npmWanted([weather]))).toEqual(first)
    const again = world.again()
    expect(await keptBy(again, npmWanted([weather]))).toEqual(first)
    expect(await again.check(first)).toBeUndefined()
  })
  it('is downloaded once however many ask at once', async () => {
    const weather = small()
    const registry = await registryOf([weather])
    const { store } = storeFrom({ npm: registry.url })
    const all = await Promise.all(Array.from({ length: 10 }, () => store.keep(npmWanted([weather]))))
    expect(new Set(all.map(each => kept(each).folder)).size).toBe(1)
    expect(registry.asked).toEqual(['/@acme/weather/-/weather-1.2.0.tgz'])
  })
  it('lies there closed: nobody writes, no bit of the tarball counts but that it may be run, and no program is linked', async () => {
    const modes = [
      { path: 'package/package.json', bytes: Buffer.from('{"name":"m","version":"1.0.0","bin":"run.js"}') },
      { path: 'package/run.js', bytes: Buffer.from('1'), isExecutable: true },
    ]
    const setuid = Buffer.concat([tarHeader('package/setuid', { size: 0, mode: 0o6777 }), tarOf(modes)])
    const { folder } = await keptFrom({ name: 'm', version: '1.0.0', tar: setuid })
    const mode = (path: string): string => (statSync(join(folder, path)).mode & 0o7777).toString(8)
    expect(mode('node_modules/m/package.json')).toBe('444')
    expect(mode('node_modules/m/run.js')).toBe('555')
    expect(mode('node_modules/m/setuid')).toBe('555')
    for (const path of ['.', 'node_modules', 'node_modules/m']) expect(mode(path)).toBe('555')
    expect(filesBelow(folder).sort()).toEqual(['node_modules/m/package.json', 'node_modules/m/run.js', 'node_modules/m/setuid'])
  })
})

/** A package from a tar archive as it is, with a lock file that names it. */
async function keptFrom(of: { name: string; version: string; tar: Buffer }): Promise<Launchable> {
  const answer = await attempt(of)
  return kept(answer.answer)
}
async function attempt({ name, version, tar }: { name: string; version: string; tar: Buffer }) {
  const packed = { ...packFiles([{ path: 'package.json', bytes: Buffer.from(JSON.stringify({ name, version })) }]) }
  const tarball = gzipSync(tar)
  const evil: PackedPackage = { ...packed, tarball, sha512: hash('sha512', tarball) }
  const world = storeFrom({ npm: (await registryOf([evil])).url })
  return { answer: await world.store.keep(npmWanted([evil])), world }
}

describe('attacks on the way', () => {
  it('swapped tarball: other bytes than were signed', async () => {
    const [weather, evil] = [small(), small({ description: 'evil' })]
    const registry = await registryOf([weather])
    registry.put(weather.name, weather.version, evil.tarball)
    const world = storeFrom({ npm: registry.url })
    expect(refusalOf(await world.store.keep(npmWanted([weather])))).toMatch(/^artifact-mismatch/)
    nothingIn(world)
  })
  it('EINTEGRITY: a dependency with other bytes than the signed lock file names', async () => {
    const [weather, left] = [small({ dependencies: { left: '1.0.0' } }), small({ name: 'left', version: '1.0.0' })]
    const registry = await registryOf([weather, left])
    registry.put('left', '1.0.0', small({ name: 'left', version: '1.0.0', evil: true }).tarball)
    const world = storeFrom({ npm: registry.url })
    expect(refusalOf(await world.store.keep(npmWanted([weather, left])))).toMatch(/^dependency-mismatch: `left@1\.0\.0`/)
    nothingIn(world)
  })
  it('swapped lock: another lock file than was signed, or one without', async () => {
    const [weather, left] = [small(), small({ name: 'left', version: '1.0.0' })]
    const registry = await registryOf([weather, left])
    const { store } = storeFrom({ npm: registry.url })
    const wanted = npmWanted([weather])
    expect(refusalOf(await store.keep({ ...wanted, lock: { sha256: wanted.lock!.sha256, bytes: lockFileOf([weather, left]) } }))).toMatch(
      /^lock-mismatch/,
    )
    const { artifact, digest, server, packageIndex } = wanted
    expect(refusalOf(await store.keep({ artifact, digest, server, packageIndex }))).toMatch(/^artifact-absent/)
    expect(registry.asked).toEqual([])
  })
  it('lock entry without integrity, and a git dependency: nothing is fetched', async () => {
    const weather = small()
    const registry = await registryOf([weather])
    const { store } = storeFrom({ npm: registry.url })
    for (const [from, to] of [
      ['"integrity"', '"integrities"'],
      ['"integrity"', '"resolved": "git+ssh://git@github.com/acme/weather.git#1", "integrity"'],
    ] as const)
      expect(
        refusalOf(await store.keep(npmWanted([weather], { lock: Buffer.from(lockFileOf([weather]).toString().replace(from, to)) }))),
      ).toMatch(/^lock-entry/)
    expect(registry.asked).toEqual([])
  })
  it.each([
    ['tar slip', tarHeader('package/../../../../evil', { size: 0, mode: 0o644 })],
    ['symlink', tarHeader('package/index.js', { size: 0, mode: 0o777, type: '2', link: '/etc/passwd' })],
    ['hard link', tarHeader('package/index.js', { size: 0, mode: 0o777, type: '1', link: 'package.json' })],
    ['node_modules of its own', tarHeader('package/node_modules/left/index.js', { size: 0, mode: 0o644 })],
    ['node_modules in other letters', tarHeader('package/Node_Modules/left/index.js', { size: 0, mode: 0o644 })],
  ])('%s in a tarball whose digest was signed: nothing of it stays', async (_, header) => {
    const { answer, world } = await attempt({ name: 'm', version: '1.0.0', tar: Buffer.concat([header, Buffer.alloc(1024)]) })
    expect(refusalOf(answer)).toMatch(/^archive-entry: `m@1\.0\.0`/)
    nothingIn(world)
    expect(existsSync(join(world.dataDir, 'evil')) || existsSync(join(world.folder, '..', 'evil'))).toBe(false)
  })
  it('gzip bomb, and too many files: bounded however small the download is', async () => {
    const bomb = small({}, [{ path: 'zeros', bytes: Buffer.alloc(30_000_000) }])
    expect(bomb.tarball.length).toBeLessThan(300_000)
    const many = small(
      { name: 'many' },
      Array.from({ length: 300 }, (_, i) => ({ path: `f${i}`, bytes: Buffer.from('x') })),
    )
    const registry = await registryOf([bomb, many])
    const world = storeFrom({ npm: registry.url }, { limits: { archiveBytes: 10_000_000, entries: 200 } })
    expect(refusalOf(await world.store.keep(npmWanted([bomb])))).toMatch(/^archive-size/)
    expect(refusalOf(await world.store.keep(npmWanted([many])))).toMatch(/^archive-size/)
    nothingIn(world)
  })
  it('a download that is larger than is taken, alone or with all others', async () => {
    const large = (name: string): PackedPackage =>
      small({ name }, [{ path: 'x', bytes: Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))) }])
    const [a, b] = [large('a'), large('b')]
    const registry = await registryOf([a, b])
    expect(refusalOf(await storeFrom({ npm: registry.url }, { limits: { downloadBytes: 50_000 } }).store.keep(npmWanted([a])))).toMatch(
      /^archive-size/,
    )
    const { store } = storeFrom({ npm: registry.url }, { limits: { totalDownloadBytes: 100_000 } })
    expect(refusalOf(await store.keep(npmWanted([a, b])))).toMatch(/^archive-size/)
  })
  it('slow-loris: a registry that sends a byte now and then is given up', async () => {
    const url = await serve((_, res) => {
      res.writeHead(200)
      const drip = setInterval(() => res.write('x'), 20)
      res.on('close', () => clearInterval(drip))
    })
    const { store } = storeFrom({ npm: url }, { limits: { downloadMs: 300 } })
    expect(refusalOf(await store.keep(npmWanted([small()])))).toMatch(/^artifact-unreachable: .*in time/)
  })
  it('slow-loris: many slow downloads are given up together', async () => {
    const url = await serve(() => {})
    const packages = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(name => small({ name, version: '1.0.0' }))
    const { store } = storeFrom({ npm: url }, { limits: { keepMs: 400 } })
    expect(refusalOf(await store.keep(npmWanted(packages)))).toMatch(/^(?:artifact-unreachable|content-deadline)/)
  })
  it('302 to elsewhere: a redirect is not followed, and the other registry is not asked', async () => {
    const weather = small()
    const elsewhere = await registryOf([weather])
    const url = await serve((req, res) => res.writeHead(302, { location: `${elsewhere.url}${req.url}` }).end())
    expect(refusalOf(await storeFrom({ npm: url }).store.keep(npmWanted([weather])))).toMatch(/^artifact-unreachable: .*302.*not followed/)
    expect(elsewhere.asked).toEqual([])
  })
  it('an answer that is compressed on the way', async () => {
    const weather = small()
    const url = await serve((_, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(weather.tarball)))
    expect(refusalOf(await storeFrom({ npm: url }).store.keep(npmWanted([weather])))).toMatch(/^artifact-unreachable/)
  })
})

describe('dependency confusion', () => {
  it('a registry that serves an internal name from elsewhere: only the configured one is asked, whatever server.json and the lock file say', async () => {
    const internal = small({ name: '@corp/internal', version: '1.0.0' })
    const elsewhere = await registryOf([internal])
    const configured = await registryOf([])
    const { store } = storeFrom({ npm: configured.url })
    expect(refusalOf(await store.keep(npmWanted([internal], { registryBaseUrl: elsewhere.url })))).toMatch(/^source-other/)
    const resolved = `"resolved": "https://${new URL(elsewhere.url).host}/@corp/internal/-/internal-1.0.0.tgz", "integrity"`
    const lock = Buffer.from(lockFileOf([internal]).toString().replace('"integrity"', resolved))
    // no fall-through: what the configured one does not have is nowhere
    expect(refusalOf(await store.keep(npmWanted([internal], { lock })))).toMatch(/^artifact-unreachable: `@corp\/internal@1\.0\.0`.*404/)
    expect(elsewhere.asked).toEqual([])
  })
  it('a higher version of an internal name on the configured registry is not what is asked for', async () => {
    const [own, higher] = [small({ name: '@corp/internal', version: '1.0.0' }), small({ name: '@corp/internal', version: '99.0.0' })]
    const registry = await registryOf([own, higher])
    await keptBy(storeFrom({ npm: registry.url }).store, npmWanted([own]))
    expect(registry.asked).toEqual(['/@corp/internal/-/internal-1.0.0.tgz'])
  })
  it('without a configured source nothing is fetched from anywhere', async () => {
    expect(refusalOf(await storeFrom({}).store.keep(npmWanted([small()])))).toMatch(/^source-absent/)
  })
  it('a server.json may name the configured registry, or one that is configured as mirrored', async () => {
    const weather = small()
    const registry = await registryOf([weather])
    const { store } = storeFrom({ npm: registry.url, mirrorOf: ['https://registry.example/npm'] })
    for (const registryBaseUrl of [registry.url, `${registry.url}/`, 'https://registry.example/npm/'])
      await keptBy(store, npmWanted([weather], { registryBaseUrl }))
  })
  it('a token for the registry reaches it and nobody else', async () => {
    const weather = small()
    const seen: (string | undefined)[] = []
    const url = await serve((req, res) => {
      seen.push(req.headers.authorization)
      res.end(weather.tarball)
    })
    await keptBy(storeFrom({ npm: url, npmAuthorization: 'Bearer for-the-registry' }).store, npmWanted([weather]))
    expect(seen).toEqual(['Bearer for-the-registry'])
  })
})

describe('what it runs', () => {
  it('install scripts never run, whatever the package and the lock file say', async () => {
    const mark = join(process.cwd(), 'install-script-ran')
    const scripts = Object.fromEntries(['preinstall', 'install', 'postinstall', 'prepare'].map(name => [name, `touch ${mark}`]))
    const gyp = { path: 'binding.gyp', bytes: Buffer.from('{}') }
    const weather = small({ scripts, hasInstallScript: true }, [gyp])
    const { store } = storeFrom({ npm: (await registryOf([weather])).url })
    await keptBy(
      store,
      npmWanted([weather], {
        lock: Buffer.from(lockFileOf([weather]).toString().replace('"integrity"', '"hasInstallScript": true, "integrity"')),
      }),
    )
    expect(existsSync(mark)).toBe(false)
  })
  it.each([
    ['its one program, whatever its name', { bin: { anything: './index.js' } }, 'index.js'],
    ['the one that is called like the package', { bin: { other: 'x.js', weather: 'index.js' } }, 'index.js'],
    ['a script without an extension that says it is for node', { bin: 'cli' }, 'cli'],
  ])('%s', async (_, manifest, file) => {
    const weather = small(manifest, [{ path: 'cli', bytes: Buffer.from('#!/usr/bin/env node\n') }])
    const { args, folder } = await keptBy(storeFrom({ npm: (await registryOf([weather])).url }).store, npmWanted([weather]))
    expect(args).toEqual([join(folder, 'node_modules/@acme/weather', file)])
  })
  it.each([
    ['none', { bin: undefined }],
    ['several, none like the package', { bin: { a: 'index.js', b: 'index.js' } }],
    ['one outside of the package', { bin: '../../../../bin/sh' }],
    ['an absolute one', { bin: '/bin/sh' }],
    ['one that is not there', { bin: 'gone.js' }],
    ['a script for another program', { bin: 'run.sh' }],
    ['a number', { bin: 5 }],
  ])('no program that could be run: %s', async (_, manifest) => {
    const weather = small(manifest, [{ path: 'run.sh', bytes: Buffer.from('#!/bin/sh\n') }])
    const world = storeFrom({ npm: (await registryOf([weather])).url })
    expect(refusalOf(await world.store.keep(npmWanted([weather])))).toMatch(/^(?:entry-point|manifest-invalid)/)
    nothingIn(world)
  })
  it('a package that calls itself something else than server.json does', async () => {
    const weather = { ...small({ name: '@evil/weather' }), name: '@acme/weather', folder: 'node_modules/@acme/weather' }
    expect(refusalOf(await storeFrom({ npm: (await registryOf([weather])).url }).store.keep(npmWanted([weather])))).toMatch(
      /^manifest-invalid/,
    )
  })
})

describe('arguments', () => {
  const argsOf = async (packageArguments: unknown, ownArgs?: readonly string[]): Promise<unknown> => {
    const weather = small()
    const { store } = storeFrom({ npm: (await registryOf([weather])).url })
    const answer = await store.keep(npmWanted([weather], { packageArguments, ...(ownArgs && { ownArgs }) }))
    return 'denied' in answer ? refusalOf(answer) : answer.args.slice(1)
  }
  const positional = (more: object): object => ({ type: 'positional', ...more })
  it('are those that server.json fixes, in its order, as words and never as a command line', async () => {
    const given = [
      positional({ value: '--mode=$(reboot)' }),
      { type: 'named', name: '--level', value: '{level} of {max}', variables: { level: { value: '3' }, max: { default: '9' } } },
      positional({ default: 'fallback; rm -rf /' }),
      positional({ valueHint: 'optional' }),
    ]
    expect(await argsOf(given)).toEqual(['--mode=$(reboot)', '--level', '3 of 9', 'fallback; rm -rf /'])
  })
  it('that are required and left to the user are refused, unless the operator gives arguments: they come last', async () => {
    const open = [positional({ valueHint: 'folder', isRequired: true }), positional({ value: '--fixed' })]
    expect(await argsOf(open)).toMatch(/^argument-open: packages\[0\]\.packageArguments\[0\]/)
    expect(await argsOf(open, [])).toMatch(/^argument-open/)
    expect(await argsOf(open, ['/srv/files'])).toEqual(['--fixed', '/srv/files'])
    expect(await argsOf([positional({ value: '{x}', variables: { x: { isRequired: true } }, isRequired: true })])).toMatch(/^argument-open/)
    expect(await argsOf([positional({ value: 'a\u0000b' })])).toMatch(/^server-mismatch/)
  })
  it('attack: a short argument names a long variable ten thousand times, so that the gateway has no memory left', async () => {
    const bomb = positional({ value: '{a}'.repeat(10_000), variables: { a: { value: 'x'.repeat(100_000) } } })
    expect(await argsOf([bomb])).toMatch(/^server-mismatch: server\.json: packages\[0\]\.packageArguments/)
  })
  it('for a runner are refused: there is none, and they would become the program’s own or Node’s', async () => {
    const weather = small()
    const { store } = storeFrom({ npm: (await registryOf([weather])).url })
    const runtimeArguments = [{ type: 'named', name: '--import', value: 'data:text/javascript,evil()' }]
    expect(refusalOf(await store.keep(npmWanted([weather], { runtimeArguments })))).toMatch(/^argument-other/)
    await keptBy(
      store,
      npmWanted([weather], {
        runtimeHint: 'npx',
        runtimeArguments: [
          { type: 'positional', value: '-y' },
          { type: 'named', name: '--yes' },
        ],
      }),
    )
  })
  it('and a package that listens on a port instead of speaking stdio is refused', async () => {
    const { store } = storeFrom({ npm: 'http://127.0.0.1:9' })
    const transport = { type: 'streamable-http', url: 'http://localhost:8080/mcp' }
    expect(refusalOf(await store.keep(npmWanted([small()], { transport })))).toMatch(/^transport-other/)
  })
})
