// What servers call themselves, against those that were there before (N133): a name is not an identity, but people choose by it.

import { RULE_OF, type CollisionCode } from './finding.ts'
import type { ShownServer } from './inventory.ts'
import { keysOf, lookOf, wordsOf, type Keys } from './keys.ts'
import { NearIndex, type Sizing } from './near-index.ts'
import { compareServers, isKin } from './rank.ts'
import type { Match } from './report.ts'

/** Words that many names of servers have, and that tell none apart. */
const FILLERS: ReadonlySet<string> = new Set('server servers mcp fastmcp official the'.split(' '))
/** Names of nothing but these are what templates and libraries give when nobody chooses one. */
const NOBODYS: ReadonlySet<string> = new Set([
  ...FILLERS,
  ...'a an my app api demo example examples sample test tool tools service client gateway proxy remote local hello world default stdio http'.split(
    ' ',
  ),
])

type Called = { readonly server: ShownServer; readonly name: string; readonly keys: Keys }

/** Every server that calls itself something, the most trusted first, and what was found of it; `keep` it where it is not held. */
export function* serverNames(
  servers: readonly ShownServer[],
  seed: number,
): Generator<{ readonly server: ShownServer; readonly name: string; readonly matches: readonly Match[]; readonly keep: () => void }> {
  const index = new ServerIndex({ names: servers.length, seed })
  const ranked = [...servers].sort((a, b) => Number(a.settled !== 'preferred') - Number(b.settled !== 'preferred') || compareServers(a, b))
  for (const server of ranked) {
    const called = calledOf(server)
    if (!called[0]) continue
    const found = called.map(each => index.find(each)).filter(match => match !== undefined)
    const worst = found.sort((a, b) => order(a.code) - order(b.code))[0]
    yield { server, name: called[0].name, matches: worst ? [worst] : [], keep: () => called.forEach(each => index.add(each)) }
  }
}
const CODES = [...RULE_OF.keys()]
const order = (code: CollisionCode): number => CODES.indexOf(code)

/** Name and title, where they say something. */
const calledOf = (server: ShownServer): readonly Called[] =>
  [server.name, server.title]
    .filter(name => name !== undefined)
    .filter(name => wordsOf(name).some(word => !NOBODYS.has(word)))
    .map(name => ({ server, name, keys: { ...keysOf(name), words: coreOf(name) } }))

/** The words that tell a name apart, in the order of the alphabet. */
const coreOf = (name: string): string => {
  const words = [...new Set(wordsOf(name).filter(word => !FILLERS.has(word)))]
  return words.map(lookOf).sort().join(' ')
}

class ServerIndex {
  readonly #looks = new Map<string, Called[]>()
  readonly #stems = new Map<string, Called[]>()
  readonly #words = new Map<string, Called[]>()
  readonly #near: NearIndex<Called>

  constructor(sizing: Sizing) {
    this.#near = new NearIndex<Called>(sizing, isOther)
  }

  find(called: Called): Match | undefined {
    const { look, stem, words } = called.keys
    const match = (code: CollisionCode, other: Called | undefined): Match | undefined =>
      other && { code, against: { server: other.server.alias, name: other.name } }
    return (
      match('server-name', first(this.#looks.get(look), called)) ??
      match('server-name-alike', first(this.#words.get(words), called)) ??
      match('server-name-alike', first(this.#stems.get(stem), called)) ??
      match(
        'server-name-alike',
        this.#near.find(look, called, () => true),
      )
    )
  }

  add(called: Called): void {
    file(this.#looks, called.keys.look, called)
    file(this.#stems, called.keys.stem, called)
    file(this.#words, called.keys.words, called)
    this.#near.add(called.keys.look, called)
  }
}

const isOther = (a: Called, b: Called): boolean => !isKin(a.server, b.server)
const first = (under: readonly Called[] | undefined, called: Called): Called | undefined => under?.find(other => isOther(called, other))
function file(index: Map<string, Called[]>, key: string, called: Called): void {
  const under = index.get(key)
  if (!under) index.set(key, [called])
  else if (under.length < 4 && under.every(other => isOther(called, other))) under.push(called)
}
