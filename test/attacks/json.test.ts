// Area F: JSON that two readers would read differently, and JSON-RPC that is none. What is not read in exactly one way is not relayed.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer } from './wire.ts'
import {
  callTool,
  expectRefused,
  LegacyHost,
  modern,
  modernBody,
  startRecorder,
  startWorld,
  unseen,
  works,
  type Refused,
  type World,
} from './world.ts'

const NOT_JSON: Refused = { status: 400, code: -32700, reason: 'json-invalid' }
const NO_MESSAGE: Refused = { status: 400, code: -32600, reason: 'message-invalid' }
const BAD_PARAMS: Refused = { status: 400, code: -32602, reason: 'params-invalid' }
const UNKNOWN: Refused = { status: 200, code: -32602, reason: 'unknown' }
const NO_METHOD: Refused = { status: 404, code: -32601, reason: 'method-unknown' }

const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
/** A whole message; parts are spliced in as text. */
const message = (params: string, { id = '1', method = '"tools/call"', more = '' } = {}): string =>
  `{"jsonrpc":"2.0","id":${id},"method":${method},"params":{${params},${META}}${more}}`

let world: World
let host: LegacyHost
beforeAll(async () => {
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`p${i}`, { type: 'string' }]))
  const doubling = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`d${i}`, { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] }]),
  )
  world = await startWorld({
    config: { limits: { bodySize: '4MiB' } },
    settings: { limits: { messageSize: '16MiB' } },
    definitions: [
      { name: 'bomb-ref', inputSchema: { type: 'object', allOf: [{ $ref: '#' }] } },
      {
        name: 'bomb-circle',
        inputSchema: { type: 'object', $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
      },
      { name: 'bomb-doubling', inputSchema: { type: 'object', $ref: '#/$defs/d0', $defs: doubling } },
      { name: 'bomb-wide', inputSchema: { type: 'object', properties: wide } },
      {
        name: 'bomb-enum',
        inputSchema: { type: 'object', properties: { a: { enum: Array.from({ length: 100_000 }, (_, i) => i) } } },
      },
      { name: 'bomb-pattern', inputSchema: { type: 'object', properties: { a: { type: 'string', pattern: '(a+)+'.repeat(2000) } } } },
      { name: 'bomb-remote', inputSchema: { $ref: 'http://127.0.0.1:1/schema.json' } },
      { name: 'bomb-output', inputSchema: { type: 'object' }, outputSchema: { type: 'object', allOf: [{ $ref: '#' }] } },
      { name: 'recursive', inputSchema: { type: 'object', properties: { child: { $ref: '#' } } } },
      { name: '__proto__', inputSchema: { type: 'object' } },
    ],
  })
  host = await LegacyHost.open(world)
})
afterAll(() => world.stop())

const post = (body: string | Buffer): Promise<Answer> => callTool(world, 'echo', {}, { body })
/** The same message of a 2025 host: without the envelope. */
const plain = (body: string | Buffer): Buffer => Buffer.from(Buffer.from(body).toString('latin1').replace(`,${META}`, ''), 'latin1')
/** In both eras: the same bytes in an envelope and in a session. */
async function refusedInBoth(bodies: readonly (string | Buffer)[], refusal: Refused): Promise<void> {
  await unseen(world, async () => {
    for (const body of bodies) {
      const what = body.toString().slice(0, 200)
      expectRefused(await post(body), refusal, what)
      expectRefused(await host.post(plain(body)), refusal, `session: ${what}`)
    }
  })
}

describe('N080: the same key twice', () => {
  it('N080: at every depth, of every kind: refused, neither first nor last wins', async () => {
    const name = '"name":"echo"'
    await refusedInBoth(
      [
        message('"name":"echo","name":"forbidden"'),
        message('"name":"forbidden","name":"echo"'),
        message(`${name},"arguments":{},"arguments":{"a":1}`),
        message(name, { more: ',"method":"tools/list"' }),
        message(name, { more: ',"id":2' }),
        message(name, { more: ',"params":{"name":"forbidden"}' }),
        message(name, { more: ',"jsonrpc":"2.0"' }),
        message(`${name},"arguments":{"path":"/safe","path":"/etc/passwd"}`),
        message(`${name},"arguments":{"a":[[{"b":{"c":{"d":{"x":1,"x":1}}}}]]}`),
        message(`${name},"arguments":{"":1,"":2}`),
        message(`${name},"arguments":{${Array.from({ length: 2000 }, (_, i) => `"k${i}":1`).join(',')},"k1999":2}`),
      ],
      NOT_JSON,
    )
    await unseen(world, async () => expectRefused(await post(message(`${name},${META}`)), NOT_JSON))
  })
})

