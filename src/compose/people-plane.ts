// Pages and authorization server as this process has them: built when somebody first needs them, with what a reload may change read at each request.

import type { IncomingMessage } from 'node:http'
import { loadSigningKeys, rotateSigningKeys } from '../adapters/authorization-server/signing-keys.ts'
import { loadSealingKeys } from '../adapters/keys.ts'
import type { LoginProvider } from '../adapters/login/identity-provider.ts'
import { createSafeFetch, type SafeFetch } from '../adapters/safe-fetch.ts'
import { createConsentStore } from '../adapters/sqlite/consent-store.ts'
import { createOauthRecordStore, createRegisteredClientStore, readEndedFamilies } from '../adapters/sqlite/oauth-record-store.ts'
import { createBrowserSessionStore, createSignInStore } from '../adapters/sqlite/sign-in-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { LoginSettings, Snapshot } from '../config/schema.ts'
import { clientAddress, readHeaders } from '../http/edge.ts'
import type { PeopleDeps } from '../http/control-plane/people.ts'
import type { SignInFilter } from '../identity/sign-in.ts'
import { isStop } from '../kernel/errors.ts'
import type { VisitorLimits } from '../limits/visitors.ts'
import type { Principal } from '../kernel/principal.ts'
import type { GatewayDeps } from '../pipeline/deps.ts'
import type { Connecting } from '../pipeline/connecting.ts'
import type { OwnCredentials } from '../pipeline/credentials.ts'
import { connectionsPort } from './connections-port.ts'
import { adminEndpoint } from './endpoints.ts'
import { endpointTitle, offeredScopes } from './offered-scopes.ts'
import { createPeople, type PeopleHouse, type PersonEvent } from './people.ts'
import type { LoginToken, PersonProof } from './person-proof.ts'
import type { Standing } from './standing.ts'

export type PeoplePlaneParts = Pick<GatewayDeps, 'sealer' | 'upstreams' | 'entitlement' | 'now'> & {
  readonly current: () => Snapshot
  readonly state: StateDb
  readonly standing: Standing
  /** towards the identity provider */
  readonly fetch: SafeFetch
  /** towards client documents, whose URLs strangers name; default: nothing that the configuration opens for itself is open to them */
  readonly documentFetch: SafeFetch | undefined
  readonly isTrustedProxy: (address: string) => boolean
  readonly penalties: { penalise(address: string): void; readonly gate: VisitorLimits['gate'] }
  /** the published keys, read again after a rotation */
  readonly keys: { warm(): Promise<void> }
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: EventEncoder
  readonly logger: Pick<Logger, 'fault'>
  readonly connecting: Connecting
  readonly credentials: OwnCredentials
}

export type PeoplePlane = {
  readonly deps: PeopleDeps
  /** ends sign-ins with everything that rests on them: browser sessions, codes, refresh and access tokens */
  readonly endSignIns: (which: SignInFilter) => Promise<void>
  /** what proves to the identity provider who a caller is whose token this gateway issued */
  readonly prove: PersonProof
  /** a caller's own ID token, where people sign in here */
  readonly loginToken: LoginToken
  /** a new key signs at once, tokens of the one before stay good; empty where there is no server of our own */
  readonly rotations: Readonly<Record<string, () => Promise<object>>>
  /** as limits per address know it */
  readonly addressOf: (req: IncomingMessage) => string
  /** forgets what expired */
  readonly sweep: () => Promise<void>
}

