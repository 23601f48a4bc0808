// What goes out to a sink, and the port to whatever takes it.

/** An event on its way out. Every form it can take names `seq`, `leaf` and `checkpoint`: a receiver's copy is then an independent list of what the log held. */
export type Exported = {
  /** its place in the log, from 0: by it receivers drop what came twice */
  readonly seq: number
  /** SHA-256(0x00 || line) in base64: its leaf in the log's tree (RFC 6962 section 2.1) */
  readonly leaf: string
  /** size of a signed checkpoint that covers it: greater than `seq` */
  readonly checkpoint: number
  /** the log's name in its checkpoints: `seq` counts within it */
  readonly origin: string
  /** the line of the log: one JSON object */
  readonly event: string
}

/** The same with the text that this sink gets of it, as its encoder made it. */
export type Parcel = Omit<Exported, 'event'> & { readonly text: string }

/** What a sink is told besides the parcels. */
export type Shipment = {
  readonly parcels: readonly Parcel[]
  /** the last `seq` it took before these, as the ledger has it; -1 = none. A sink that can tell that it has less says `behind` */
  readonly after: number
  /** they were dead letters: older than what it has */
  readonly isReplay: boolean
  /** the leaf that the log has at a place under a checkpoint; undefined: nothing was ever sent from there, or it is gone. Rejects where the log cannot be read */
  readonly leafAt: (seq: number) => Promise<string | undefined>
}

/**
 * `later`: the sink is not there, or not well; `afterSeconds` where it said when.
 * `refused`: at least one of those not taken will never be taken. Sent alone it is known which.
 * `behind`: it does not have any more what it took, and wants everything from `from` on again.
 */
type Trouble =
  | { readonly is: 'later'; readonly why: string; readonly afterSeconds?: number }
  | { readonly is: 'refused'; readonly why: string }
  | { readonly is: 'behind'; readonly why: string; readonly from: number }

/** `taken`: that many, from the first on, are the sink's. `trouble` exactly where that is not all of them; `why` in it is never the sink's own words. */
export type Sent = { readonly taken: number; readonly trouble?: Trouble }

/**
 * Durability: what is `taken` is durable at the sink, as far as its protocol can say. Order: as given. Concurrency: one shipment at a time.
 * Errors: never rejects for what the sink does; it answers within a bounded time whatever the sink does.
 */
export interface Outlet {
  send(shipment: Shipment): Promise<Sent>
  /** gives up what is under way, and ends connections; whatever is sent afterwards is answered `later`. Idempotent; never rejects */
  close(): Promise<void>
  /** Only where the protocol acknowledges nothing. */
  readonly unacknowledged?: Unacknowledged
}

interface Unacknowledged {
  /** the first `seq` of what it took and may never have brought; undefined: there is none. After `close()`, what then is left open */
  from(): number | undefined
  /** asked while there is nothing to send: whether it wants some of that again. What it answers it does not answer twice */
  look(): Sent | undefined
}

export const taken = (parcels: number): Sent => ({ taken: parcels })
export const later = (why: string, afterSeconds?: number): Sent => ({
  taken: 0,
  trouble: { is: 'later', why, ...(afterSeconds !== undefined && { afterSeconds }) },
})

/**
 * A sink that says it has more than it is known to have got: after a crash that is so, and then the log has the leaf of its last at that place. Undefined: it is
 * believed, and gets nothing twice. attacker-controlled: whoever writes to the sink can make up what it has, and all below would count as taken.
 */
export async function doubtOf(
  { leafAt }: Shipment,
  last: { readonly seq: number; readonly leaf: string | undefined },
): Promise<Sent | undefined> {
  try {
    if (last.leaf !== undefined && Number.isSafeInteger(last.seq) && (await leafAt(last.seq)) === last.leaf) return undefined
    return later('it holds what was never sent: find out who wrote it there, and take it away')
  } catch {
    return later('it holds more than is known to have been sent, and the log cannot be read')
  }
}
export const refused = (why: string): Sent => ({ taken: 0, trouble: { is: 'refused', why } })

/** Refusals of the record itself. Other statuses are the sink's trouble, and mended there: a token that ended must not bury a log in dead letters. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 415, 422])
/** RFC 9110 section 15.5.11: whoever runs it wants nothing more; asked again all the same, as events are never dropped. */
const GONE_SECONDS = 3600

/** What a status other than 2xx means for what was posted. Redirects are not followed: what is signed for one place is sent to no other. */
export function troubleOf(status: number, retryAfter: string | readonly string[] | undefined): Sent {
  if (REFUSALS.has(status)) return refused(`it answered with status ${status}`)
  if (status >= 300 && status < 400) return later(`it redirects (status ${status}), which is not followed`)
  if (status === 410) return later('it answered with status 410: nothing more is wanted', GONE_SECONDS)
  const seconds = typeof retryAfter === 'string' && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined
  return later(`it answered with status ${status}`, seconds)
}