describe('N081: keys that differ by case only', () => {
  it('N081, GHSA-4gph-2hhr-5mwg (Envoy AI Gateway), CVE-2026-27896 (go-sdk): key case smuggling: refused where the protocol or the policy reads', async () => {
    const inMessage = ['Method', 'METHOD', 'Params', 'Id', 'ID', 'JsonRpc', 'Result', 'Error']
    await refusedInBoth(
      inMessage.map(key => message('"name":"echo"', { more: `,"${key}":"tools/list"` })),
      NO_MESSAGE,
    )
    const inParams = [
      'Name',
      'NAME',
      'naMe',
      'Arguments',
      'ARGUMENTS',
      'Uri',
      'Cursor',
      '_Meta',
      'RequestState',
      'requeststate',
      'InputResponses',
      'TaskId',
      'Task',
    ]
    await unseen(world, async () => {
      for (const key of inParams) {
        for (const params of [`"name":"echo","${key}":"forbidden"`, `"${key}":"forbidden","name":"echo"`]) {
          expectRefused(await post(message(params)), BAD_PARAMS, key)
          expectRefused(await host.post(plain(message(params))), { ...BAD_PARAMS, status: 200 }, `session: ${key}`)
        }
      }
      // Alone it is no name either: nothing is taken for what it only resembles.
      expectRefused(await post(message('"Name":"echo"')), BAD_PARAMS)
    })
  })
  it('N081: letters that fold to ASCII in some readers: long s, Kelvin sign', async () => {
    await unseen(world, async () => {
      for (const key of ['argument\u017f', 'ta\u017fk', 'ta\u017f\u212aId', 'reque\u017ftState', 'inputRe\u017fponses'])
        expectRefused(await post(message(`"name":"echo","${key}":{}`)), BAD_PARAMS, key)
    })
  })
  it('N081: variants of the reserved names in _meta and of the keys inside ref, argument, notifications', async () => {
    const meta = (key: string) =>
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",${META.slice(0, -1)},"${key}":"2025-11-25"}}}`
    await unseen(world, async () => {
      for (const key of [
        'IO.modelcontextprotocol/protocolVersion',
        'io.modelcontextprotocol/ProtocolVersion',
        'io.modelContextProtocol/x',
        'ProgressToken',
        'TraceParent',
      ])
        expectRefused(await post(meta(key)), BAD_PARAMS, key)
      const completion = (ref: object, argument: object): Promise<Answer> => modern(world, 'completion/complete', { ref, argument })
      expectRefused(await completion({ type: 'ref/prompt', name: 'hello', Name: 'forbidden' }, { name: 'a', value: '' }), BAD_PARAMS)
      expectRefused(await completion({ type: 'ref/prompt', Type: 'ref/resource', name: 'hello' }, { name: 'a', value: '' }), BAD_PARAMS)
      expectRefused(await completion({ type: 'ref/prompt', name: 'hello' }, { name: 'a', value: '', Value: 'x' }), BAD_PARAMS)
      expectRefused(
        await modern(world, 'subscriptions/listen', { notifications: { ResourceSubscriptions: ['mem://forbidden'] } }),
        BAD_PARAMS,
      )
    })
  })
  it('N081: elsewhere a key is just a key: relayed byte for byte, spelling, order and white space', async () => {
    const args = '{ "Name":"x", "NAME":1e2 ,"name":{"Id":1,"id":"\\u00e9\\/" },"_meta":0,"Method":null}'
    for (const send of [post, (body: string) => host.post(plain(body))]) {
      expect((await send(message(`"name":"echo","arguments":${args}`))).status).toBe(200)
      expect(world.up.seen.at(-1)!.body).toContain(`"arguments":${args}`)
    }
  })
})

