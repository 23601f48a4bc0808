// Area E, second part: what headers claim against what the body says, in both eras.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { untilClosed } from './wire.ts'
import { callTool, expectRefused, LegacyHost, modern, modernBody, modernHeaders, startWorld, unseen, works, type World } from './world.ts'

const MISMATCH = { status: 400, code: -32020, reason: 'header-mismatch' }
const INVALID = { status: 400, code: -32600, reason: 'header-invalid' }
const UNKNOWN = { status: 200, code: -32602, reason: 'unknown' }

const properties = {
  region: { type: 'string', 'x-mcp-header': 'Region' },
  count: { type: 'integer', 'x-mcp-header': 'Count' },
  nested: { type: 'object', properties: { dry: { type: 'boolean', 'x-mcp-header': 'Dry' } } },
}
const schema = (inner: object): object => ({ type: 'object', properties: inner })
const annotated = (name: unknown, more: object = {}): object => schema({ a: { type: 'string', 'x-mcp-header': name, ...more } })
/** N068: every one of these spoils its tool and no other. */
const SPOILT: Readonly<Record<string, object>> = {
  'crlf-name': annotated('Region\r\nAuthorization: Bearer x'),
  'lf-name': annotated('Region\nX: y'),
  'colon-name': annotated('Region: x'),
  'empty-name': annotated(''),
  'space-name': annotated('Re gion'),
  'list-name': annotated(['Region']),
  'authorization-name': annotated('Authorization'),
  'host-name': annotated('Host'),
  'mcp-name': annotated('Mcp-Name'),
  'twice-name': schema({ a: { type: 'string', 'x-mcp-header': 'Region' }, b: { type: 'string', 'x-mcp-header': 'REGION' } }),
  'on-number': annotated('Region', { type: 'number' }),
  'on-array': annotated('Region', { type: 'array' }),
  'on-object': annotated('Region', { type: 'object' }),
  'on-two-types': annotated('Region', { type: ['string', 'null'] }),
  'under-items': schema({ a: { type: 'array', items: { type: 'string', 'x-mcp-header': 'Region' } } }),
  'under-any-of': { type: 'object', anyOf: [annotated('Region')] },
  'under-ref': { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { type: 'string', 'x-mcp-header': 'Region' } } },
  'escaped-key': JSON.parse('{"type":"object","properties":{"a":{"type":"string","x-mcp-\\u0068eader":"Host"}}}') as object,
}

let world: World
beforeAll(async () => {
  world = await startWorld({
    definitions: [
      { name: 'mirrored', inputSchema: { type: 'object', properties } },
      ...Object.entries(SPOILT).map(([name, inputSchema]) => ({ name, inputSchema })),
    ],
  })
})
afterAll(() => world.stop())

describe('N063: headers left out', () => {
  it.each([
    ['tools/call', { name: 'echo' }],
    ['prompts/get', { name: 'hello' }],
    ['resources/read', { uri: 'mem://open' }],
  ] as const)('N063: %s without MCP-Protocol-Version, Mcp-Method or Mcp-Name is refused (R6, R8, R9)', async (method, params) => {
    await unseen(world, async () => {
      for (const name of ['mcp-protocol-version', 'mcp-method', 'mcp-name'])
        expectRefused(await modern(world, method, params, { headers: { [name]: undefined } }), MISMATCH, name)
      for (const name of ['mcp-method', 'mcp-name'])
        expectRefused(await modern(world, method, params, { headers: { [name]: '' } }), MISMATCH, `empty ${name}`)
    })
  })
  it('N063: methods without a name need the other two', async () => {
    await unseen(world, async () => {
      for (const method of ['tools/list', 'server/discover', 'subscriptions/listen'])
        for (const name of ['mcp-protocol-version', 'mcp-method'])
          expectRefused(
            await modern(world, method, { notifications: {} }, { headers: { [name]: undefined } }),
            MISMATCH,
            `${method} ${name}`,
          )
    })
  })
})

