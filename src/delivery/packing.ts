// Events as the texts of one shipment: as many as fit, and what cannot be sent known before it is.

import type { Exported, Parcel } from './outlet.ts'

/** Exactly one of the two: its parcel, or why it is a dead letter. */
export type Item = { readonly event: Exported; readonly parcel?: Parcel; readonly why?: string }

type Packing = {
  /** may throw: then this event is a dead letter */
  readonly encode: (event: Exported) => string
  /** largest text of one event */
  readonly recordBytes: number
}

/** Texts of one shipment, together; one event is sent whatever its size. */
const MAX_BYTES = 1024 * 1024

/** The first events that fit one shipment. */
export function pack(events: readonly Exported[], packing: Packing): readonly Item[] {
  const items: Item[] = []
  let bytes = 0
  for (const event of events) {
    const item = itemOf(event, packing)
    const size = item.parcel ? Buffer.byteLength(item.parcel.text) : 0
    if (items.length > 0 && bytes + size > MAX_BYTES) break
    bytes += size
    items.push(item)
  }
  return items
}

export function itemOf(event: Exported, { encode, recordBytes }: Packing): Item {
  try {
    const text = encode(event)
    if (Buffer.byteLength(text) > recordBytes) return { event, why: `it is larger than ${recordBytes} bytes` }
    const { seq, leaf, checkpoint, origin } = event
    return { event, parcel: { seq, leaf, checkpoint, origin, text } }
  } catch {
    // What the encoder says may repeat the event.
    return { event, why: 'it cannot be encoded for this sink' }
  }
}

/** Of an event, milliseconds since the epoch. */
export function timeOf(event: string | undefined): number | undefined {
  try {
    const { time } = JSON.parse(event ?? '') as { time?: unknown }
    const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN
    return Number.isNaN(ms) ? undefined : ms
  } catch {
    return undefined // it is told by its own dead letter, where the sink needs what stands in it
  }
}