describe('N082: keys written another way', () => {
  it('N082: an escaped key is the same key: a duplicate', async () => {
    await refusedInBoth(
      [
        message('"name":"echo","n\\u0061me":"forbidden"'),
        message('"n\\u0061me":"forbidden","name":"echo"'),
        message('"name":"echo"', { more: ',"m\\u0065thod":"tools/list"' }),
        message('"name":"echo","arguments":{"a\\/b":1,"a/b":2}'),
        message('"name":"echo","arguments":{"\\ud83d\\ude00":1,"😀":2}'),
      ],
      NOT_JSON,
    )
  })
  it('N082: an escaped key alone is the key it says, and judged as such', async () => {
    await unseen(world, async () =>
      expectRefused(await callTool(world, 'forbidden', {}, { body: message('"n\\u0061me":"forbidden"') }), UNKNOWN),
    )
    expect((await post(message('"n\\u0061me":"echo","arguments":{}'))).status).toBe(200)
  })
  it('N082: NUL, zero-width and other look-alikes of a key are other keys: the name stays what it is', async () => {
    for (const key of ['name\\u0000', 'na\\u200bme', '\\ufeffname', 'n\u0430me', 'na\u0301me', 'name ']) {
      const answer = await post(message(`"${key}":"forbidden","name":"echo","arguments":{}`))
      expect(answer.body.result?.content[0].text, key).toBe('{}')
      expect(world.up.seen.at(-1)!.message.params.name).toBe('echo')
    }
    await unseen(world, async () => expectRefused(await post(message('"na\\u200bme":"echo"')), BAD_PARAMS))
  })
})

describe('N083: names of what every object has', () => {
  it('N083: prototype pollution: as keys, names, methods, ids, sessions and endpoints they are text and change nothing', async () => {
    const words = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']
    const evil = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'
    await unseen(world, async () => {
      for (const word of words) {
        if (word !== '__proto__') {
          expectRefused(await callTool(world, word), UNKNOWN, word)
          expectRefused(await host.call(word), UNKNOWN, word)
        }
        expectRefused(await modern(world, 'prompts/get', { name: word }), UNKNOWN, word)
        expectRefused(await modern(world, 'resources/read', { uri: word }), UNKNOWN, word)
        expectRefused(await modern(world, word), NO_METHOD, word)
        expectRefused(await host.request(word), { ...NO_METHOD, status: 200 }, word)
        expectRefused(
          await modern(world, 'completion/complete', { ref: { type: word, name: 'hello' }, argument: { name: 'a', value: '' } }),
          BAD_PARAMS,
          word,
        )
        expectRefused(await modern(world, 'tools/list', { cursor: word }), { status: 400, code: -32602, reason: 'cursor-invalid' }, word)
        expectRefused(
          await host.post(plain(message('"name":"echo"')), { 'mcp-session-id': word }),
          { status: 404, code: -32600, reason: 'session-unknown' },
          word,
        )
        const forged = await world.gateway.token(world.path, { sub: word })
        expectRefused(await callTool(world, 'forbidden', {}, { token: forged }), UNKNOWN, word)
      }
    })
    for (const body of [
      message(`"name":"echo","arguments":${evil},"__proto__":{"name":"forbidden"}`),
      message(`"name":"echo","arguments":${evil}`),
    ]) {
      expect((await post(body)).status).toBe(200)
      expect(world.up.seen.at(-1)!.body).toContain(`"arguments":${evil}`)
    }
    const capabilities = JSON.parse('{"__proto__":{"sampling":{}},"constructor":{}}') as object
    expect((await callTool(world, 'echo', {}, { capabilities })).status).toBe(200)
    expect(({} as any).polluted).toBeUndefined()
    expect(({} as any).sampling).toBeUndefined()
  })
  it('N083: a tool that is really called __proto__ is listed and called like any other', async () => {
    const listed = (await modern(world, 'tools/list')).body.result.tools.map((t: any) => t.name)
    expect(listed).toContain('__proto__')
    expect((await callTool(world, '__proto__', { a: 1 })).body.result.content[0].text).toBe('{"a":1}')
  })
})

describe('N084: nesting', () => {
  it('N084: 65 levels, 10,000 and a million of them: refused at the cap, nothing overflows', async () => {
    const nested = (n: number, open = '[', close = ']') => message(`"name":"echo","arguments":{"a":${open.repeat(n)}${close.repeat(n)}}`)
    await refusedInBoth(
      [
        nested(62),
        nested(10_000),
        nested(100_000),
        nested(1_000_000),
        nested(10_000, '{"a":', '}').replace('"a":}', '"a":1}'),
        '['.repeat(100_000),
        '{"a":'.repeat(100_000),
      ],
      NOT_JSON,
    )
    expect((await post(nested(61))).status).toBe(200)
  })
})

