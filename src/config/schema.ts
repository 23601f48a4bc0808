// The whole configuration as the running gateway sees it: one frozen snapshot. config/load.ts makes it from gatehouse.yaml.

import { join } from 'node:path'
import type { RoleRule } from '../administration/roles.ts'
import type { ArgumentSettings } from '../arguments/rule.ts'
import type { GateSettings } from '../gates/settings.ts'
import type { Tiers } from '../inspection/tiers.ts'
import type { Resolution } from '../collision/resolution.ts'
import type { Webhook } from '../approvals/notice.ts'
import type { SelfFrom } from '../approvals/self-from.ts'
import type { SinkSettings } from '../delivery/settings.ts'
import type { Reads } from '../flow/reading.ts'
import type { IssuerRules } from '../identity/claims.ts'
import type { ScopeWords } from '../identity/scopes.ts'
import type { ProofRule } from '../registry/proof-rules.ts'
import type { AllowRule } from '../policy/allow-list.ts'
import type { Era } from '../mcp/revisions.ts'
import type { CredentialRule } from '../vault/credential-rule.ts'
import type { PrincipalKey } from '../kernel/principal.ts'

/** `url` may be a secret. */
/** Approvals that may wait at one time: in all, of one principal, and of one principal at one server. */
type ApprovalLimits = { readonly total: number; readonly perPrincipal: number; readonly perServer: number }
export type WebhookSettings = Webhook & { readonly url: string }

export type Snapshot = {
  /** sha-256 (hex) of the configuration's bytes */
  readonly digest: string
  readonly file: string
  readonly listen: { readonly host: string; readonly port: number; readonly tls?: { readonly certFile: string; readonly keyFile: string } }
  /** external base URL without a trailing slash; endpoints' resource identifiers start with it */
  readonly publicUrl: string
  /** further Host and Origin values accepted, as `host[:port]` and full origins */
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  /** addresses (CIDR) of proxies whose X-Forwarded-For is believed; default none */
  readonly trustedProxies: readonly string[]
  /** networks (CIDR) that see metrics and dependencies by name */
  readonly monitoring: { readonly networks: readonly string[] }
  /** absolute path; holds audit/, keys/, trust/ */
  readonly dataDir: string
  /** absent: a file of the gateway's own in `<dataDir>/keys` */
  readonly keys: { readonly vault?: KeySource }
  /** every issuer whose tokens are accepted; the evaluation provider's own, when there is one, is the last (see evaluationIssuer) */
  readonly issuers: readonly IssuerSettings[]
  /** scopes hosts are told to ask for at first, at every endpoint; absent = `<alias>:use` where one upstream is meant */
  readonly firstScopes?: readonly string[]
  /** principal keys of the people who administer; the first was named at `init`; absent = none named */
  readonly operators?: readonly PrincipalKey[]
  readonly administration: AdministrationSettings
  /** where people sign in with a browser; present where there is an authorization server of our own */
  readonly login?: LoginSettings
  /** the gateway's own authorization server: its issuer is publicUrl, and it is the first of `issuers` */
  readonly authorizationServer?: AuthorizationServerSettings
  /** the evaluation identity provider, in a process of its own, loopback only */
  readonly evaluation?: EvaluationSettings
  /** absolute path of the folder with reviewers' decisions */
  readonly admissions: string
  /** who may admit servers, by name; empty = decisions need no signature */
  readonly reviewers: ReadonlyMap<string, ReviewerSettings>
  /** how long it counts that something was read; whether people may clear their own marks */
  readonly approvals: { readonly webhooks: readonly WebhookSettings[]; readonly selfFrom: SelfFrom; readonly limits: ApprovalLimits }
  readonly audit: {
    /** name of the log in its checkpoints; absent = made at the first start */
    readonly origin?: string
    /** who cosigns them: URL without a slash at its end, and verifier key */
    readonly witnesses: readonly { readonly url: string; readonly key: string }[]
    /** how long events are kept; absent = all are */
    readonly retentionSeconds?: number
    readonly sinks: readonly SinkSettings[]
  }
  readonly flow: { readonly decayMs: number; readonly clearOwn: boolean }
  /** absolute paths of folders of policies; absent = allow rules decide alone. `shadow` decides nothing */
  readonly policies?: { readonly folder: string; readonly shadow?: string }
  /** tiers of findings where no upstream is meant */
  readonly inspection: Tiers
  readonly upstreams: ReadonlyMap<string, ConfiguredUpstream>
  readonly sets: ReadonlyMap<string, { readonly upstreams: readonly string[] }>
  /** what people decided about collisions, at most one decision for each entry */
  readonly collisions: readonly Resolution[]
  readonly registry: RegistrySettings
  /** what outbound fetches may reach besides public addresses: `host:port`, and networks (CIDR) */
  readonly outbound: { readonly hosts: readonly string[]; readonly networks: readonly string[] }
  /** the URL that is the gateway's client id at authorization servers of upstreams; absent = where the gateway serves its document */
  readonly clientMetadataUrl?: string
  readonly limits: Limits
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' }
  readonly telemetry: TelemetrySettings
}

