// Server-to-client requests in either shape: what kind each one is, and the `input_required` result of 2026-07-28 (R71, R72, R77).

import { isJsonFault, member, rawOf, readJson, textOf, type JsonNode } from '../mcp/json.ts'
import type { RequestKind } from './capabilities.ts'
import type { Slice } from './upstream.ts'

/** Methods whose results may be `input_required` (R71). */
export const INPUT_METHODS: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** What one request asks for, by its method and params; undefined = nothing the gateway knows, refused. */
export function kindOf(method: string, params: Slice | undefined): RequestKind | undefined {
  switch (method) {
    case 'roots/list':
      return 'roots'
    case 'sampling/createMessage':
      return has(params, 'tools') || has(params, 'toolChoice') ? 'sampling.tools' : 'sampling'
    case 'elicitation/create': {
      const mode = params && member(params.node, 'mode')
      if (mode === undefined) return 'elicitation.form' // R94: mode absent means form
      if (mode.kind !== 'string' || !params) return undefined
      const text = textOf(params.doc, mode)
      return text === 'form' ? 'elicitation.form' : text === 'url' ? 'elicitation.url' : undefined
    }
    default:
      return undefined
  }
}

const has = (slice: Slice | undefined, key: string): boolean => slice !== undefined && member(slice.node, key) !== undefined

/** One entry of `inputRequests`. */
type InputRequest = { readonly key: string; readonly method: string; readonly params?: Slice; readonly kind: RequestKind }
export type InputRequired = { readonly requests: readonly InputRequest[]; readonly requestState?: string }

/** At most this many questions in one round; keys of at most 256 characters; upstream state of at most 45,000 characters (it has to fit into ours). */
const MAX_REQUESTS = 16
const MAX_KEY = 256
const MAX_STATE = 45_000

/** Reads an upstream's `input_required` result. A string is what is wrong with it. */
export function readInputRequired(result: Slice): InputRequired | string {
  const doc = readJson(rawOf(result.doc, result.node), { indexDepth: 5 })
  if (isJsonFault(doc)) return 'result is not readable'
  const state = member(doc.root, 'requestState')
  if (state !== undefined && state.kind !== 'string') return '`requestState` is not a string'
  const requestState = state && textOf(doc, state)
  if (requestState !== undefined && requestState.length > MAX_STATE) return '`requestState` is too large'
  const asked = member(doc.root, 'inputRequests')
  if (asked !== undefined && asked.kind !== 'object') return '`inputRequests` is not an object'
  const members = asked?.members ?? []
  if (members.length === 0 && requestState === undefined) return 'neither `inputRequests` nor `requestState` is present'
  if (members.length > MAX_REQUESTS) return `more than ${MAX_REQUESTS} input requests`
  const requests: InputRequest[] = []
  for (const { key, value } of members) {
    const read = readRequest(key, doc, value)
    if (typeof read === 'string') return read
    requests.push(read)
  }
  return { requests, ...(requestState !== undefined && { requestState }) }
}

function readRequest(key: string, doc: Slice['doc'], value: JsonNode): InputRequest | string {
  if (key.length > MAX_KEY) return 'an input request key is too long'
  const method = member(value, 'method')
  if (method?.kind !== 'string') return 'an input request has no method'
  const node = member(value, 'params')
  if (node !== undefined && node.kind !== 'object') return 'params of an input request are not an object'
  const params = node && { doc, node }
  const name = textOf(doc, method)
  const kind = kindOf(name, params)
  if (kind === undefined) return 'an input request asks for something unknown'
  return { key, method: name, kind, ...(params && { params }) }
}

/** Questions as a host is asked them. Params bytes come translated. */
type WrittenRequest = { readonly key: string; readonly method: string; readonly params?: Buffer }

/** The value of `inputRequests`. */
export function inputRequestsText(requests: readonly WrittenRequest[]): string {
  const entries = requests.map(
    r => `${JSON.stringify(r.key)}:{"method":${JSON.stringify(r.method)}${r.params ? `,"params":${r.params.toString()}` : ''}}`,
  )
  return `{${entries.join(',')}}`
}

/** `{"resultType":"input_required",...}` for requests of a legacy upstream. */
export const writeInputRequired = (requests: readonly WrittenRequest[], requestState: string): Buffer =>
  Buffer.from(
    `{"resultType":"input_required","inputRequests":${inputRequestsText(requests)},"requestState":${JSON.stringify(requestState)}}`,
  )

/** The members of the host's `inputResponses` that were asked for (R77; all without a list), as raw JSON per key. A string is what is wrong. */
export function readInputResponses(responses: Slice | undefined, asked?: readonly string[]): Map<string, Buffer> | string {
  const answers = new Map<string, Buffer>()
  if (!responses) return answers
  if (responses.node.kind !== 'object') return '`inputResponses` is not an object'
  const doc = readJson(rawOf(responses.doc, responses.node), { indexDepth: 1 })
  if (isJsonFault(doc)) return '`inputResponses` is not readable'
  const keys = asked && new Set(asked)
  for (const { key, value } of doc.root.members ?? []) {
    if (keys?.has(key) === false) continue
    if (value.kind !== 'object') return 'an input response is not an object'
    answers.set(key, rawOf(doc, value))
  }
  return answers
}

/** `{"key":{...},...}` for the upstream. */
export function writeInputResponses(answers: ReadonlyMap<string, Buffer>): Buffer {
  return Buffer.from(`{${[...answers].map(([key, value]) => `${JSON.stringify(key)}:${value.toString()}`).join(',')}}`)
}