describe('N085: numbers', () => {
  it('N085: ids that readers round or rewrite are refused', async () => {
    const ids = ['1e400', '-0', '9007199254740993', '-9007199254740993', '1.0', '1.5', '1e0', '10E-1', '1'.repeat(400), '0.1']
    await refusedInBoth(
      ids.map(id => message('"name":"echo"', { id })),
      NO_MESSAGE,
    )
  })
  it('N085: what is no JSON number is no JSON', async () => {
    const ids = ['0x10', '01', '-01', '+1', '.5', '1.', 'NaN', 'Infinity', '-Infinity', '1_000', '1n', '１', '1e', '--1']
    await refusedInBoth(
      ids.map(id => message('"name":"echo"', { id })),
      NOT_JSON,
    )
  })
  it('N085: usable ids come back byte for byte, with their type', async () => {
    for (const id of ['0', '-7', '9007199254740991', '"1"', '""', '"\\u0031"', '"a\\/b"', `"${'x'.repeat(500)}"`]) {
      const answer = await post(message('"name":"echo","arguments":{}', { id }))
      expect(answer.text, id).toContain(`"id":${id},`)
      expect(answer.status).toBe(200)
      expect((await host.post(plain(message('"name":"echo","arguments":{}', { id })))).text, id).toContain(`"id":${id},`)
    }
    await refusedInBoth([message('"name":"echo"', { id: `"${'x'.repeat(600)}"` })], NO_MESSAGE)
  })
  it('N085: numbers in arguments are relayed as they are, however long', async () => {
    const numbers = '{"a":1e400,"b":-0,"c":9007199254740993,"d":1.0,"e":0.1000000000000000055511151231257827}'
    await post(message(`"name":"echo","arguments":${numbers}`))
    expect(world.up.seen.at(-1)!.body).toContain(`"arguments":${numbers}`)
    const long = '7'.repeat(3_000_000)
    const answer = await post(message(`"name":"echo","arguments":{"n":${long}}`))
    expect(answer.status).toBe(200)
    expect(world.up.seen.at(-1)!.body).toContain(`{"n":${long}}`)
    await unseen(world, async () =>
      expectRefused(await post(message(`"name":"echo","arguments":{"n":${'7'.repeat(10_000_000)}}`)), {
        status: 413,
        code: -32600,
        reason: 'body-too-large',
      }),
    )
  })
})

describe('N086: text that is no Unicode', () => {
  it('N086: half surrogates, overlong and cut sequences, other encodings: refused, never replaced by U+FFFD', async () => {
    const raw = (bytes: number[]): Buffer =>
      Buffer.concat([
        Buffer.from(message('"name":"ech').split('"ech')[0]! + '"ech'),
        Buffer.from(bytes),
        Buffer.from(`","arguments":{},${META}}}`),
      ])
    await refusedInBoth(
      [
        message('"name":"ech\\ud800"'),
        message('"name":"\\udc00echo"'),
        message('"name":"echo","arguments":{"a":"\\ud83dx"}'),
        message('"name":"echo","arguments":{"\\ud83d":1}'),
        raw([0xc0, 0xaf]),
        raw([0xe0, 0x80, 0xaf]),
        raw([0xf0, 0x80, 0x80, 0xaf]),
        raw([0xed, 0xa0, 0x80]),
        raw([0xff]),
        raw([0xc3]),
        raw([0xf4, 0x90, 0x80, 0x80]),
        Buffer.from(`\ufeff${message('"name":"echo"')}`),
        `\0${message('"name":"echo"')}`,
        `${message('"name":"echo"')}\0`,
        message('"name":"ec\0ho"'),
        message('"name":"ec\nho"'),
      ],
      NOT_JSON,
    )
  })
  it('N086: a name with U+FFFD, NUL or another normal form is that name and no other', async () => {
    await unseen(world, async () => {
      for (const name of ['ech\ufffd', 'echo\0', 'echo ', 'ECHO', 'e\u0301cho', '\u0435cho', 'echo\u200b']) {
        const header = `=?base64?${Buffer.from(name).toString('base64')}?=`
        expectRefused(await callTool(world, name, {}, { headers: { 'mcp-name': header } }), UNKNOWN, JSON.stringify(name))
        expectRefused(await host.call(name), UNKNOWN, JSON.stringify(name))
      }
    })
  })
})

