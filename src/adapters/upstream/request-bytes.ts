// The wire form of a request on each era's hop, spliced from judged bytes: parameters are never parsed or serialised again.

import { META, MODERN_VERSION } from '../../mcp/revisions.ts'
import { isEmptyObject } from './raw-object.ts'
import type { RawObject, UpstreamCall } from '../../bridge/upstream.ts'
import { hopMeta } from './progress.ts'

/** Above this many bytes, members are copied once instead of passing through a string. */
const STRING_MAX = 16_384

/** What a request is built from; an Exchange is one. `token` receives the host's own progress token. */
export type Outgoing = { readonly id: number; readonly call: UpstreamCall; token: Buffer | undefined }

/** Raw JSON text of UTF-8 bytes, one character per byte, so that it can be joined and written as latin1 without a decode. */
const rawText = (text: string): string => (isAscii(text) ? text : Buffer.from(text).toString('latin1'))
const isAscii = (text: string): boolean => !/[^\x00-\x7f]/.test(text)

const methodTexts = new Map<string, string>()
/** `"method":"tools/call","params":{` once per method. Methods come from the pipeline's closed table; the cache is bounded all the same. */
function openParams(method: string): string {
  let text = methodTexts.get(method)
  if (text === undefined) {
    text = `,"method":${rawText(JSON.stringify(method))},"params":{`
    if (methodTexts.size < 512) methodTexts.set(method, text)
  }
  return text
}

const envelopes = new Map<string, string>()
/** Our hop's envelope without clientInfo, once per capability set. */
function envelope(capabilities: string): string {
  let text = envelopes.get(capabilities)
  if (text === undefined) {
    text = `"${META.protocolVersion}":"${MODERN_VERSION}","${META.clientCapabilities}":${rawText(capabilities)}`
    if (envelopes.size < 512) envelopes.set(capabilities, text)
  }
  return text
}

/** 2026-07-28: `_meta` carries our envelope (R5) and the relayed members; retries carry inputResponses and the upstream's own requestState (R73). */
export function modernRequest(outgoing: Outgoing, ownInfo: string): Buffer {
  const { call } = outgoing
  let tail = `"_meta":{${relayedMeta(outgoing)}${envelope(call.caller.capabilities)},"${META.clientInfo}":`
  tail += call.clientInfo ? call.clientInfo.toString('latin1') : ownInfo
  if (call.logLevel !== undefined) tail += `,"${META.logLevel}":${JSON.stringify(call.logLevel)}`
  tail += '}'
  if (call.retry?.inputResponses) tail += `,"inputResponses":${call.retry.inputResponses.toString('latin1')}`
  if (call.retry?.requestState !== undefined) tail += `,"requestState":${rawText(JSON.stringify(call.retry.requestState))}`
  return assemble(outgoing, tail)
}

/** 2025 revisions: parameters and relayed `_meta` members only. */
export function legacyRequest(outgoing: Outgoing): Buffer {
  const meta = relayedMeta(outgoing)
  return assemble(outgoing, meta === '' ? '' : `"_meta":{${meta.slice(0, -1)}}`)
}

/** The members of `call.meta` with our progress token, each followed by a comma. */
function relayedMeta(outgoing: Outgoing): string {
  const { meta } = outgoing.call
  if (!meta || isEmptyObject(meta)) return ''
  const hop = hopMeta(meta, outgoing.id)
  if (hop.token) outgoing.token = hop.token
  return isEmptyObject(hop.meta) ? '' : hop.meta.toString('latin1', 1, hop.meta.length - 1) + ','
}

function assemble(outgoing: Outgoing, tail: string): Buffer {
  const { params, method } = outgoing.call
  const head = `{"jsonrpc":"2.0","id":${outgoing.id}${openParams(method)}`
  if (params && isPieces(params))
    return Buffer.concat([Buffer.from(head, 'latin1'), ...membersOf(params), Buffer.from(endOf(tail), 'latin1')])
  if (!params || isEmptyObject(params)) return Buffer.from(`${head}${tail}}}`, 'latin1')
  if (params.length <= STRING_MAX) return Buffer.from(head + params.toString('latin1', 1, params.length - 1) + endOf(tail), 'latin1')
  return Buffer.concat([Buffer.from(head, 'latin1'), params.subarray(1, params.length - 1), Buffer.from(endOf(tail), 'latin1')])
}
const endOf = (tail: string): string => (tail === '' ? '}}' : `,${tail}}}`)

const isPieces = (object: RawObject): object is readonly Buffer[] => Array.isArray(object)
/** What stands between an object's braces. */
const membersOf = (pieces: readonly Buffer[]): Buffer[] =>
  pieces
    .map((piece, i) => piece.subarray(i === 0 ? 1 : 0, i === pieces.length - 1 ? piece.length - 1 : piece.length))
    .filter(({ length }) => length > 0)

export const sizeOf = (object: RawObject): number =>
  isPieces(object) ? object.reduce((size, { length }) => size + length, 0) : object.length

/** A notification of ours; `params` is JSON text. */
export const notificationBytes = (method: string, params?: string): Buffer =>
  Buffer.from(`{"jsonrpc":"2.0","method":${JSON.stringify(method)}${params === undefined ? '' : `,"params":${params}`}}`)

/** Our answer to an upstream's request; `id` is the exact text it sent. */
export const resultBytes = (id: string, result: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":`), result, Buffer.from('}')])
export const errorBytes = (id: string, code: number, message: string): Buffer =>
  Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":{"code":${code},"message":${JSON.stringify(message)}}}`)

/**
 * The message as one line without its end, for stdio: line breaks between JSON tokens become spaces, raw U+2028 and U+2029 in strings become
 * escapes, so that no reader sees two lines (R39).
 */
export function lineOf(message: Buffer): Buffer {
  if (!message.includes(0x0a) && !message.includes(0x0d) && !message.includes(LINE_SEPARATORS)) return message
  const text = message.toString('latin1').replace(/[\n\r]/g, ' ')
  return Buffer.from(text.replaceAll('\xe2\x80\xa8', '\\u2028').replaceAll('\xe2\x80\xa9', '\\u2029'), 'latin1')
}
/** First two bytes of U+2028 and U+2029 (and of other general punctuation: that only costs the slower path). */
const LINE_SEPARATORS = Buffer.from([0xe2, 0x80])
