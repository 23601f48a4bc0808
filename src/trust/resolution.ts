// What another registry answers of one version (`GET /v1/resolve`): texts to judge, and what it withdrew. attacker-controlled, and believed in nothing but that.

import { Fault } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson, textOf, valueOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import type { Withdrawal } from './blocked.ts'
import type { FoundVersion } from './version-source.ts'

/** A server.json of 64 KiB, all its bundles and what speaks against it. */
export const MAX_RESOLUTION_BYTES = 24 * 1024 * 1024
const MAX_BUNDLES = 64
const MAX_REVOCATIONS = 10_000
const MAX_TARGET_CHARACTERS = 2048
const KINDS: ReadonlySet<string> = new Set<Withdrawal['kind']>(['version', 'artifact', 'bundle', 'key', 'identity', 'namespace'])

export type Resolution = {
  readonly found: FoundVersion
  readonly withdrawn: readonly Withdrawal[]
  /** digest of the definitions behind its surface; for differences, and nothing is decided by them */
  readonly definitions?: string
}

/** Throws Fault `registry-answer-invalid` naming what is wrong. `name`, `version`: what was asked for; an answer about anything else is none. */
export function readResolution(body: Buffer, name: string, version: string): Resolution {
  const doc = readJson(body)
  if (isJsonFault(doc)) return refuse(`no strict JSON (${doc.fault})`)
  const [server, bundles, revocations, documents] = ['server', 'bundles', 'revocations', 'documents'].map(key => member(doc.root, key))
  if (textIn(doc, doc.root, 'name')?.toLowerCase() !== name.toLowerCase() || textIn(doc, doc.root, 'version') !== version)
    return refuse('it is about another version')
  if (server?.kind !== 'object') return refuse('no server.json')
  const definitions = documents?.items?.findLast(each => textIn(doc, each, 'kind') === 'definitions')
  const sha256 = definitions && textIn(doc, definitions, 'sha256')
  return {
    ...(sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) && { definitions: sha256 }),
    found: {
      serverJson: Buffer.from(rawOf(doc, server)),
      bundles: itemsOf(bundles, MAX_BUNDLES).map(each => {
        const bundle = member(each, 'bundle')
        return bundle?.kind === 'object' ? Buffer.from(rawOf(doc, bundle)) : refuse('a bundle is no object')
      }),
      isRevoked: textIn(doc, doc.root, 'standing') === 'revoked',
    },
    withdrawn: itemsOf(revocations, MAX_REVOCATIONS).flatMap(each => withdrawalIn(doc, each)),
  }
}

const refuse = (what: string): never => {
  throw new Fault('registry-answer-invalid', `the registry’s answer: ${what}`)
}

const itemsOf = (node: JsonNode | undefined, max: number): readonly JsonNode[] =>
  node?.items && node.items.length <= max ? node.items : refuse('expected a list of bounded length')

function textIn(doc: JsonDoc, node: JsonNode, key: string): string | undefined {
  const found = member(node, key)
  return found?.kind === 'string' ? textOf(doc, found) : undefined
}

/** One that does not block is for people to read. */
function withdrawalIn(doc: JsonDoc, node: JsonNode): readonly Withdrawal[] {
  if (node.kind !== 'object') return refuse('a revocation is no object')
  const { kind, target, action, notBefore } = valueOf(doc, node) as Readonly<Record<string, unknown>>
  if (action !== 'block') return []
  if (typeof kind !== 'string' || !KINDS.has(kind) || typeof target !== 'string' || target.length > MAX_TARGET_CHARACTERS)
    return refuse('a revocation is of an unknown kind')
  const notBeforeMs = typeof notBefore === 'string' ? Date.parse(notBefore) : NaN
  return [{ kind: kind as Withdrawal['kind'], target, ...(!Number.isNaN(notBeforeMs) && { notBeforeMs }) }]
}
