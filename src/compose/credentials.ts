// Principals' own credentials in this process: the stores, the authorization servers and the upstreams they belong to, joined for main.

import { randomBytes } from 'node:crypto'
import { createSafeFetch } from '../adapters/safe-fetch.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { SourceDeps } from '../adapters/upstream-oauth/source.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import type { CredentialAsker } from '../pipeline/deps.ts'
import { ConnectLinks } from '../pipeline/connect-links.ts'
import { OwnCredentials } from '../pipeline/credentials.ts'
import type { ConnectionConsents, PendingConnections } from '../vault/connections.ts'
import type { ClientRegistrations, CredentialSource, SourceTarget, SubjectToken } from '../vault/credential-source.ts'
import type { Vault } from '../vault/vault.ts'
import type { UpstreamSet } from './upstreams.ts'

/** Where grants and everything about them are kept. */
export type CredentialStores = {
  readonly vault: Pick<Vault, 'find' | 'open' | 'put' | 'refresh' | 'revoke' | 'list'>
  readonly pending: PendingConnections
  readonly consents: ConnectionConsents
  readonly registrations: ClientRegistrations
}

const nowhere = (): Promise<never> => Promise.reject(new Fault('state-unavailable', 'there is no store for credentials'))
/** A gateway without a store: whoever needs a credential is refused. */
const NO_STORES: CredentialStores = {
  vault: { find: nowhere, open: nowhere, put: nowhere, refresh: nowhere, revoke: nowhere, list: nowhere },
  pending: { open: nowhere, find: nowhere, start: nowhere, spend: nowhere, close: nowhere },
  consents: { list: nowhere, give: nowhere, forget: nowhere },
  registrations: { find: nowhere, put: nowhere, remove: nowhere },
}

export type CredentialParts = {
  readonly current: () => Snapshot
  readonly stores: CredentialStores | undefined
  readonly upstreams: () => UpstreamSet
  readonly logger: Pick<Logger, 'fault'>
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly monotonic: () => number
}

export type CredentialHouse = { readonly credentials: OwnCredentials; readonly links: ConnectLinks; readonly source: CredentialSource }

export function createCredentials({ current, stores = NO_STORES, upstreams, logger, now, monotonic }: CredentialParts): CredentialHouse {
  const publicUrl = (): string => current().publicUrl
  const fault = (what: string, cause: unknown): void => logger.fault(what, cause, {})
  const source = lazySource({
    store: stores.registrations,
    own: () => ({ publicUrl: publicUrl() }),
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
    target: alias => targetOf(current(), alias),
    subject: subjectOf,
    release: (alias, revoked) => upstreams().entries.get(alias)?.upstream.release({ revoked }),
    now,
    fault,
  })
  return { credentials, links, source }
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

function targetOf(snapshot: Snapshot, alias: string): SourceTarget | undefined {
  const settings = snapshot.upstreams.get(alias)
  if (!settings?.credential) return undefined
  const { transport } = settings
  return { rule: settings.credential, url: transport.kind === 'stdio' ? '' : transport.url }
}

/** This upstream's own host may be internal: the configuration names it. No other upstream's is reached for it. */
function fetchFor({ outbound }: Snapshot, { url, rule }: SourceTarget): ReturnType<typeof createSafeFetch> {
  const named = [url, rule.issuer, rule.identityProvider?.issuer].flatMap(text => {
    const at = text === undefined ? null : URL.parse(text)
    return at ? [`${at.hostname}:${at.port || (at.protocol === 'https:' ? '443' : '80')}`] : []
  })
  return createSafeFetch({ namedHosts: [...outbound.hosts, ...named], networks: outbound.networks })
}

/** The very token this request was authenticated by, and no other: an exchange starts from who asks now (N052). */
function subjectOf({ authorization }: CredentialAsker): SubjectToken | undefined {
  const [, token] = /^bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  return token === undefined ? undefined : { token, type: 'access_token' }
}