describe('N088: more than one JSON text', () => {
  it('N088: data after it, two texts, comments, other dialects, nothing at all', async () => {
    const one = message('"name":"echo"')
    await refusedInBoth(
      [
        `${one}${one}`,
        `${one}\n${one}`,
        `${one}garbage`,
        `${one}]`,
        `/* c */${one}`,
        `${one}// c`,
        one.replaceAll('"', "'"),
        one.replace('"id"', 'id'),
        one.replace('}}', ',}}'),
        `)]}'\n${one}`,
        `while(1);${one}`,
        '',
        ' ',
        'undefined',
        one.slice(0, -1),
      ],
      NOT_JSON,
    )
    await refusedInBoth(['null', '"tools/call"', '1', 'true'], NO_MESSAGE)
  })
})

describe('N092: parameters of another kind', () => {
  it('N092: params, names and arguments of the wrong type are refused', async () => {
    const name = (value: string) => message(`"name":${value}`)
    const args = (value: string) => message(`"name":"echo","arguments":${value}`)
    await unseen(world, async () => {
      const bodies = [
        ...['null', '1', 'true', '["echo"]', '{"toString":"echo"}', '["echo","forbidden"]'].map(name),
        ...['"{}"', '[]', 'null', '1', 'false', '[["a",1]]'].map(args),
        message('"nothing":1'),
        message('"name":"echo","requestState":{}'),
        message('"name":"echo","inputResponses":[]'),
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["echo",{}]}`,
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":null}`,
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"echo"}`,
        `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":[]}}`,
      ]
      for (const body of bodies) {
        expectRefused(await post(body), BAD_PARAMS, body)
        expectRefused(await host.post(plain(body)), { ...BAD_PARAMS, status: 200 }, `session: ${body}`)
      }
      expectRefused(await modern(world, 'prompts/get', { name: 'hello', arguments: ['a'] }), BAD_PARAMS)
      expectRefused(await modern(world, 'resources/read', { uri: ['mem://open'] }, { headers: { 'mcp-name': 'mem://open' } }), BAD_PARAMS)
      expectRefused(await modern(world, 'tools/list', { cursor: { toString: 'x' } }), BAD_PARAMS)
      expectRefused(await modern(world, 'subscriptions/listen', { notifications: [] }), BAD_PARAMS)
      expectRefused(await modern(world, 'subscriptions/listen', { notifications: { resourceSubscriptions: 'mem://open' } }), BAD_PARAMS)
      expectRefused(await host.request('logging/setLevel', { level: ['debug'] }), { ...BAD_PARAMS, status: 200 })
      expectRefused(await host.request('resources/subscribe', { uri: 7 }), { ...BAD_PARAMS, status: 200 })
    })
  })
})

describe('N095: schemas that explode in a validator', () => {
  it('N095: circles, doubling references, thousands of subschemas, remote references: the tool is left out, a harmless recursion stays (R30)', async () => {
    for (const answer of [await modern(world, 'tools/list'), await host.request('tools/list')])
      expect(answer.body.result.tools.map((t: any) => t.name).sort()).toEqual(
        ['__proto__', 'echo', 'forbidden', 'recursive'].filter(n => n !== 'forbidden'),
      )
    await unseen(world, async () => {
      for (const name of [
        'bomb-ref',
        'bomb-circle',
        'bomb-doubling',
        'bomb-wide',
        'bomb-enum',
        'bomb-pattern',
        'bomb-remote',
        'bomb-output',
      ]) {
        expectRefused(await callTool(world, name), UNKNOWN, name)
        expectRefused(await host.call(name), UNKNOWN, name)
      }
    })
    expect((await callTool(world, 'recursive', { child: {} })).status).toBe(200)
  })
  it('N095: a list nested without end is no message: that server cannot be listed, and is all that suffers', async () => {
    const deep = `${'{"properties":{"a":'.repeat(5000)}{}${'}}'.repeat(5000)}`
    const abyss = await startRecorder({
      more: ({ res, message: m }) => {
        if (m?.method !== 'tools/list') return false
        res.writeHead(200, { 'content-type': 'application/json' })
        res.end(`{"jsonrpc":"2.0","id":${m.id},"result":{"resultType":"complete","tools":[{"name":"a","inputSchema":${deep}}]}}`)
        return true
      },
    })
    const deeper = await startWorld({
      config: { upstreams: { abyss: { http: { url: abyss.url }, allow: [{ subjects: ['*'], tools: ['*'] }] } } },
    })
    const token = await deeper.gateway.token('/servers/abyss/mcp')
    expectRefused(await modern(deeper, 'tools/list', {}, { token, path: '/servers/abyss/mcp' }), {
      status: 200,
      code: -32603,
      reason: 'upstream-invalid',
    })
    const all = await modern(deeper, 'tools/list', {}, { token: await deeper.gateway.token('/mcp'), path: '/mcp' })
    expect(all.body.result.tools.map((t: any) => t.name)).toEqual(['up__echo'])
    await works(deeper)
    await deeper.stop()
    await abyss.close()
  })
})

