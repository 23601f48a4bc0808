// The launch specification: what of an upstream's configuration a reviewer admits, how paths and secrets stand in it, and that every change changes its digest (N141).

import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { loadText } from '../../src/config/load.ts'
import type { LaunchSettings } from '../../src/config/schema.ts'

const ENV = { TOKEN: 'the-secret', OTHER: 'the-secret' }

async function launchOf(upstream: object, file = '/etc/gatehouse/gatehouse.yaml'): Promise<LaunchSettings> {
  const document = { version: 1, identity: { evaluation: { users: [{ name: 'a' }] } }, upstreams: { a: upstream } }
  const readSource = () => Promise.resolve({ bytes: Buffer.from('the-secret'), isLoose: false })
  const loaded = await loadText(Buffer.from(stringify(document, { aliasDuplicateObjects: false })), file, { env: ENV, readSource })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return loaded.snapshot.upstreams.get('a')!.launch
}

const PROGRAM = {
  command: './bin/server',
  args: ['--flag', { path: 'workspace' }, { path: '/var/lib/x' }, { fromEnv: 'TOKEN' }, '--password', 'hunter2hunter2'],
  env: { MODE: 'fast', API_TOKEN: 'written-out', A: { fromEnv: 'TOKEN', prefix: 'p ' }, B: { fromFile: 'keys/b' } },
  cwd: '../..',
  uid: 7,
  gid: 8,
  launcher: ['bwrap', '--'],
}

describe('of a program', () => {
  it('holds every member, paths as they were written, and no secret', async () => {
    const { specification, digest, unpinned } = await launchOf({ stdio: PROGRAM })
    expect(JSON.parse(JSON.stringify(specification))).toEqual({
      transport: 'stdio',
      command: { path: 'bin/server' },
      args: [
        '--flag',
        { path: 'workspace' },
        { path: '/var/lib/x' },
        { fromEnv: 'TOKEN' },
        '--password',
        { secret: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ],
      env: {
        MODE: 'fast',
        API_TOKEN: { secret: expect.stringMatching(/^[0-9a-f]{64}$/) },
        A: { fromEnv: 'TOKEN', prefix: 'p ' },
        B: { fromFile: 'keys/b' },
      },
      cwd: { path: '../..' },
      uid: 7,
      gid: 8,
      launcher: ['bwrap', '--'],
    })
    expect(JSON.stringify(specification)).not.toMatch(/the-secret|hunter2|written-out/)
    expect([digest, unpinned]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), undefined])
  })

  it('is the same wherever the configuration lies: below its folder, and where paths were written relative to it', async () => {
    const here = await launchOf({ stdio: { ...PROGRAM, args: [{ path: '/etc/gatehouse/x' }] } })
    const there = await launchOf({ stdio: { ...PROGRAM, args: [{ path: '/home/ann/repo/x' }] } }, '/home/ann/repo/gatehouse.yaml')
    expect(there.digest).toBe(here.digest)
    const outside = await launchOf({ stdio: { ...PROGRAM, args: [{ path: '/etc/gatehouse/x' }] } }, '/home/ann/repo/gatehouse.yaml')
    expect(outside.digest).not.toBe(here.digest)
  })

  it.each<[string, object]>([
    ['another command', { command: './bin/other' }],
    ['a program of that name on PATH', { command: 'bin' }],
    ['an argument more', { args: [...PROGRAM.args, ''] }],
    ['other order', { args: [...PROGRAM.args].reverse() }],
    ['text where a path was', { args: ['--flag', 'workspace', ...PROGRAM.args.slice(2)] }],
    ['another written secret', { args: [...PROGRAM.args.slice(0, 5), 'hunter3hunter3'] }],
    ['another variable of the same value', { env: { ...PROGRAM.env, A: { fromEnv: 'OTHER', prefix: 'p ' } } }],
    ['another prefix', { env: { ...PROGRAM.env, A: { fromEnv: 'TOKEN', prefix: 'q ' } } }],
    ['another file of the same value', { env: { ...PROGRAM.env, B: { fromFile: 'keys/c' } } }],
    ['a variable more', { env: { ...PROGRAM.env, LD_PRELOAD: '' } }],
    ['another folder', { cwd: '..' }],
    ['another user', { uid: 9 }],
    ['another group', { gid: 9 }],
    ['another confinement', { launcher: ['bwrap', '--share-net', '--'] }],
    ['no confinement', { launcher: undefined }],
  ])('attack: %s is another launch (N141)', async (_, change) => {
    const [before, after] = await Promise.all([launchOf({ stdio: PROGRAM }), launchOf({ stdio: { ...PROGRAM, ...change } })])
    expect(after.digest).not.toBe(before.digest)
  })

  it('a name on PATH and a file of that name are two programs', async () => {
    const [name, file] = await Promise.all([launchOf({ stdio: { command: 'server' } }), launchOf({ stdio: { command: './server' } })])
    expect([name.specification['command'], file.specification['command']]).toEqual(['server', { path: 'server' }])
    expect(name.digest).not.toBe(file.digest)
  })

  it('another value behind the same source is the same launch: secrets are rotated', async () => {
    const before = await launchOf({ stdio: PROGRAM })
    ENV.TOKEN = 'rotated'
    expect((await launchOf({ stdio: PROGRAM })).digest).toBe(before.digest)
    ENV.TOKEN = 'the-secret'
  })

  it('what is fetched without an exact version is named, also behind a launcher', async () => {
    expect((await launchOf({ stdio: { command: 'npx', args: ['-y', 'pkg'] } })).unpinned).toBe('pkg')
    expect((await launchOf({ stdio: { command: 'server', launcher: ['npx', '-y', 'pkg'] } })).unpinned).toBe('pkg')
    expect((await launchOf({ stdio: { command: 'npx', args: ['-y', { fromEnv: 'TOKEN' }] } })).unpinned).toBe('(env)')
    expect((await launchOf({ stdio: { command: 'npx', args: ['-y', 'pkg@1.2.3'] } })).unpinned).toBe(undefined)
  })
})

