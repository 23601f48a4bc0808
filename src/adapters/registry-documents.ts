// Reads the documents that come with a publication: surfaces as the trust room has them, and definitions, each digested as admission digests what a server lists.

import { setImmediate } from 'node:timers/promises'
import { digestOfInstructions, digestOfPrimitive, type PrimitiveKind } from '../admission/primitive.ts'
import { canonicalJson } from '../kernel/canonical-json.ts'
import { Fault, type Stop } from '../kernel/errors.ts'
import { isJsonFault, readJson, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { MAX_DEFINITIONS_BYTES, type Digests, type DocumentReaders } from '../registry/documents.ts'
import { readSurface } from '../trust/statement.ts'

const KINDS: Readonly<Record<Exclude<keyof Digests, 'instructions'>, PrimitiveKind>> = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  resourceTemplates: 'resourceTemplate',
}
/** as many as a surface names at most of one kind */
const MAX_NAMES = 4096
/** Longest turn: calls of hosts go on in between. */
const TURN_MS = 5

export const documentReaders: DocumentReaders = {
  surface(json) {
    try {
      return canonicalJson(readSurface(Buffer.from(json))) ?? invalid('surface', 'expected names without lone surrogates')
    } catch (error) {
      if (error instanceof Fault) return invalid('surface', error.message)
      throw error
    }
  },
  async definitions(json) {
    const doc = readJson(Buffer.from(json), { indexDepth: 2 })
    if (isJsonFault(doc) || doc.root.kind !== 'object') return invalid('definitions', 'expected one JSON object')
    // Texts are kept in their canonical form: what is kept follows from what was signed, and from nothing else.
    const texts: Record<string, unknown> = {}
    const digests: Record<string, unknown> = { instructions: null, tools: {}, prompts: {}, resources: {}, resourceTemplates: {} }
    for (const { key, value } of doc.root.members ?? []) {
      const read = key === 'instructions' ? instructionsOf(doc, value) : isKind(key) ? await primitivesOf(doc, value, key) : undefined
      if (read === undefined) return invalid('definitions', `expected members instructions, ${Object.keys(KINDS).join(', ')}`)
      if ('stop' in read) return read
      texts[key] = read.texts
      digests[key] = read.digests
    }
    const text = canonicalJson({ instructions: null, tools: {}, prompts: {}, resources: {}, resourceTemplates: {}, ...texts })
    return text === undefined ? invalid('definitions', 'expected names without lone surrogates') : { text, digests: digests as Digests }
  },
}

type Read = { readonly texts: unknown; readonly digests: unknown } | Stop
const isKind = (key: string): key is keyof typeof KINDS => Object.hasOwn(KINDS, key)

function instructionsOf(doc: JsonDoc, node: JsonNode): Read {
  if (node.kind === 'null') return { texts: null, digests: null }
  const text = node.kind === 'string' ? textOf(doc, node) : undefined
  const digest = text === undefined ? undefined : digestOfInstructions(text)
  return digest === undefined ? invalid('definitions', 'expected `instructions` as a text or null') : { texts: text, digests: digest }
}

async function primitivesOf(doc: JsonDoc, node: JsonNode, key: keyof typeof KINDS): Promise<Read> {
  if (node.kind !== 'object' || (node.members?.length ?? 0) > MAX_NAMES)
    return invalid('definitions', `expected \`${key}\` as an object of at most ${MAX_NAMES}`)
  // Null prototypes: `__proto__` is a name like any other.
  const [texts, digests] = [nameless(), nameless()]
  let turn = performance.now()
  for (const { key: name, value } of node.members ?? []) {
    const read = value.kind === 'string' ? canonicalOf(textOf(doc, value), KINDS[key]) : undefined
    if (!read) return invalid('definitions', `expected \`${key}\` with the JSON text of each definition, one that has a canonical form`)
    texts[name] = read.text
    digests[name] = read.digest
    if (performance.now() - turn < TURN_MS) continue
    await setImmediate()
    turn = performance.now()
  }
  return { texts, digests }
}
const nameless = (): Record<string, string> => Object.create(null) as Record<string, string>

function canonicalOf(json: string, kind: PrimitiveKind): { readonly text: string; readonly digest: string } | undefined {
  // Strings of a judged text are not judged themselves: a key that stands twice would be two definitions.
  if (json.length > MAX_DEFINITIONS_BYTES || isJsonFault(readJson(Buffer.from(json), { indexDepth: 0 }))) return undefined
  const digest = digestOfPrimitive(kind, json)
  const text = digest === undefined ? undefined : canonicalJson(JSON.parse(json))
  return digest === undefined || text === undefined ? undefined : { text, digest }
}

const invalid = (what: string, detail: string): Stop => ({ stop: 'params-invalid', detail: `\`${what}\`: ${detail}` })
