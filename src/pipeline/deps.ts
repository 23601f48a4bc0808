// What the stages are built from: rooms' values and ports, handed in by main.ts. Everything behind a function may be swapped by a reload.

import type { HostCapabilities, RequestKind } from '../bridge/capabilities.ts'
import type { LegacySession } from '../bridge/legacy-session.ts'
import type { CallerCredential } from '../bridge/upstream.ts'
import type { ParkedCalls } from '../bridge/parked.ts'
import type { InspectInTurns } from '../inspection/inspect.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Measure } from '../kernel/measure.ts'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'
import type { Sealer } from '../kernel/seal.ts'
import type { McpHeaders } from '../mcp/era.ts'
import type { Era, LegacyVersion } from '../mcp/revisions.ts'
import type { Entitlement } from '../policy/allow-list.ts'
import type { Place } from '../limits/places.ts'
import type { Spender } from '../limits/limits.ts'
import type { Obligations } from '../policy/obligations.ts'
import type { AskedInTasks } from './asked-in-tasks.ts'
import type { Catalogue } from './catalogue.ts'
import type { Scrub } from './error-text.ts'
import type { CallerFace, UpstreamEntry } from './entry.ts'
import type { Inspect } from './inspected.ts'
import type { Asker, Judge } from './judge.ts'
import type { Marking } from './marking.ts'
import type { Authenticated, Classified, Endpoint, Joined, Received, Recorder } from './path.ts'

export interface Sessions {
  open(
    principal: Principal,
    endpoint: Endpoint,
    fields: { readonly version: LegacyVersion; readonly capabilities: string; readonly clientInfo?: Buffer },
  ): LegacySession | Stop
  /** the session, if it exists and belongs to this principal and endpoint; foreign and unknown look alike (R47) */
  find(id: string, principal: Principal, endpoint: Endpoint): LegacySession | undefined
  end(id: string): void
}

/** Server-to-client requests have records of their own, durable before the host sees the question. */
export interface ServerRequestRecorder {
  serverRequest(x: Received, request: RecordedRequest): Promise<void>
  /** for what is sent because of a request that has ended by then; holds no bytes of it */
  later(x: Received): (request: RecordedRequest) => Promise<void>
}
export type RecordedRequest = {
  readonly method: string
  readonly params?: Buffer
  readonly decision: 'allowed' | 'refused'
  readonly stop?: Stop
  readonly rules: readonly string[]
  /** the decision of the rules about it, as canonical JSON text; absent where there are none */
  readonly policy?: string
  /** what inspection found in it, as canonical JSON text */
  readonly findings?: string
}

export type GatewayDeps = {
  readonly authenticate: (
    authorization: string | undefined,
    resource: string,
    nowSeconds: number,
    possession?: { readonly proof: McpHeaders['proof']; readonly method: string; readonly url?: string },
  ) => Principal | Stop | Promise<Principal | Stop>
  /** why this caller may not pass although its token is good: blocked, or the token was revoked */
  readonly standing: (principal: Principal) => Stop | undefined
  /** spends one request of the budgets of the principal and of its client */
  readonly admit: (principal: Principal) => Stop | undefined | Promise<Stop | undefined>
  readonly sessions: Sessions
  readonly upstreams: () => ReadonlyMap<string, UpstreamEntry>
  /** the rules less what is blocked */
  readonly entitlement: (asker: Asker, entry: UpstreamEntry) => Entitlement
  /** why something is refused that the rules would permit this principal */
  readonly blockOf: (asker: Asker, entry: UpstreamEntry, tool?: string) => Stop | undefined
  /** the rules in force, where there are any */
  readonly judge: Pick<Judge, 'rules' | 'request' | 'question' | 'endpoint' | 'shown'>
  /** what texts hide or say (docs/detection.md). One that throws stops what it was asked about */
  readonly inspect: Inspect
  /**
   * Spends what limits the server, the tool and the permit's obligations leave, and takes a place for as long as the call runs: all of it, or a stop and nothing.
   * `isGoingOn`: the call holds a place from an earlier round
   */
  readonly reserve: (x: Spender, obligations: Obligations | undefined, isGoingOn: boolean) => Place | Stop | Promise<Place | Stop>
  /** spends what a question costs of what the server may ask this principal: one question, and the tokens that its model may write and read */
  readonly spendQuestion: (
    principal: Principal,
    entry: Pick<UpstreamEntry, 'alias' | 'gates'>,
    tokens: number,
  ) => Stop | undefined | Promise<Stop | undefined>
  readonly askedInTasks: Pick<AskedInTasks, 'has' | 'add'>
  readonly callers: Callers
  readonly credentials: Credentials
  readonly catalogue: Catalogue
  readonly faces: Faces
  readonly feeds: Feeds
  readonly parked: ParkedCalls
  /** who read what of labelled servers */
  readonly marking: Pick<Marking, 'begin' | 'heard' | 'again'>
  readonly sealer: Sealer
  readonly recorder: Recorder & ServerRequestRecorder
  readonly measure: Pick<Measure, 'upstream'>
  /** undefined = there is room for one more standing stream of this principal */
  readonly streamLimit: (principal: Principal) => Stop | undefined
  /** wall clock, milliseconds */
  readonly now: () => number
  /** monotonic clock, milliseconds */
  readonly monotonic: () => number
  readonly delay: (ms: number) => Promise<void>
  readonly serverInfo: { readonly name: string; readonly version: string }
  readonly newId: () => string
  /** findings in judged bytes; at once for what is small, in turns for what is large */
  readonly inspectInTurns: InspectInTurns
  /** takes secrets out of what upstreams say in errors (N106) */
  readonly scrub: Scrub
}

