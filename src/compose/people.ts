// What people and their hosts use, put together: sign-in at the identity provider, browser sessions, consent, connections, the authorization server.

import { createHmac, hkdfSync } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createAuthorizationServer, type AuthorizationServer } from '../adapters/authorization-server/authorization-server.ts'
import { loadSigningKeys } from '../adapters/authorization-server/signing-keys.ts'
import { createLoginProvider, type LoginProvider } from '../adapters/login/identity-provider.ts'
import type { SafeFetch } from '../adapters/safe-fetch.ts'
import { webFetch } from '../adapters/web-fetch.ts'
import type { AuthorizationServerSettings, LoginSettings } from '../config/schema.ts'
import { createBrowserSessions } from '../http/control-plane/browser-session.ts'
import { createConnectPages, type ConnectPort } from '../http/control-plane/connect.ts'
import { createConnectionsPages, type ConnectionsPort } from '../http/control-plane/connections.ts'
import { createConsoleSessions } from '../http/control-plane/console/session.ts'
import { createConsentPages } from '../http/control-plane/consent.ts'
import type { OfferedScope } from '../http/control-plane/pages/consent-page.ts'
import { problemPage, renderPage } from '../http/control-plane/pages/shell.ts'
import type { People } from '../http/control-plane/people.ts'
import { createSignInPages } from '../http/control-plane/sign-in.ts'
import type { ConsentStore } from '../identity/consent.ts'
import type { OauthRecordStore, RegisteredClientStore } from '../identity/oauth-records.ts'
import { createSignIns, principalOf, type BrowserSessionStore, type SignIns, type SignInStore } from '../identity/sign-in.ts'
import type { Stop } from '../kernel/errors.ts'
import type { VisitorLimits } from '../limits/visitors.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Sealer, SealingKeys } from '../kernel/seal.ts'
import { createLoginToken, createPersonProof, type LoginToken, type PersonProof } from './person-proof.ts'

type PeopleSettings = {
  /** the authorization server's issuer; without a trailing slash */
  readonly publicUrl: string
  readonly dataDir: string
  readonly login: LoginSettings
  /** absent = people sign in for the pages alone, and external issuers give hosts their tokens */
  readonly authorizationServer?: AuthorizationServerSettings
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
  /** towards the identity provider */
  readonly fetch: SafeFetch
  /** for client documents, which strangers name; 64 KiB are enough */
  readonly documentFetch: SafeFetch
  /** who is asked whether a sign-in still holds; default: the identity provider */
  readonly confirm?: (provider: LoginProvider) => LoginProvider
  readonly offered: (resource: string, principal: Principal | undefined) => readonly OfferedScope[] | undefined
  readonly endpointTitle: (resource: string) => string
  readonly isAdministration: (resource: string) => boolean
  readonly connections: ConnectionsPort
  /** connecting accounts; absent = no upstream of this gateway takes any */
  readonly connect?: ConnectPort
  /** why a principal, with a client or without, may do nothing at all */
  readonly stopOf: (principal: Principal) => Stop | undefined
  /** seconds since the epoch */
  readonly now: () => number
  /** durable before it resolves; rejects where it cannot be written, and then nothing happens */
  readonly record: (event: PersonEvent) => Promise<void>
  readonly onFamilyEnd: (families: readonly string[]) => Promise<void>
  readonly onRegrouped: (principal: Principal) => Promise<void>
  readonly addressOf: (req: IncomingMessage) => string
  /** a refused request of a stranger */
  readonly onRefused: (address: string) => void
  readonly onTrouble: (what: string, cause: unknown) => void
  readonly gate: VisitorLimits['gate']
  /** registrations and fetches of client documents; default: 20 of an address and 120 in all */
  readonly strangersPerMinute?: { readonly address: number; readonly total: number }
}

/** Where the identity provider sends people back to; config/schema.ts tells it to the evaluation provider. */
const LOGIN_CALLBACK = '/oauth/login/callback'
/** A sign-in that nobody can confirm again (the provider gave no refresh token) ends with the working day, a confirmed one with its consents; seconds. */
const UNCONFIRMED_SECONDS = 8 * 3600
const CONFIRMED_SECONDS = 90 * 86_400

/** `signIns`: for whoever has to end one (back-channel logout). `prove`: for credentials of upstreams that start from a person's sign-in. */
export type PeopleHouse = {
  readonly people: People
  readonly signIns: SignIns
  readonly prove: PersonProof
  readonly loginToken: LoginToken
}

