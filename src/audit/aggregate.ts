// Refusals of strangers and 429s, counted instead of written one by one: a flood cannot fill the log (DESIGN "Rules of the bracket").

import { ipv4, ipv6, mappedOf } from '../kernel/address-block.ts'
import type { Reason } from '../kernel/errors.ts'
import type { EventEncoder } from './encode.ts'
import type { AuditLog } from './log.ts'

/** Stands for all prefixes that found no room in the table, and for addresses that are none. */
const OTHER_PREFIX = 'other'

export type RefusalTableParts = {
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: EventEncoder
  /** wall clock, milliseconds */
  readonly now: () => number
  /** different (reason, prefix) pairs counted apart in one interval; default 4096. Beyond it a reason's refusals count under `other`. */
  readonly maxEntries?: number
}

type Entry = { readonly reason: Reason; readonly prefix: string; count: number }

/**
 * One row per (reason, address prefix) and interval. Counts are exact: nothing is forgotten while the log fails, and a row whose append was rejected is
 * appended again unchanged, with its id, so a reader who finds it twice counts it once. Memory: at most two tables and one interval's rows.
 */
export class RefusalTable {
  readonly #parts: RefusalTableParts
  readonly #maxEntries: number
  #entries = new Map<string, Entry>()
  #fromMs: number
  /** rows of earlier intervals that are not known to be durable */
  #unwritten: string[] = []
  #flushing: Promise<void> | undefined

  constructor(parts: RefusalTableParts) {
    this.#parts = parts
    this.#maxEntries = parts.maxEntries ?? 4096
    this.#fromMs = parts.now()
  }

  /** different (reason, prefix) pairs at the moment */
  get size(): number {
    return this.#entries.size
  }

  /** `address` is the remote IP address; attacker-controlled where a proxy is believed. Never throws. */
  count(reason: Reason, address: string): void {
    let prefix = prefixOf(address)
    let key = `${reason} ${prefix}`
    let entry = this.#entries.get(key)
    if (entry === undefined && this.#entries.size >= this.#maxEntries) {
      // Reasons are a closed list, so these entries stay few.
      prefix = OTHER_PREFIX
      key = `${reason} ${prefix}`
      entry = this.#entries.get(key)
    }
    if (entry === undefined) this.#entries.set(key, { reason, prefix, count: 1 })
    else entry.count += 1
  }

  /** Ends the interval and writes its rows; call it every interval and before closing the log. Rejects with the log's Fault; the counts stay. */
  flush(): Promise<void> {
    return (this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    }))
  }

  async #flush(): Promise<void> {
    // While older rows cannot be written the table goes on counting: the interval grows, memory does not.
    await this.#write()
    const { encoder, now } = this.#parts
    const toMs = now()
    const [from, to] = [encoder.timeText(this.#fromMs), encoder.timeText(toMs)]
    for (const { reason, prefix, count } of this.#entries.values())
      this.#unwritten.push(encoder.aggregate({ reason, prefix, count, from, to }))
    this.#entries = new Map()
    this.#fromMs = toMs
    await this.#write()
  }

  async #write(): Promise<void> {
    if (this.#unwritten.length === 0) return
    const rows = this.#unwritten
    const verdicts = await Promise.allSettled(rows.map(row => this.#parts.log.append(row)))
    this.#unwritten = rows.filter((_, i) => verdicts[i]?.status === 'rejected')
    const failed = verdicts.find(verdict => verdict.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}

/** The /24 of an IPv4 address, also of one mapped into IPv6 (RFC 4291 section 2.5.5.2), or the /48 of an IPv6 address; anything else is `other`. */
export function prefixOf(address: string): string {
  // attacker-controlled: no address is longer than 45 characters, but a zone id has no bound.
  const bare = address.slice(0, 64).split('%', 1)[0] ?? ''
  if (!bare.includes(':')) {
    const bytes = ipv4(bare)
    return bytes ? `${bytes[0] ?? 0}.${bytes[1] ?? 0}.${bytes[2] ?? 0}.0/24` : OTHER_PREFIX
  }
  const groups = ipv6(bare)
  if (groups === undefined) return OTHER_PREFIX
  const mapped = mappedOf(groups)
  if (mapped) return `${mapped.slice(0, 3).join('.')}.0/24`
  const kept = groups.slice(0, 3)
  while (kept.at(-1) === 0) kept.pop()
  return `${kept.map(group => group.toString(16)).join(':')}::/48`
}
