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

/** All entries, the most trusted first: what an operator prefers, then by server, then by kind and name. Undefined after each turn of work that gives none. */
export function* inRank(servers: readonly ShownServer[]): Generator<Ranked | undefined> {
  const ranked = [...servers].sort(compareServers)
  for (const server of ranked) yield* entriesOf(server, true)
  for (const server of ranked) yield* entriesOf(server, false)
}

type Listed = Pick<Ranked, 'primitive' | 'made'>
/** By the list handed in: a caller who hands in the same list again pays for comparing alone. */
const LISTED = new WeakMap<readonly Primitive[], readonly Listed[]>()

/** Entries sorted or passed over between two pauses. */
const TURN = 400

function* entriesOf(server: ShownServer, isPreferred: boolean): Generator<Ranked | undefined> {
  const { primitives } = server
  let listed = LISTED.get(primitives)
  if (!listed) {
    listed = yield* sorted(primitives)
    LISTED.set(primitives, listed)
  }
  let passed = 0
  for (const { primitive, made } of listed) {
    if ((primitive.settled === 'preferred') === isPreferred) yield { server, primitive, made }
    else if (++passed % (TURN * 8) === 0) yield undefined
  }
}

const compareEntries = (a: Primitive, b: Primitive): number => compareText(a.kind, b.kind) || compareText(a.name, b.name)

/** By kind and name, in turns: runs that are merged two by two. */
function* sorted(primitives: readonly Primitive[]): Generator<undefined, readonly Listed[]> {
  let runs: (readonly Listed[])[] = []
  for (let at = 0; at < primitives.length; at += TURN) {
    const run = primitives.slice(at, at + TURN).sort(compareEntries)
    runs.push(run.map(primitive => ({ primitive, made: new Made(primitive) })))
    yield
  }
  while (runs.length > 1) {
    const longer: (readonly Listed[])[] = []
    for (let i = 0; i < runs.length; i += 2) longer.push(yield* merged(runs[i] ?? [], runs[i + 1] ?? []))
    runs = longer
  }
  return runs[0] ?? []
}
function* merged(a: readonly Listed[], b: readonly Listed[]): Generator<undefined, readonly Listed[]> {
  const out: Listed[] = []
  let [i, j] = [0, 0]
  for (;;) {
    const [left, right] = [a[i], b[j]]
    if (!left && !right) return out
    const isLeft = left && (!right || compareEntries(left.primitive, right.primitive) <= 0)
    if (isLeft) i++
    else j++
    const next = isLeft ? left : right
    if (next) out.push(next)
    if (out.length % (TURN * 2) === 0) yield
  }
}
