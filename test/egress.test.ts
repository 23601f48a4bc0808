// The recorder that watches every test run (test/support/egress): what it finds, that a gateway which leaks is caught in either direction, and that
// nothing of the gateway goes out by a way it does not see.

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { EgressRecorder, type EgressReport } from './support/egress/recorder.ts'
import { FILE_VARIABLE, FOLDER_VARIABLE, leaksOf, readReports } from './support/egress/report-folder.ts'
import { summaryOf } from './support/egress/run.ts'
import { SecretIndex } from './support/egress/secret-index.ts'

const root = join(import.meta.dirname, '..')
const SIGNATURE = 'q8Vw3nT0xYl2mPZk7RjD5uHcGfEs9BaLoXiW1vN6tKyQpMhUeJrCbSdAzFgO4I-_'
const TOKEN = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.${SIGNATURE}`

describe('secrets in bytes', () => {
  const index = new SecretIndex()
  index.add(SIGNATURE)
  index.add('short-secret-of-bob')
  index.add('elevenchars')
  const found = (text: string): number[] => [...new Set(index.search(Buffer.from(text)).map(({ secret }) => secret))]

  it('are found by any 16 bytes of a long one, wherever they stand', () => {
    for (let from = 0; from + 16 <= SIGNATURE.length; from++)
      for (let at = 0; at < 8; at++) expect(found(`${'.'.repeat(at)}${SIGNATURE.slice(from, from + 16)}!`), `${from} at ${at}`).toEqual([0])
  })
  it('are not found by 15 bytes, nor a short one by a part', () => {
    expect(found(`--${SIGNATURE.slice(3, 18)}--`)).toEqual([])
    expect(found('--short-secret-of-alice')).toEqual([])
  })
  it('are found as a whole, however short, in the middle of anything', () => {
    for (let at = 0; at < 8; at++) expect(found(`${'.'.repeat(at)}short-secret-of-bob elevenchars`).sort()).toEqual([1, 2])
  })
  it.each([0, 1, 2, 3, 4, 5])('are found in base64 of a text that begins %i bytes earlier', before => {
    for (const encoding of ['base64', 'base64url'] as const) {
      expect(found(Buffer.from(`${'~'.repeat(before)}${SIGNATURE}?`).toString(encoding))).toEqual([0])
      expect(found(Buffer.from(`${'~'.repeat(before)}short-secret-of-bob`).toString(encoding))).toEqual([1])
    }
  })
  it('are not looked for where they would be found everywhere', () => {
    expect(index.add('test')).toBeUndefined()
    expect(index.add('a'.repeat(100))).toBeUndefined()
  })
})

describe('a recorder', () => {
  it('judges each direction by the other side’s secrets, over the borders of writes and of judgements', () => {
    const recorder = new EgressRecorder()
    recorder.learnHostToken(TOKEN, 'sent')
    recorder.learnUpstreamCredential('credential-for-the-upstream', 'sent')
    const [up, down] = [recorder.tap('to-upstream', 'up:1'), recorder.tap('to-host', 'host')]
    up.write('credential-for-the-upstream')
    down.write(TOKEN)
    expect(recorder.report('t').leaks).toEqual([])
    up.write(SIGNATURE.slice(0, 10))
    recorder.judge()
    up.write(SIGNATURE.slice(10, 20))
    down.write('credential-for')
    down.write(Buffer.from('-the-upstream'))
    expect(recorder.report('t').leaks.map(({ direction, peer }) => [direction, peer])).toEqual([
      ['to-upstream', 'up:1'],
      ['to-host', 'host'],
    ])
  })
  it('takes the claims of a token for no secret', () => {
    const recorder = new EgressRecorder()
    recorder.learnHostToken(TOKEN, 'sent')
    recorder.tap('to-upstream', 'up:1').write(TOKEN.split('.').slice(0, 2).join('.'))
    expect(recorder.report('t').leaks).toEqual([])
  })
  it('lets pass what a test excuses, for that peer or secret alone, and counts it', () => {
    const recorder = new EgressRecorder()
    recorder.learnHostToken(TOKEN, 'sent')
    recorder.excuse({ direction: 'to-upstream', peer: 'issuer:1', why: 'its own token' })
    recorder.tap('to-upstream', 'issuer:1').write(TOKEN)
    recorder.tap('to-upstream', 'up:1').write(TOKEN)
    const { leaks, excused } = recorder.report('t')
    expect(leaks.map(({ peer }) => peer)).toEqual(['up:1'])
    expect(excused).toEqual({ 'its own token': 1 })
  })
})

describe('a whole run', () => {
  const report: EgressReport = { file: 'a.test.ts', gateways: 1, hostTokens: 2, upstreamCredentials: 3, bytes: { 'to-upstream': 4000, 'to-host': 5 }, leaks: [], excused: {} } // prettier-ignore

  it('is told in one line', () => {
    const { line, faults } = summaryOf([report, { ...report, file: 'b.test.ts' }], 2)
    expect(line).toContain('egress: 4 host tokens, 6 upstream credentials, 8,000 bytes to upstreams, 10 bytes to hosts, 0 leaks')
    expect(faults).toEqual([])
  })
  it.each<[string, Partial<EgressReport>]>([
    ['host tokens', { hostTokens: 0 }],
    ['upstream credentials', { upstreamCredentials: 0 }],
    ['bytes to upstreams', { bytes: { 'to-upstream': 0, 'to-host': 1 } }],
    ['bytes to hosts', { bytes: { 'to-upstream': 1, 'to-host': 0 } }],
    ['gateways', { gateways: 0 }],
  ])('fails when no %s were seen, but only when every test file ran', (what, change) => {
    expect(summaryOf([{ ...report, ...change }], 1).faults.join()).toContain(`no ${what} were recorded`)
    expect(summaryOf([{ ...report, ...change }], 2).faults).toEqual([])
  })
  it('fails at a leak, naming test file, direction and digest, never the secret', () => {
    const leak = {
      direction: 'to-upstream',
      peer: 'up:1',
      secret: '0123456789abcdef',
      learnt: 'sent as authorization',
      form: 'as it is',
    } as const
    expect(summaryOf([{ ...report, leaks: [leak] }], 9).faults).toEqual([
      'a.test.ts: a host’s token (sent as authorization, sha256 0123456789abcdef…, as it is) went to up:1',
    ])
  })
})

describe('a gateway that leaks, in a process of its own', () => {
  const folders: string[] = []
  afterAll(() => folders.forEach(folder => rmSync(folder, { recursive: true })))

  async function run(mistake: string): Promise<EgressReport> {
    const folder = mkdtempSync(join(tmpdir(), 'egress-test-'))
    folders.push(folder)
    const child = spawn(process.execPath, [join(root, 'test/support/egress/leaky.ts'), mistake], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        NODE_OPTIONS: `--import=file://${join(root, 'test/support/egress/preload.ts')}`,
        [FOLDER_VARIABLE]: folder,
        [FILE_VARIABLE]: 'leaky',
      },
    })
    expect(await once(child, 'exit')).toEqual([0, null])
    const [report, ...others] = readReports(folder)
    expect(others).toEqual([])
    return report!
  }

  it('is not accused where it does not: it is seen, with its tokens, credentials and bytes', async () => {
    const report = await run('honest')
    expect(report).toMatchObject({ gateways: 1, hostTokens: 1, upstreamCredentials: 1, leaks: [] })
    expect(report.bytes['to-upstream']).toBeGreaterThan(100)
    expect(report.bytes['to-host']).toBeGreaterThan(100)
  })
  it.each(['header', 'whole', 'part', 'base64', 'environment', 'stdin'])(
    'is caught sending a host’s token to an upstream: %s',
    async mistake => {
      const { leaks } = await run(mistake)
      expect([...new Set(leaks.map(({ direction }) => direction))]).toEqual(['to-upstream'])
      const isProcess = mistake === 'environment' || mistake === 'stdin'
      expect(leaks[0]?.peer).toMatch(isProcess ? /^process node/ : /^127\.0\.0\.1:\d+$/)
      expect(leaksOf([{ ...(await run('honest')), leaks }])[0]).toMatch(
        /^leaky: a host’s token \(sent as authorization, sha256 [0-9a-f]{16}…/,
      )
    },
  )
  it.each(['answer', 'stream', 'split', 'response-header', 'exchange'])(
    'is caught sending an upstream credential to a host: %s',
    async mistake => {
      const { leaks } = await run(mistake)
      expect([...new Set(leaks.map(({ direction }) => direction))]).toEqual(['to-host'])
    },
  )
})

