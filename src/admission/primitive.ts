// What one definition of a server says, as one digest: every field of it, known or not, whatever the order of keys and the white space.

import { hash } from 'node:crypto'
import { plainCanonical } from '../kernel/canonical-bytes.ts'
import { canonicalJsonOf } from '../kernel/canonical-json.ts'

/** Definitions a server lists. `instructions` are pinned beside them, as one text. */
export const PRIMITIVE_KINDS = ['tool', 'prompt', 'resource', 'resourceTemplate'] as const
export type PrimitiveKind = (typeof PRIMITIVE_KINDS)[number]

/** The member that names a definition: a name, a URI, a URI template. */
export const NAMED_BY: Readonly<Record<PrimitiveKind, string>> = {
  tool: 'name',
  prompt: 'name',
  resource: 'uri',
  resourceTemplate: 'uriTemplate',
}

/** SHA-256, lower-case hex, as in-toto statements write it. */
export type Digest = string & { readonly [digest]: true }
declare const digest: unique symbol

const HEX = /^[0-9a-f]{64}$/
export const isDigest = (text: string): text is Digest => HEX.test(text)

/** `mcp-primitive/v1 NUL kind NUL canonical JSON`: no definition of one kind is ever taken for one of another. */
const domainOf = (kind: PrimitiveKind | 'instructions'): string => `mcp-primitive/v1\0${kind}\0`
const digestIn = (kind: PrimitiveKind | 'instructions', canonical: string): Digest => hash('sha256', domainOf(kind) + canonical) as Digest
const DOMAINS: Readonly<Record<PrimitiveKind, Buffer>> = {
  tool: Buffer.from(domainOf('tool')),
  prompt: Buffer.from(domainOf('prompt')),
  resource: Buffer.from(domainOf('resource')),
  resourceTemplate: Buffer.from(domainOf('resourceTemplate')),
}

/**
 * Digest of a definition, from its JSON text as the server sent it. Expects judged JSON (mcp/json.ts: no duplicate keys). Undefined for what has no
 * canonical form (an integer that a double does not hold): it cannot be pinned, so it cannot be admitted either.
 */
export function digestOfPrimitive(kind: PrimitiveKind, json: Buffer | string): Digest | undefined {
  // Nearly all are written plainly, and are digested without being parsed; the careful way says the same of them, and judges the rest.
  const plain = plainCanonical(typeof json === 'string' ? Buffer.from(json) : json, DOMAINS[kind])
  if (plain) return hash('sha256', plain) as Digest
  const canonical = canonicalJsonOf(typeof json === 'string' ? json : json.toString())
  return canonical === undefined ? undefined : digestIn(kind, canonical)
}

/** Digest of what a server says about itself to hosts; undefined for text that is not well-formed. */
export const digestOfInstructions = (text: string): Digest | undefined =>
  text.isWellFormed() ? digestIn('instructions', JSON.stringify(text)) : undefined
