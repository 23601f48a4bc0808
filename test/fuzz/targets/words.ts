// Fuzz targets of the words: JSON, messages, splices, header values, parameter headers, event streams.

import { decodeHeaderValue, encodeHeaderValue } from '../../../src/mcp/header-values.ts'
import { isJsonFault, readJson, textOf, valueOf } from '../../../src/mcp/json.ts'
import type { JsonDoc, JsonNode } from '../../../src/mcp/json.ts'
import { isMessageFault, readMessage } from '../../../src/mcp/message.ts'
import { checkParamHeaders, paramHeadersOf, scanParamHeaders } from '../../../src/mcp/param-headers.ts'
import { removeMembers, setMember, withoutLineBreaks } from '../../../src/mcp/splice.ts'
import { SseReader } from '../../../src/mcp/sse-reader.ts'
import { encodeSseEvent } from '../../../src/mcp/sse.ts'
import { must } from '../fuzz.ts'
import type { FuzzTarget } from '../fuzz.ts'

const JSON_TOKENS = [
  '{"',
  '":',
  ',"',
  '[',
  ']',
  '}',
  '{}',
  '[]',
  '\\u',
  '\\ud83d',
  '\\ude00',
  '\\"',
  '\\\\',
  'null',
  'true',
  '-0',
  '1e400',
  '0.1',
  '\ufeff',
  '😀',
  '"a":1,',
  '"__proto__":',
]
export const MESSAGES = [
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi","n":[1,2.5e-3,null,true]},"_meta":{"progressToken":"t","io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}',
  '{"jsonrpc":"2.0","id":"a\\u0062","result":{"resultType":"complete","content":[{"type":"text","text":"x\\ny"}],"structuredContent":[1],"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}}}',
  '{"jsonrpc":"2.0","id":null,"error":{"code":-32002,"message":"no","data":{"uri":"a://b"}}}',
  '[{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":0.5}}]',
  '{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"a","execution":{},"inputSchema":{"type":"object"},"outputSchema":{"type":"array","items":{"$ref":"#/$defs/x"}}}]}}',
]

const plain = (doc: JsonDoc, node: JsonNode): unknown => {
  if (node.members) return Object.fromEntries(node.members.map(m => [m.key, plain(doc, m.value)]))
  if (node.items) return node.items.map(item => plain(doc, item))
  return node.kind === 'string' ? textOf(doc, node) : valueOf(doc, node)
}
const parse = (input: Buffer): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input)) as unknown }
  } catch {
    return undefined // the reader must refuse it too
  }
}

function json(input: Buffer): boolean {
  const doc = readJson(input, { indexDepth: 64 })
  const parsed = parse(input)
  if (!isJsonFault(doc)) {
    must(parsed !== undefined, 'JSON.parse refuses what was accepted')
    must(JSON.stringify(plain(doc, doc.root)) === JSON.stringify(parsed.value), 'the index says something else than JSON.parse')
    const shallow = readJson(input, { indexDepth: 0 })
    must(
      !isJsonFault(shallow) && shallow.root.start === doc.root.start && shallow.root.end === doc.root.end,
      'the index depth changes the verdict',
    )
  } else if (parsed)
    must(['duplicate-key', 'surrogate', 'depth'].includes(doc.fault), `JSON.parse accepts what was refused as ${doc.fault}`)
  return !isJsonFault(doc)
}

function message(input: Buffer): boolean {
  const read = readMessage(input)
  if (isMessageFault(read)) {
    must(read.code === -32700 || read.code === -32600 || read.code === -32602, 'an unknown fault code')
    if (read.id !== undefined) JSON.parse(read.id)
    return false
  }
  for (const item of read.kind === 'batch' ? read.items : [read]) {
    if (isMessageFault(item)) continue
    const value = JSON.parse(item.doc.bytes.toString()) as Record<string, unknown>
    must(value['jsonrpc'] === '2.0', 'jsonrpc is not 2.0')
    must(('method' in item ? item.method : undefined) === value['method'], 'another method')
    const id = 'id' in item ? item.id : undefined
    must(
      (id === undefined ? undefined : JSON.stringify(JSON.parse(id))) === (value['id'] === null ? undefined : JSON.stringify(value['id'])),
      'another id',
    )
    must(item.kind !== 'response' || (item.result === undefined) !== (item.error === undefined), 'result and error')
  }
  return true
}

function splices(input: Buffer): boolean {
  const doc = readJson(input, { indexDepth: 1 })
  if (isJsonFault(doc) || !doc.root.members) return false
  const keys = doc.root.members.map(m => m.key)
  const dropped = new Set(keys.filter((_, i) => (input.length + i) % 3 === 0))
  const without = readJson(removeMembers(input, dropped), { indexDepth: 1 })
  must(!isJsonFault(without) && without.root.members?.length === keys.length - dropped.size, 'removing members broke the object')
  const merged = readJson(setMember(setMember(input, keys[0] ?? 'x', '[1]'), '\u0000new', Buffer.from('{"a":2}')), { indexDepth: 1 })
  must(!isJsonFault(merged), 'setting members broke the object')
  const line = withoutLineBreaks(input)
  must(!/[\r\n]/.test(line.toString()), 'line breaks are left')
  must(
    JSON.stringify(JSON.parse(line.toString())) === JSON.stringify(JSON.parse(input.toString())),
    'dropping line breaks changed the value',
  )
  return true
}

