// Renames resource URIs inside results of aggregated endpoints, so that what a host reads next leads back to the same upstream (R57).

import { Fault } from '../kernel/errors.ts'
import { isJsonFault, member, readJson, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { splice, type Edit } from '../mcp/splice.ts'
import { qualifyUri } from './names.ts'

/** Members of a result that may hold resource URIs, per method. `_meta` can name an app anywhere. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  'tools/call': ['content', '_meta'],
  'prompts/get': ['messages', '_meta'],
  'resources/read': ['contents', '_meta'],
  'tasks/get': ['result', '_meta'],
}
/** Deep enough for blocks in tool results in messages. */
const INDEX_DEPTH = 10
/** Ends of the keys `uri` and `resourceUri` as they are normally written, and the beginning of any other way to write them. */
const KEY_END = Buffer.from('ri"')
const ESCAPE = Buffer.from('\\u00')

/**
 * The result object of an upstream with its resource URIs qualified: links and embedded resources in content blocks, `contents`, and apps in
 * `_meta`; nothing else changes. The very same buffer where there is nothing to rename. Expects judged JSON; throws Fault
 * `rewrite-unreadable` for a result with too many parts to look at (the relay must not let it pass half renamed).
 */
export function rewriteResult(alias: string, method: string, result: Buffer): Buffer {
  const places = Object.hasOwn(PLACES, method) ? PLACES[method] : undefined
  if (!places || (!result.includes(KEY_END) && !result.includes(ESCAPE))) return result
  const { root } = docOf(result, 1)
  const edits: Edit[] = []
  for (const key of places) {
    const node = member(root, key)
    if (node?.kind !== 'object' && node?.kind !== 'array') continue
    const found = new Found(alias, docOf(result.subarray(node.start, node.end), INDEX_DEPTH), node.start)
    found.collect(key)
    edits.push(...found.edits)
  }
  return edits.length === 0 ? result : splice(result, edits)
}

function docOf(bytes: Buffer, indexDepth: number): JsonDoc {
  const doc = readJson(bytes, { indexDepth, maxDepth: 256 })
  if (isJsonFault(doc)) throw new Fault('rewrite-unreadable', `a result cannot be indexed: ${doc.fault}`)
  return doc
}

function itemsOf(node: JsonNode): readonly JsonNode[] {
  if (!node.items) throw new Fault('rewrite-unreadable', 'a result has more items than can be indexed')
  return node.items
}

/** The URIs found in one member of a result; positions are those of the whole result. */
class Found {
  readonly edits: Edit[] = []
  readonly #alias: string
  readonly #doc: JsonDoc
  readonly #offset: number

  constructor(alias: string, doc: JsonDoc, offset: number) {
    this.#alias = alias
    this.#doc = doc
    this.#offset = offset
  }

  collect(key: string): void {
    const { root } = this.#doc
    if (key === '_meta') this.#meta(root)
    else if (key === 'content') this.#blocks(root)
    else if (key === 'result') {
      this.#blocks(member(root, 'content'))
      this.#meta(member(root, '_meta'))
    } else if (root.kind === 'array') {
      for (const item of itemsOf(root)) {
        if (key === 'messages') this.#blocks(member(item, 'content'))
        else this.#uri(member(item, 'uri'))
      }
    }
  }

  /** One content block or an array of them; blocks may hold blocks (`tool_result`). */
  #blocks(node: JsonNode | undefined): void {
    if (node?.kind === 'array') for (const item of itemsOf(node)) this.#blocks(item)
    if (node?.kind !== 'object') return
    const type = member(node, 'type')
    switch (type?.kind === 'string' ? textOf(this.#doc, type) : '') {
      case 'resource_link':
        this.#uri(member(node, 'uri'))
        break
      case 'resource':
        this.#uri(member(member(node, 'resource'), 'uri'))
        break
      case 'tool_result':
        this.#blocks(member(node, 'content'))
        break
    }
  }

  /** Results may name the app that shows them, as tools do. */
  #meta(node: JsonNode | undefined): void {
    this.#uri(member(member(node, 'ui'), 'resourceUri'))
    this.#uri(member(node, 'ui/resourceUri'))
  }

  #uri(node: JsonNode | undefined): void {
    if (node?.kind !== 'string') return
    const text = JSON.stringify(qualifyUri(this.#alias, textOf(this.#doc, node)))
    this.edits.push({ start: this.#offset + node.start, end: this.#offset + node.end, text })
  }
}