/** `people`: the pages and the protocol. Throws the key file's Faults. */
export async function createPeople(parts: PeopleParts): Promise<PeopleHouse> {
  const { settings, stores, now, record, stopOf } = parts
  const { publicUrl, authorizationServer } = settings
  const asked = createLoginProvider({
    settings: settings.login,
    redirectUri: `${publicUrl}${LOGIN_CALLBACK}`,
    fetch: webFetch(parts.fetch),
    now: () => now() * 1000,
    onTrouble: parts.onTrouble,
  })
  const login = parts.confirm?.(asked) ?? asked
  const { onFamilyEnd: onEnd, onRegrouped } = parts
  const signIns = createSignIns({ store: stores.signIns, provider: login, now, onEnd, onRegrouped })
  const kept = { publicUrl, signIns, formKey: formKey(parts.sealingKeys), now }
  const sessions = createBrowserSessions({ ...kept, sessions: stores.browserSessions, stopOf })
  const { consents } = stores
  const clients = [COMMAND_LINE, ...(authorizationServer?.clients ?? [])]
  const server = authorizationServer && (await serverOf(parts, { ...authorizationServer, clients }, signIns))
  return {
    signIns,
    prove: proofIn(parts, signIns),
    loginToken: createLoginToken({ login: settings.login, store: stores.signIns, signIns, now, onTrouble: parts.onTrouble }),
    people: {
      signIn: createSignInPages({
        publicUrl,
        login,
        sessions,
        signIns,
        sealer: parts.sealer,
        lifeSeconds: { confirmed: CONFIRMED_SECONDS, unconfirmed: login === asked ? UNCONFIRMED_SECONDS : CONFIRMED_SECONDS },
        now,
        record: (what, signIn) => record({ principal: principalOf(signIn), what, name: signIn.id }),
      }),
      console: createConsoleSessions({
        ...kept,
        provider: settings.login.issuer,
        store: stores.browserSessions,
        browser: sessions,
        record: (what, signIn) => record({ principal: principalOf(signIn), what, name: signIn.id }),
      }),
      ...(parts.connect && {
        connect: createConnectPages({
          sessions,
          connect: parts.connect,
          consents,
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
      ...(server && {
        server,
        consent: createConsentPages({
          server,
          sessions,
          consents,
          offered: parts.offered,
          endpointTitle: parts.endpointTitle,
          isAdministration: parts.isAdministration,
          configured: () => clients,
          stopOf,
          now,
          record: (what, { principal }, { client, resource, scopes, redirect }) =>
            record({
              principal: { ...principal, client },
              what: `consent-${what}`,
              name: resource,
              detail: `scopes ${scopes.join(' ') || '(none)'}; redirect ${redirect}`,
            }),
        }),
      }),
    },
  }
}

const proofIn = ({ settings, stores, now, record, onTrouble }: PeopleParts, signIns: SignIns): PersonProof =>
  createPersonProof({
    login: settings.login,
    store: stores.signIns,
    signIns,
    now,
    record: (principal, name, detail) => record({ principal, what: 'identity-asserted', name, detail }),
    onTrouble,
  })

/** `gatehouse login` of whoever works at this machine. */
const COMMAND_LINE = { id: 'gatehouse-cli', name: 'Gatehouse command line', redirectUris: ['http://127.0.0.1/callback'] }

async function serverOf(parts: PeopleParts, own: AuthorizationServerSettings, signIns: SignIns): Promise<AuthorizationServer> {
  const { settings, stores } = parts
  return createAuthorizationServer({
    settings: { ...own, issuer: settings.publicUrl },
    signingKeys: await loadSigningKeys(settings.dataDir),
    cookieKeys: cookieKeys(parts.sealingKeys),
    records: stores.records,
    clients: stores.clients,
    signIn: id => signIns.current(id),
    stopOf: parts.stopOf,
    scopes: (resource, principal) => parts.offered(resource, principal)?.map(({ name }) => name),
    fetch: parts.documentFetch,
    admitStranger: parts.gate('registrations', parts.strangersPerMinute ?? { address: 20, total: 120 }),
    addressOf: parts.addressOf,
    onFamilyEnd: parts.onFamilyEnd,
    onRefused: parts.onRefused,
    onFault: cause => parts.onTrouble('a request to the authorization server ended in a fault', cause),
    renderError: (code, description) => renderPage(errorPage(code, description)),
    now: parts.now,
  })
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
