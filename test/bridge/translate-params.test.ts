// Parameters, questions and notifications between the eras.

import { describe, expect, test } from 'vitest'
import {
  inputParamsToLegacy,
  inputParamsToModern,
  inputRequestsOfUrlElicitation,
  notificationToHost,
} from '../../src/bridge/translate-params.ts'
import type { Slice } from '../../src/bridge/upstream.ts'
import { isJsonFault, rawOf, readJson } from '../../src/mcp/json.ts'
import type { JsonDoc } from '../../src/mcp/json.ts'

const doc = (text: string, indexDepth = 3): JsonDoc => {
  const d = readJson(Buffer.from(text), { indexDepth })
  if (isJsonFault(d)) throw new Error(d.fault)
  return d
}
const slice = (text: string, indexDepth?: number): Slice => {
  const d = doc(text, indexDepth)
  return { doc: d, node: d.root }
}
const VENDOR = '"vendor":{"big":12345678901234567890,"esc":"\\u0041\\/"}'

describe('questions', () => {
  test.each([
    [
      'elicitation/create',
      `{"mode":"url","elicitationId":"e","url":"https://a","message":"m","_meta":{},"task":{},${VENDOR}}`,
      `{"mode":"url","url":"https://a","message":"m",${VENDOR}}`,
    ],
    [
      'elicitation/create',
      '{"message":"m","requestedSchema":{"properties":{"elicitationId":{}}}}',
      '{"message":"m","requestedSchema":{"properties":{"elicitationId":{}}}}',
    ],
    [
      'sampling/createMessage',
      '{"messages":[],"maxTokens":1,"task":{},"elicitationId":1}',
      '{"messages":[],"maxTokens":1,"elicitationId":1}',
    ],
    ['sampling/createMessage', '{"includeContext":"none","messages":[]}', '{"includeContext":"none","messages":[]}'],
    ['roots/list', '{"_meta":{"progressToken":1}}', '{}'],
  ])('towards 2026: %s %s', (method, params, expected) => {
    expect(inputParamsToModern(method, slice(params)).toString()).toBe(expected)
    expect(inputParamsToModern(method, slice(params, 0)).toString()).toBe(expected)
  })
  test.each([
    [
      'elicitation/create',
      '{"mode":"url","url":"https://a","message":"m"}',
      '{"mode":"url","url":"https://a","message":"m","elicitationId":"id\\"1"}',
    ],
    ['elicitation/create', '{"mode":"u\\u0072l","elicitationId":"theirs"}', '{"mode":"u\\u0072l","elicitationId":"id\\"1"}'],
    ['elicitation/create', `{"mode":"form","message":"m",${VENDOR}}`, `{"mode":"form","message":"m",${VENDOR}}`],
    ['elicitation/create', '{"message":"m"}', '{"message":"m"}'],
    ['sampling/createMessage', '{"messages":[],"mode":"url"}', '{"messages":[],"mode":"url"}'],
  ])('towards 2025: %s %s', (method, params, expected) => {
    expect(inputParamsToLegacy(method, slice(params), 'id"1').toString()).toBe(expected)
  })
  test('-32042 turns into url questions (R97)', () => {
    const error =
      '{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","elicitationId":"1","url":"https://a","message":"A","v":1.0},{"url":"https://b","message":"B"}]}}'
    const message = doc(`{"jsonrpc":"2.0","id":1,"error":${error}}`)
    const node = message.root.members!.find(m => m.key === 'error')!.value
    const asked = inputRequestsOfUrlElicitation({ doc: message, node })
    expect(asked?.map(({ params }) => rawOf(params.doc, params.node).toString())).toEqual([
      '{"mode":"url","url":"https://a","message":"A","v":1.0}',
      '{"url":"https://b","message":"B","mode":"url"}',
    ])
  })
  test.each([
    '{"code":-32042,"message":"x"}',
    '{"code":-32042,"message":"x","data":{"elicitations":[]}}',
    '{"code":-32042,"message":"x","data":{"elicitations":{}}}',
    '{"code":-32042,"message":"x","data":{"elicitations":[1]}}',
    '{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"form","url":"u","message":"m"}]}}',
    '{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","message":"m"}]}}',
    '{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","url":"u"}]}}',
    `{"code":-32042,"message":"x","data":{"elicitations":[${Array.from({ length: 17 }, () => '{"url":"u","message":"m"}').join(',')}]}}`,
  ])('a malformed -32042 asks nothing: %s', error => {
    expect(inputRequestsOfUrlElicitation(slice(error))).toBeUndefined()
  })
})

describe('notifications inside a call', () => {
  const relay = (method: string, params: string | undefined, era: 'legacy' | 'modern', indexDepth?: number) =>
    notificationToHost(
      method,
      doc(`{"jsonrpc":"2.0","method":"${method}"${params === undefined ? '' : `,"params":${params}`}}`, indexDepth),
      era,
    )?.toString()
  test.each(['legacy', 'modern'] as const)('progress, log messages and unknown ones pass byte by byte to a %s host', era => {
    for (const [method, params] of [
      ['notifications/progress', `{"progressToken":1,"progress":1.0,${VENDOR}}`],
      ['notifications/message', '{"level":"info","data":{"_meta":{"io.modelcontextprotocol/serverInfo":1}},"_meta":{"a":1}}'],
      ['notifications/com.example/x', undefined],
    ] as const)
      expect(relay(method, params, era)).toBe(`{"jsonrpc":"2.0","method":"${method}"${params === undefined ? '' : `,"params":${params}`}}`)
  })
  test.each([
    'notifications/initialized',
    'notifications/cancelled',
    'notifications/roots/list_changed',
    'notifications/subscriptions/acknowledged',
    'notifications/tools/list_changed',
    'notifications/resources/updated',
    'notifications/tasks',
    'notifications/tasks/status',
  ])('%s does not travel on a call', method => {
    expect(relay(method, undefined, 'legacy')).toBeUndefined()
    expect(relay(method, undefined, 'modern')).toBeUndefined()
  })
  test('notifications/elicitation/complete exists for 2025 hosts only', () => {
    expect(relay('notifications/elicitation/complete', '{}', 'modern')).toBeUndefined()
    expect(relay('notifications/elicitation/complete', '{}', 'legacy')).toBeDefined()
  })
  test('another stream cannot be named: subscription ids are stripped, for 2025 hosts every reserved key', () => {
    const params =
      '{"level":"info","data":1,"_meta":{"a":1,"io.modelcontextprotocol/subscriptionId":7,"io.modelcontextprotocol/serverInfo":{}}}'
    for (const depth of [3, 1]) {
      expect(relay('notifications/message', params, 'modern', depth)).toContain('"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{}}')
      expect(relay('notifications/message', params, 'legacy', depth)).toContain('"_meta":{"a":1}')
    }
    expect(relay('notifications/message', '{"level":"info","_meta":{"io.modelcontextprotocol/subscriptionId":7}}', 'modern')).toContain(
      '"params":{"level":"info"}',
    )
  })
})
