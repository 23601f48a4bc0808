// Progress tokens are ours on each hop (R84): the host's token never reaches an upstream, an upstream's never reaches a host.

import { isJsonFault, member, rawOf, readJson, type JsonDoc, type JsonNode } from '../../mcp/json.ts'

/** `_meta` members with the host's token replaced by ours. */
export type HopMeta = { readonly meta: Buffer; readonly token?: Buffer }

const BACKSLASH = 0x5c

/** Replaces a `progressToken` in raw `_meta` object bytes by `id`. A token that is neither string nor integer is left out (it is invalid). */
export function hopMeta(meta: Buffer, id: number): HopMeta {
  // A key may be escaped (`progress\u0054oken`), so a backslash anywhere means: read it.
  if (!meta.includes('progressToken') && !meta.includes(BACKSLASH)) return { meta }
  const doc = readJson(meta, { indexDepth: 1 })
  if (isJsonFault(doc)) return { meta: Buffer.from('{}') }
  const token = member(doc.root, 'progressToken')
  if (!token) return { meta }
  const own = Buffer.from(String(id))
  const spliced = Buffer.concat([meta.subarray(0, token.start), own, meta.subarray(token.end)])
  if (token.kind !== 'string' && token.kind !== 'number') return { meta: spliced }
  return { meta: spliced, token: Buffer.from(rawOf(doc, token)) }
}

/** Token and value of a progress notification; undefined unless the token is one of ours (a plain integer) and the value a number. */
export function progressOf(doc: JsonDoc, params: JsonNode | undefined): { token: number; value: number; node: JsonNode } | undefined {
  const node = member(params, 'progressToken')
  const value = member(params, 'progress')
  if (node?.kind !== 'number' || value?.kind !== 'number') return undefined
  const token = integerOf(doc, node)
  return token < 0 ? undefined : { token, value: Number(doc.bytes.toString('latin1', value.start, value.end)), node }
}

/** The notification with the host's own token bytes. */
export function restoreToken(doc: JsonDoc, node: JsonNode, token: Buffer): JsonDoc | undefined {
  const spliced = readJson(Buffer.concat([doc.bytes.subarray(0, node.start), token, doc.bytes.subarray(node.end)]))
  return isJsonFault(spliced) ? undefined : spliced
}

/** A JSON number written as we write ids: plain digits, no sign, fraction, exponent or leading zero; -1 otherwise (N098: `"1"`, `1.0` and `1e0` are not 1). */
export function integerOf(doc: JsonDoc, node: JsonNode): number {
  const { bytes } = doc
  const length = node.end - node.start
  if (node.kind !== 'number' || length > 15 || (length > 1 && bytes[node.start] === 0x30)) return -1
  let value = 0
  for (let at = node.start; at < node.end; at++) {
    const digit = (bytes[at] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
