// What the gateway takes for a message, and what it refuses with which code.

import { describe, expect, test } from 'vitest'
import { member, rawOf, textOf } from '../../src/mcp/json.ts'
import { isMessageFault, readMessage } from '../../src/mcp/message.ts'
import type { Message, MessageFault } from '../../src/mcp/message.ts'

const read = (text: string) => readMessage(Buffer.from(text))
const request = (params: string, method = 'tools/call', id = '1') =>
  read(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}`)
const code = (m: Message | MessageFault) => (isMessageFault(m) ? m.code : m.kind)
const ok = <K extends Message['kind']>(m: Message | MessageFault, kind: K): Extract<Message, { kind: K }> => {
  if (isMessageFault(m)) throw new Error(`${m.reason}: ${m.detail}`)
  expect(m.kind).toBe(kind)
  return m as Extract<Message, { kind: K }>
}

test('a request names its parts without copying', () => {
  const m = ok(
    read(
      '{ "jsonrpc":"2.0", "id":"a\\u0062", "method":"tools/call", "params":{"name":"x","arguments":{"Name":1,"NAME":2},"_meta":{"progressToken":7,"com.example/X":1}}, "extra":[1] }',
    ),
    'request',
  )
  expect(m.method).toBe('tools/call')
  expect(m.id).toBe('"a\\u0062"')
  expect(textOf(m.doc, m.idNode)).toBe('ab')
  expect(rawOf(m.doc, member(m.params, 'arguments')!).toString()).toBe('{"Name":1,"NAME":2}')
  expect(rawOf(m.doc, member(m.meta, 'progressToken')!).toString()).toBe('7')
})
test('a notification, a result, an error', () => {
  expect(ok(read('{"jsonrpc":"2.0","method":"notifications/initialized"}'), 'notification').params).toBeUndefined()
  expect(ok(read('{"jsonrpc":"2.0","id":0,"result":{}}'), 'response').result?.kind).toBe('object')
  const e = ok(read('{"jsonrpc":"2.0","id":"x","error":{"code":-32602,"message":"no","data":{"Code":1}}}'), 'response')
  expect([e.id, e.error?.kind, e.result]).toEqual(['"x"', 'object', undefined])
  expect(ok(read('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}'), 'response').id).toBeUndefined()
  expect(ok(read('{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}'), 'response').id).toBeUndefined()
})

describe('N080, N088: unreadable text is -32700', () => {
  test.each([
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","name":"evil"}}',
    '{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}',
    '{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}',
    '{"jsonrpc":"2.0","id":1,"method":"a","params":{},"params":{}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"safe","n\\u0061me":"evil"}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":{"y":[{"z":1,"z":2}]}}}}',
    '{"jsonrpc":"2.0","id":1,"method":"a"} {"jsonrpc":"2.0","id":1,"method":"b"}',
    '{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
    '{"jsonrpc":"2.0","id":01,"method":"a"}',
    '',
  ])('%s', text => {
    expect(read(text)).toMatchObject({ reason: 'json-invalid', code: -32700 })
  })
})

describe('N081 case variants of keys that are read', () => {
  test.each([
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","Params":{}}',
    '{"JSONRPC":"2.0","jsonrpc":"2.0","id":1,"method":"tools/list"}',
    '{"jsonrpc":"2.0","Id":2,"id":1,"method":"tools/list"}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","m\\u0045thod":"x"}',
    '{"jsonrpc":"2.0","id":1,"result":{},"Result":{}}',
  ])('top level: %s', text => {
    expect(read(text)).toMatchObject({ reason: 'message-invalid', code: -32600 })
  })
  test.each([
    '{"name":"safe","Name":"evil"}',
    '{"name":"safe","NAME":"evil"}',
    '{"name":"safe","naMe":"evil"}',
    '{"name":"safe","n\\u0041me":"evil"}',
    '{"name":"safe","Arguments":{}}',
    '{"name":"safe","argument\u017f":{}}',
    '{"name":"safe","tas\u212a":{}}',
    '{"name":"a","_META":{}}',
    '{"name":"a","InputResponses":{}}',
    '{"name":"a","requeststate":"x"}',
    '{"name":"a","_meta":{"ProgressToken":1}}',
    '{"name":"a","_meta":{"TraceParent":"x"}}',
    '{"name":"a","_meta":{"io.modelcontextprotocol/ProtocolVersion":"x"}}',
    '{"name":"a","_meta":{"IO.modelcontextprotocol/anything":"x"}}',
    '{"name":"a","context":{"Arguments":{}}}',
    '{"name":"a","ref":{"Type":"x"}}',
  ])('params: %s', params => {
    expect(request(params)).toMatchObject({ reason: 'params-invalid', code: -32602, id: '1' })
  })
  test.each([
    ['error', '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","Code":-32602}}'],
    ['result', '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","InputRequests":{}}}'],
    ['result', '{"jsonrpc":"2.0","id":1,"result":{"ResultType":"input_required"}}'],
    ['result _meta', '{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/ServerInfo":{}}}}'],
  ])('%s of a response', (_, text) => {
    expect(read(text)).toMatchObject({ reason: 'message-invalid', code: -32600, id: '1' })
  })
  test.each([
    '{"name":"a","arguments":{"Name":1,"NAME":2,"Method":3,"_Meta":{"ProgressToken":1}}}',
    '{"name":"a","_meta":{"com.example/ProgressToken":1,"X":1,"x":2}}',
    '{"name":"a","vendorField":{"Name":1}}',
    '{"name":"a","n\\u0000ame":1,"na\u200bme":2,"nàme":3}',
  ])('elsewhere they are relayed untouched: %s', params => {
    const m = ok(request(params), 'request')
    expect(rawOf(m.doc, m.params!).toString()).toBe(params)
  })
})

test('N083 prototype keys as method, params, tool and id change nothing', () => {
  for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    expect(code(request(`{"${key}":{"polluted":1},"name":"${key}","arguments":{"${key}":{"polluted":1}}}`, 'tools/call', `"${key}"`))).toBe(
      'request',
    )
    expect(code(request(`{"${key}":{"polluted":1}}`, key))).toBe('request')
    expect(code(read(`{"jsonrpc":"2.0","id":1,"result":{"${key}":{"polluted":1}},"${key}":{}}`))).toBe('response')
  }
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

describe('N085, N089 ids', () => {
  test.each(['0', '-1', '9007199254740991', '-9007199254740991', '""', '"1"', '"\\u0031"', `"${'x'.repeat(512)}"`])(
    '%s is kept byte by byte',
    id => {
      expect(ok(request('{}', 'ping', id), 'request').id).toBe(id)
      expect(ok(read(`{"jsonrpc":"2.0","id":${id},"result":{}}`), 'response').id).toBe(id)
    },
  )
  test.each([
    'null',
    'true',
    '{}',
    '[]',
    '1.0',
    '1.5',
    '1e3',
    '-0',
    '9007199254740992',
    '9007199254740993',
    '-9007199254740992',
    '1e400',
    '1'.repeat(10_000),
    `"${'x'.repeat(513)}"`,
  ])('%s is refused', id => {
    expect(request('{}', 'ping', id)).toMatchObject({ reason: 'message-invalid', code: -32600 })
    expect(request('{}', 'ping', id)).not.toHaveProperty('id')
    expect(read(`{"jsonrpc":"2.0","id":${id},"result":{}}`)).toMatchObject({ reason: 'message-invalid', code: -32600 })
  })
  test.each([
    ['missing on a request', '{"jsonrpc":"2.0","method":"tools/list"}'],
    ['on a notification', '{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}'],
    ['null on a notification', '{"jsonrpc":"2.0","id":null,"method":"notifications/initialized"}'],
    ['missing on a result', '{"jsonrpc":"2.0","result":{}}'],
    ['jsonrpc 1.0', '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
    ['jsonrpc number', '{"jsonrpc":2.0,"id":1,"method":"ping"}'],
    ['jsonrpc missing', '{"id":1,"method":"ping"}'],
    ['no method', '{"jsonrpc":"2.0","id":1}'],
    ['only params', '{"jsonrpc":"2.0","id":1,"params":{}}'],
    ['method number', '{"jsonrpc":"2.0","id":1,"method":1}'],
    ['method null', '{"jsonrpc":"2.0","id":1,"method":null}'],
    ['endless method', `{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(300)}"}`],
    ['method and result', '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}'],
    ['result and error', '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}'],
    ['params in a response', '{"jsonrpc":"2.0","id":1,"result":{},"params":{}}'],
    ['result that is no object', '{"jsonrpc":"2.0","id":1,"result":[]}'],
    ['error that is no object', '{"jsonrpc":"2.0","id":1,"error":"x"}'],
    ['error without code', '{"jsonrpc":"2.0","id":1,"error":{"message":"x"}}'],
    ['error with a fraction', '{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"x"}}'],
    ['error with a text code', '{"jsonrpc":"2.0","id":1,"error":{"code":"-32602","message":"x"}}'],
    ['error without message', '{"jsonrpc":"2.0","id":1,"error":{"code":1}}'],
    ['a string', '"ping"'],
    ['null', 'null'],
  ])('%s is -32600', (_, text) => {
    expect(read(text)).toMatchObject({ reason: 'message-invalid', code: -32600 })
  })
})

