// Principals' own credentials in this process: the stores, the authorization servers and the upstreams they belong to, joined for main.

import { randomBytes } from 'node:crypto'
import { createSafeFetch } from '../adapters/safe-fetch.ts'
import { createClientRegistrations, createConnectionConsents, createPendingConnections } from '../adapters/sqlite/connection-stores.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { VaultKeeper } from '../adapters/vault-keeper.ts'
import { redirectUriOf } from '../adapters/upstream-oauth/client-metadata.ts'
import type { SourceDeps } from '../adapters/upstream-oauth/source.ts'
import type { Snapshot } from '../config/schema.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Sealer } from '../kernel/seal.ts'
import type { CredentialAsker } from '../pipeline/deps.ts'
import { ownClientOf } from './connections-port.ts'
import { ConnectLinks } from '../pipeline/connect-links.ts'
import { Connecting } from '../pipeline/connecting.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'
import type { Principal } from '../kernel/principal.ts'
import { OwnCredentials } from '../pipeline/credentials.ts'
import type { ConnectionConsents, PendingConnections } from '../vault/connections.ts'
import type { ClientRegistrations, CredentialSource, SourceTarget, SubjectToken } from '../vault/credential-source.ts'
import type { Vault } from '../vault/vault.ts'
import type { PersonProof } from './person-proof.ts'
import type { UpstreamSet } from './upstreams.ts'

/** Where grants and everything about them are kept. */
export type CredentialStores = {
  readonly vault: Pick<Vault, 'find' | 'open' | 'put' | 'refresh' | 'revoke' | 'list'>
  readonly pending: PendingConnections
  readonly consents: ConnectionConsents
  readonly registrations: ClientRegistrations
}

/** Everything in state.db; the vault is opened by whoever first needs it. */
export function storesIn(state: StateDb, sealer: Sealer, keeper: Pick<VaultKeeper, 'get'>, nowSeconds: () => number): CredentialStores {
  return {
    vault: {
      find: async (...args) => (await keeper.get()).find(...args),
      open: async grant => (await keeper.get()).open(grant),
      put: async (...args) => (await keeper.get()).put(...args),
      refresh: async (...args) => (await keeper.get()).refresh(...args),
      revoke: async (...args) => (await keeper.get()).revoke(...args),
      list: async principal => (await keeper.get()).list(principal),
    },
    pending: createPendingConnections(state, sealer, nowSeconds),
    consents: createConnectionConsents(state),
    registrations: createClientRegistrations(state, sealer),
  }
}

export type CredentialParts = {
  readonly current: () => Snapshot
  readonly stores: CredentialStores
  readonly upstreams: () => UpstreamSet
  /** whether an upstream exists for this principal */
  readonly isVisible: (principal: Principal, entry: UpstreamEntry) => boolean
  /** for callers whose token this gateway issued; absent = it issues none */
  readonly prove?: PersonProof
  readonly logger: Pick<Logger, 'fault'>
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly monotonic: () => number
}

export type CredentialHouse = { readonly credentials: OwnCredentials; readonly connecting: Connecting }

export function createCredentials(parts: CredentialParts): CredentialHouse {
  const { current, stores, upstreams, isVisible, logger, now, monotonic } = parts
  const publicUrl = (): string => current().publicUrl
  const fault = (what: string, cause: unknown): void => logger.fault(what, cause, {})
  const source = lazySource({
    store: stores.registrations,
    own: () => ownClientOf(current()),
    nowSeconds: () => Math.floor(now() / 1000),
    monotonic,
    fetchFor: target => fetchFor(current(), target),
  })
  const links = new ConnectLinks({
    pending: stores.pending,
    newSecret: () => randomBytes(32).toString('base64url'),
    publicUrl,
    now,
    fault,
  })
  const credentials = new OwnCredentials({
    vault: stores.vault,
    consents: stores.consents,
    source,
    links,
    target: alias => targetOf(current(), alias, upstreams().url(alias)),
    subject: (who, entry) => subjectOf(who, entry, parts.prove),
    release: (alias, revoked) => upstreams().entries.get(alias)?.upstream.release({ revoked }),
    now,
    fault,
  })
  const connecting = new Connecting({
    ...stores,
    source,
    links,
    credentials,
    upstreams: () => upstreams().entries,
    target: alias => targetOf(current(), alias, upstreams().url(alias)),
    isVisible,
    newSecret: () => randomBytes(32).toString('base64url'),
    redirectUri: () => redirectUriOf(ownClientOf(current())),
    nowSeconds: () => Math.floor(now() / 1000),
  })
  return { credentials, connecting }
}

/** The OAuth client is loaded when somebody first needs it: most gateways never do, and it costs memory. */
function lazySource(deps: SourceDeps): CredentialSource {
  let loading: Promise<CredentialSource> | undefined
  const load = (): Promise<CredentialSource> => {
    loading ??= import('../adapters/upstream-oauth/source.ts').then(({ createCredentialSource }) => createCredentialSource(deps))
    return loading
  }
  return {
    offer: async (...args) => (await load()).offer(...args),
    begin: async (...args) => (await load()).begin(...args),
    finish: async (...args) => (await load()).finish(...args),
    refresh: async (...args) => (await load()).refresh(...args),
    obtain: async (...args) => (await load()).obtain(...args),
    revoke: async (...args) => (await load()).revoke(...args),
  }
}

function targetOf(snapshot: Snapshot, alias: string, url: string): SourceTarget | undefined {
  const rule = snapshot.upstreams.get(alias)?.credential
  return rule && { rule, url }
}

/** This upstream's own host may be internal: the configuration names it. No other upstream's is reached for it. */
function fetchFor({ outbound }: Snapshot, { url, rule }: SourceTarget): ReturnType<typeof createSafeFetch> {
  const named = [url, rule.issuer, rule.identityProvider?.issuer].flatMap(text => {
    const at = text === undefined ? null : URL.parse(text)
    return at ? [`${at.hostname}:${at.port || (at.protocol === 'https:' ? '443' : '80')}`] : []
  })
  return createSafeFetch({ namedHosts: [...outbound.hosts, ...named], networks: outbound.networks })
}

/**
 * The very token this request was authenticated by, and no other: an exchange starts from who asks now (N052). One of this gateway's own proves nothing
 * elsewhere and never leaves: what does is the person's own ID token, towards the provider they signed in at.
 */
function subjectOf(
  { principal, authorization }: CredentialAsker,
  entry: UpstreamEntry,
  prove: PersonProof = nobodySignsIn,
): SubjectToken | undefined | Promise<SubjectToken | Stop> {
  if (principal.family !== undefined) return prove(principal, entry)
  const [, token] = /^bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  return token === undefined ? undefined : { token, type: 'access_token' }
}

/** There is no sign-in at this gateway (any more). */
export const nobodySignsIn: PersonProof = () =>
  Promise.resolve({ stop: 'credential-unavailable', detail: 'nobody signs in at this gateway any more', fix: 'set `identity.login`' })
