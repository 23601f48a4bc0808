// What people and their hosts use, put together: sign-in at the identity provider, browser sessions, consent, connections, the authorization server.

import { createHmac, hkdfSync } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createAuthorizationServer } from '../adapters/authorization-server/authorization-server.ts'
import type { ConfiguredClient } from '../adapters/authorization-server/clients.ts'
import type { Registration } from '../adapters/authorization-server/oidc.ts'
import { loadSigningKeys } from '../adapters/authorization-server/signing-keys.ts'
import { createLoginProvider, type LoginSettings } from '../adapters/login/identity-provider.ts'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import { webFetch } from '../adapters/web-fetch.ts'
import { createBrowserSessions } from '../http/control-plane/browser-session.ts'
import { createConnectPages, type ConnectPort } from '../http/control-plane/connect.ts'
import { createConnectionsPages, type ConnectionsPort } from '../http/control-plane/connections.ts'
import { createConsentPages } from '../http/control-plane/consent.ts'
import type { OfferedScope } from '../http/control-plane/pages/consent-page.ts'
import { problemPage, renderPage } from '../http/control-plane/pages/shell.ts'
import type { People } from '../http/control-plane/people.ts'
import { createSignInPages } from '../http/control-plane/sign-in.ts'
import { createStrangerLimit } from '../http/control-plane/stranger-limit.ts'
import type { ConsentStore } from '../identity/consent.ts'
import type { OauthRecordStore, RegisteredClientStore } from '../identity/oauth-records.ts'
import { createSignIns, principalOf, type BrowserSessionStore, type SignIns, type SignInStore } from '../identity/sign-in.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Sealer, SealingKeys } from '../kernel/seal.ts'

type PeopleSettings = {
  /** the authorization server's issuer; without a trailing slash */
  readonly publicUrl: string
  readonly dataDir: string
  readonly login: LoginSettings
  readonly registration: Registration
  readonly clients: readonly ConfiguredClient[]
  readonly tokenSeconds: number
  readonly refreshSeconds: number
}

type PeopleStores = {
  readonly signIns: SignInStore
  readonly browserSessions: BrowserSessionStore
  readonly consents: ConsentStore
  readonly records: OauthRecordStore
  readonly clients: RegisteredClientStore
}

/** What a person did at a page, for the log. `detail` names clients, endpoints and scopes, never a secret. */
export type PersonEvent = { readonly principal: Principal; readonly what: string; readonly name: string; readonly detail?: string }

export type PeopleParts = {
  readonly settings: PeopleSettings
  readonly stores: PeopleStores
  readonly sealer: Sealer
  readonly sealingKeys: SealingKeys
  /** for the identity provider and for client documents */
  readonly fetch: SafeFetch
  readonly offered: (resource: string, principal: Principal | undefined) => readonly OfferedScope[] | undefined
  readonly endpointTitle: (resource: string) => string
  readonly connections: ConnectionsPort
  /** connecting accounts; absent = no upstream of this gateway takes any */
  readonly connect?: ConnectPort
  /** seconds since the epoch */
  readonly now: () => number
  /** durable before it resolves; rejects where it cannot be written, and then nothing happens */
  readonly record: (event: PersonEvent) => Promise<void>
  readonly onFamilyEnd: (families: readonly string[]) => Promise<void>
  readonly addressOf: (req: IncomingMessage) => string
  /** a refused request of a stranger */
  readonly onRefused: (address: string) => void
  readonly onTrouble: (what: string, cause: unknown) => void
  /** registrations and fetches of client documents; default: what createStrangerLimit takes */
  readonly strangersPerMinute?: { readonly address: number; readonly total: number }
}

/** A sign-in that the identity provider cannot confirm (it gave no refresh token) ends with the working day; seconds. */
const UNCONFIRMED_SECONDS = 8 * 3600