describe('N091 methods are names, compared exactly by whoever knows them', () => {
  test.each(['tools/call\u0000', 'Tools/Call', 'tools/call ', 'notifications/unknown', '', 'ｔools/call'])(
    '%j stays what it is',
    method => {
      expect(ok(request('{}', method), 'request').method).toBe(method)
    },
  )
})

describe('N092 kinds of parameters', () => {
  test.each(['[]', 'null', '"x"', '1', 'true'])('params %s', params => {
    expect(request(params, 'anything/else')).toMatchObject({ reason: 'params-invalid', code: -32602, id: '1' })
  })
  test.each([
    ['tools/call', '{}'],
    ['tools/call', '{"name":1}'],
    ['tools/call', '{"name":["a"]}'],
    ['tools/call', '{"name":{"a":1}}'],
    ['tools/call', '{"name":null}'],
    ['tools/call', '{"name":"a","arguments":"x"}'],
    ['tools/call', '{"name":"a","arguments":[]}'],
    ['tools/call', '{"name":"a","arguments":null}'],
    ['tools/call', '{"name":"a","requestState":{}}'],
    ['tools/call', '{"name":"a","inputResponses":[]}'],
    ['tools/call', '{"name":"a","_meta":null}'],
    ['tools/call', '{"name":"a","_meta":[]}'],
    ['tools/call', '{"name":"a","_meta":{"progressToken":1.5}}'],
    ['tools/call', '{"name":"a","_meta":{"progressToken":null}}'],
    ['prompts/get', '{"name":true}'],
    ['resources/read', '{"uri":1}'],
    ['tools/list', '{"cursor":1}'],
    ['tasks/get', '{"taskId":["x"]}'],
    ['completion/complete', '{"ref":"x","argument":{}}'],
    ['subscriptions/listen', '{}'],
  ])('%s %s', (method, params) => {
    expect(request(params, method)).toMatchObject({ reason: 'params-invalid', code: -32602, id: '1' })
  })
  test('missing params where some are needed', () => {
    expect(read('{"jsonrpc":"2.0","id":1,"method":"tools/call"}')).toMatchObject({ code: -32602 })
    expect(code(read('{"jsonrpc":"2.0","id":1,"method":"tools/list"}'))).toBe('request')
  })
  test('the empty cursor is a cursor (R62)', () => {
    expect(code(request('{"cursor":""}', 'tools/list'))).toBe('request')
  })
})