/** An OpenTelemetry collector: where one signal is sent with POST, and with which headers. */
type CollectorSettings = { readonly url: string; readonly headers: Readonly<Record<string, string>> }

/** Absent = nothing is sent. */
export type TelemetrySettings = {
  /** `sample`: share of requests, 0 to 1; `fromHosts`: traces a second that callers may ask for */
  readonly traces?: CollectorSettings & { readonly sample: number; readonly fromHosts: number }
  readonly metrics?: CollectorSettings & { readonly everyMs: number }
}

/** How a reviewer signs: with a key, or as an identity that a Sigstore instance issues certificates to. Paths are absolute. */
export type ReviewerSettings =
  /** `isEvaluation`: the private half lies on this machine, for trying things out */
  | { readonly kind: 'key'; readonly publicKey: string; readonly isEvaluation: boolean }
  /** one of `san` and `sanPattern`; `root`: trusted_root.json of the instance */
  | { readonly kind: 'keyless'; readonly issuer: string; readonly san?: string; readonly sanPattern?: string; readonly root: string }

export type RegistrySettings = NamespaceSettings & {
  /** absolute paths; absent: nothing can be verified */
  readonly trust?: { readonly policies: string; readonly root?: string }
  /** `folder`, `root`: absolute paths. Never beside `trust`. */
  readonly repository?: {
    readonly place: { readonly folder: string } | { readonly url: string }
    readonly root: string
    /** signs what is online of the folder itself */
    readonly isPublisher: boolean
    readonly everyMs: number
    /** how long what was verified before is used on after the repository's word expired */
    readonly graceMs: number
  }
  /** another registry that served versions come from; no trailing slash, absolute path */
  readonly from?: { readonly url: string; readonly tokenFile?: string; readonly graceMs: number }
  /** what is kept of all versions in one namespace; default 512 MiB */
  readonly namespaceBytes: number
  /** absolute paths */
  readonly seeds: readonly string[]
  readonly mirrors: readonly {
    readonly url: string
    /** lower case */
    readonly namespaces: readonly string[]
    readonly everyMs: number
    /** absolute */
    readonly tokenFile?: string
  }[]
  /** what becomes of new versions that an advisory concerns */
  readonly vulnerable: 'refuse' | 'warn'
  readonly artifacts: ArtifactSettings
  /** other machines reach the gateway: nobody reads without a token but where a set says so */
  readonly isExposed: boolean
  /** names of servers and namespaces in lower case */
  readonly sets: ReadonlyMap<
    string,
    { readonly servers: readonly string[]; readonly namespaces: readonly string[]; readonly anonymous: boolean }
  >
}

