// One document, every string and key of it, to bounded findings. Pure: judged bytes in, values out.

import type { DocumentKind } from './finding.ts'
import { Inspector, type Inspection, type InspectOptions } from './inspector.ts'

/** Inspecting never yields, so one inspector serves the process; what is inspected in turns has one of its own. */
const shared = new Inspector()

/** Inspects a value of bytes that passed the strict reader (mcp/json.ts). Time is linear in the bytes; what is kept is bounded. */
export function inspect(json: Uint8Array, kind: DocumentKind, options: InspectOptions = {}): Inspection {
  shared.begin(json, kind, options)
  shared.step(Infinity)
  return shared.end()
}

/** From this size on a document is inspected in turns, a part at a time: what is larger would hold everybody else's calls up. */
const WHOLE = 256 * 1024
/** Bytes read in one turn: about three milliseconds. */
const PART = 128 * 1024

/** Inspects at once what is small, and answers it without a promise; of what is large it reads a part in each turn it is given. */
export type InspectInTurns = (json: Uint8Array, kind: DocumentKind, options: InspectOptions) => Inspection | Promise<Inspection>

/** `turn` resolves once this one may go on. */
export const createInspect =
  (turn: () => Promise<void>): InspectInTurns =>
  (json, kind, options) => {
    const { start = 0, end = json.length } = options
    return end - start <= WHOLE ? inspect(json, kind, options) : inTurns(json, kind, { ...options, turn })
  }

async function inTurns(
  json: Uint8Array,
  kind: DocumentKind,
  options: InspectOptions & { readonly turn: () => Promise<void> },
): Promise<Inspection> {
  const own = new Inspector()
  own.begin(json, kind, options)
  while (!own.step(PART)) await options.turn()
  return own.end()
}