/** Undefined where nobody signs in with a browser. Rejects where the signing key or the store cannot be read: the gateway then does not start. */
export async function openPeoplePlane(parts: PeoplePlaneParts): Promise<PeoplePlane | undefined> {
  const { login, authorizationServer, dataDir, publicUrl } = parts.current()
  if (!login) return undefined
  const now = (): number => Math.floor(parts.now() / 1000)
  // The resource server reads the public half from its first request on.
  if (authorizationServer) await loadSigningKeys(dataDir)
  const { state, standing } = parts
  const records = createOauthRecordStore(state, now)
  const end = async (families: Iterable<string>): Promise<void> => {
    for (const sessionId of families) {
      parts.credentials.endedFamily(sessionId)
      await standing.signOut({ kind: 'sign-in', issuer: login.issuer, sessionId, untilSeconds: now() })
    }
  }
  // Families end in one transaction with their records; a crash before the revocation of their access tokens is made good here.
  await end((await readEndedFamilies(state, now())).keys())

  const isVisible = (principal: Principal, alias: string): boolean => {
    const entry = parts.upstreams().get(alias)
    return entry !== undefined && !parts.entitlement({ principal }, entry).isEmpty
  }
  const house = connectionsPort(parts)
  const make = (): Promise<PeopleHouse> =>
    createPeople({
      settings: { publicUrl, dataDir, login, ...(authorizationServer && { authorizationServer }) },
      stores: {
        signIns: createSignInStore(state, parts.sealer, now),
        browserSessions: createBrowserSessionStore(state),
        consents: createConsentStore(state, now),
        records,
        clients: createRegisteredClientStore(state),
      },
      sealer: parts.sealer,
      sealingKeys: loadSealingKeys(dataDir),
      fetch: parts.fetch,
      documentFetch: parts.documentFetch ?? createSafeFetch({ maxBytes: 64 * 1024 }),
      confirm: provider => confirmedBy(provider, login, parts.current),
      offered: (resource, principal) =>
        offeredScopes({ snapshot: parts.current(), isVisible, entries: parts.upstreams() }, resource, principal),
      endpointTitle: resource => endpointTitle(parts.current(), resource),
      isAdministration: resource => resource === adminEndpoint(parts.current()).resource,
      connections: house,
      connect: house,
      stopOf: principal => standing.blocks.stopOf(principal),
      now,
      record: event => parts.log.append(rowOf(parts.encoder, event)),
      onFamilyEnd: end,
      onRegrouped: principal => standing.regroup(principal),
      addressOf: req => addressOf(req, parts.isTrustedProxy),
      gate: parts.penalties.gate,
      onRefused: address => parts.penalties.penalise(address),
      onTrouble: (what, cause) => parts.logger.fault(what, cause),
    })
  let made: Promise<PeopleHouse> | undefined
  const load = (): Promise<PeopleHouse> => {
    made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
  const rotate = async (): Promise<object> => {
    await rotateSigningKeys(dataDir)
    made = undefined // half-finished authorizations start anew
    await parts.keys.warm()
    return { rotated: 'authorization-server' }
  }
  return {
    deps: {
      load: async () => (await load()).people,
      onFault: cause => parts.logger.fault('a page or a request to the authorization server ended in a fault', cause),
    },
    endSignIns: async which => (await load()).signIns.end(which),
    prove: async (principal, entry) => (await load()).prove(principal, entry),
    loginToken: async principal => (await load()).loginToken(principal),
    addressOf: req => addressOf(req, parts.isTrustedProxy),
    rotations: authorizationServer ? { 'authorization-server': rotate } : {},
    async sweep() {
      await Promise.all([records.sweep(now()), made?.then(({ signIns }) => signIns.sweep())])
    },
  }
}

/**
 * Who may confirm a sign-in. The evaluation provider's people stand in this gateway's own configuration: nobody has to be asked, and their sign-ins outlive a
 * restart of both.
 */
function confirmedBy(provider: LoginProvider, login: LoginSettings, current: () => Snapshot): LoginProvider {
  const { evaluation } = current()
  if (!evaluation || login.issuer !== `http://127.0.0.1:${evaluation.port}`) return provider
  return {
    ...provider,
    renew(identity) {
      const user = current().evaluation?.users.find(({ name }) => name === identity.subject)
      return Promise.resolve(user ? { identity: { ...identity, groups: user.groups } } : 'ended')
    },
  }
}

function addressOf(req: IncomingMessage, isTrusted: (address: string) => boolean): string {
  const headers = readHeaders(req.rawHeaders)
  return isStop(headers) ? (req.socket.remoteAddress ?? 'unknown') : clientAddress(req.socket.remoteAddress, headers, isTrusted)
}

/** What people do at pages, as the log has it: a decision without an upstream. */
function rowOf(encoder: EventEncoder, { principal, what, name, detail }: PersonEvent): string {
  const request = encoder.newId()
  const exchange = encoder.exchange({
    request,
    call: request,
    trace: request.replaceAll('-', ''),
    principal: eventPrincipal(principal),
    subject: { endpoint: '/oauth', era: 'modern', method: `person/${what}`, name },
  })
  return encoder.decision(exchange, { rules: [], detail, ms: 0 })
}

const eventPrincipal = ({ issuer, subject, client }: Principal): { issuer: string; subject: string; client?: string } =>
  client === undefined ? { issuer, subject } : { issuer, subject, client }