/** How namespaces are proved. */
export type NamespaceSettings = {
  /** issuers whose tokens prove namespaces; an issuer once */
  readonly proofs: readonly ProofSettings[]
  /** nothing is published in a namespace after key, owner or signer changed */
  readonly cooldownSeconds: number
  /** whoever proves a namespace that nobody has gets it, without a role */
  readonly isOpenToClaims: boolean
  /** proofs that can be shown to another registry */
  readonly officialProofs: boolean
  readonly github?: { readonly api: string; readonly issuer: string }
}
/** Who may prove which names: its rules are those of registry/proof-rules.ts. `jwksFile`: an absolute path. */
type ProofSettings = ProofRule & {
  readonly jwksUri?: string
  readonly jwksFile?: string
  readonly algorithms: readonly string[]
  readonly audience: string
  readonly maxTokenSeconds: number
  readonly clockSkewSeconds: number
}

/** Base URLs without a trailing slash. */
export type ArtifactSettings = {
  readonly npm?: string
  /** value of the Authorization header towards it */
  readonly npmAuthorization?: string
  readonly pypi?: string
  readonly oci?: string
  /** `name[:port]` of hosts that MCPB files come from */
  readonly mcpb: readonly string[]
  readonly mirrorOf: readonly string[]
  /** absolute */
  readonly folder: string
}

export type AdministrationSettings = {
  /** the people of `operators` included */
  readonly roles: readonly RoleRule[]
  /** whether policy, trust and key changes need a second person */
  readonly twoPerson: boolean
  readonly proposalSeconds: number
}

/** What an issuer may assert, and where its keys are; neither source named = discovered from the issuer's metadata. */
export type IssuerSettings = IssuerRules & {
  readonly jwksUri?: string
  /** client id its back-channel logout tokens are for; absent = none is taken */
  readonly logoutAudience?: string
  /** absolute path of a JWK Set, instead of fetching */
  readonly jwksFile?: string
  readonly introspection?: {
    readonly url?: string
    readonly clientId: string
    readonly clientSecret: string
    readonly method: 'basic' | 'post'
    readonly isOpaque: boolean
  }
}

/** Where a key comes from; `file` is absolute, `command` has at least a program. */
export type KeySource =
  | { readonly from: 'file'; readonly file: string }
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'command'; readonly command: readonly string[] }

/** The identity provider that people are sent to. */
export type LoginSettings = {
  readonly issuer: string
  readonly clientId: string
  /** absent = public client */
  readonly clientSecret?: string
  readonly scopes: readonly string[]
  readonly subjectClaim: string
  readonly groupsClaim: string
  /** it supports PKCE with S256 though its metadata does not say so; absent = it has to say so */
  readonly isPkceAssumed?: boolean
}

export type AuthorizationServerSettings = {
  /** which clients may come without being configured: none, those named by the URL of a document, also those that register themselves */
  readonly registration: 'closed' | 'documents' | 'open'
  /** life of an access token, at most 900, and of what comes of one consent */
  readonly tokenSeconds: number
  readonly refreshSeconds: number
  readonly clients: readonly OauthClientSettings[]
}

type OauthClientSettings = {
  readonly id: string
  readonly name: string
  readonly redirectUris: readonly string[]
  readonly secret?: string
}

/** The client that `gatehouse login` is at our authorization server. */
export const COMMAND_LINE_CLIENT = 'gatehouse-cli'

/** What this gateway is called at its own evaluation provider. */
export const EVALUATION_CLIENT = 'gatehouse'
/** Where the identity provider sends people back to. */
export const LOGIN_CALLBACK = '/oauth/login/callback'

/** The public halves of the authorization server's keys: read from this file, nobody can put in keys of their own. */
export const authorizationServerKeyFile = (dataDir: string): string => join(dataDir, 'keys', 'authorization-server-public.json')

export type EvaluationSettings = {
  readonly port: number
  readonly users: readonly { readonly name: string; readonly groups: readonly string[] }[]
}

/** The issuer identifier of the evaluation identity provider that listens on this loopback port. */
export const evaluationIssuer = (port: number): string => `http://127.0.0.1:${port}`

