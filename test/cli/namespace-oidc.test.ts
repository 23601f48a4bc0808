// Names of a code host proved from the command line, against a running gateway: with a token in a file, in the environment, and as a job of GitHub Actions.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CI_ISSUER, ciIssuer, type CiIssuer } from '../support/ci-issuer.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { gatehouse, type Run } from './io.ts'

let cwd: string
let gateway: TestGateway
let ci: CiIssuer
const tokens: Record<string, string> = {}
const run = (who: string, words: string[], env: Record<string, string> = {}): Promise<Run> =>
  gatehouse([...words, '--url', gateway.url], { cwd, env: { GATEHOUSE_ADMIN_TOKEN: tokens[who], ...env }, now: Date.now })

beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-oidc-'))
  ci = await ciIssuer(join(cwd, 'jwks.json'))
  gateway = await startTestGateway({
    operators: ['root'],
    administration: { twoPerson: false, roles: { publisher: { subjects: ['pat', 'mallory'] } } },
    registry: {
      proofs: [
        {
          issuer: CI_ISSUER,
          jwksFile: join(cwd, 'jwks.json'),
          namespace: 'io.github.{repository_owner}',
          ownerId: 'repository_owner_id',
        },
      ],
    },
  })
  for (const who of ['root', 'pat', 'mallory']) tokens[who] = await gateway.token('/admin', { sub: who })
})
afterAll(async () => {
  await gateway.stop()
  rmSync(cwd, { recursive: true, force: true })
})

describe('gatehouse namespace verify --oidc', () => {
  it('proves by a token in a file', async () => {
    writeFileSync(join(cwd, 'token'), `${await ci.token(gateway.snapshot.publicUrl)}\n`)
    const done = await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc-token-file', 'token'])
    expect(done).toMatchObject({ code: 0, out: expect.stringMatching(/^io\.github\.acme is proved until \d{4}-/) })
    expect((await run('pat', ['namespace', 'list', '--json'])).out).toContain('"owner": "123"')
    expect(await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc-token-file', 'token'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('used before'),
    })
  })
  it('by one in the environment, and as a job asks for one: for this gateway', async () => {
    const env = { GATEHOUSE_OIDC_TOKEN: await ci.token(gateway.snapshot.publicUrl) }
    expect(await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc'], env)).toMatchObject({ code: 0 })
    const job = await ci.job()
    expect(await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc'], job.env)).toMatchObject({ code: 0 })
    expect(job.asked).toEqual([`Bearer of-the-job /token?api-version=2.0&audience=${encodeURIComponent(gateway.url)}`])
    job.stop()
  })
  it('says what is missing', async () => {
    expect(await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('id-token: write'),
    })
    expect(await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc', '--key', 'x'])).toMatchObject({ code: 2 })
    expect(await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc-token-file', 'absent'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('`absent` is not there'),
    })
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: 'http://ci.example/token', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'secret-of-the-job' }
    const refused = await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc'], env)
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('https') })
    expect(refused.err).not.toContain('secret-of-the-job')
  })
  it('takes no token for another registry, and no other name', async () => {
    const of = async (claims: object, audience = gateway.snapshot.publicUrl) => ({
      GATEHOUSE_OIDC_TOKEN: await ci.token(audience, { ...claims }),
    })
    const verify = async (env: Record<string, string>, name = 'io.github.acme') =>
      run('mallory', ['namespace', 'verify', name, '--oidc'], env)
    expect(await verify(await of({}, 'https://registry.example'))).toMatchObject({ code: 1, err: expect.stringContaining('audience') })
    expect(await verify(await of({ repository_owner: 'mallory', repository_owner_id: '9' }))).toMatchObject({
      code: 1,
      err: expect.stringContaining('the token proves `io.github.mallory`'),
    })
    expect(await verify(await of({ repository_owner: 'acme/../evil' }), 'io.github.evil')).toMatchObject({ code: 1 })
    expect((await run('pat', ['namespace', 'list'])).out).toContain('active')
  })
  it('publishes as a job without an account: by a proof for a token of five minutes', async () => {
    const job = await ci.job()
    const server = {
      name: 'io.github.acme/weather',
      description: 'Weather.',
      remotes: [{ type: 'streamable-http', url: 'https://a.example/mcp' }],
    }
    const put = (version: string) => writeFileSync(join(cwd, 'server.json'), JSON.stringify({ ...server, version }))
    const asJob = (words: string[], env = job.env) => gatehouse([...words, '--url', gateway.url], { cwd, env, now: Date.now })
    put('1.0.0')
    expect(await asJob(['publish', '--unsigned', '--oidc'])).toMatchObject({ code: 0, out: expect.stringContaining('quarantined') })
    const token = await asJob(['registry', 'token', '--oidc'])
    expect(token).toMatchObject({ code: 0, out: expect.stringMatching(/^ghreg_[A-Za-z0-9_-]+\n$/) })
    writeFileSync(join(cwd, 'registry-token'), token.out, { mode: 0o600 })
    put('1.1.0')
    expect(await asJob(['publish', '--unsigned', '--token-file', 'registry-token'], {})).toMatchObject({ code: 0 })
    expect(await asJob(['namespace', 'list', '--token-file', 'registry-token'], {})).toMatchObject({ code: 1 })
    expect(await asJob(['registry', 'token', '--oidc'], { GATEHOUSE_OIDC_TOKEN: 'x' })).toMatchObject({ code: 1, out: '' })
    expect(await asJob(['publish', '--unsigned', '--oidc'], { GATEHOUSE_OIDC_TOKEN: 'x' })).toMatchObject({ code: 1 })
    expect(await asJob(['registry', 'token'])).toMatchObject({ code: 2 })
    job.stop()
  })
  it('exchanges a signature of a domain only where the gateway takes that', async () => {
    expect(await gatehouse(['namespace', 'claim', 'com.example', '--key', 'domain.pem'], { cwd })).toMatchObject({ code: 0 })
    const refused = await gatehouse(['registry', 'token', '--domain', 'example.com', '--key', 'domain.pem', '--url', gateway.url], {
      cwd,
      env: {},
      now: Date.now,
    })
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('registry.officialProofs') })
  })
  it('freezes a name that belongs to another account now, and says so; an operator thaws it', async () => {
    const env = { GATEHOUSE_OIDC_TOKEN: await ci.token(gateway.snapshot.publicUrl, { repository_owner_id: '666' }) }
    expect(await run('pat', ['namespace', 'verify', 'io.github.acme', '--oidc'], env)).toMatchObject({
      code: 1,
      err: expect.stringContaining('another account'),
    })
    expect((await run('pat', ['namespace', 'list'])).out).toContain('frozen')
    expect(await run('root', ['namespace', 'thaw', 'io.github.acme', '--why', 'renamed by us'])).toMatchObject({ code: 0 })
    const events = gateway.events().filter(({ subject }) => subject?.method === 'admin/namespaces/verify')
    expect(events.at(-1)).toMatchObject({
      type: 'outcome',
      outcome: 'stopped',
      reason: 'namespace-taken',
      subject: { name: 'namespace io.github.acme' },
    })
    expect(JSON.stringify(events)).not.toContain('eyJ')
  })
})
