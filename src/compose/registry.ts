// The registry as this process has it: its stores in state.db, its views from the snapshot in force.

import { documentReaders } from '../adapters/registry-documents.ts'
import { createRegistryVerifier } from '../adapters/registry-verifier.ts'
import { loadServerJsonSchema } from '../adapters/registry-schema.ts'
import { createAdvisoryStore } from '../adapters/sqlite/advisory-store.ts'
import { createDocumentStore } from '../adapters/sqlite/document-store.ts'
import { createMirrorStore } from '../adapters/sqlite/mirror-store.ts'
import { createRevocationLog, createStandingStore, createVersionStore } from '../adapters/sqlite/registry-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Sealer } from '../kernel/seal.ts'
import type { AdminDeps } from '../pipeline/administration.ts'
import { Advising } from '../registry/advisories/advise.ts'
import { AdvisoryBook, type AdvisoryWatch } from '../registry/advisories/book.ts'
import { carryStatus } from '../registry/mirrors/admit.ts'
import type { Mirrors } from '../registry/mirrors/mirrors.ts'
import { createGithubAccounts } from '../adapters/github-accounts.ts'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import { Exchange } from '../registry/exchange.ts'
import type { Namespaces } from '../registry/namespaces.ts'
import { RegistryTokens } from '../registry/registry-token.ts'
import { Publisher } from '../registry/publish.ts'
import { RevocationFeed } from '../registry/revocation-feed.ts'
import { compareVersions } from '../pipeline/version-diff.ts'
import { createReader } from '../registry/reader.ts'
import type { Pin } from '../registry/resolve.ts'
import type { RegistryView } from '../registry/view.ts'
import { openMirrors, type MirrorHouseParts } from './mirrors.ts'
import type { LoginToken } from './person-proof.ts'
import { createSignerPolicies } from './signer-policies.ts'
import { telling } from './telling.ts'
import type { RootedVerification } from '../adapters/sigstore/rooted-verification.ts'
import { takeSeeds } from './seeds.ts'
import type { TrustPlane } from './trust.ts'

export type RegistryParts = Pick<MirrorHouseParts, 'fetch' | 'log' | 'encoder' | 'logger'> & {
  readonly current: () => Snapshot
  readonly state: StateDb
  readonly sealer: Sealer
  /** milliseconds since the epoch */
  readonly now: () => number
  readonly serverInfo: { readonly version: string }
  /** the repository of trust, where one is followed */
  readonly trust: Pick<TrustPlane, 'forNew' | 'registryChanged'> | undefined
  readonly namespaces: Namespaces
  /** towards GitHub, where it is configured */
  readonly fetch: SafeFetch
  readonly newId: () => string
  /** a person's own ID token; absent: nobody signs in here */
  readonly loginToken?: LoginToken | undefined
  /** the one verifier of this process */
  readonly rooted: Pick<RootedVerification, 'of'>
  /** something was withdrawn, advised against, or vouched for: whoever serves versions judges them anew */
  readonly changed: () => void
}
/** `advisories`, `revocations`: for whoever has versions running; `mirrors`: looked at by the one timer */
type Registry = AdminDeps['registry'] & {
  readonly advisories: AdvisoryWatch
  readonly revocations: RevocationFeed
  readonly mirrors: Mirrors
  /** what folders of seeds hold comes in; once, at a start */
  takeSeeds(): Promise<void>
}

