// What administration consists of, as stages see it: acts by name, their parameters, and the ports that carry them out. Built in compose/.

import type { AuditReader } from '../audit/reading.ts'
import type { ValueStore } from '../audit/values.ts'
import type { Approvals } from '../approvals/approvals.ts'
import type { ApprovalNews } from '../approvals/news.ts'
import type { SelfFrom } from '../approvals/self-from.ts'
import type { StandingGrants } from '../approvals/standing.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import type { BreakGlass } from '../administration/break-glass.ts'
import type { Change, Proposals } from '../administration/proposals.ts'
import type { Role } from '../administration/roles.ts'
import type { DeadLetter, DeadLetters } from '../delivery/ledger.ts'
import type { Level } from '../delivery/route.ts'
import type { Marks } from '../flow/marks.ts'
import type { Block, BlockTarget } from '../identity/blocks.ts'
import type { Stop } from '../kernel/errors.ts'
import { neutral } from '../kernel/neutral-json.ts'
import type { Mirrors } from '../registry/mirrors/mirrors.ts'
import type { MirrorStore } from '../registry/mirrors/store.ts'
import type { Advising } from '../registry/advisories/advise.ts'
import type { Exchange } from '../registry/exchange.ts'
import type { Namespaces } from '../registry/namespaces.ts'
import type { RegistryTokens } from '../registry/registry-token.ts'
import type { Publisher } from '../registry/publish.ts'
import type { KnownSigner, ProposedSigner } from '../trust/signer-proposals.ts'
import type { Activity } from '../kernel/measure.ts'
import type { Principal, PrincipalKey } from '../kernel/principal.ts'
import { member, textOf } from '../mcp/json.ts'
import type { Judgement } from './colliding.ts'
import type { Connecting } from './connecting.ts'
import type { GatewayDeps } from './deps.ts'
import type { Answered, EventStream, Received } from './path.ts'
import type { ServerReviews } from './server-reviews.ts'

/** What an end of streams, sessions and calls came to. */
export type Ended = { readonly streams: number; readonly sessions: number; readonly calls: number }

export type Asked = { readonly by: PrincipalKey; readonly why: string }

export type AdminDeps = Pick<GatewayDeps, 'authenticate' | 'standing' | 'admit' | 'streamLimit' | 'now'> & {
  /** what policies say of acts, where there are any */
  readonly judge?: GatewayDeps['judge']
  /** by the rules in force now */
  readonly rolesOf: (principal: Principal) => ReadonlySet<Role>
  readonly isTwoPerson: () => boolean
  readonly blocks: {
    all(): readonly Block[]
    /** in force at once; rejects when it may not survive a restart */
    block(block: Block): Promise<Ended | 'full'>
  }
  /** ends streams, sessions and calls of a principal; its tokens until now no longer count */
  readonly signOut: (key: PrincipalKey) => Promise<Ended>
  /** the principal somebody means: `<issuer> <subject>`, or the subject alone where there is one issuer; undefined = no such issuer */
  readonly principalNamed: (text: string) => PrincipalKey | undefined
  readonly hasServer: (alias: string) => boolean
  /** whether nobody could administer any more if this were blocked */
  readonly wouldLockOut: (target: BlockTarget) => boolean
  /** changes that the two-person rule covers, by action, asked for by somebody, for a reason; `undefined` = no such target */
  readonly changes: Readonly<Record<string, (target: string, asked: Asked) => Promise<object | undefined>>>
  readonly proposals: Proposals
  /** one that was proposed is applied now: durable when it resolves, and before it is */
  readonly recordChange: (detail: Change & { readonly proposal: string; readonly by: PrincipalKey }) => Promise<void>
  /** connected accounts, of the principal who asks alone */
  readonly connections: Pick<Connecting, 'list' | 'revoke'>
  /** every endpoint as its names were compared */
  readonly collisions: () => Promise<readonly Judgement[]>
  /** the last hour of this process */
  readonly activity: () => Activity
  /** servers as reviewers look at them */
  readonly reviews: ServerReviews
  readonly marks: Pick<Marks, 'all' | 'clear'> & {
    readonly mayClearOwn: () => boolean
    /** durable when it resolves */
    readonly recordClear: (detail: {
      readonly of: PrincipalKey
      readonly by: PrincipalKey
      readonly why: string
      readonly client?: string
    }) => Promise<void>
  }
  readonly approvals: {
    readonly approvals: Pick<Approvals, 'approve' | 'reject'>
    readonly standing: Pick<StandingGrants, 'list' | 'revoke'>
    readonly news: Pick<ApprovalNews, 'watch'>
    readonly store: Pick<ApprovalStore, 'find' | 'list' | 'body'>
    /** what was kept of a request for people; undefined = it cannot be read any more */
    readonly unseal: (sealed: string, digest: string) => string | undefined
    /** groups as policies name them */
    readonly groupsOf: (principal: Principal) => readonly string[]
    readonly selfFrom: () => SelfFrom
  }
  /** of audit events to sinks */
  readonly delivery: {
    /** each configured sink */
    readonly levels: () => readonly (Level & { readonly kind: string })[]
    readonly letters: DeadLetters
    /** what the log has at its place; undefined = it is not there any more. Rejects where the log cannot be read */
    readonly eventOf: (letter: DeadLetter) => Promise<string | undefined>
  }
  readonly breakGlass: BreakGlass
  readonly auditReader: AuditReader
  /** contents that rules asked to record */
  readonly auditValues: Pick<ValueStore, 'read'>
  readonly registry: {
    /** `view`: a set of the registry, or '' for all of it; `target`: path and query from `/v0.1` on. JSON text, or a document byte for byte */
    readonly read: (view: string, target: string) => Promise<string | Buffer | Stop>
    /** the same of the whole registry, with what waits for a reviewer */
    readonly review: (target: string) => Promise<string | Buffer | Stop>
    readonly namespaces: Namespaces
    readonly publisher: Publisher
    readonly exchange: Exchange
    readonly tokens: RegistryTokens
    readonly signers: SignerPolicies
    /** the ID token of the sign-in that this principal's token rests on, fresh; a Stop says why there is none. Never rejects. */
    readonly loginToken: (principal: Principal) => Promise<string | Stop>
    readonly advising: Advising
    readonly mirrors: Pick<Mirrors, 'status' | 'request'>
    /** what mirrors showed */
    readonly mirrored: Pick<MirrorStore, 'find' | 'page'>
    /** sends revocations behind a number, and each that comes, until the stream is closed */
    readonly follow: (stream: EventStream, after: number) => void
  }
  /** a local act was honoured: said loudly */
  readonly onBreakGlass: (act: string, by: string, detail: object) => Promise<void>
}

