import { GATES } from '../support/gates.ts'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { DEFAULT_TIERS } from '../../src/inspection/tiers.ts'
import { faults, FILE, load, MINIMAL, snapshot, warnings, words } from './configs.ts'

describe('defaults', () => {
  it('are the ones schema.ts states', async () => {
    const got = await snapshot(`${MINIMAL}upstreams: { files: { stdio: { command: node } } }`)
    expect(got).toMatchObject({
      file: FILE,
      listen: { host: '127.0.0.1', port: 8400 },
      publicUrl: 'http://127.0.0.1:8400',
      allowedHosts: [],
      allowedOrigins: [],
      trustedProxies: [],
      dataDir: '/etc/gatehouse/.gatehouse',
      operators: [],
      log: { level: 'info' },
      limits: {
        bodyBytes: 4 * 1024 ** 2,
        depth: 64,
        addressFailuresPerMinute: 600,
        principalPerSecond: 200,
        sessions: 20_000,
        sessionsPerPrincipal: 64,
        sessionIdleSeconds: 3600,
        streams: 20_000,
        streamsPerPrincipal: 64,
        replayEvents: 256,
        replayBytes: 1024 ** 2,
        replayTotalBytes: 256 * 1024 ** 2,
        parked: 1000,
        parkedPerPrincipal: 16,
        headersMs: 10_000,
        bodyMs: 30_000,
        drainMs: 10_000,
      },
    })
    expect(got.upstreams.get('files')).toEqual({
      alias: 'files',
      transport: { kind: 'stdio', command: 'node', args: [], env: {} },
      launch: {
        specification: { transport: 'stdio', command: 'node', args: [], env: {} },
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      era: 'auto',
      share: 'principal',
      labels: [],
      arguments: { validate: 'strict', rules: [], resourceRoots: [] },
      inspection: DEFAULT_TIERS,
      gates: GATES,
      accepted: [],
      lists: 'principal',
      admission: 'required',
      listTtlSeconds: 60,
      timeouts: { connectMs: 10_000, callMs: 60_000, hardMs: 600_000, idleMs: 300_000, parkMs: 300_000 },
      limits: {
        concurrency: 64,
        queue: 256,
        connections: 32,
        messageBytes: 16 * 1024 ** 2,
        bufferBytes: 32 * 1024 ** 2,
        listPages: 100,
        listEntries: 10_000,
        listBytes: 16 * 1024 ** 2,
        notificationsPerSecond: 200,
        rounds: 8,
      },
      scopes: new Map(),
      allow: [],
    })
  })

  it('of an issuer allow neither unsigned tokens nor shared secrets', async () => {
    const { issuers } = await snapshot("version: 1\nidentity: { issuers: [{ issuer: 'https://a.example' }] }")
    expect(issuers).toEqual([
      {
        issuer: 'https://a.example',
        algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        types: ['at+jwt'],
        subjectClaim: 'sub',
        groupsClaim: 'groups',
        grant: [],
        dpop: 'accepted',
        maxTokenSeconds: 900,
        clockSkewSeconds: 30,
      },
    ])
    for (const algorithm of ['none', 'HS256', 'HS512', 'NONE']) {
      expect(await faults(`version: 1\nidentity: { issuers: [{ issuer: 'https://a.example', algorithms: [${algorithm}] }] }`)).toEqual([
        '2:67 identity.issuers[0].algorithms[0] value',
      ])
    }
  })

  it('make the evaluation provider the last issuer', async () => {
    const got = await snapshot(
      "version: 1\nidentity: { issuers: [{ issuer: 'https://a.example' }], evaluation: { users: [{ name: alice }] } }",
    )
    expect(got.issuers.map(i => i.issuer)).toEqual(['https://a.example', 'http://127.0.0.1:8401'])
    expect(got.evaluation).toEqual({ port: 8401, users: [{ name: 'alice', groups: [] }] })
  })
})

describe('faults', () => {
  const text = `listen: 127.0.0.1
dataDire: x
identity: { evaluation: { users: [{ name: alice }] } }
upstreams:
  My_Files: { stdio: { command: node } }
  files:
    stdio: { comand: node }
    timeouts: { call: 60 }
    allow:
      - subjcts: [alice]
        tools: [a]
limits: { bodySize: 4, depth: 1000 }
`
  it('are reported all at once, in order, each with line and column', async () => {
    expect(await faults(text)).toEqual([
      '1:1 listen value',
      '1:1 version missing',
      '2:1 dataDire unknown-key',
      '5:3 upstreams.My_Files value',
      '7:5 upstreams.files.stdio.command missing',
      '7:14 upstreams.files.stdio.comand unknown-key',
      '8:17 upstreams.files.timeouts.call value',
      '10:9 upstreams.files.allow[0].subjcts unknown-key',
      '12:11 limits.bodySize value',
      '12:24 limits.depth range',
    ])
  })

  it.each([
    ['dataDire: x', 'did you mean `dataDir`?'],
    ['upstream: {}', 'did you mean `upstreams`?'],
    ['mcpServers: {}', 'did you mean `upstreams`?'],
    ['log: { levle: info }', 'did you mean `level`?'],
    ['log: { level: inof }', 'did you mean `info`?'],
    ['zzzzzzzzz: 1', 'known here: version, listen'],
  ])('of a misspelt key or word name the near one: %s', async (line, hint) => {
    expect(await words(MINIMAL + line)).toContain(hint)
  })

  it.each([
    ['limits: { bodySize: 4096 }', 'with its unit'],
    ['limits: { bodySize: 4MB }', 'with its unit'],
    ['limits: { headersTimeout: 10 }', 'with its unit'],
    ['limits: { headersTimeout: -1s }', 'with its unit'],
    ['limits: { headersTimeout: 999d }', 'expected 100ms to 10m'],
    ['limits: { sessionIdle: 10500ms }', 'whole seconds'],
    ['limits: { sessions: 1.5 }', 'whole number'],
    ['limits: { sessions: 0 }', 'from 1 to'],
    ['limits: { sessions: 12345678901234567890 }', 'from 1 to'],
    ['limits: { sessions: .inf }', 'from 1 to'],
    ['limits: { sessions: "5" }', 'whole number'],
    ['allowedHosts: gateway.example.com', 'expected a list'],
    ['allowedHosts: [a, a]', 'twice'],
    ['dataDir: 7', "put it in quotes: '7'"],
    ['dataDir:', 'expected a path, got nothing'],
    ['dataDir: ~/x', '`~` is not expanded'],
    ['log: info', 'expected settings'],
    ['upstreams: []', 'expected one line per'],
    ['upstreams: { a: { http: { url: "https://x.example", unsafeAllowHttp: "yes" } } }', 'true or false'],
  ])('of values say what was expected: %s', async (line, message) => {
    expect(await words(MINIMAL + line)).toContain(message)
  })

  it.each(['a--b', '-a', 'a-', '1a', 'A', 'a_b', 'a.b', 'ä', '', 'a'.repeat(25), '__proto__', 'a b'])(
    'refuse the alias %j',
    async alias => {
      expect(await faults(`${MINIMAL}upstreams: { ${JSON.stringify(alias)}: { stdio: { command: node } } }`)).toHaveLength(1)
    },
  )

  it.each(['a', 'a1', 'my-files', 'a1-b2-c3', 'a'.repeat(24)])('accept the alias %j', async alias => {
    expect([...(await snapshot(`${MINIMAL}upstreams: { ${alias}: { stdio: { command: node } } }`)).upstreams.keys()]).toEqual([alias])
  })

  it('never repeat a value that may be a secret', async () => {
    const text = `${MINIMAL}upstreams: { a: { stdio: { command: node, args: [4711], env: { PIN: 4711, K: { fromEnv: [hunter2] }, L: { fromEnv: 'hunter 2' } } } }, b: { http: { url: 'https://x.example', headers: { A: "hunter2\\r\\nB: c" } } } }`
    const result = await load(text)
    expect(result.ok).toBe(false)
    expect(JSON.stringify(result)).not.toMatch(/4711|hunter/)
  })
})

describe('values from elsewhere', () => {
  const upstream = (env: string): string => `${MINIMAL}upstreams: { a: { stdio: { command: node, env: { K: ${env} } } } }`
  const file = (content: string | Buffer, isLoose = false) => ({
    readSource: () => Promise.resolve({ bytes: Buffer.from(content), isLoose }),
  })
  const envOf = async (...args: Parameters<typeof snapshot>) => {
    const { transport } = (await snapshot(...args)).upstreams.get('a')!
    return transport.kind === 'stdio' ? transport.env['K'] : undefined
  }

  it('come from the environment, a file or a path', async () => {
    expect(await envOf(upstream('{ fromEnv: SECRET }'), { env: { SECRET: 's' } })).toBe('s')
    expect(await envOf(upstream("{ fromEnv: SECRET, prefix: 'Bearer ' }"), { env: { SECRET: 's' } })).toBe('Bearer s')
    expect(await envOf(upstream('{ fromFile: secret.txt }'), file('s\n'))).toBe('s')
    expect(await envOf(upstream('{ fromFile: secret.txt }'), file('two\nlines\n\n'))).toBe('two\nlines\n')
    expect(await envOf(upstream('{ path: ../data }'))).toBe('/etc/data')
  })

  it.each([
    ['{ fromEnv: MISSING }', {}, 'source'],
    ['{ fromEnv: EMPTY }', { env: { EMPTY: '' } }, 'source'],
    ['{ fromFile: missing }', {}, 'source'],
    ['{ fromFile: empty }', file('\n'), 'source'],
    ['{ fromFile: binary }', file(Buffer.from([0xff, 0xfe])), 'source'],
    ['{ fromFile: nul }', file('a\0b'), 'source'],
    ['{ fromEnv: A, fromFile: b }', { env: { A: 'a' } }, 'conflict'],
    ['{}', {}, 'conflict'],
    ['[]', {}, 'type'],
  ])('fail closed: %s', async (source, options, code) => {
    expect(await faults(upstream(source), options)).toEqual([expect.stringMatching(new RegExp(`upstreams\\.a\\.stdio\\.env\\.K ${code}$`))])
  })

  it('attack: a line break in a file cannot add a header', async () => {
    const text = `${MINIMAL}upstreams: { a: { http: { url: 'https://x.example', headers: { Authorization: { fromFile: f } } } } }`
    expect(await faults(text, file('token\r\nX-Admin: 1'))).toEqual(['3:64 upstreams.a.http.headers.Authorization source'])
  })

  it('warn where others can read them', async () => {
    expect(await warnings(upstream('{ fromFile: f }'), file('s', true))).toContain('upstreams.a.stdio.env.K loose-permissions')
  })
})

describe('the snapshot', () => {
  it('is frozen to the bottom, maps included', async () => {
    const got = await snapshot(
      `${MINIMAL}upstreams: { a: { stdio: { command: node, args: [x] }, allow: [{ subjects: [alice], tools: [t] }] } }\nsets: { s: [a] }`,
    )
    const seen = new Set<unknown>()
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || seen.has(value)) return
      seen.add(value)
      expect(Object.isFrozen(value)).toBe(true)
      if (value instanceof Map) {
        expect(() => value.set('x', 1)).toThrow('frozen')
        expect(() => value.delete('a')).toThrow('frozen')
        expect(() => value.clear()).toThrow('frozen')
        for (const part of value.values()) walk(part)
      } else Object.values(value).forEach(walk)
    }
    walk(got)
    expect(seen.size).toBeGreaterThan(20)
    expect(got.upstreams.size).toBe(1)
  })

  it('carries the digest of the bytes', async () => {
    const [a, b] = await Promise.all([snapshot(MINIMAL), snapshot(`${MINIMAL}# comment\n`)])
    expect(a.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(a.digest).not.toBe(b.digest)
  })

  it('resolves paths against the file, and programs with a slash', async () => {
    const { upstreams } = await snapshot(
      `${MINIMAL}upstreams: { a: { stdio: { command: ./bin/x, cwd: work, args: [./y, { path: ./y }], launcher: [../wrap, ./z] } }, b: { stdio: { command: node } } }`,
    )
    expect(upstreams.get('a')?.transport).toMatchObject({
      command: '/etc/gatehouse/bin/x',
      cwd: '/etc/gatehouse/work',
      args: ['./y', '/etc/gatehouse/y'],
      launcher: ['/etc/wrap', './z'],
    })
    expect(upstreams.get('b')?.transport).toMatchObject({ command: 'node' })
  })

  it('numbers the rules that were given no id, from 1', async () => {
    const { upstreams } = await snapshot(
      `${MINIMAL}upstreams: { a: { stdio: { command: x }, allow: [{ subjects: [u], tools: [t] }, { id: named, subjects: [u], tools: [t] }, { subjects: [u], tools: [t] }] } }`,
    )
    expect(upstreams.get('a')?.allow.map(r => r.id)).toEqual(['a/allow/1', 'named', 'a/allow/3'])
  })
})

