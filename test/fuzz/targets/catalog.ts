// Fuzz targets of what comes back to the gateway (cursors, request state, task ids, exposed names) and of what upstreams list and answer.

import { randomBytes } from 'node:crypto'
import { mintRequestState, openRequestState, type StateBinding } from '../../../src/bridge/request-state.ts'
import { mintTaskId, openTaskId } from '../../../src/bridge/task-id.ts'
import { isRefusal, LIST_KINDS, readEntry } from '../../../src/catalog/entry.ts'
import { qualifyName, qualifyUri, splitName, splitUri } from '../../../src/catalog/names.ts'
import { rewriteResult } from '../../../src/catalog/rewrite.ts'
import { checkSchema } from '../../../src/catalog/schema-caps.ts'
import { keyOf } from '../../../src/kernel/principal.ts'
import { contextOf, createSealer } from '../../../src/kernel/seal.ts'
import { isJsonFault, readJson } from '../../../src/mcp/json.ts'
import { must, type FuzzTarget } from '../fuzz.ts'

const sealer = createSealer({ current: Buffer.alloc(32, 1), previous: Buffer.alloc(32, 2) }, randomBytes)
const old = createSealer({ current: Buffer.alloc(32, 2) }, randomBytes)
const principal = keyOf('https://idp.example', 'alice')
const endpoint = 'https://gw.example/mcp'
const binding: StateBinding = { principal, endpoint, alias: 'files', server: 's 1', method: 'tools/call', paramsDigest: 'd' }
const context = contextOf([principal, endpoint])

const fields = {
  call: 'c',
  round: 1,
  expiresAtSeconds: 10,
  asked: [{ key: 'k', kind: 'elicitation.form' as const }],
  upstreamState: 's',
}
const states = [sealer, old].map(s => mintRequestState(s, binding, fields) ?? '')
const cursors = [sealer, old].map(s => s.seal('cursor', Buffer.from('1'), context))
const ids = [sealer, old].map(s => mintTaskId(s, { principal, endpoint }, { alias: 'files', taskId: 't' }) ?? '')

/** Only what was minted opens, byte for byte; everything else is undefined and never throws. */
const only =
  (minted: readonly string[], open: (text: string) => unknown): FuzzTarget['run'] =>
  input => {
    for (const text of [input.toString(), input.toString('latin1')])
      must((open(text) !== undefined) === minted.includes(text), 'opened what was not minted, or did not open what was')
    return input.length > 40
  }
const sealedTokens = ['=', '==', '+', '/', '-', '_', 'AAAA', '\n', ' ', '\0']

function names(input: Buffer): boolean {
  const text = input.toString()
  const name = splitName(text)
  if (name?.name !== undefined) must(qualifyName(name.alias, name.name) === text, 'a name has two spellings')
  const uri = splitUri(text)
  if (uri) must(qualifyUri(uri.alias, uri.uri) === text, 'a URI has two spellings')
  if (text !== '') must(/^[A-Za-z0-9_-]{1,48}$/.test(qualifyName('a-b', text)), 'a name hosts refuse')
  const back = splitUri(qualifyUri('a-b', text))
  must(back?.alias === 'a-b' && back.uri === text, 'a URI does not come back')
  return name !== undefined || uri !== undefined
}

function entries(input: Buffer): boolean {
  if (isJsonFault(readJson(input))) return false
  for (const kind of LIST_KINDS) {
    const entry = readEntry(kind, input)
    if (isRefusal(entry)) continue
    must(
      entry.raw === input && JSON.parse(input.toString('utf8', entry.nameAt.start, entry.nameAt.end)) === entry.name,
      'the name is not where it is said to be',
    )
    for (const { start, end, text } of entry.appsAt)
      must(JSON.parse(input.toString('utf8', start, end)) === text, 'a link is not where it is said to be')
  }
  const fault = checkSchema(input)
  return fault === undefined || fault.includes('itself')
}