/** Who an upstream is used for, with the capabilities that host and policy share. Cached: hosts repeat themselves. */
export interface Callers {
  /** what the host declared, whatever the policy says */
  declared(x: { readonly era: Era } & Joined): HostCapabilities
  /** what of that the policy permits to ask for */
  kinds(x: { readonly era: Era } & Joined, entry: UpstreamEntry, entitlement: Entitlement): ReadonlySet<RequestKind>
  of(
    x: { readonly principal: Principal; readonly era: Era } & Joined,
    entry: UpstreamEntry,
    entitlement: Entitlement,
    credential?: CallerCredential,
  ): CallerFace
}

/** For whom a credential is wanted. `authorization`: the request's own header, where there is one; exchanges of tokens start from it. */
export type CredentialAsker = { readonly principal: Principal; readonly authorization?: string | undefined }

/** The principal's own credential for an upstream. Bounded; never somebody else's, never a shared one. */
export interface Credentials {
  /** `undefined` where the upstream takes none; a stop where there is none to be had. At once where it is known. Never rejects */
  of(who: CredentialAsker, entry: UpstreamEntry): CallerCredential | Stop | undefined | Promise<CallerCredential | Stop | undefined>
  /** where this principal mends `connection-required`: a link that serves nobody else, the same one until it is used or old. A stop where nothing can be mended there */
  connect(who: CredentialAsker, entry: UpstreamEntry): Promise<ConnectLink | Stop>
  /** tells when this principal's credential for an upstream came, changed or went */
  onChange(principal: PrincipalKey, entry: UpstreamEntry, listener: () => void): () => void
}
/** `id`: of the pending connection, as 2025 hosts know it */
export type ConnectLink = { readonly id: string; readonly url: string }

/** What an endpoint says about itself, made from its upstreams' own words. */
export interface Faces {
  /** an `initialize` result for a legacy host */
  initializeResult(x: Received & Classified & Authenticated & Joined): Promise<Buffer | Stop>
  /** a `server/discover` result for a modern host */
  discoverResult(x: Received & Classified & Authenticated & Joined): Promise<Buffer | Stop>
}

/** Changes of upstreams on their way to hosts' standing streams. */
export interface Feeds {
  /** the standalone stream of a legacy session opened: list changes of the endpoint's upstreams flow on it */
  open(x: Received & Classified & Authenticated & Joined): void
  /** resources/subscribe and unsubscribe of a legacy session; URIs as exposed */
  subscribe(x: Received & Classified & Authenticated & Joined, entry: UpstreamEntry): void
  /** scopes the token lacks for what a filter names, of all that exists for the principal */
  missingScopes(x: Received & Authenticated & Classified, filter: ListenFilter): readonly string[]
  /** subscriptions/listen of a modern host: the filter that is honoured, and the stream to feed */
  listen(x: Received & Classified & Authenticated & Joined, filter: ListenFilter): Listening
}
export type ListenFilter = {
  readonly toolsListChanged: boolean
  readonly promptsListChanged: boolean
  readonly resourcesListChanged: boolean
  /** as the host exposes them */
  readonly resourceSubscriptions: readonly string[]
  readonly taskIds: readonly string[]
}
export type Listening = { readonly honoured: string; feed(send: (message: Buffer) => boolean, end: () => void): () => void }
