// Refusals of strangers and 429s, counted instead of written one by one: a flood cannot fill the log (DESIGN "Rules of the bracket").

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
  const [sixth = 0, high = 0, low = 0] = groups.slice(5)
  if (sixth === 0xffff && groups.slice(0, 5).every(group => group === 0)) return `${high >> 8}.${high & 0xff}.${low >> 8}.0/24`
  const kept = groups.slice(0, 3)
  while (kept.at(-1) === 0) kept.pop()
  return `${kept.map(group => group.toString(16)).join(':')}::/48`
}

function ipv4(text: string): readonly number[] | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined
  const bytes = text.split('.').map(Number)
  return bytes.every(byte => byte <= 255) ? bytes : undefined
}

function ipv6(text: string): readonly number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [before, after] = halves.map((half, i) => groupsOf(half, i === halves.length - 1))
  if (before === undefined) return undefined
  if (halves.length === 1) return before.length === 8 ? before : undefined
  if (after === undefined || before.length + after.length > 7) return undefined
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}

// Groups between colons; the last of an address may be an IPv4 address, which is two groups.
function groupsOf(half: string, isLast: boolean): number[] | undefined {
  if (half === '') return []
  const groups: number[] = []
  const texts = half.split(':')
  for (const [i, text] of texts.entries()) {
    const bytes = isLast && i === texts.length - 1 ? ipv4(text) : undefined
    if (bytes) groups.push(((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0), ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0))
    else if (/^[0-9a-f]{1,4}$/i.test(text)) groups.push(Number.parseInt(text, 16))
    else return undefined
  }
  return groups
}
