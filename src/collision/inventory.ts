// What collisions are looked for in: the servers one endpoint would show, before anything is held. Handed in whole whenever a list changes.

/** Lists of an upstream, as the catalogue calls them. */
export type PrimitiveKind = 'tools' | 'prompts' | 'resources' | 'templates'

/** What an operator decided. `accepted`: may stand whatever it looks like; `preferred`: that, and whoever looks like it is the offender. */
export type Settled = 'accepted' | 'preferred'

/** One entry of a list. attacker-controlled but for `exposed` and `settled`. */
export type Primitive = {
  readonly kind: PrimitiveKind
  /** what the upstream's list is keyed by: the name of a tool or prompt, the URI of a resource, the URI template of a template */
  readonly name: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  /** what the endpoint calls it: one no other entry has */
  readonly exposed: string
  readonly settled?: Settled | undefined
}

export type Identity = {
  /**
   * Who it is, never what it calls itself: the name in the registry, or the address or launch of the configuration. Two aliases of one source are one
   * server, and are not compared with each other.
   */
  readonly source: string
  /** the namespace whose signature was verified; servers of one publisher do not imitate each other */
  readonly publisher?: string | undefined
}

export type ShownServer = {
  readonly alias: string
  readonly identity: Identity
  readonly standing: 'admitted' | 'quarantined'
  /** when it was first admitted, or first seen: any number that grows with time. The smaller came first */
  readonly since: number
  /** `serverInfo.name` and `.title`; attacker-controlled */
  readonly name?: string | undefined
  readonly title?: string | undefined
  readonly primitives: readonly Primitive[]
  /** names it was admitted with and lists no more: what looks like one of them is held */
  readonly withdrawn?: readonly { readonly kind: PrimitiveKind; readonly name: string }[]
  /** of the server as a whole: its `name` and `title`, and every entry */
  readonly settled?: Settled | undefined
}

export type Inventory = {
  /** `qualified`: `alias__tool` beside other servers; `own`: names as one server gave them, so that hosts show them bare */
  readonly naming: 'qualified' | 'own'
  readonly servers: readonly ShownServer[]
}