it('the gateway has no way out that is not watched: undici to upstreams, one file for processes', () => {
  // What these folders do is a host's or the evaluation provider's part, not the gateway's.
  const own = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    file => file.endsWith('.ts') && !/^(?:cli|stdio|demo|evaluation)\//.test(file),
  )
  const ways = own.flatMap(file => {
    const text = readFileSync(join(root, 'src', file), 'utf8').replaceAll(/^\s*\/\/.*$/gm, '')
    const imports = [...text.matchAll(/^import (?!type )\{?([^}]*)\}? from '(undici|node:(?:child_process|dgram|http2?|https|net|tls))'/gm)]
    const dials = imports.filter(([, names = '', module = '']) => !/^node:(?:http|https|net)$/.test(module) || /\b(?:request|get|connect|createConnection|\*)\b/.test(names)) // prettier-ignore
    const globals = [...text.matchAll(/(?<![\w.#])(?:new )?(fetch|WebSocket|EventSource)\((?!\w+: )/g)].map(([, name]) => name)
    return [...dials.map(([, , module]) => module), ...globals].map(way => `${way} in ${file}`)
  })
  expect(ways.sort()).toEqual([
    // a command that the administrator names keeps keys, or signs with them: nobody's upstream
    'node:child_process in adapters/keys.ts',
    'node:child_process in adapters/sigstore/key-command.ts',
    'node:child_process in adapters/upstream/process-channel.ts',
    // audit events to the administrator's receiver; what they never hold is tested by test/attacks/audit-secrets.test.ts
    'node:tls in adapters/delivery/syslog-outlet.ts',
    // the class alone: it dials by undici's own connector, which is watched
    'node:tls in adapters/upstream/pinned-connector.ts',
    'undici in adapters/safe-fetch.ts',
    // spans and metrics to the administrator's collector, by undici and so watched; a closed list says what they hold
    'undici in adapters/telemetry/otlp-sender.ts',
    'undici in adapters/upstream/http-origin.ts',
    'undici in adapters/upstream/pinned-connector.ts',
  ])
})
