// Parcels of a log in memory, in the form that a test wants.

import { enveloped } from '../../../src/delivery/forms.ts'
import type { Exported, Parcel, Shipment } from '../../../src/delivery/outlet.ts'
import { eventLine, exported } from '../../delivery/world.ts'

export const parcel = (seq: number, more: Partial<Exported> = {}, encode: (event: Exported) => string = enveloped): Parcel => {
  const event = exported({ seq, checkpoint: 1_000_000, event: eventLine(seq), ...more })
  const { leaf, checkpoint, origin } = event
  return { seq, leaf, checkpoint, origin, text: encode(event) }
}
/** Of a log with a million events. */
export const leafAt = (seq: number): Promise<string | undefined> => Promise.resolve(seq < 1_000_000 ? parcel(seq).leaf : undefined)
export const shipment = (from: number, count: number, more: Partial<Shipment> = {}, encode?: (event: Exported) => string): Shipment => ({
  parcels: Array.from({ length: count }, (_, n) => parcel(from + n, {}, encode)),
  after: from - 1,
  isReplay: false,
  leafAt,
  ...more,
})
