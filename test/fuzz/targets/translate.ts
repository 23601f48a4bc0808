// Fuzz target of the era translation: whatever an upstream sends as a result or error, the translated bytes are readable and hold no question.

import { inputParamsToLegacy, inputParamsToModern, inputRequestsOfUrlElicitation } from '../../../src/bridge/translate-params.ts'
import { resultToLegacy, resultToModern, translateError } from '../../../src/bridge/translate-result.ts'
import { isJsonFault, member, readJson } from '../../../src/mcp/json.ts'
import { isMessageFault, readMessage } from '../../../src/mcp/message.ts'
import { must } from '../fuzz.ts'
import type { FuzzTarget } from '../fuzz.ts'
import { MESSAGES } from './words.ts'

const info = { name: 'gatehouse', version: '0' }

function translate(input: Buffer): boolean {
  const message = readMessage(input)
  if (isMessageFault(message) || message.kind !== 'response') return false
  const { doc, result, error } = message
  if (result) {
    for (const method of ['tools/call', 'tools/list', 'resources/read']) {
      const modern = readJson(resultToModern(method, { doc, node: result }, info), { maxDepth: 80 })
      must(!isJsonFault(modern), 'unreadable modern result')
      must(member(modern.root, 'inputRequests') === undefined, 'a question passed')
      must(member(modern.root, 'resultType') !== undefined, 'no resultType')
      const legacy = readJson(resultToLegacy(method, { doc, node: result }, input.length % 2 === 0), { maxDepth: 80 })
      must(!isJsonFault(legacy), 'unreadable legacy result')
      must(member(legacy.root, 'resultType') === undefined, 'resultType is left')
      const structured = member(legacy.root, 'structuredContent')
      must(method !== 'tools/call' || structured === undefined || structured.kind === 'object', 'structured content is no object')
    }
    for (const method of ['elicitation/create', 'sampling/createMessage']) {
      must(!isJsonFault(readJson(inputParamsToModern(method, { doc, node: result }))), 'unreadable question for 2026')
      must(!isJsonFault(readJson(inputParamsToLegacy(method, { doc, node: result }, 'id'))), 'unreadable question for 2025')
    }
  }
  if (error) {
    inputRequestsOfUrlElicitation({ doc, node: error })
    for (const from of ['legacy', 'modern'] as const) {
      const { bytes, code } = translateError({ doc, node: error }, from, 'modern')
      must(!isJsonFault(readJson(bytes)) && (code > -32020 || code < -32099), 'an error 2026 hosts must not see')
    }
  }
  return true
}

const seeds = [
  ...MESSAGES,
  '{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","elicitationId":"1","url":"https://a","message":"m"}]}}}',
  '{"jsonrpc":"2.0","id":1,"result":{"mode":"url","includeContext":"allServers","task":{},"_meta":{"a":1},"inputRequests":{},"ttlMs":1,"cacheScope":"public"}}',
]
const tokens = [
  '"_meta":{',
  '"structuredContent":',
  '"content":[',
  '"type":"text"',
  '"outputSchema":{',
  '"$ref":"#"',
  '"resultType":',
  '"inputRequests":{',
  '"code":-32021',
  ',',
  '}',
  ']',
  '{}',
]

export const targets: readonly FuzzTarget[] = [{ name: 'translate', seeds, tokens, run: translate }]