describe('the file', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-config-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const put = (name: string, content: string | Buffer, mode = 0o600): string => {
    const file = join(folder, name)
    writeFileSync(file, content, { mode })
    chmodSync(file, mode)
    return file
  }
  const problem = async (file: string): Promise<string> => {
    const result = await loadConfig(file, { env: {} })
    return result.ok ? 'loads' : result.faults.map(f => `${f.code}: ${f.message}`).join()
  }

  it('loads, also through a link to a regular file', async () => {
    const file = put('real.yaml', MINIMAL)
    symlinkSync(file, join(folder, 'gatehouse.yaml'))
    expect(await problem(join(folder, 'gatehouse.yaml'))).toBe('loads')
  })

  it.each([
    ['missing', () => join(folder, 'none.yaml'), 'file: does not exist'],
    ['a folder', () => (mkdirSync(join(folder, 'dir')), join(folder, 'dir')), 'file: is not a regular file'],
    ['a link to a device', () => (symlinkSync('/dev/zero', join(folder, 'zero')), join(folder, 'zero')), 'file: is not a regular file'],
    ['a link to itself', () => (symlinkSync('loop', join(folder, 'loop')), join(folder, 'loop')), 'file: is a link that leads nowhere'],
    [
      'a pipe nobody writes to',
      () => (execFileSync('sh', ['-c', 'mkfifo "$0"', join(folder, 'pipe')]), join(folder, 'pipe')),
      'file: is not a regular file',
    ],
    ['larger than 1 MiB', () => put('large.yaml', MINIMAL + '#'.repeat(1024 ** 2)), 'file: is larger than 1048576 bytes'],
    ['not UTF-8', () => put('latin.yaml', Buffer.from([0x61, 0x3a, 0xe9])), 'file: is not valid UTF-8'],
  ])('attack: %s is refused and holds nothing up', async (_, make, expected) => {
    expect(await problem(make())).toBe(expected)
  })

  it('warns where others may change it, and reads secrets beside it', async () => {
    put('secret', 's3cret\n', 0o644)
    const file = put('gatehouse.yaml', `${MINIMAL}upstreams: { a: { stdio: { command: node, env: { K: { fromFile: secret } } } } }`, 0o666)
    const result = await loadConfig(file, { env: {} })
    expect(result.warnings.map(w => `${w.path} ${w.code}`)).toEqual(
      expect.arrayContaining([' loose-permissions', 'upstreams.a.stdio.env.K loose-permissions']),
    )
    expect(result.ok && result.snapshot.upstreams.get('a')?.transport).toMatchObject({ env: { K: 's3cret' } })
    expect(JSON.stringify(result.warnings)).not.toContain('s3cret')
  })

  it('wants TLS and key files to be there', async () => {
    put('cert.pem', 'x')
    const file = put('gatehouse.yaml', `${MINIMAL}tls: { cert: cert.pem, key: key.pem }\n`)
    expect(await problem(file)).toBe('source: the file does not exist')
    put('key.pem', 'x', 0o644)
    const result = await loadConfig(file, { env: {} })
    expect(result.ok && result.snapshot.listen.tls).toEqual({ certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') })
    expect(result.ok && result.snapshot.publicUrl).toBe('https://127.0.0.1:8400')
    expect(result.warnings.map(w => w.path)).toContain('tls.key')
  })
})
