// What a webhook of events is sent: several events in one message, as Standard Webhooks has messages, with an id that says which.

import { createHash } from 'node:crypto'
import type { Parcel } from './outlet.ts'

type Posted = { readonly id: string; readonly body: string }

/** `at`: seconds since the epoch. INVARIANT: at least one parcel, all of one log. The same events have the same id at every attempt, and other events another. */
export function postedOf(parcels: readonly Parcel[], at: number): Posted {
  const time = new Date(at * 1000).toISOString()
  const which = createHash('sha256')
  for (const { origin, seq, leaf } of parcels) which.update(`${origin}\n${seq}\n${leaf}\n`)
  return {
    id: `aud_${which.digest('base64url').slice(0, 32)}`,
    body: `{"type":"audit.events","timestamp":"${time}","data":{"events":[${parcels.map(({ text }) => text).join(',')}]}}`,
  }
}
