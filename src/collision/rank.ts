// Who was there first. The first in rank is the incumbent; whoever comes later and looks like it is the offender.

import { printOf } from './descriptions.ts'
import type { Primitive, ShownServer } from './inventory.ts'
import { keysOf, type Keys } from './keys.ts'

/** What is made of an entry when it is first needed, and kept as long as the list it stands in. */
class Made {
  readonly #primitive: Primitive
  #keys: Keys | undefined
  #print: string | undefined | null = null

  constructor(primitive: Primitive) {
    this.#primitive = primitive
  }
  get keys(): Keys {
    return (this.#keys ??= keysOf(this.#primitive.name))
  }
  /** of the description */
  get print(): string | undefined {
    if (this.#print === null) this.#print = printOf(this.#primitive.description)
    return this.#print
  }
}

export type Ranked = { readonly server: ShownServer; readonly primitive: Primitive; readonly made: Made }

/** Admitted before quarantined; then a verified publisher before none; then the earlier; then, so that the answer is always the same, by source and alias. */
export function compareServers(a: ShownServer, b: ShownServer): number {
  return (
    Number(a.standing !== 'admitted') - Number(b.standing !== 'admitted') ||
    Number(a.identity.publisher === undefined) - Number(b.identity.publisher === undefined) ||
    a.since - b.since ||
    compareText(a.identity.source, b.identity.source) ||
    compareText(a.alias, b.alias)
  )
}

/** By code units: the same everywhere. */
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** One server under two aliases, or two of one publisher: they do not imitate each other. */
export const isKin = (a: ShownServer, b: ShownServer): boolean =>
  a.alias === b.alias ||
  a.identity.source === b.identity.source ||
  (a.identity.publisher !== undefined && a.identity.publisher === b.identity.publisher)

/** All entries, the most trusted first: what an operator prefers, then by server, then by kind and name. */
export function* inRank(servers: readonly ShownServer[]): Generator<Ranked> {
  const ranked = [...servers].sort(compareServers)
  for (const server of ranked) yield* entriesOf(server, true)
  for (const server of ranked) yield* entriesOf(server, false)
}

type Listed = Pick<Ranked, 'primitive' | 'made'>
/** By the list handed in: a caller who hands in the same list again pays for comparing alone. */
const LISTED = new WeakMap<readonly Primitive[], readonly Listed[]>()

function* entriesOf(server: ShownServer, isPreferred: boolean): Generator<Ranked> {
  const { primitives } = server
  let listed = LISTED.get(primitives)
  if (!listed) {
    listed = [...primitives]
      .sort((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name))
      .map(primitive => ({ primitive, made: new Made(primitive) }))
    LISTED.set(primitives, listed)
  }
  for (const { primitive, made } of listed) if ((primitive.settled === 'preferred') === isPreferred) yield { server, primitive, made }
}