describe('N064: headers that say something else than the body', () => {
  it('N064: an allowed tool in Mcp-Name, a forbidden one in the body, and the other way round (R9, R13)', async () => {
    await unseen(world, async () => {
      expectRefused(await callTool(world, 'forbidden', {}, { headers: { 'mcp-name': 'echo' } }), MISMATCH)
      expectRefused(await callTool(world, 'echo', {}, { headers: { 'mcp-name': 'forbidden' } }), MISMATCH)
      expectRefused(await modern(world, 'prompts/get', { name: 'forbidden' }, { headers: { 'mcp-name': 'hello' } }), MISMATCH)
      expectRefused(await modern(world, 'resources/read', { uri: 'mem://forbidden' }, { headers: { 'mcp-name': 'mem://open' } }), MISMATCH)
    })
  })
  it('N064: the policy judges the body: a forbidden name is unknown whatever agrees with it', async () => {
    await unseen(world, async () => {
      expectRefused(await callTool(world, 'forbidden'), UNKNOWN)
      expectRefused(await modern(world, 'prompts/get', { name: 'forbidden' }), UNKNOWN)
      expectRefused(await modern(world, 'resources/read', { uri: 'mem://forbidden' }), UNKNOWN)
    })
  })
  it('N064: another method in Mcp-Method, also in another letter case (R8)', async () => {
    await unseen(world, async () => {
      for (const method of ['tools/list', 'ping', 'Tools/Call', 'TOOLS/CALL', 'tools/call/', 'tools/call, tools/list', 'tools%2fcall'])
        expectRefused(await callTool(world, 'echo', {}, { headers: { 'mcp-method': method } }), MISMATCH, method)
      expectRefused(await modern(world, 'tools/list', {}, { headers: { 'mcp-method': 'tools/call', 'mcp-name': 'echo' } }), MISMATCH)
    })
  })
  it('N064: another version in the header than in the envelope; an unsupported one in both (R6, R7)', async () => {
    await unseen(world, async () => {
      for (const version of ['2025-11-25', '2025-03-26', '2027-01-01', '2026-07-28, 2025-11-25', 'latest'])
        expectRefused(await callTool(world, 'echo', {}, { headers: { 'mcp-protocol-version': version } }), MISMATCH, version)
      for (const version of ['2025-11-25', '2027-01-01']) {
        const body = modernBody('tools/call', { name: 'echo', _meta: { 'io.modelcontextprotocol/protocolVersion': version } })
        const answer = await callTool(world, 'echo', {}, { headers: { 'mcp-protocol-version': version }, body })
        expectRefused(answer, { status: 400, code: -32022, reason: 'version-unsupported' })
        expect(answer.body.error.data).toMatchObject({ supported: ['2026-07-28'], requested: version })
      }
    })
  })
  it('N064: in a session the body decides too, whatever Mcp-* headers come along (R13)', async () => {
    const host = await LegacyHost.open(world)
    await unseen(world, async () => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'forbidden', arguments: {} } })
      expectRefused(await host.post(body, { 'mcp-name': 'echo', 'mcp-method': 'tools/call' }), UNKNOWN)
      expectRefused(await host.post(body, { 'mcp-name': 'echo' }), UNKNOWN)
      expectRefused(await host.call('forbidden'), UNKNOWN)
    })
  })
})