describe('of a server on the network', () => {
  const REMOTE = { url: 'https://files.example/mcp', headers: { Authorization: { fromEnv: 'TOKEN', prefix: 'Bearer ' }, 'X-Team': 'a' } }
  it('holds its URL, and names and sources of its headers', async () => {
    const { specification } = await launchOf({ http: REMOTE })
    expect(JSON.parse(JSON.stringify(specification))).toEqual({
      transport: 'http',
      url: 'https://files.example/mcp',
      headers: { authorization: { fromEnv: 'TOKEN', prefix: 'Bearer ' }, 'x-team': 'a' },
    })
    const query = await launchOf({ http: { url: 'https://files.example/mcp?api_key=hunter2hunter2' } })
    expect(JSON.stringify(query.specification)).not.toContain('hunter2')
    expect(query.digest).not.toBe((await launchOf({ http: { url: 'https://files.example/mcp?api_key=hunter3hunter3' } })).digest)
  })
  it.each<[string, object]>([
    ['another host', { http: { ...REMOTE, url: 'https://evil.example/mcp' } }],
    ['another path', { http: { ...REMOTE, url: 'https://files.example/other' } }],
    ['another transport', { sse: REMOTE }],
    ['a header more', { http: { ...REMOTE, headers: { ...REMOTE.headers, 'X-More': 'x' } } }],
    ['another source', { http: { ...REMOTE, headers: { ...REMOTE.headers, Authorization: { fromEnv: 'OTHER', prefix: 'Bearer ' } } } }],
    ['plain http', { http: { ...REMOTE, unsafeAllowHttp: true } }],
  ])('attack: %s is another launch (N141)', async (_, upstream) =>
    expect((await launchOf(upstream)).digest).not.toBe((await launchOf({ http: REMOTE })).digest),
  )
  it('attack: another authorization server for everybody’s credential is another launch (N141)', async () => {
    const of = (credential: object) => launchOf({ http: { url: REMOTE.url }, ...credential })
    const by = (issuer: string) => of({ credential: { kind: 'oauth', issuer } })
    const digests = (await Promise.all([of({}), by('https://as.example'), by('https://evil.example')])).map(({ digest }) => digest)
    expect(new Set(digests).size).toBe(3)
  })
})
