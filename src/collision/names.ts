// Names of tools and prompts against those that were there before.

import { differenceOf } from './keys.ts'
import { NearIndex, type Sizing } from './near-index.ts'
import { isKin, type Ranked } from './rank.ts'
import { entryParty, type Match } from './report.ts'
import { lettersOf } from './descriptions.ts'
import type { ShownServer } from './inventory.ts'

/** Entries under one key: those of a server and its kin are one. */
const PER_KEY = 4

export class NameIndex {
  readonly #names = new Map<string, Ranked[]>()
  readonly #looks = new Map<string, Ranked[]>()
  readonly #stems = new Map<string, Ranked[]>()
  readonly #words = new Map<string, Ranked[]>()
  readonly #prints = new Map<string, Ranked[]>()
  readonly #exposed = new Map<string, Ranked>()
  readonly #joined = new Map<string, Ranked>()
  readonly #near: NearIndex<Ranked>

  constructor(sizing: Sizing) {
    this.#near = new NearIndex<Ranked>(sizing, isOther)
  }

  find(entry: Ranked): readonly Match[] {
    const matches: Match[] = []
    const same = first(this.#names.get(entry.primitive.name), entry)
    if (same) {
      const isExtended = same.primitive.kind === entry.primitive.kind && isExtension(entry, same)
      matches.push({ code: isExtended ? 'extended-description' : 'same-name', against: entryParty(same) })
    }
    const near = this.#nearOf(entry)
    if (near) matches.push(near)
    const { print } = entry.made
    const cloned = print && first(this.#prints.get(print), entry, other => other.primitive.name !== entry.primitive.name)
    if (cloned) matches.push({ code: 'cloned-description', against: entryParty(cloned) })
    return [...matches, ...this.#shownAs(entry)]
  }

  /** The nearest of the ways in which a name can almost be another. */
  #nearOf(entry: Ranked): Match | undefined {
    const { look, stem, words } = entry.made.keys
    const { name } = entry.primitive
    // A name that the other server itself has as well is a name they share, and told as that.
    const isNear = (other: Ranked): boolean => other.primitive.name !== name && !namesOf(other.server).has(name)
    const alike = first(this.#looks.get(look), entry, isNear)
    if (alike) return { code: differenceOf(name, alike.primitive.name), against: entryParty(alike) }
    const ended = first(this.#stems.get(stem), entry, isNear)
    if (ended) return { code: 'suffix-variant', against: entryParty(ended) }
    const turned = words === '' ? undefined : first(this.#words.get(words), entry, isNear)
    if (turned) return { code: 'word-order', against: entryParty(turned) }
    const edited = this.#near.find(look, entry, isNear)
    return edited && { code: 'one-edit', against: entryParty(edited) }
  }

  /** Against the names under which we show others. */
  *#shownAs(entry: Ranked): Generator<Match> {
    const { name, exposed } = entry.primitive
    const twice = this.#exposed.get(exposed)
    if (twice && (twice.server !== entry.server || twice.primitive.kind === entry.primitive.kind))
      yield { code: 'exposed-twice', against: entryParty(twice) }
    for (const part of partsOf(name)) {
      const spelt = this.#exposed.get(part)
      if (spelt && isOther(entry, spelt)) {
        yield { code: 'exposed-name', against: entryParty(spelt) }
        return
      }
    }
    const joined = this.#joined.get(joinedOf(entry))
    if (joined && joined.server.alias !== entry.server.alias && isOther(entry, joined))
      yield { code: 'ambiguous-join', against: entryParty(joined) }
  }

  add(entry: Ranked): void {
    const { look, stem, words } = entry.made.keys
    file(this.#names, entry.primitive.name, entry)
    file(this.#looks, look, entry)
    file(this.#stems, stem, entry)
    if (words !== '') file(this.#words, words, entry)
    const { print } = entry.made
    if (print) file(this.#prints, print, entry)
    this.#near.add(look, entry)
    if (!this.#exposed.has(entry.primitive.exposed)) this.#exposed.set(entry.primitive.exposed, entry)
    if (!this.#joined.has(joinedOf(entry))) this.#joined.set(joinedOf(entry), entry)
  }
}

const isOther = (a: Ranked, b: Ranked): boolean => !isKin(a.server, b.server)
const first = (under: readonly Ranked[] | undefined, entry: Ranked, isMatch: (other: Ranked) => boolean = () => true): Ranked | undefined =>
  under?.find(other => isOther(entry, other) && isMatch(other))

function file(index: Map<string, Ranked[]>, key: string, entry: Ranked): void {
  const under = index.get(key)
  if (!under) index.set(key, [entry])
  else if (under.length < PER_KEY && under.every(other => isOther(entry, other))) under.push(entry)
}

/** The name and what follows each `__` in it: hosts put `mcp__server__` in front of names, and so could a server. */
function* partsOf(name: string): Generator<string> {
  yield name
  for (let at = name.indexOf('__'), parts = 0; at >= 0 && parts < 8; at = name.indexOf('__', at + 2), parts++) yield name.slice(at + 2)
}

const joinedOf = ({ server, made }: Ranked): string => server.alias.replaceAll('-', '') + made.keys.look

const isExtension = (entry: Ranked, before: Ranked): boolean => {
  const [longer, shorter] = [lettersOf(entry.primitive.description), lettersOf(before.primitive.description)]
  return shorter.length >= MIN_EXTENDED && longer.length > shorter.length && longer.startsWith(shorter)
}
/** Shorter descriptions say what any tool of that name would say. */
const MIN_EXTENDED = 60

const NAMES = new WeakMap<ShownServer, ReadonlySet<string>>()
function namesOf(server: ShownServer): ReadonlySet<string> {
  const known = NAMES.get(server)
  if (known) return known
  const made = new Set(server.primitives.filter(p => p.kind === 'tools' || p.kind === 'prompts').map(p => p.name))
  NAMES.set(server, made)
  return made
}