/** Who stands at the machine: by a file that only the gateway's own user could have made. Never from the network. */
type LocalCaller = { readonly user: string }
/** `isPublishing`: it came to a place of the registry that takes the registry's own tokens too. */
export type AdminReceived = Received & {
  readonly local?: LocalCaller | undefined
  /** who signed in to the console, whose session came with this request; never set for what came with a token */
  readonly person?: Principal | undefined
  readonly isPublishing?: boolean | undefined
}

/** Who may sign for namespaces: read, and changed by proposals that others sign. */
export interface SignerPolicies {
  read(): Promise<{ readonly policies: readonly KnownSigner[]; readonly proposed: readonly ProposedSigner[] } | Stop>
  /** keeps a policy (JSON text) that is to be approved; a Stop says why it could not become one */
  keep(namespace: string, policy: string): Promise<ProposedSigner | Stop>
  /** stages what was kept, or says what is to be carried to whoever signs; undefined = nothing of that target is kept, or it fits no more */
  stage(target: string): Promise<object | undefined>
}

/** What an act is aimed at, for the record: no free text of people. */
export type Aimed = { readonly act: { readonly target: string; readonly params: Readonly<Record<string, string>> } }

/** What people wrote stands in it: shown by consoles and terminals. */
export const adminAnswer = (body: object): Answered => ({
  answer: { kind: 'result', result: Buffer.from(neutral(JSON.stringify(body))), outcome: 'ok' },
})

const MAX_TEXT = 4096
type Texts = { readonly params: Readonly<Record<string, string>> }

/** The members of the body: texts of these names and no others, `optional` ones may be absent. A stop says which is wrong. */
export function readTexts(x: Received, names: readonly string[], optional: readonly string[] = [], maxBytes = MAX_TEXT): Texts | Stop {
  const found: Record<string, string> = {}
  if (!x.doc || x.params?.kind !== 'object') return { stop: 'params-invalid', detail: 'expected one JSON object' }
  for (const { key, value } of x.params.members ?? []) {
    if (!names.includes(key) && !optional.includes(key)) return { stop: 'params-invalid', detail: `no member \`${key.slice(0, 64)}\` here` }
    const text = value.kind === 'string' && value.end - value.start <= maxBytes ? textOf(x.doc, value) : undefined
    if (text === undefined || /[\x00-\x1f\x7f]/.test(text))
      return { stop: 'params-invalid', detail: `expected \`${key}\` as a text of at most ${maxBytes} bytes in one line` }
    found[key] = text
  }
  const missing = names.find(name => member(x.params, name) === undefined || found[name] === '')
  return missing === undefined ? { params: found } : { stop: 'params-invalid', detail: `expected \`${missing}\`` }
}
