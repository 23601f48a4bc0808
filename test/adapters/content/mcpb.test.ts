// MCPB files through the content store: fetched over real TLS from named hosts, compared before they are opened, and started as their manifest says.

import { hash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Launchable } from '../../../src/trust/content.ts'
import type { Denial } from '../../../src/trust/denial.ts'
import { makeCertificate, trustCertificates } from '../../support/certificates.ts'
import { zipOf, type ZipFile } from '../../support/zip.ts'
import { kept, refusalOf, wantedOf, worldOf, type World } from './world.ts'

const certificate = makeCertificate()
let distrust: () => void
beforeAll(() => (distrust = trustCertificates(certificate)))
afterAll(() => distrust())
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer({ key: certificate.key, cert: certificate.cert }, answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
const manifest = (server: unknown): ZipFile => ({
  name: 'manifest.json',
  bytes: Buffer.from(JSON.stringify({ manifest_version: '0.3', name: 'weather', version: '1.0.0', server })),
})
const SCRIPT: ZipFile = { name: 'server/index.js', bytes: Buffer.from('console.log("hello")') }
const NODE = {
  type: 'node',
  entry_point: 'server/index.js',
  mcp_config: { command: 'node', args: ['${__dirname}/server/index.js', '--level', '3'] },
}
const bundle = (server: unknown, files: readonly ZipFile[] = [SCRIPT]): Buffer => zipOf([manifest(server), ...files])

type Attempt = { readonly answer: Launchable | Denial; readonly world: World }
async function keep(
  bytes: Buffer,
  {
    served = bytes,
    mcpb,
    digest = hash('sha256', bytes),
    ownArgs,
  }: { served?: Buffer; mcpb?: readonly string[]; digest?: string; ownArgs?: readonly string[] } = {},
): Promise<Attempt> {
  const host = await serve((_, res) => res.end(served))
  const world = worldOf({ mcpb: mcpb ?? [host] })
  closing.push(() => world.end())
  const wanted = wantedOf(
    { registryType: 'mcpb', identifier: `https://${host}/weather.mcpb`, fileSha256: digest },
    { digest, ...(ownArgs && { ownArgs }) },
  )
  return { answer: await world.store.keep(wanted), world }
}
const refusal = async (...args: Parameters<typeof keep>): Promise<string> => {
  const { answer, world } = await keep(...args)
  expect(existsSync(world.folder) ? readdirSync(world.folder) : []).toEqual([])
  return refusalOf(answer)
}

describe('a bundle', () => {
  it('of type node is run by this very Node.js, with the arguments that its manifest fixes, then those of the operator', async () => {
    const { answer, world } = await keep(bundle(NODE), { ownArgs: ['--own'] })
    const { command, args, folder, cwd } = kept(answer)
    expect(command).toBe(process.execPath)
    expect(args).toEqual([join(folder, 'server/index.js'), '--level', '3', '--own'])
    expect(cwd).toBe(folder)
    expect(await world.store.check(kept(answer))).toBeUndefined()
  })
  it('of type binary is run itself, and may be, though it was packed where no such mode exists', async () => {
    const binary = {
      type: 'binary',
      entry_point: 'bin/weather',
      mcp_config: { command: '${__dirname}/bin/weather', args: ['--data', '${__dirname}${/}data'] },
    }
    const { command, args, folder } = kept(
      (await keep(bundle(binary, [{ name: 'bin/weather', bytes: Buffer.from('ELF'), mode: 0 }]))).answer,
    )
    expect(command).toBe(join(folder, 'bin/weather'))
    expect(args).toEqual(['--data', join(folder, 'data')])
    expect(statSync(command).mode & 0o777).toBe(0o555)
  })
  it('without mcp_config runs its entry point, and what it says for another system does not count', async () => {
    const { args, folder } = kept((await keep(bundle({ type: 'node', entry_point: 'server/index.js' }))).answer)
    expect(args).toEqual([join(folder, 'server/index.js')])
    const elsewhere = { ...NODE, mcp_config: { ...NODE.mcp_config, platform_overrides: { other: { command: '/bin/sh' } } } }
    expect(kept((await keep(bundle(elsewhere))).answer).command).toBe(process.execPath)
  })
  it('may be a redirect away, as files of releases are, as long as every host is named', async () => {
    const bytes = bundle(NODE)
    const digest = hash('sha256', bytes)
    const files = await serve((_, res) => res.end(bytes))
    const releases = await serve((_, res) => res.writeHead(302, { location: `https://${files}/abc` }).end())
    const wanted = wantedOf({ registryType: 'mcpb', identifier: `https://${releases}/weather.mcpb`, fileSha256: digest }, { digest })
    const world = worldOf({ mcpb: [releases, files] })
    const narrow = worldOf({ mcpb: [releases] })
    closing.push(
      () => world.end(),
      () => narrow.end(),
    )
    kept(await world.store.keep(wanted))
    expect(refusalOf(await narrow.store.keep(wanted))).toMatch(/^source-other/)
  })
})

describe('attacks', () => {
  it('other bytes than were signed: not opened', async () => {
    expect(await refusal(bundle(NODE), { served: bundle({ ...NODE, entry_point: 'server/evil.js' }) })).toMatch(/^artifact-mismatch/)
    expect(await refusal(bundle(NODE), { served: Buffer.from('not even an archive') })).toMatch(/^artifact-mismatch/)
  })
  it('a host that is not named, and redirects to another, to http, to a private address, or without end', async () => {
    expect(await refusal(bundle(NODE), { mcpb: ['downloads.acme.example'] })).toMatch(/^source-other/)
    expect(await refusal(bundle(NODE), { mcpb: [] })).toMatch(/^source-other/)
    const digest = '0'.repeat(64)
    for (const [location, rule] of [
      ['https://evil.example/x', 'source-other'],
      ['http://127.0.0.1/x', 'source-other'],
      ['https://169.254.169.254/latest', 'source-other'],
      ['file:///etc/passwd', 'source-other'],
      ['/again', 'artifact-unreachable'],
    ] as const) {
      const host = await serve((_, res) => res.writeHead(302, { location }).end())
      const world = worldOf({ mcpb: [host] })
      closing.push(() => world.end())
      const wanted = wantedOf({ registryType: 'mcpb', identifier: `https://${host}/x.mcpb`, fileSha256: digest }, { digest })
      expect(refusalOf(await world.store.keep(wanted)), location).toMatch(new RegExp(`^${rule}`))
    }
  })
  it('a digest in server.json that is not the one that was signed', async () => {
    const world = worldOf({ mcpb: ['127.0.0.1:9'] })
    closing.push(() => world.end())
    const wanted = wantedOf(
      { registryType: 'mcpb', identifier: 'https://127.0.0.1:9/x.mcpb', fileSha256: '0'.repeat(64) },
      { digest: '1'.repeat(64) },
    )
    expect(refusalOf(await world.store.keep(wanted))).toMatch(/^artifact-mismatch/)
  })
  it.each([
    ['zip slip', { name: '../../evil', bytes: Buffer.from('x') }],
    ['symlink', { name: 'server/link', bytes: Buffer.from('/etc/passwd'), mode: 0o120777 }],
    ['a second manifest in other letters', { name: 'MANIFEST.json', bytes: Buffer.from('{}') }],
  ])('%s in a signed bundle: nothing of it stays', async (_, file) => {
    expect(await refusal(bundle(NODE, [SCRIPT, file]))).toMatch(/^archive-entry/)
  })
  it('zip bomb in a signed bundle', async () => {
    const huge = Array.from({ length: 3 }, (_, i): ZipFile => ({
      name: `${i}`,
      bytes: Buffer.alloc(0),
      packed: Buffer.alloc(1),
      listed: { size: 0x20000000 },
      local: { size: 0x20000000 },
    }))
    expect(await refusal(bundle(NODE, huge))).toMatch(/^archive-size/)
  })
  it.each([
    ['entry-point', { ...NODE, entry_point: '../../../bin/sh' }],
    ['entry-point', { ...NODE, entry_point: '/bin/sh' }],
    ['entry-point', { type: 'node' }],
    ['argument-other', { ...NODE, mcp_config: { command: '/bin/sh', args: ['${__dirname}/server/index.js'] } }],
    [
      'argument-other',
      { ...NODE, mcp_config: { command: 'node', args: ['--import', 'data:text/javascript,evil()', '${__dirname}/server/index.js'] } },
    ],
    ['argument-other', { ...NODE, mcp_config: { command: 'node', args: ['${__dirname}/../other/index.js'] } }],
    [
      'argument-other',
      { type: 'binary', entry_point: 'server/index.js', mcp_config: { command: '/bin/sh', args: ['${__dirname}/server/index.js'] } },
    ],
    ['argument-open', { ...NODE, mcp_config: { command: 'node', args: ['${__dirname}/server/index.js', '${user_config.key}'] } }],
    ['argument-open', { ...NODE, mcp_config: { command: 'node', args: ['${__dirname}/server/index.js', '${HOME}/x'] } }],
    ['manifest-invalid', { ...NODE, mcp_config: { command: 'node', args: 'x' } }],
    ['manifest-invalid', { ...NODE, mcp_config: { command: 'node', args: ['a\u0000b'] } }],
    ['manifest-invalid', 'node'],
  ])('a signed manifest that would run something else, or leaves it open: %s', async (rule, server) => {
    expect(await refusal(bundle(server))).toMatch(new RegExp(`^${rule}`))
  })
  it('an entry point that is not in the bundle', async () => {
    expect(await refusal(bundle(NODE, []))).toMatch(/^entry-point/)
    expect(await refusal(bundle({ type: 'binary', entry_point: 'bin/weather' }, []))).toMatch(/^entry-point/)
  })
  it('a bundle without a manifest, or one that two readers would read differently', async () => {
    expect(await refusal(zipOf([SCRIPT]))).toMatch(/^manifest-invalid/)
    expect(await refusal(zipOf([{ name: 'manifest.json', bytes: Buffer.from('{"server":{},"server":{}}') }]))).toMatch(
      /^manifest-invalid.*duplicate/,
    )
  })
  it('a bundle of another type was verified, and is refused by its kind', async () => {
    for (const type of ['python', 'uv', 'docker'])
      expect(await refusal(bundle({ type, entry_point: 'server/main.py' }))).toMatch(/^artifact-kind-unsupported: .*signed SHA-256/)
    expect(await refusal(bundle({ type: 'python' }), { served: bundle(NODE) })).toMatch(/^artifact-mismatch/)
  })
})
