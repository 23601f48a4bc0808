// What people decided about single findings, as the configuration has it: another name, the name after all, out of sight, or as it is.

import { digestOf } from '../kernel/digest.ts'
import { heldKey } from './finding.ts'
import type { PrimitiveKind, Settled } from './inventory.ts'

export const RESOLUTION_KINDS = ['alias', 'priority', 'hide', 'accept'] as const

/** One decision about one entry of one server. */
export type Resolution = {
  readonly server: string
  readonly kind: PrimitiveKind
  /** in the server's own name */
  readonly name: string
  /** `alias` shows it under another name beside other servers; `priority` keeps it and holds what looks like it; `hide` takes it away; `accept` leaves both */
  readonly resolve: (typeof RESOLUTION_KINDS)[number]
  /** with `alias`: stands where its own name stood */
  readonly as?: string
  /** who decided it, and why: for the record */
  readonly by: string
  readonly why: string
}

/** All decisions in force. Names beside other servers are looked up here, so that each means one entry at any time, whatever its server lists. */
export class Resolutions {
  static readonly NONE = new Resolutions([])
  readonly all: readonly Resolution[]
  /** equal texts give equal names */
  readonly digest: string
  readonly #byEntry: ReadonlyMap<string, Resolution>
  readonly #byAlias: ReadonlyMap<string, Resolution>

  /** INVARIANT: at most one for each entry, and one for each name given. */
  constructor(all: readonly Resolution[]) {
    this.all = all
    this.digest = all.length === 0 ? '' : digestOf(JSON.stringify(all))
    this.#byEntry = new Map(all.map(each => [keyOf(each.server, each.kind, each.name), each]))
    this.#byAlias = new Map(all.flatMap(each => (each.as === undefined ? [] : [[keyOf(each.server, each.kind, each.as), each]])))
  }

  of(server: string, kind: PrimitiveKind, name: string): Resolution | undefined {
    return this.#byEntry.size === 0 ? undefined : this.#byEntry.get(keyOf(server, kind, name))
  }

  /** What an entry is called beside other servers: its own name, or the one given to it. */
  said(server: string, kind: PrimitiveKind, own: string): string {
    return this.of(server, kind, own)?.as ?? own
  }

  /** The decision that gives this name to another entry of the same server: an entry that has it by itself is not shown beside other servers. */
  taker(server: string, kind: PrimitiveKind, own: string): Resolution | undefined {
    return this.#byAlias.size === 0 ? undefined : this.#byAlias.get(keyOf(server, kind, own))
  }

  /** The entry that a name means beside other servers, in its own name; undefined = it has been given another. */
  own(server: string, kind: PrimitiveKind, said: string): string | undefined {
    const given = this.taker(server, kind, said)
    if (given) return given.name
    return this.of(server, kind, said)?.as === undefined ? said : undefined
  }

  /** How the comparison takes a decision about an entry. */
  settled(server: string, kind: PrimitiveKind, own: string): Settled | undefined {
    const resolve = this.of(server, kind, own)?.resolve
    return resolve === 'accept' ? 'accepted' : resolve === 'priority' ? 'preferred' : undefined
  }
}

/** An alias has no space in it. */
const keyOf = (server: string, kind: PrimitiveKind, name: string): string => `${server} ${heldKey(kind, name)}`