describe('N096: the envelope', () => {
  it('N096: without version or capabilities, or with values of another type: refused (R5)', async () => {
    const P = 'io.modelcontextprotocol/protocolVersion'
    const C = 'io.modelcontextprotocol/clientCapabilities'
    const metas: [object, Refused][] = [
      [{ [C]: {} }, { status: 400, code: -32602, reason: 'envelope-invalid' }],
      [{ [P]: '2026-07-28' }, { status: 400, code: -32602, reason: 'envelope-invalid' }],
      [{}, { status: 400, code: -32602, reason: 'envelope-invalid' }],
      [
        { [P]: 20260728, [C]: {} },
        { status: 400, code: -32602, reason: 'envelope-invalid' },
      ],
      [
        { [P]: ['2026-07-28'], [C]: {} },
        { status: 400, code: -32602, reason: 'envelope-invalid' },
      ],
      [
        { [P]: '2026-07-28', [C]: [] },
        { status: 400, code: -32602, reason: 'envelope-invalid' },
      ],
      [
        { [P]: '2026-07-28', [C]: 'all' },
        { status: 400, code: -32602, reason: 'envelope-invalid' },
      ],
      [
        { [P]: '2026-07-28', [C]: {}, 'io.modelcontextprotocol/clientInfo': 'me' },
        { status: 400, code: -32602, reason: 'envelope-invalid' },
      ],
      [
        { [P]: '2026-07-28', [C]: {}, 'io.modelcontextprotocol/logLevel': 'verbose' },
        { status: 400, code: -32602, reason: 'envelope-invalid' },
      ],
      [{ [P]: '2026-07-28', [C]: {}, progressToken: {} }, BAD_PARAMS],
      [{ [P]: '2026-07-28', [C]: {}, progressToken: 1.5 }, BAD_PARAMS],
    ]
    await unseen(world, async () => {
      for (const [meta, refusal] of metas) {
        const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', _meta: meta } })
        expectRefused(await post(body), refusal, body)
      }
      expectRefused(await post('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}'), {
        status: 400,
        code: -32602,
        reason: 'envelope-invalid',
      })
    })
    // clientInfo is wanted, not demanded
    expect((await post(message('"name":"echo","arguments":{}'))).status).toBe(200)
  })
  it('N096: the host’s envelope ends at this hop: capabilities it only claims are not passed on', async () => {
    await callTool(
      world,
      'echo',
      {},
      { capabilities: { elicitation: { url: {} }, roots: { listChanged: true }, experimental: { admin: {} } } },
    )
    const meta = world.up.seen.at(-1)!.message.params._meta
    expect(JSON.stringify(meta['io.modelcontextprotocol/clientCapabilities'])).not.toMatch(/url|admin/)
  })
  it('N096: traceparent, tracestate and baggage: validated, made anew, never longer than they may be', async () => {
    const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const bad = [
      'x'.repeat(16_000),
      '00-00000000000000000000000000000000-b7ad6b7169203331-01',
      `${valid}-${'a'.repeat(500)}`,
      valid.toUpperCase(),
      `${valid}\tx`,
    ]
    for (const traceparent of [valid, ...bad]) {
      await callTool(world, 'echo', {}, { headers: { traceparent, tracestate: 'a='.padEnd(8000, 'x'), baggage: 'b='.padEnd(8000, 'x') } })
      const { headers } = world.up.seen.at(-1)!.req
      expect(headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
      expect(String(headers['traceparent']).startsWith('00-0af7651916cd43dd')).toBe(traceparent === valid)
      expect(headers['traceparent']).not.toBe(valid)
      expect(JSON.stringify(headers).length).toBeLessThan(2000)
    }
    await works(world)
  })
})

it('N080: a modern body in a session, and a session’s body in an envelope, are read by the same strict rules', async () => {
  await unseen(world, async () =>
    expectRefused(await host.post(modernBody('tools/call', { name: 'echo' }).replace('"name"', '"name":"forbidden","name"')), NOT_JSON),
  )
})
