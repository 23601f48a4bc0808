// An approval: people let one exact call, or one exact question of a server, through. What it is bound to, who may give it, and what may become of it.

import { canonicalJson } from '../kernel/canonical-json.ts'
import { digestOf } from '../kernel/digest.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import type { SelfFrom } from './self-from.ts'

/**
 * Everything an approval is about. One that differs in any of it is another approval: edited arguments, another client, another account, a definition or
 * a version that changed, rules that ask other people.
 */
export type Binding = {
  /** `call`: a request of a host; `question`: what a server asks of the host of a call */
  readonly kind: 'call' | 'question'
  /** who asked for the call */
  readonly principal: PrincipalKey
  /** OAuth client id; '' where the token names none */
  readonly client: string
  /** resource identifier of the endpoint */
  readonly endpoint: string
  /** alias of the upstream */
  readonly server: string
  /** version and origin of the server behind it: UpstreamEntry.identity */
  readonly identity: string
  /** id of the principal's own credential that would carry it; '' where the upstream takes none */
  readonly account: string
  /** digest of the definition as its list has it now; '' for what has none */
  readonly definition: string
  /** `tools/call`, or of a question `sampling/createMessage` and so on */
  readonly method: string
  /** tool, prompt, URI in the server's own name; of a question, of the call it was asked in */
  readonly name: string
  /** digest of the arguments as they were prepared for the upstream, or of the server's question */
  readonly request: string
  /** of a question: digest of the call it was asked in; '' of a call */
  readonly within: string
  /** which rules ask whom: `demandsDigest` */
  readonly demands: string
}

/** What one rule asks for. */
export type Demand = {
  readonly rule: string
  /** names of groups, as policies name them; `self` stands for the requester */
  readonly approvers: readonly string[]
  /** how long it waits, and how long it counts once it is given */
  readonly ttlSeconds: number
  /** who may decide besides, once it has waited that long */
  readonly escalation?: { readonly afterSeconds: number; readonly approvers: readonly string[] }
  /** longest standing grant that may be given with it; absent = none */
  readonly standingSeconds?: number
}

/** The requester may decide where a rule says so, and nowhere else. */
export const SELF = 'self'

/**
 * `pending` waits for people, `approved` waits to be used, `spent` was used: all others are ends. `expired`: nobody decided, or nobody used it, in time: that
 * is a no.
 */
export type ApprovalState = 'pending' | 'approved' | 'rejected' | 'spent' | 'expired'

/** One person's yes. `as`: names of `approvers` it counts for. */
export type Vote = {
  readonly by: PrincipalKey
  readonly as: readonly string[]
  readonly atSeconds: number
  readonly standingSeconds?: number
}

export type Approval = {
  /** unguessable; opens nothing by itself */
  readonly id: string
  readonly binding: Binding
  /** `bindingDigest(binding)`: what whoever decides says they saw */
  readonly digest: string
  readonly state: ApprovalState
  /** grows with every change */
  readonly version: number
  /** how many people have to say yes, at least 1 */
  readonly quorum: number
  readonly demands: readonly Demand[]
  readonly votes: readonly Vote[]
  readonly openedSeconds: number
  /** of a pending one when it ends undecided, of an approved one when it ends unused, of a rejected one until when it is the answer */
  readonly expiresSeconds: number
  readonly rejected?: { readonly by: PrincipalKey; readonly atSeconds: number; readonly why: string }
  /** the logical call that used it, and how many of its rounds left for the upstream */
  readonly spent?: { readonly call: string; readonly rounds: number; readonly atSeconds: number }
}

export const bindingDigest = (binding: Binding): string => digestOf(canonicalJson(binding) ?? JSON.stringify(binding))

/** Who has to approve: equal digests ask the same people the same way. */
export const demandsDigest = (demands: readonly Demand[], quorum: number): string =>
  digestOf(canonicalJson({ demands: [...demands].sort((a, b) => (a.rule < b.rule ? -1 : 1)), quorum }) ?? '')

/**
 * Who decides. `client`: the OAuth client they do it with, '' where a token names none. `groups` as policies name them; empty for those whose role permits nothing.
 * `isInConsole`: signed in there with a browser, and not by a token. `selfFrom`: as it is configured.
 */
export type Decider = {
  readonly key: PrincipalKey
  readonly client: string
  readonly groups: ReadonlySet<string>
  readonly isInConsole: boolean
  readonly selfFrom: SelfFrom
}

/** Names under which somebody may decide now: their groups among those the rules name, `self` for the requester. Empty = they may not. */
export function mayDecideAs(
  { binding, demands, openedSeconds }: Pick<Approval, 'binding' | 'demands' | 'openedSeconds'>,
  who: Decider,
  nowSeconds: number,
): readonly string[] {
  const named = new Set(demands.flatMap(demand => namedNow(demand, nowSeconds - openedSeconds)))
  // A group called `self` names nobody. Whoever asked is an approver of it only where a rule says `self`, and never with what a host could do by itself: with the
  // client that asked, nor (unless that is configured) with a token at all, which a host that runs commands gets from the command line of its person.
  const isPerson = who.isInConsole || (who.selfFrom === 'other-client' && who.client !== binding.client)
  if (who.key === binding.principal) return named.has(SELF) && isPerson ? [SELF] : []
  return [...named].filter(name => name !== SELF && who.groups.has(name)).sort()
}

const namedNow = ({ approvers, escalation }: Demand, waitedSeconds: number): readonly string[] =>
  escalation && waitedSeconds >= escalation.afterSeconds ? [...approvers, ...escalation.approvers] : approvers

/** Enough people, and of each rule one that it names by now: another rule may have named them before. */
export function isEnough(
  { demands, quorum, openedSeconds }: Pick<Approval, 'demands' | 'quorum' | 'openedSeconds'>,
  votes: readonly Vote[],
  nowSeconds: number,
): boolean {
  if (new Set(votes.map(({ by }) => by)).size < Math.max(1, quorum)) return false
  const names = new Set(votes.flatMap(vote => vote.as))
  return demands.every(demand => namedNow(demand, nowSeconds - openedSeconds).some(name => names.has(name)))
}

/** The same for a standing grant: everything but the arguments, and until it ends. */
export type GrantTerms = Omit<Binding, 'request' | 'within'>
export type StandingGrant = {
  readonly id: string
  readonly terms: GrantTerms
  /** `termsDigest(terms)` */
  readonly digest: string
  /** the approval it was given with */
  readonly approval: string
  readonly votes: readonly Vote[]
  readonly givenSeconds: number
  readonly expiresSeconds: number
  readonly uses: number
  readonly usedSeconds?: number
}

export function termsOf(binding: Binding): GrantTerms {
  const { kind, principal, client, endpoint, server, identity, account, definition, method, name, demands } = binding
  return { kind, principal, client, endpoint, server, identity, account, definition, method, name, demands }
}
export const termsDigest = (terms: GrantTerms): string => digestOf(canonicalJson(terms) ?? JSON.stringify(terms))