describe('N065: the base64 form of Mcp-Name', () => {
  const b64 = (text: string | Buffer): string => `=?base64?${Buffer.from(text).toString('base64')}?=`
  it('N065: decodes to what the body says, or the request is refused (R10)', async () => {
    expect((await callTool(world, 'echo', {}, { headers: { 'mcp-name': b64('echo') } })).status).toBe(200)
    const bad = [
      b64('forbidden'),
      '=?base64?*?=',
      '=?base64?ZWNobw?=',
      '=?base64?ZWNobw=?=',
      '=?base64?ZWNo bw==?=',
      '=?base64?ZWNobw==',
      '=?base64??=',
      '=?base64?',
      '=?BASE64?ZWNobw==?=',
      '=?Base64?ZWNobw==?=',
      '=?utf-8?b?ZWNobw==?=',
      b64(b64('echo')),
      b64(Buffer.from([0x65, 0x63, 0x68, 0xff])),
      b64('echo\0'),
      b64(' echo'),
      `${b64('echo')} `.repeat(2).trim(),
      '=?base64?ZWNobx==?=', // decodes to `echo` for a reader that does not look at the last bits
    ]
    await unseen(world, async () => {
      for (const name of bad) expectRefused(await callTool(world, 'echo', {}, { headers: { 'mcp-name': name } }), MISMATCH, name)
      expectRefused(await callTool(world, 'forbidden', {}, { headers: { 'mcp-name': b64('echo') } }), MISMATCH)
    })
  })
  it('N065: a tool whose own name looks like the base64 form is only itself', async () => {
    const name = b64('echo')
    await unseen(world, async () => {
      // sent literally it would decode to another tool: the two may not be confused
      expectRefused(await callTool(world, name, {}, { headers: { 'mcp-name': name } }), MISMATCH)
      expectRefused(await callTool(world, name, {}, { headers: { 'mcp-name': b64(name) } }), UNKNOWN)
    })
  })
  it('N065: raw bytes that are no UTF-8, or another spelling of the same letters, are not the name', async () => {
    const { port, path } = world
    const body = modernBody('tools/call', { name: 'échø', arguments: {} })
    const post = (name: Buffer): Buffer =>
      Buffer.concat([
        Buffer.from(`POST ${path} HTTP/1.1\r\n`),
        ...Object.entries(modernHeaders(world, 'tools/call', {}, {})).flatMap(([k, v]) =>
          v === undefined ? [] : [Buffer.from(`${k}: ${String(v)}\r\n`)],
        ),
        Buffer.from('mcp-name: '),
        name,
        Buffer.from(`\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`),
      ])
    await unseen(world, async () => {
      for (const name of [
        Buffer.from('échø', 'latin1'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('échø'.normalize('NFD')),
        Buffer.from('echo'),
      ]) {
        const raw = await untilClosed(port, post(name))
        expect(raw.statuses).toEqual([400])
        expect(raw.text).toMatch(/-32020|^HTTP\/1.1 400/)
      }
    })
  })
})

describe('N066: headers that two readers could read differently', () => {
  it.each([
    'mcp-name',
    'mcp-method',
    'mcp-protocol-version',
    'authorization',
    'mcp-session-id',
    'origin',
    'content-type',
    'accept',
    'x-forwarded-for',
    'traceparent',
  ])('N066: %s twice, with the same or another value, is refused', async name => {
    const { port, path } = world
    const own: any = modernHeaders(world, 'tools/call', { name: 'echo' })
    const value = String(own[name] ?? 'x')
    const body = modernBody('tools/call', { name: 'echo' })
    const lines = Object.entries(own)
      .map(([k, v]) => `${k}: ${String(v)}\r\n`)
      .join('')
    const missing = own[name] === undefined ? `${name}: ${value}\r\n` : ''
    await unseen(world, async () => {
      for (const second of [value, `${value}x`, '']) {
        const twice = `${missing}${name.toUpperCase()}: ${second}\r\n`
        const raw = await untilClosed(
          port,
          `POST ${path} HTTP/1.1\r\n${lines}${twice}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        )
        expect(raw.statuses, second).toEqual([400])
        expect(raw.text).toContain('header-invalid')
      }
    })
  })
  it('N066: joined with a comma, with an underscore, in a folded line, with a space before the colon', async () => {
    const { port, path } = world
    const body = modernBody('tools/call', { name: 'echo' })
    const lines = Object.entries(modernHeaders(world, 'tools/call', {}))
      .flatMap(([k, v]) => (v === undefined ? [] : [`${k}: ${String(v)}\r\n`]))
      .join('')
    const forms = [
      'mcp-name: echo, echo\r\n',
      'mcp-name: echo,forbidden\r\n',
      'mcp_name: echo\r\n',
      'Mcp_Name: echo\r\nmcp-name: echo\r\n',
      'mcp-name: echo\r\nmcp_method: tools/list\r\n',
      'mcp-name: ec\r\n ho\r\n',
      'mcp-name:\r\n echo\r\n',
      'mcp-name : echo\r\n',
      ' mcp-name: echo\r\n',
      'mcp-name\r\n',
      'mcp-name: echo\r\nmcp-param-region: a\r\nMCP-Param-Region: a\r\n',
    ]
    await unseen(world, async () => {
      for (const form of forms) {
        const raw = await untilClosed(
          port,
          `POST ${path} HTTP/1.1\r\n${lines}${form}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        )
        expect(raw.statuses, form).toEqual([400])
      }
    })
    // White space around a value is none of it (RFC 9110 section 5.5, R8).
    expect((await callTool(world, 'echo', {}, { headers: { 'mcp-name': '  echo\t' } })).status).toBe(200)
  })
  it('N066: CVE-2025-64484 (oauth2-proxy): underscore twins of Mcp headers are refused, not ignored', async () => {
    await unseen(world, async () => {
      for (const name of ['mcp_name', 'mcp_session_id', 'mcp_protocol_version', 'mcp-session_id', 'mcp_param_region'])
        expectRefused(await callTool(world, 'echo', {}, { headers: { [name]: 'x' } }), INVALID, name)
    })
  })
})

describe('N067: Mcp-Param headers against arguments', () => {
  const call = (args: object, headers: Record<string, string>) => callTool(world, 'mirrored', args, { headers })
  it('N067: another value, one for an argument that is absent or null, none for one that is there: refused (R11)', async () => {
    const cases: [object, Record<string, string>][] = [
      [{ region: 'eu' }, { 'mcp-param-region': 'us' }],
      [{ region: 'eu' }, { 'mcp-param-region': 'EU' }],
      [{ region: 'eu' }, { 'mcp-param-region': '' }],
      [{ region: 'eu' }, {}],
      [{ region: null }, { 'mcp-param-region': 'null' }],
      [{}, { 'mcp-param-region': 'eu' }],
      [{ count: 42 }, { 'mcp-param-count': '43' }],
      [{ count: 42 }, { 'mcp-param-count': '0x2a' }],
      [{ count: 42 }, { 'mcp-param-count': '"42"' }],
      [{ count: 42 }, { 'mcp-param-count': '42abc' }],
      [{ count: 42 }, { 'mcp-param-count': '4.2e1' }],
      [{ count: 42 }, {}],
      [{ count: '42' }, { 'mcp-param-count': '42.0' }],
      [{ nested: { dry: true } }, {}],
      [{ nested: { dry: true } }, { 'mcp-param-dry': 'false' }],
      [{ nested: { dry: true } }, { 'mcp-param-dry': 'TRUE' }],
      [{ region: 'eu' }, { 'mcp-param-region': '=?base64?dXM=?=' }],
    ]
    await unseen(world, async () => {
      for (const [args, headers] of cases) expectRefused(await call(args, headers), MISMATCH, JSON.stringify([args, headers]))
    })
  })
  it('N067: what agrees is served; integers agree as numbers, and the upstream gets what the body says (R25)', async () => {
    const cases: [object, Record<string, string>, Record<string, string>][] = [
      [{ region: 'eu' }, { 'mcp-param-region': 'eu' }, { 'mcp-param-region': 'eu' }],
      [{ count: 42 }, { 'mcp-param-count': '42.0' }, { 'mcp-param-count': '42' }],
      [{ region: null }, {}, {}],
      [{ nested: { dry: true } }, { 'mcp-param-dry': 'true' }, { 'mcp-param-dry': 'true' }],
      [{ region: 'zürich' }, { 'mcp-param-region': '=?base64?esO8cmljaA==?=' }, { 'mcp-param-region': '=?base64?esO8cmljaA==?=' }],
      [{ region: 'a\r\nx-evil: 1' }, { 'mcp-param-region': `=?base64?${Buffer.from('a\r\nx-evil: 1').toString('base64')}?=` }, {}],
    ]
    for (const [args, headers, expected] of cases) {
      const answer = await call(args, headers)
      expect(answer.status, JSON.stringify(args)).toBe(200)
      const { req } = world.up.seen.at(-1)!
      expect(req.headers).toMatchObject(expected)
      expect(req.headers).not.toHaveProperty('x-evil')
    }
  })
  it('N067: a session of 2025 knows no such headers: they are made from the body for the upstream, not taken from the host', async () => {
    const host = await LegacyHost.open(world)
    const body = JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/call', params: { name: 'mirrored', arguments: { region: 'eu' } } })
    expect((await host.post(body, { 'mcp-param-region': 'us' })).body.result).toBeDefined()
    expect(world.up.seen.at(-1)!.req.headers['mcp-param-region']).toBe('eu')
  })
})

describe('Mcp-Param headers that cannot be checked', () => {
  const headers = { 'mcp-param-region': 'us' }
  const args = { region: 'eu' }
  let other: World | undefined
  afterEach(() => other?.stop())
  const reached = (): unknown[] => other!.up.seen.filter(e => e.req.headers['mcp-param-region'] !== undefined)

  it('do not travel when the list of tools cannot be read: the call is refused and says why, and so is one without them, whose definition nobody could inspect', async () => {
    let isBroken = false
    other = await startWorld({
      more: ({ message, res }) => {
        if (!isBroken || message?.method !== 'tools/list') return false
        res.writeHead(500).end()
        return true
      },
    })
    isBroken = true
    // Another server by its settings: nothing is known of its lists.
    const settings = { http: { url: other.up.url }, listTtl: '59s', allow: [{ subjects: ['*'], tools: ['*'] }] }
    expect(await other.gateway.reload({ upstreams: { up: settings } })).toBeUndefined()
    const answer = await callTool(other, 'echo', args, { headers })
    expect(answer.body.error).toMatchObject({ data: { reason: expect.stringMatching(/^upstream-/) } })
    const bare = await callTool(other, 'echo', args)
    expect(bare.body.error).toMatchObject({ data: { reason: expect.stringMatching(/^upstream-/) } })
    expect(reached()).toEqual([])
    isBroken = false
    expect((await callTool(other, 'echo', args)).status).toBe(200)
  })

  it('do not travel to a tool that the list does not name', async () => {
    other = await startWorld({ allow: [{ id: 'all', subjects: ['*'], tools: ['*'] }] })
    expectRefused(await callTool(other, 'hidden', args, { headers }), MISMATCH)
    expect((await callTool(other, 'hidden', args)).status).toBe(200)
    expect(reached()).toEqual([])
  })
})

describe('N068: tools whose x-mcp-header would write other headers', () => {
  it('N068: each such tool is left out, the others stay (R26)', async () => {
    const answer = await modern(world, 'tools/list')
    expect(answer.body.result.tools.map((t: any) => t.name).sort()).toEqual(['echo', 'mirrored'])
    const host = await LegacyHost.open(world)
    expect((await host.request('tools/list')).body.result.tools.map((t: any) => t.name).sort()).toEqual(['echo', 'mirrored'])
  })
  it('N068: and cannot be called, although a rule names it', async () => {
    const host = await LegacyHost.open(world)
    await unseen(world, async () => {
      for (const name of Object.keys(SPOILT)) {
        expectRefused(await callTool(world, name, { a: 'x' }, { headers: { 'mcp-param-region': 'x' } }), UNKNOWN, name)
        expectRefused(await host.call(name, { a: 'x' }), UNKNOWN, name)
      }
    })
    const refused = world.gateway.events().filter(e => e['type'] === 'refusal' && e['reason'] === 'unknown')
    expect(new Set(refused.map(e => e['subject'].name))).toEqual(expect.objectContaining(new Set(Object.keys(SPOILT))))
  })
})

describe('N069: an old version header to get around the checks of the new one', () => {
  it('N069: with an envelope in the body it is a mismatch; without one it is a session that does not exist (R13, R36)', async () => {
    const plain = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'forbidden', arguments: {} } })
    await unseen(world, async () => {
      for (const version of ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']) {
        const headers = { 'mcp-protocol-version': version, 'mcp-name': 'echo' }
        expectRefused(await callTool(world, 'forbidden', {}, { headers }), MISMATCH, version)
        const bare = { ...headers, 'mcp-method': undefined }
        expectRefused(
          await callTool(world, 'forbidden', {}, { headers: bare, body: plain }),
          { status: 400, code: -32600, reason: 'session-missing' },
          version,
        )
      }
      const nothing = { 'mcp-protocol-version': undefined, 'mcp-method': undefined, 'mcp-name': 'echo' }
      expectRefused(await callTool(world, 'forbidden', {}, { headers: nothing, body: plain }), {
        status: 400,
        code: -32600,
        reason: 'session-missing',
      })
    })
  })
  it('N069: in a session, the version is the negotiated one or none, and the policy reads the body (R48)', async () => {
    const host = await LegacyHost.open(world)
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'forbidden', arguments: {} } })
    await unseen(world, async () => {
      for (const version of ['2025-03-26', '2024-11-05', '1.0'])
        expectRefused(await host.post(body, { 'mcp-protocol-version': version }), INVALID, version)
      expectRefused(await host.post(body, { 'mcp-protocol-version': undefined }), UNKNOWN)
    })
    await works(world, 'alice')
  })
  it('N069: an `initialize` in an envelope is no method of the new era (R14)', async () => {
    await unseen(world, async () =>
      expectRefused(await modern(world, 'initialize', { protocolVersion: '2025-11-25', capabilities: {} }), {
        status: 404,
        code: -32601,
        reason: 'method-unknown',
      }),
    )
  })
})