/** Every URI a host would follow is qualified exactly once; everything else stays as it was. */
function rewrites(input: Buffer): boolean {
  if (isJsonFault(readJson(input))) return false
  for (const method of ['tools/call', 'prompts/get', 'resources/read', 'tasks/get']) {
    const before = linksOf(method, JSON.parse(input.toString()))
    const after = linksOf(method, JSON.parse(rewriteResult('files', method, input).toString()))
    must(before.length === after.length && before.every((uri, i) => after[i] === qualifyUri('files', uri)), `an unrenamed URI in ${method}`)
  }
  return true
}
type Any = Readonly<Record<string, unknown>> | undefined
const objectOf = (value: unknown): Any =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Any) : undefined
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [])
function linksOf(method: string, result: unknown): string[] {
  const uris: unknown[] = []
  const blocks = (value: unknown): void => {
    for (const block of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (Array.isArray(block)) blocks(block)
      const object = objectOf(block)
      if (object?.['type'] === 'resource_link') uris.push(object['uri'])
      if (object?.['type'] === 'resource') uris.push(objectOf(object['resource'])?.['uri'])
      if (object?.['type'] === 'tool_result') blocks(object['content'])
    }
  }
  const root = objectOf(result)
  if (method === 'tools/call') blocks(root?.['content'])
  if (method === 'tasks/get') blocks(objectOf(root?.['result'])?.['content'])
  for (const message of listOf(root?.['messages'])) if (method === 'prompts/get') blocks(objectOf(message)?.['content'])
  for (const item of listOf(root?.['contents'])) if (method === 'resources/read') uris.push(objectOf(item)?.['uri'])
  return uris.filter(uri => typeof uri === 'string')
}

export const targets: readonly FuzzTarget[] = [
  { name: 'request-state', seeds: states, tokens: sealedTokens, run: only(states, text => openRequestState(sealer, text, binding, 9)) },
  { name: 'cursor', seeds: cursors, tokens: sealedTokens, run: only(cursors, text => sealer.open('cursor', text, 512, context)) },
  { name: 'task-id', seeds: ids, tokens: sealedTokens, run: only(ids, text => openTaskId(sealer, text, { principal, endpoint })) },
  {
    name: 'names',
    seeds: ['files__read', 'files--a_b-mfrggzdfmztwq2lk', 'files+file:///x', 'ui://files/x'],
    tokens: ['__', '--', '+', 'ui://', '/', '-', 'é'],
    run: names,
  },
  {
    name: 'list-entry',
    seeds: [
      '{"name":"a","inputSchema":{"type":"object","properties":{"p":{"type":"string","x-mcp-header":"P"}}},"_meta":{"ui":{"resourceUri":"ui://x"}}}',
      '{"uri":"file:///x","name":"x"}',
      '{"uriTemplate":"a://{b}","allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$id":"b","anyOf":[{"$ref":"#"}]}}}',
    ],
    tokens: [
      '"$ref":"#"',
      '"$ref":"#/$defs/a"',
      '"$id":"x"',
      '"$anchor":"a"',
      '"allOf":[',
      '"not":{',
      '"properties":{',
      '{',
      '}',
      ',',
      '\\u0061',
    ],
    run: entries,
  },
  {
    name: 'rewrite',
    seeds: [
      '{"content":[{"type":"resource_link","uri":"a:b"},{"type":"resource","resource":{"uri":"ui://x"}},{"type":"tool_result","content":[{"type":"resource_link","uri":""}]}]}',
      '{"messages":[{"content":{"type":"resource","resource":{"uri":"a:b"}}}],"contents":[{"uri":"a"}],"result":{"content":[{"type":"resource_link","uri":"b"}]}}',
    ],
    tokens: ['"uri":"x"', '\\u0075', '"type":"resource"', '"content":[', '{', '}', '[', ']', ',', '"ui://"'],
    run: rewrites,
  },
]