/** `people`: the pages and the protocol. `signIns`: for whoever has to end one (back-channel logout). Throws the key file's Faults. */
export async function createPeople(parts: PeopleParts): Promise<{ readonly people: People; readonly signIns: SignIns }> {
  const { settings, stores, now, record } = parts
  const { publicUrl } = settings
  const login = createLoginProvider({
    settings: settings.login,
    redirectUri: `${publicUrl}/oauth/login/callback`,
    fetch: webFetch(parts.fetch),
    now: () => now() * 1000,
    onTrouble: parts.onTrouble,
  })
  const signIns = createSignIns({ store: stores.signIns, provider: login, now, onEnd: parts.onFamilyEnd })
  const server = createAuthorizationServer({
    settings: { ...settings, issuer: publicUrl },
    signingKeys: await loadSigningKeys(settings.dataDir),
    cookieKeys: cookieKeys(parts.sealingKeys),
    records: stores.records,
    clients: stores.clients,
    signIn: id => signIns.current(id),
    scopes: (resource, principal) => parts.offered(resource, principal)?.map(({ name }) => name),
    fetch: parts.fetch,
    admitStranger: createStrangerLimit(parts.strangersPerMinute),
    addressOf: parts.addressOf,
    onFamilyEnd: parts.onFamilyEnd,
    onRefused: parts.onRefused,
    onFault: cause => parts.onTrouble('a request to the authorization server ended in a fault', cause),
    renderError: (code, description) => renderPage(errorPage(code, description)),
    now,
  })
  const sessions = createBrowserSessions({ publicUrl, sessions: stores.browserSessions, signIns, formKey: formKey(parts.sealingKeys), now })
  const { consents } = stores
  return {
    signIns,
    people: {
      server,
      signIn: createSignInPages({
        publicUrl,
        login,
        sessions,
        store: stores.signIns,
        sealer: parts.sealer,
        lifeSeconds: { confirmed: settings.refreshSeconds, unconfirmed: Math.min(UNCONFIRMED_SECONDS, settings.refreshSeconds) },
        now,
        record: (what, signIn) => record({ principal: principalOf(signIn), what, name: signIn.id }),
      }),
      consent: createConsentPages({
        server,
        sessions,
        consents,
        offered: parts.offered,
        endpointTitle: parts.endpointTitle,
        configured: () => settings.clients,
        now,
        record: (what, { principal }, { client, resource, scopes, redirect }) =>
          record({
            principal: { ...principal, client },
            what: `consent-${what}`,
            name: resource,
            detail: `scopes ${scopes.join(' ') || '(none)'}; redirect ${redirect}`,
          }),
      }),
      ...(parts.connect && {
        connect: createConnectPages({
          sessions,
          connect: parts.connect,
          record: (what, { principal }, name) => record({ principal, what, name }),
        }),
      }),
      connections: createConnectionsPages({
        sessions,
        consents,
        connections: parts.connections,
        endpointTitle: parts.endpointTitle,
        onEnd: parts.onFamilyEnd,
        record: (what, { principal }, name) => record({ principal, what, name }),
      }),
    },
  }
}

/** The keys that sign oidc-provider's cookies, newest first. Of the sealing key, so they rotate with it. */
const cookieKeys = ({ current, previous }: SealingKeys): string[] =>
  [current, ...(previous ? [previous] : [])].map(key =>
    Buffer.from(hkdfSync('sha256', key, '', 'gatehouse authorization cookies v1', 32)).toString('base64url'),
  )

const formKey = ({ current }: SealingKeys): Buffer => createHmac('sha256', current).update('gatehouse forms v1').digest()

/** What oidc-provider would show of a request that is not even sent back to its client. Its descriptions are fixed texts; parameters in them are escaped. */
function errorPage(code: string, description: string | undefined): ReturnType<typeof problemPage> {
  const details = [['Error', code] as const, ...(description === undefined ? [] : [['What it says', description] as const])]
  return problemPage(400, 'The application asked for something that is not possible', {
    what: 'Nothing was allowed, and you were not sent back to it.',
    mend: 'Start again from your application. If that does not help, its settings and those of this gateway do not fit.',
    details,
  })
}