export function createRegistry(parts: RegistryParts): Registry {
  const { current, state, sealer, serverInfo, now, trust, namespaces, rooted } = parts
  const changed = (): void => {
    trust?.registryChanged()
    parts.changed()
  }
  const versions = telling(createVersionStore(state), ['publish', 'attest'], changed)
  const revocations = new RevocationFeed(telling(createRevocationLog(state), ['append'], changed))
  const nowSeconds = (): number => Math.floor(now() / 1000)
  const documents = createDocumentStore(state)
  const advisories = new AdvisoryBook({ store: createAdvisoryStore(state), documents, nowMs: now })
  for (const told of [revocations, advisories]) told.onChange(changed)
  const reader = createReader({
    ...{ versions, revocations, documents, advisories, sealer },
    version: serverInfo.version,
    pins: () => pinsOf(current()),
    endpoints: aliases => endpointsOf(current(), aliases),
    compare: compareVersions,
  })
  const verify = createRegistryVerifier({
    trust: () => current().registry.trust,
    followed: ({ name, version }) => trust?.forNew(name, version),
    registry: () => current().publicUrl,
    rooted,
    nowMs: now,
    revoked: async () => [...(await revocations.blocking('key')), ...(await revocations.blocking('identity'))],
  })
  const kept = { versions, standings: telling(createStandingStore(state), ['change'], changed), revocations, namespaces, nowSeconds }
  const checkSchema = loadServerJsonSchema()
  const mirrored = createMirrorStore(state, now)
  const publisher = new Publisher({
    ...kept,
    checkSchema,
    mirrored,
    verify,
    advisories,
    documents,
    readers: documentReaders,
    maxNamespaceBytes: () => current().registry.namespaceBytes,
    vulnerable: () => current().registry.vulnerable,
  })
  const { exchange, tokens } = exchangeOf(parts)
  return {
    namespaces,
    exchange,
    tokens,
    signers: createSignerPolicies(parts),
    loginToken: parts.loginToken ?? nobodySignsIn,
    publisher,
    advising: new Advising({ book: advisories, alone: work => publisher.alone(work), revoking: kept }),
    mirrored,
    mirrors: openMirrors({ ...parts, store: mirrored, checkSchema, onChanged: changes => carryStatus({ ...kept, mirrored }, changes) }),
    takeSeeds: () => takeSeeds({ ...parts, publisher, versions, folders: current().registry.seeds }),
    advisories,
    revocations,
    follow: (stream, after) => revocations.follow(stream, after),
    read: async (name, target) => {
      const view = viewOf(current(), name === '' ? setIn(target) : name)
      return view ? reader(view, target) : { stop: 'path-unknown' }
    },
    review: target => reader({ name: 'reviews', withQuarantined: true }, target),
  }
}

/** Resolutions and exports name a set beside the path, too: whoever may read all of it may read a part. */
function setIn(target: string): string {
  const [, query] = /^\/v1\/(?:resolve|exports\/allowed-mcp-servers)\?(.*)$/s.exec(target) ?? []
  return new URLSearchParams(query).get('set') ?? ''
}

/** What the configuration runs of a registry, by exact version. */
const pinsOf = ({ upstreams }: Snapshot): readonly Pin[] =>
  [...upstreams.values()].flatMap(({ alias, transport }) =>
    transport.kind === 'server' ? [{ name: transport.name, version: transport.version, alias }] : [],
  )

/** Where servers of certain aliases are served; patterns for everything that is. */
const endpointsOf = ({ publicUrl }: Snapshot, aliases: readonly string[] | undefined): readonly string[] =>
  aliases
    ? aliases.map(alias => `${publicUrl}/servers/${alias}/mcp`)
    : [`${publicUrl}/mcp`, `${publicUrl}/sets/*`, `${publicUrl}/servers/*`]

const nobodySignsIn: LoginToken = () =>
  Promise.resolve({
    stop: 'exchange-unavailable',
    detail: 'nobody signs in at this gateway with a browser',
    fix: 'prove it by a token: `--oidc`',
  })

function exchangeOf({ current, sealer, now, namespaces, fetch, newId }: RegistryParts): Pick<Registry, 'exchange' | 'tokens'> {
  const tokens = new RegistryTokens({ sealer, origin: () => current().publicUrl, nowSeconds: () => Math.floor(now() / 1000), newId })
  const exchange = new Exchange({
    namespaces,
    tokens,
    accounts() {
      const { github } = current().registry
      return github && createGithubAccounts(github, fetch)
    },
    settings() {
      const { evaluation, registry } = current()
      const isAnonymous = evaluation !== undefined && !registry.isExposed
      return { isOfficial: registry.officialProofs, isOpen: registry.isOpenToClaims, isAnonymous }
    },
  })
  return { exchange, tokens }
}

/** '' is the whole registry. */
function viewOf({ registry }: Snapshot, name: string): RegistryView | undefined {
  if (name === '') return { name }
  const set = registry.sets.get(name)
  return set && { name, only: set }
}

/** Without a token: the whole registry where nothing but this machine reaches the gateway, a set where it is said of it. */
export function accessOf({ registry }: Snapshot, name: string): 'anybody' | 'signed-in' | undefined {
  const set = registry.sets.get(name)
  if (name !== '' && !set) return undefined
  return !registry.isExposed || set?.anonymous === true ? 'anybody' : 'signed-in'
}
