// Server-sent events towards hosts (WHATWG HTML section 9.2): one JSON message per event, on one data line.

import { Fault } from '../kernel/errors.ts'
import { withoutLineBreaks } from './splice.ts'

export type EventFields = {
  /** event id for resumption (R50); no control characters */
  readonly id?: string
  /** event type; hosts take an absent one as `message` */
  readonly event?: string
  /** reconnection time the host must honour, whole milliseconds */
  readonly retry?: number
}

const UNSAFE = /[\0\r\n]/
const END = '\n\n'

/** Comment that keeps intermediaries from closing a silent stream (R16). */
export const KEEP_ALIVE: Buffer = Buffer.from(':\n\n')

/** The lines before `data: `. Our own values only: one that would break the framing is a bug. */
function head(fields: EventFields): string {
  const { id, event, retry } = fields
  if ((id !== undefined && UNSAFE.test(id)) || (event !== undefined && UNSAFE.test(event)))
    throw new Fault('sse-field', 'line break in an event field')
  if (retry !== undefined && !(Number.isSafeInteger(retry) && retry >= 0)) throw new Fault('sse-field', 'retry is not whole milliseconds')
  let text = ''
  if (event !== undefined) text += `event: ${event}\n`
  if (id !== undefined) text += `id: ${id}\n`
  if (retry !== undefined) text += `retry: ${retry}\n`
  return text
}

/** One event. `json` was judged: a raw line break in it is white space between tokens, and is left out. Empty bytes make a priming event. */
export function encodeSseEvent(json: Buffer, fields: EventFields = {}): Buffer {
  const data = withoutLineBreaks(json)
  const before = `${head(fields)}data: `
  const size = Buffer.byteLength(before)
  const out = Buffer.allocUnsafe(size + data.length + END.length)
  out.write(before, 0)
  data.copy(out, size)
  out.write(END, size + data.length, 'latin1')
  return out
}