/** Where the evaluation provider writes its public keys: read from this file, nobody who takes its port can put in keys of their own. */
export const evaluationKeyFile = (dataDir: string): string => join(dataDir, 'evaluation', 'jwks.json')

export type UpstreamTransport =
  | {
      readonly kind: 'stdio'
      readonly command: string
      readonly args: readonly string[]
      /** the child's whole environment besides PATH and HOME-like basics; already resolved from `fromEnv` */
      readonly env: Readonly<Record<string, string>>
      /** absolute */
      readonly cwd?: string
      /** run as this user and group of the operating system; behind a non-loopback listener a uid or a launcher is required */
      readonly uid?: number
      readonly gid?: number
      /** command prefix that confines the process, e.g. `[bwrap, --unshare-all, --]`; the command and its arguments follow it */
      readonly launcher?: readonly string[]
    }
  | ({ readonly kind: 'http' } & RemoteTransport)
  /** the deprecated HTTP+SSE transport of 2024-11-05 */
  | ({ readonly kind: 'sse' } & RemoteTransport)

type RemoteTransport = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** SHA-256 of the public keys (SPKI, DER) its certificate may have, in lower-case hexadecimal; absent = any that the certificate authorities vouch for */
  readonly spkiSha256?: readonly string[]
}

/** A pinned version of a server of the registry: what is started or connected to is decided by its signatures (src/trust/served-version.ts). */
export type ServedTransport = {
  readonly kind: 'server'
  readonly name: string
  /** exact */
  readonly version: string
  readonly package?: 'npm' | 'mcpb' | 'pypi' | 'oci' | 'remote'
  readonly args: readonly string[]
  /** values for variables and headers that the signed server.json declares */
  readonly env: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
  readonly launcher?: readonly string[]
}

/** As configured: what stands behind a `server` is known once it is verified. */
export type ConfiguredUpstream = Omit<UpstreamSettings, 'transport'> & { readonly transport: UpstreamTransport | ServedTransport }

/** How an upstream is started or reached, for reviewers: it says the same on every machine, and holds no secret. */
export type LaunchSettings = {
  /** plain JSON data */
  readonly specification: Readonly<Record<string, unknown>>
  /** SHA-256 of its canonical JSON, lower-case hex */
  readonly digest: string
  /** what its command would fetch without an exact version or digest: nobody can have reviewed that */
  readonly unpinned?: string
}