function headerValue(input: Buffer): boolean {
  const text = input.toString('latin1')
  const decoded = decodeHeaderValue(text)
  if (decoded !== undefined && decoded !== text) {
    must(text === `=?base64?${Buffer.from(decoded).toString('base64')}?=`, 'a sentinel that is not canonical was accepted')
  }
  const any = input.toString('utf8')
  const encoded = encodeHeaderValue(any)
  must(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(encoded), 'not a header value')
  must(decodeHeaderValue(encoded) === any, 'the round trip changed the text')
  return decoded !== text
}

/** first line: a schema; the rest: arguments */
function paramHeaders(input: Buffer): boolean {
  const end = input.indexOf(10)
  const scan = scanParamHeaders(input.subarray(0, end < 0 ? input.length : end))
  if ('fault' in scan) return false
  for (const { name } of scan.headers)
    must(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && !/^(mcp-|authorization$|host$)/i.test(name), 'a forbidden header name')
  const doc = readJson(input.subarray(end < 0 ? input.length : end + 1))
  const args = isJsonFault(doc) || !doc.root.members ? undefined : { doc, node: doc.root }
  const made = paramHeadersOf(scan.headers, args).map(([name, value]) => [name.toLowerCase(), value] as const)
  for (const [, value] of made) must(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value), 'not a header value')
  must(checkParamHeaders(scan.headers, args, made) === undefined, 'headers made from arguments disagree with them')
  return made.length > 0
}

const LIMITS = { maxLineBytes: 4096, maxEventBytes: 8192, maxFields: 64 }
function events(chunks: readonly Buffer[]): string {
  const seen: unknown[] = []
  const reader = new SseReader(e => seen.push([e.event, e.id, e.data.toString('latin1')]), LIMITS)
  let fault: string | undefined
  for (const chunk of chunks) fault = reader.push(chunk)
  return JSON.stringify([seen, fault ?? null, reader.lastEventId, reader.retryMs])
}
function sse(input: Buffer): boolean {
  const whole = events([input])
  must(events(Array.from(input, (_, i) => input.subarray(i, i + 1))) === whole, 'single bytes give other events')
  const step = 1 + ((input[0] ?? 0) % 61)
  const pieces = Array.from({ length: Math.ceil(input.length / step) }, (_, i) => input.subarray(i * step, (i + 1) * step))
  must(events(pieces) === whole, 'pieces give other events')
  const doc = readJson(input)
  if (isJsonFault(doc) || input.length > 4000) return whole.length > 40
  let data = ''
  new SseReader(e => (data += e.data.toString())).push(encodeSseEvent(input, { id: '1' }))
  must(JSON.stringify(JSON.parse(data)) === JSON.stringify(JSON.parse(input.toString())), 'an encoded event reads as something else')
  return true
}

const SCHEMA =
  '{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"o":{"properties":{"n":{"type":"integer","x-mcp-header":"Count"}}}}}'
const STREAMS = [
  'event: message\nid: 1\ndata: {"a":1}\n\n',
  '\ufeffdata: a\r\ndata: b\r\n\r\n: c\rretry: 5\r\r',
  'id: a\0\ndata:\n\ndata\n\n',
  '{"a":\n[1,\r2]}',
]

export const targets: readonly FuzzTarget[] = [
  { name: 'json', seeds: MESSAGES, tokens: JSON_TOKENS, run: json },
  {
    name: 'message',
    seeds: MESSAGES,
    tokens: [...JSON_TOKENS, '"id":', '"method":', '"params":', '"Result":', '"jsonrpc":"2.0",'],
    run: message,
  },
  { name: 'splice', seeds: [...MESSAGES, '{"a":1 , "b":[2],\n"c":{}}'], tokens: JSON_TOKENS, run: splices },
  {
    name: 'header-value',
    seeds: ['echo', '=?base64?w6k=?=', '=?base64??=', ' a', 'é😀'],
    tokens: ['=?base64?', '?=', '==', 'YQ==', '\u0000'],
    run: headerValue,
  },
  {
    name: 'param-headers',
    seeds: [`${SCHEMA}\n{"region":"eu","o":{"n":42.0}}`],
    tokens: [...JSON_TOKENS, '"x-mcp-header":"', '"properties":{', '"type":"integer"', '"$ref":"#"', '\n'],
    run: paramHeaders,
  },
  {
    name: 'sse',
    seeds: [...STREAMS, ...MESSAGES.map(m => `data: ${m}\n\n`)],
    tokens: ['data: ', 'data', 'id: ', 'event: ', 'retry: ', ':', '\n\n', '\r\n', '\r', '\ufeff', '\u0000'],
    run: sse,
  },
]
