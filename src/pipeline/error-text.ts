// What an upstream's error object carries to a host: bounded, and without what looks like a secret (N106). Errors are written for the people who run
// the server; stack traces, connection strings and other callers' tokens end up in them.

import type { Slice } from '../bridge/upstream.ts'
import { member, textOf } from '../mcp/json.ts'

/** Takes secrets out of a text: the gateway's own by value, others by shape; a text beyond its bound becomes its length. */
export type Scrub = (text: string) => string

/** An error object of at most this many bytes is relayed with its `data`; of a larger one, code and message are left. */
const MAX_ERROR_BYTES = 16_384
const MAX_MESSAGE = 4096

/** The same bytes where nothing has to go. `error` is a judged JSON-RPC error object. */
export function scrubbedError(error: Buffer, scrub: Scrub): Buffer {
  if (error.length <= MAX_ERROR_BYTES) {
    const text = error.toString()
    if (scrub(text) === text) return error
  }
  const { message, data, ...rest } = JSON.parse(error.toString()) as { message: string; data?: unknown }
  const isSmall = error.length <= MAX_ERROR_BYTES
  const kept = isSmall ? rest : { code: (rest as { code?: unknown }).code }
  return Buffer.from(
    JSON.stringify({
      ...kept,
      message: scrub(message.slice(0, MAX_MESSAGE)),
      ...(isSmall && data !== undefined && { data: scrubbed(data, scrub) }),
    }),
  )
}

/** The message alone of an error object that was judged. */
export function messageOf({ doc, node }: Slice, scrub: Scrub): string {
  const message = member(node, 'message')
  return message?.kind === 'string' ? scrub(textOf(doc, message).slice(0, MAX_MESSAGE)) : ''
}

/** Depth is bounded by the parser that judged it. */
function scrubbed(value: unknown, scrub: Scrub): unknown {
  if (typeof value === 'string') return scrub(value)
  if (Array.isArray(value)) return value.map(item => scrubbed(item, scrub))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, scrubbedMember(key, held, scrub)]))
}

/** A member whose name says that it holds a secret is recognised by the name, whatever the value looks like. */
function scrubbedMember(key: string, held: unknown, scrub: Scrub): unknown {
  const named = `${key}=x`
  const shown = scrub(named)
  return typeof held === 'string' && shown !== named ? shown.slice(key.length + 1) : scrubbed(held, scrub)
}
