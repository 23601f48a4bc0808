// Names of all servers of one endpoint against each other. The pipeline calls `collideInSlices` (or `collide`) when a list changed, and `heldBecause` per entry.
//
// Entries come in the order of trust. Each is compared with what came before it and is not held, so the later one is always the offender, and what is held
// keeps nobody else away. All look-ups go by keys: time grows with the names, not with their pairs.

import { digestOf } from '../kernel/digest.ts'
import { CommandIndex } from './commands.ts'
import type { Collisions } from './finding.ts'
import type { Inventory, ShownServer } from './inventory.ts'
import { differenceOf, lookOf } from './keys.ts'
import { NameIndex } from './names.ts'
import type { Sizing } from './near-index.ts'
import { inRank, type Ranked } from './rank.ts'
import { Report, type Match } from './report.ts'
import { serverNames } from './server-names.ts'
import { UriIndex } from './uris.ts'

/** Everything that was found, whatever the order of servers and entries handed in. */
export function collide(inventory: Inventory): Collisions {
  const steps = walk(inventory)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** The same, giving other work a turn (`setImmediate`) every few hundred names. */
export async function collideInSlices(inventory: Inventory, pause: () => Promise<void>): Promise<Collisions> {
  const steps = walk(inventory)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await pause()
  }
}

/** Work between two pauses, in names; so many characters of a description are as much work as a name. */
const SLICE = 32
const CHARACTERS = 256
/** Entries of one server that are compared; more of them are held. As many as a list may have by default, of each kind. */
const MAX_PER_SERVER = 40_000

function* walk({ naming, servers }: Inventory): Generator<undefined, Collisions> {
  const report = new Report()
  const seed = seedOf(servers)
  const heldServers = new Set<ShownServer>()
  for (const { server, name, matches, keep } of serverNames(servers, seed)) {
    if (report.server(server, name, matches)) heldServers.add(server)
    else keep()
  }
  yield
  const look = new Look(naming, { names: servers.reduce((sum, { primitives }) => sum + primitives.length, 0), seed })
  const compared = new Map<ShownServer, number>()
  let done = 0
  for (const entry of inRank(servers)) {
    if (!entry) {
      yield
      continue
    }
    const count = (compared.get(entry.server) ?? 0) + 1
    compared.set(entry.server, count)
    const matches = count > MAX_PER_SERVER ? [tooMany(entry)] : look.find(entry)
    if (!report.entry(entry, matches) && !heldServers.has(entry.server)) look.add(entry)
    done += 1 + (entry.primitive.description?.length ?? 0) / CHARACTERS
    if (done < SLICE) continue
    done = 0
    yield
  }
  return report.collisions()
}

/** Everything one entry is compared with. */
class Look {
  readonly #names: NameIndex
  readonly #uris = new UriIndex()
  readonly #commands: CommandIndex

  constructor(naming: Inventory['naming'], sizing: Sizing) {
    this.#names = new NameIndex(sizing)
    this.#commands = new CommandIndex(naming)
  }
  find(entry: Ranked): readonly Match[] {
    if (isUri(entry)) return [...renamed(entry), ...this.#uris.find(entry)]
    const names = [...renamed(entry), ...this.#names.find(entry)]
    return entry.primitive.kind === 'prompts' ? [...names, ...this.#commands.find(entry)] : names
  }
  add(entry: Ranked): void {
    if (isUri(entry)) return this.#uris.add(entry)
    this.#names.add(entry)
    if (entry.primitive.kind === 'prompts') this.#commands.add(entry)
  }
}
const isUri = ({ primitive }: Ranked): boolean => primitive.kind === 'resources' || primitive.kind === 'templates'

/** A name in place of one that was admitted and that looks the same (N124). Other names of one server are never compared with each other. */
function renamed({ server, primitive }: Ranked): readonly Match[] {
  const name = withdrawnOf(server).get(`${primitive.kind} ${lookOf(primitive.name)}`)
  if (name === undefined || name === primitive.name) return []
  const code = differenceOf(primitive.name, name)
  const against = { server: server.alias, kind: primitive.kind, name }
  return [{ code: code === 'case-variant' || code === 'separator-variant' ? 'renamed-alike' : code, against }]
}
const WITHDRAWN = new WeakMap<ShownServer, ReadonlyMap<string, string>>()
const NOTHING: ReadonlyMap<string, string> = new Map()
function withdrawnOf(server: ShownServer): ReadonlyMap<string, string> {
  if (!server.withdrawn || server.withdrawn.length === 0) return NOTHING
  const known = WITHDRAWN.get(server)
  if (known) return known
  const made = new Map(server.withdrawn.map(({ kind, name }) => [`${kind} ${lookOf(name)}`, name]))
  WITHDRAWN.set(server, made)
  return made
}

const tooMany = ({ server }: Ranked): Match => ({ code: 'not-compared', against: { server: server.alias, name: server.alias } })

/** The same for the same servers, and no single server's to choose. */
const seedOf = (servers: readonly ShownServer[]): number =>
  Buffer.from(
    digestOf(
      servers
        .map(s => `${s.alias} ${s.identity.source} ${s.primitives.length}`)
        .sort()
        .join('\n'),
    ),
    'base64url',
  ).readInt32BE(0)