describe('N087 batches', () => {
  const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
  test('every element is judged by itself', () => {
    const batch = ok(
      read(`[ ${ping}, {"jsonrpc":"2.0","method":"notifications/x"}, 1, {"jsonrpc":"1.0","id":2,"method":"ping"}, [${ping}] ]`),
      'batch',
    )
    expect(batch.items.map(code)).toEqual(['request', 'notification', -32600, -32600, -32600])
    const [first] = batch.items
    expect(first && !isMessageFault(first) && first.doc.bytes.toString()).toBe(ping)
  })
  test.each([
    ['empty', '[]'],
    [
      'with initialize',
      `[${ping},{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{}}}]`,
    ],
    ['too long', `[${Array.from({ length: 101 }, () => ping).join(',')}]`],
    ['endless', `[${Array.from({ length: 70_000 }, () => '1').join(',')}]`],
  ])('%s is refused', (_, text) => {
    expect(read(text)).toMatchObject({ reason: 'message-invalid', code: -32600 })
  })
  test('100 are accepted', () => {
    expect(ok(read(`[${Array.from({ length: 100 }, () => ping).join(',')}]`), 'batch').items).toHaveLength(100)
  })
})

test('details never repeat values', () => {
  for (const m of [
    request('{"name":{"secret":"hunter2"}}'),
    request('{"name":"a","arguments":"hunter2"}'),
    request('{"name":"a","_meta":{"progressToken":{"x":"hunter2"}}}'),
  ])
    expect(JSON.stringify(m)).not.toContain('hunter2')
})
