// Versions that come with an installation, as files: taken in at a start, by what signs for them and nothing else. They never take anything over.

import { hash } from 'node:crypto'
import { canonicalJsonOf } from '../kernel/canonical-json.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import type { Actor } from './actor.ts'
import type { Offered } from './documents.ts'
import { isRecord } from './json-schema.ts'
import type { Namespace } from './namespace.ts'
import type { Namespaces } from './namespaces.ts'
import { parseServerName, type ServerName } from './names.ts'
import type { Origin, Publisher } from './publish.ts'
import type { Entry, VersionStore } from './store.ts'

/** One version of a folder of seeds, as its files are. `at`: where, relative to the folder; `name` and `version` as the folders are called. */
type SeedFiles = {
  readonly at: string
  readonly name: string
  readonly version: string
  readonly serverJson: string
  /** a reviewer's bundle */
  readonly review?: string
  readonly documents: Offered
}
export type Seed = SeedFiles | { readonly at: string; readonly fault: string }
/** Reads a folder of seeds: regular files of bounded size, at most so many versions. Rejects with a Fault where there is none. */
export type ReadSeeds = (folder: string) => Promise<readonly Seed[]>

/** known: it was here already. waiting: nobody vouches for it whom the policies know. */
export type SeedFate =
  | { readonly at: string; readonly kind: 'admitted' | 'waiting' | 'known' }
  | { readonly at: string; readonly kind: 'refused'; readonly why: string }

export type SeedParts = {
  readonly publisher: Pick<Publisher, 'take' | 'attest'>
  readonly versions: Pick<VersionStore, 'find'>
  readonly namespaces: Pick<Namespaces, 'find' | 'register'>
}

/** Owner of the namespaces of seeds. No issuer has this name (it is no URL), so nobody can be it, and nobody publishes there. */
const SEEDS = 'gatehouse seeds' as PrincipalKey
const SEEDER: Actor = { key: SEEDS, isOperator: true }

/** What becomes of one. Nothing it says is believed but by a bundle that counts; one that is there and wrong keeps it out. Rejects with the Fault of a store. */
export async function takeSeed(parts: SeedParts, seed: Seed): Promise<SeedFate> {
  const { at } = seed
  if ('fault' in seed) return { at, kind: 'refused', why: seed.fault }
  const name = parseServerName(seed.name)
  if (!name || !isCalled(seed)) return { at, kind: 'refused', why: 'its folders are called otherwise than its server.json says' }
  const found = await parts.versions.find(name.key, seed.version)
  if (found) return comparedWith(parts, found, seed)
  const owner = await parts.namespaces.find(name.namespace)
  if (owner && !isSeeds(owner)) return { at, kind: 'refused', why: 'its namespace is somebody’s here' }
  if (!owner) await parts.namespaces.register(name.namespace, SEEDS)
  const vouched = seed.review === undefined ? undefined : await take(parts, seed, name, [seed.review])
  if (vouched && !isUnknownHere(vouched)) return fateOf(at, vouched)
  // The policies in force do not know who signed it: it waits for somebody they know.
  return fateOf(at, await take(parts, seed, name, undefined))
}

const take = (parts: SeedParts, { serverJson, documents }: SeedFiles, { namespace }: ServerName, bundles: readonly string[] | undefined) =>
  parts.publisher.take({ serverJson, ...(bundles && { bundles, ...documents }) }, SEEDER, originIn(parts, namespace))

const originIn = ({ namespaces }: SeedParts, namespace: string): Origin => ({
  async whyNot() {
    const owner = await namespaces.find(namespace)
    if (!owner || !isSeeds(owner)) return { stop: 'namespace-forbidden', detail: 'its namespace is somebody’s here' }
    return owner.state === 'frozen' ? { stop: 'namespace-frozen', detail: 'nothing is admitted in it for now' } : undefined
  },
  looksLike: () => Promise.resolve(undefined),
})
const isSeeds = ({ members }: Pick<Namespace, 'members'>): boolean => members.some(({ principal }) => principal === SEEDS)

/** A version that is here stays as it is. One that waits is admitted by a review that counts now and did not before. */
async function comparedWith(parts: SeedParts, found: Entry, { at, serverJson, review, documents }: SeedFiles): Promise<SeedFate> {
  const canonical = canonicalJsonOf(serverJson)
  if (canonical === undefined || hash('sha256', canonical) !== found.digest)
    return { at, kind: 'refused', why: 'the registry has this version with another server.json' }
  if (found.standing !== 'quarantined' || review === undefined) return { at, kind: 'known' }
  const { name, version } = found
  const done = await parts.publisher.attest({ name, version, bundle: review, ...documents }, SEEDER)
  return isUnknownHere(done) ? { at, kind: 'waiting' } : fateOf(at, done)
}

const fateOf = (at: string, done: Entry | Stop): SeedFate =>
  isStop(done)
    ? { at, kind: 'refused', why: `${done.stop}${done.detail === undefined ? '' : `: ${done.detail}`}` }
    : { at, kind: done.standing === 'quarantined' ? 'waiting' : 'admitted' }

/** Nothing is wrong with the bundle but that its signer is none of ours, or that nothing can be verified here at all. */
function isUnknownHere(done: Entry | Stop): boolean {
  if (!isStop(done)) return false
  const trust = done.data?.['trust']
  return done.stop === 'verifier-unavailable' || (isRecord(trust) && trust['reason'] === 'signer-unknown')
}

function isCalled({ name, version, serverJson }: SeedFiles): boolean {
  const json = JSON.parse(serverJson) as unknown
  return isRecord(json) && json['name'] === name && json['version'] === version
}
