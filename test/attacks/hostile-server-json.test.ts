// What a publisher could put into server.json to reach whoever reads it: hosts that draw it, reviewers at a terminal, consoles, people who get an error. It is
// refused, or it is neutral wherever it comes out: the same values, and nothing that acts.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVersionStore } from '../../src/adapters/sqlite/registry-store.ts'
import { openStateDb, type StateDb } from '../../src/adapters/sqlite/state-db.ts'
import { gatehouse, type Run } from '../cli/io.ts'
import { publication } from '../contracts/registry.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { send, type Answer } from './wire.ts'

let gateway: TestGateway
let db: StateDb
let cwd: string
const tokens: Record<string, string> = {}
beforeAll(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-hostile-'))
  gateway = await startTestGateway({
    operators: ['root'],
    administration: { twoPerson: false, roles: { publisher: { subjects: ['pat'] } } },
    registry: { sets: { all: { servers: ['com.example/*'] } } },
  })
  for (const who of ['root', 'pat']) tokens[who] = await gateway.token('/admin', { sub: who })
  for (const target of ['com.example pat', 'io.github.twitter pat', 'com.exarnple pat'])
    await call('POST', '/admin/namespaces/register', JSON.stringify({ target, why: 'x' }), 'root')
  db = await openStateDb(join(gateway.dataDir, 'state.db'))
})
afterAll(async () => {
  await db.close()
  await gateway.stop()
  rmSync(cwd, { recursive: true, force: true })
})
const call = (method: string, path: string, body?: string, who?: string): Promise<Answer> =>
  send(Number(new URL(gateway.url).port), {
    method,
    path,
    headers: {
      ...(who !== undefined && { authorization: `Bearer ${tokens[who]}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
  })
const publish = (document: unknown): Promise<Answer> =>
  call('POST', '/v0.1/publish', typeof document === 'string' ? document : JSON.stringify(document), 'pat')
const run = (who: string, ...words: string[]): Promise<Run> =>
  gatehouse([...words, '--url', gateway.url], { cwd, env: { GATEHOUSE_ADMIN_TOKEN: tokens[who] }, now: Date.now })

const MINIMAL = { name: 'com.example/hostile', description: 'd', version: '1.0.0' }
const NPM = { registryType: 'npm', identifier: 'weather', version: '1.0.0', transport: { type: 'stdio' } }
const ESCAPE = '\u001b]0;owned\u0007\u001b[2J'
const BIDI = 'txt.\u202eexe.\u2066'
/** Nothing but what can be seen, and nothing that markup begins with. Letters of all languages can be seen. */
const ACTIVE = /[\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\x00-\x09\x0b-\x1f\x7f-\x9f]|[\ufe00-\ufe0f]/u
function expectNeutral(text: string): void {
  expect(text).not.toMatch(ACTIVE)
  expect(text).not.toMatch(/[<>&]/)
}

describe('a hostile server.json is refused, and the refusal repeats nothing of it', () => {
  it.each<[string, object]>([
    ['a link that runs', { websiteUrl: 'javascript:alert(document.domain)' }],
    ['a link that runs, in capitals and with a tab', { websiteUrl: 'JaVa\tScript:alert(1)' }],
    ['a link that is a page of its own', { websiteUrl: 'data:text/html;base64,PHNjcmlwdD4=' }],
    ['an icon that is a program', { icons: [{ src: 'data:image/svg+xml,<svg onload=alert(1)>' }] }],
    ['an icon over http, which tells others who looks', { icons: [{ src: 'http://evil.example/pixel.png' }] }],
    ['a repository that runs', { repository: { url: 'vbscript:msgbox(1)', source: 'github' } }],
    ['a remote that is no server', { remotes: [{ type: 'streamable-http', url: 'file:///etc/passwd' }] }],
    ['a remote whose host is filled in later', { remotes: [{ type: 'sse', url: 'https://{host}.evil.example/' }] }],
    ['a package from a place that runs', { packages: [{ ...NPM, registryBaseUrl: 'javascript:alert(1)' }] }],
    ['a transport that runs', { packages: [{ ...NPM, transport: { type: 'streamable-http', url: 'javascript:alert(1)' } }] }],
    ['a terminal’s commands in the description', { description: `Weather${ESCAPE}` }],
    ['a terminal’s commands of one byte', { description: 'Weather\u009b31m' }],
    ['a turned line in the title (N144)', { title: BIDI }],
    ['a hidden sentence in tags', { title: 'Weather\u{e0049}\u{e0067}\u{e006e}' }],
    ['a filler that draws nothing', { title: 'Weather\u3164' }],
    ['a line of a script that ends early', { description: 'Weather\u2028alert(1)' }],
    ['a name of other letters (N144)', { name: 'com.ex\u0430mple/hostile' }],
    ['a name with markup', { name: 'com.example/<b>x</b>' }],
    ['a name that leaves its folder', { name: 'com.example/../../etc' }],
    ['a version with markup', { version: '1.0.0<script>' }],
    ['a version with a terminal’s commands', { version: `1.0.0${ESCAPE}` }],
    ['a member whose name is hidden', { [`x${BIDI}`]: 1 }],
    ['a hidden text deep inside', { _meta: { 'com.example': { list: [{ text: `x${BIDI}` }] } } }],
    ['that a registry vouches for it', { _meta: { 'gatehouse/trust': { standing: 'admitted' } } }],
    ['that the official registry vouches for it', { _meta: { 'io.modelcontextprotocol.registry/official': { status: 'active' } } }],
    ['a text without end', { description: 'x'.repeat(10_000) }],
    ['more than a server.json may have', { _meta: { 'com.example': 'x'.repeat(70_000) } }],
  ])('%s', async (_what, more) => {
    const answer = await publish({ ...MINIMAL, ...more })
    expect([answer.status, answer.body.reason]).toEqual([400, 'server-json-invalid'])
    expectNeutral(answer.text)
    expect(answer.text.length).toBeLessThan(4000)
    for (const word of ['alert', 'evil', 'owned', 'etc/passwd', 'xxxxxxxx', 'msgbox', 'exe.']) expect(answer.text).not.toContain(word)
  })
  it.each([
    ['members in members without end', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'json-invalid'],
    ['a member twice, of which two readers believe two', '{"name":"com.example/a","name":"com.evil/a"}', 'json-invalid'],
    ['half a character', '{"name":"com.example/a","description":"\\ud800"}', 'json-invalid'],
    [
      'a number that readers read differently',
      '{"name":"com.example/a","description":"d","version":"1.0.0","x":9007199254740993}',
      'server-json-invalid',
    ],
    ['a prototype', '{"__proto__":{"name":"com.example/a","description":"d","version":"1.0.0"}}', 'server-json-invalid'],
  ])('%s', async (_what, body, reason) => {
    const answer = await publish(body)
    expect([answer.status, answer.body.reason]).toEqual([400, reason])
    expectNeutral(answer.text)
  })
  it('and a member that an act does not know comes back escaped, not as it is', async () => {
    const answer = await call(
      'POST',
      '/v1/publish',
      JSON.stringify({ [`<b>${BIDI}${ESCAPE}`]: 1, serverJson: MINIMAL, bundles: [] }),
      'pat',
    )
    expect(answer.body.reason).toBe('params-invalid')
    expectNeutral(answer.text)
    const status = await call('PATCH', '/v0.1/servers/com.example%2Fhostile/status', JSON.stringify({ [`<i>\u202e`]: 'x' }), 'pat')
    expect(status.status).toBe(400)
    expectNeutral(status.text)
  })
  it('and a message with a status hides nothing either', async () => {
    await createVersionStore(db).publish(publication('com.exarnple/said', '1.0.0'))
    for (const statusMessage of [`x${BIDI}`, 'x\u200b', 'x\u009b31m', 'x\u{e0041}', 'x\u2028']) {
      const answer = await call(
        'PATCH',
        '/v0.1/servers/com.exarnple%2Fsaid/status',
        JSON.stringify({ status: 'deprecated', statusMessage }),
        'pat',
      )
      expect([answer.status, answer.body.reason]).toEqual([400, 'params-invalid'])
      expectNeutral(answer.text)
    }
  })
  it('and the record of who tried holds no name that could be none', async () => {
    await publish({ ...MINIMAL, name: `<b>${BIDI}`, version: ESCAPE })
    const rows = gateway.events().filter(event => event['subject']?.method === 'admin/registry/submit')
    expect(rows.map(row => row['subject'].name)).toContain('server ?@?')
    expect(JSON.stringify(rows)).not.toMatch(/[\u202e\u009b]|<b>/)
  })
  it('and the command line tells it without obeying it', async () => {
    writeFileSync(join(cwd, 'server.json'), JSON.stringify({ ...MINIMAL, title: BIDI, [`x${ESCAPE}`]: 1, version: ESCAPE }))
    for (const json of [[], ['--json']]) {
      const done = await run('pat', 'publish', '--unsigned', ...json)
      expect(done.code).toBe(1)
      expect(done.out + done.err).toMatch(/^[\n\x20-\x7e‘’“”]*$/)
    }
  })
})

/** Allowed, because people write such things; as hostile as that gets. */
const MARKUP = '<img src=x onerror=alert(1)></script><script>alert(2)</script>&lt;'
const LETTERS = 'مرحبا \u200d\u2764\ufe0f שלום `$(id)` {{7*7}} %0d%0a\n\t'
const DOCUMENT = {
  ...MINIMAL,
  title: LETTERS.trim(),
  description: MARKUP,
  websiteUrl: 'https://example.com/?q=%3Cscript%3E&x=1',
  _meta: { 'com.example': { [MARKUP]: [MARKUP, LETTERS] } },
}

describe('hostile text that people may write is the same text everywhere, and acts nowhere', () => {
  beforeAll(async () => {
    const versions = createVersionStore(db)
    const texts = (version: string) => ({
      serverJson: JSON.stringify({ ...DOCUMENT, version }),
      search: JSON.stringify(DOCUMENT).toLowerCase(),
    })
    await versions.publish(publication(DOCUMENT.name, '1.0.0', texts('1.0.0')))
    await versions.publish(publication(DOCUMENT.name, '1.1.0', { ...texts('1.1.0'), standing: 'quarantined' }))
    const message = JSON.stringify({ status: 'deprecated', statusMessage: `${MARKUP}${LETTERS.trim()}\u{1f600}` })
    const done = await call('PATCH', '/v0.1/servers/com.example%2Fhostile/versions/1.0.0/status', message, 'root')
    expect(done.status).toBe(200)
    expectNeutral(done.text)
  })
  const one = '/v0.1/servers/com.example%2Fhostile/versions'
  it.each([
    ['the list', '/v0.1/servers'],
    ['a search for it', `/v0.1/servers?search=${encodeURIComponent('<img src=x')}`],
    ['changes', '/v0.1/servers?updated_since=1970-01-01T00:00:00Z'],
    ['a set', '/sets/all/v0.1/servers'],
    ['its versions', one],
    ['one version', `${one}/1.0.0`],
    ['a resolution', '/v1/resolve?name=com.example/hostile'],
    ['our own entry', '/v1/servers/com.example%2Fhostile/versions/1.0.0'],
    ['what waits for a reviewer', '/v1/reviews'],
    ['the export for hosts', '/v1/exports/allowed-mcp-servers?set=all'],
  ])('in %s', async (_where, path) => {
    const answer = await call('GET', path, undefined, 'root')
    expect(answer.status).toBe(200)
    expectNeutral(answer.text)
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'content-type': 'application/json' })
    const servers = (answer.body.servers ?? [answer.body])
      .map((entry: any) => entry.server)
      .filter((server: any) => server?.name === DOCUMENT.name)
    for (const server of servers) expect(server).toEqual({ ...DOCUMENT, version: server.version })
    if (!path.includes('exports')) expect(servers.length).toBe(1)
  })
  it.each([
    ['a path', `/v0.1/${encodeURIComponent(MARKUP)}`],
    ['a name', `/v0.1/servers/${encodeURIComponent(MARKUP)}/versions`],
    ['a version', `${one}/${encodeURIComponent(LETTERS)}`],
    ['a limit', `/v0.1/servers?limit=${encodeURIComponent(MARKUP)}`],
    ['a cursor', `/v0.1/servers?cursor=${encodeURIComponent(MARKUP)}`],
    ['a namespace', `/v1/namespaces/${encodeURIComponent(MARKUP)}`],
    ['a document', `/v1/servers/com.example%2Fhostile/versions/1.0.0/documents/${encodeURIComponent(MARKUP)}`],
    ['a set', `/v1/resolve?name=com.example/hostile&set=${encodeURIComponent(MARKUP)}`],
  ])('and not in the error for %s that is none', async (_where, path) => {
    const answer = await call('GET', path, undefined, 'root')
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expectNeutral(answer.text)
    expect(answer.text).not.toMatch(/alert|onerror/)
  })
  it('and not in what the command line prints', async () => {
    for (const json of [[], ['--json']]) {
      const done = await run('root', 'registry', 'status', 'com.example/hostile', 'active', ...json)
      expect(done.code).toBe(0)
      expectNeutral(done.out)
      await run('root', 'registry', 'status', 'com.example/hostile', 'deprecated', '--message', MARKUP)
    }
  })
})

describe('names and versions that imitate others (N144)', () => {
  const standing = (answer: Answer): unknown => answer.body._meta?.['gatehouse/trust'].standing
  it('twittter-mcp waits beside twitter-mcp, also from another namespace', async () => {
    await publish({ ...MINIMAL, name: 'com.example/twitter-mcp' })
    expect(standing(await publish({ ...MINIMAL, name: 'com.exarnple/twitter-mcp' }))).toBe('quarantined')
    const held = await call('POST', '/admin/registry/clear', JSON.stringify({ target: 'com.exarnple/twitter-mcp', why: 'x' }), 'root')
    expect(held.body).toMatchObject({ state: 'applied', cleared: 'com.exarnple/twitter-mcp' })
    await publish({ ...MINIMAL, name: 'io.github.twitter/twitter-mcp' })
    await publish({ ...MINIMAL, name: 'io.github.twitter/twittter-mcp' })
    // one publisher may call two servers alike, as long as they can be told apart
    const own = await call('POST', '/admin/registry/clear', JSON.stringify({ target: 'io.github.twitter/twittter-mcp', why: 'x' }), 'root')
    expect(own.status).toBe(400)
  })
  it('a version that was withdrawn is not published again with other bytes: 409, and never comes back', async () => {
    const document = { ...MINIMAL, name: 'com.example/yanked' }
    expect((await publish(document)).status).toBe(200)
    const yank = await call('PATCH', '/v0.1/servers/com.example%2Fyanked/versions/1.0.0/status', '{"status":"deleted"}', 'pat')
    expect(yank.status).toBe(200)
    for (const again of [document, { ...document, title: 'Other bytes' }, { ...document, name: 'com.example/YANKED' }]) {
      const answer = await publish(again)
      expect([answer.status, answer.body.reason]).toEqual(
        again.name === document.name ? [409, 'version-exists'] : [400, 'server-json-invalid'],
      )
    }
    const back = await call('PATCH', '/v0.1/servers/com.example%2Fyanked/versions/1.0.0/status', '{"status":"active"}', 'root')
    expect(back.status).toBe(400)
    const kept = await call('GET', '/v0.1/servers/com.example%2Fyanked/versions/1.0.0?include_deleted=true')
    expect([kept.body.server, kept.body._meta['io.modelcontextprotocol.registry/official'].status]).toEqual([document, 'deleted'])
  })
})