export type UpstreamSettings = {
  readonly alias: string
  readonly title?: string
  readonly transport: UpstreamTransport
  readonly launch: LaunchSettings
  /** `auto` probes once and pins the verdict in trust/; the others refuse an upstream of the other era */
  readonly era: 'auto' | Era
  /** `principal`: own connections and processes per caller; `all`: an administrator says the server is stateless and credential-free */
  readonly share: 'principal' | 'all'
  /** `required`: what it lists passes as far as a reviewer admitted it; `configured`: the configuration alone admits it */
  readonly admission: 'required' | 'configured'
  /** words of an administrator's for it, for policies */
  readonly labels: readonly string[]
  /** tiers of what is found in what it sends and is sent */
  readonly inspection: Tiers
  /** how it may ask of hosts what it may ask at all */
  readonly gates: GateSettings
  /** what arguments and URIs of resources have to be */
  readonly arguments: ArgumentSettings
  /** digests of definitions that pass although something was found */
  readonly accepted: readonly string[]
  /** what an administrator says of its contents; absent = nothing */
  readonly reads?: Reads
  /** `shared`: an administrator says lists do not depend on the caller */
  readonly lists: 'principal' | 'shared'
  /** internal life of a cached list where the upstream announces no changes; seconds, default 60 */
  readonly listTtlSeconds: number
  readonly timeouts: {
    /** connect, spawn and probe; default 10_000 */
    readonly connectMs: number
    /** silence after which a call is given up (progress resets it); default 60_000 */
    readonly callMs: number
    /** hard maximum of a call regardless of progress; default 600_000 */
    readonly hardMs: number
    /** an unused process or session stops after; default 300_000 */
    readonly idleMs: number
    /** parked legacy calls waiting for the host's answer; default 300_000 */
    readonly parkMs: number
  }
  readonly limits: {
    /** calls in flight to this upstream; default 64 (further ones queue) */
    readonly concurrency: number
    /** waiting calls; default 256, then upstream-overloaded */
    readonly queue: number
    /** processes or legacy sessions kept; default 32; least recently used idle ones stop first */
    readonly connections: number
    /** bytes of one message from the upstream; default 16 MiB */
    readonly messageBytes: number
    /** bytes buffered towards or from one connection; default 32 MiB */
    readonly bufferBytes: number
    /** pages, entries and bytes of one list; defaults 100, 10_000, 16 MiB */
    readonly listPages: number
    readonly listEntries: number
    readonly listBytes: number
    /** notifications relayed per call and second; default 200, further ones are dropped and counted */
    readonly notificationsPerSecond: number
    /** MRTR rounds of one logical call; default 8 */
    readonly rounds: number
    /** instead of those of `limits`: calls in a time to it and to each of its tools, and at once */
    readonly rate?: RateWindow
    readonly toolRate?: RateWindow
    readonly atOnce?: number
  }
  /** what needs which scope, by word */
  readonly scopes: ScopeWords
  readonly allow: readonly AllowRule[]
  /** a credential of its own for every principal; absent = what the transport's headers and environment say serves all */
  readonly credential?: CredentialRule
}

/** At most `count` within `seconds`. */
export type RateWindow = { readonly count: number; readonly seconds: number }

export type Limits = {
  /** bytes of a request body; default 4 MiB */
  readonly bodyBytes: number
  /** bytes of large request bodies under way in all; default 256 MiB */
  readonly bodyTotalBytes: number
  /** JSON nesting; default 64 */
  readonly depth: number
  /** open connections in all, and per remote address; defaults 25_000 and 4_096 */
  readonly connections: number
  readonly connectionsPerAddress: number
  /** per remote address: requests before authentication that failed, per minute; default 600 */
  readonly addressFailuresPerMinute: number
  /** per principal: requests per second, sustained; default 200 with a burst of twice that */
  readonly principalPerSecond: number
  /** requests and calls in a time, per what the name says; `visitor`: per address, to everything but MCP endpoints, registry and administration */
  readonly rates: Readonly<Record<'address' | 'visitor' | 'visitors' | 'principal' | 'client' | 'server' | 'tool', RateWindow>>
  /** calls at once; defaults 512, 4_096 and 1_024 */
  readonly concurrency: { readonly principal: number; readonly client: number; readonly server: number }
  /** bytes of requests and answers in a time; defaults 1 GiB and 16 GiB a minute */
  readonly payload: { readonly principal: RateWindow; readonly client: RateWindow }
  /** legacy sessions in all, and per principal; defaults 20_000 and 64 */
  readonly sessions: number
  readonly sessionsPerPrincipal: number
  /** a legacy session without traffic ends after; seconds, default 3600 */
  readonly sessionIdleSeconds: number
  /** open listen and GET streams in all, and per principal; defaults 20_000 and 64 */
  readonly streams: number
  readonly streamsPerPrincipal: number
  /** replay buffer of one legacy stream: events and bytes; defaults 256 and 1 MiB; all sessions together 256 MiB */
  readonly replayEvents: number
  readonly replayBytes: number
  readonly replayTotalBytes: number
  /** parked legacy calls in all and per principal; defaults 1_000 and 16 */
  readonly parked: number
  readonly parkedPerPrincipal: number
  /** header and body deadlines of an incoming request; defaults 10_000 and 30_000 */
  readonly headersMs: number
  readonly bodyMs: number
  /** time for calls to finish on SIGTERM; default 10_000 */
  readonly drainMs: number
}
