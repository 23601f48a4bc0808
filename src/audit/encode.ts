// Events to text for the hot path: an intent and an outcome cost about a microsecond each. One event is one line of canonical JSON (RFC 8785), written in order
// from pieces: nothing is sorted, and nothing parsed, on the way.

import { canonicalString, canonicalText } from '../kernel/canonical-text.ts'
import { EVENT_VERSION } from './record.ts'
import type {
  AggregateEvent,
  AuditEvent,
  ContactEndEvent,
  ContactFacts,
  DecisionEvent,
  EventCommitment,
  EventPrincipal,
  EventTimings,
  EventUpstream,
  ExchangeFacts,
  LifecycleEvent,
  OutcomeEvent,
  RefusalEvent,
  ServerRequestEvent,
} from './record.ts'
import { createTimeText, createUuidV7, type FillRandom } from './stamps.ts'
import type { Commitment } from './values.ts'

/** Longest text of a field in UTF-16 units; what is longer is cut and ends in `…` (N107: a tool name of 1 MB costs 512 characters of log). */
export const MAX = { id: 128, method: 128, stage: 64, name: 512, endpoint: 512, detail: 1024, rule: 1024, principal: 4096 } as const
/** Longest list; what is longer is cut and ends in `…`. */
const MAX_ITEMS = 256
const MAX_SCOPES = 64

/**
 * The members all events of one exchange share, as pieces of JSON text that stand apart in its events: made once, used by its intent, outcome and questions.
 * Each but the first begins with a comma or is empty.
 */
export type ExchangeText = {
  /** `{"call":...` */
  readonly start: string
  readonly credential: string
  readonly marks: string
  readonly principal: string
  readonly request: string
  readonly session: string
  readonly subject: string
  readonly trace: string
  readonly upstream: string
}
/** The same for the two events of one contact. */
export type ContactText = {
  /** `{"contact":...`, and `credential` */
  readonly start: string
  readonly method: string
  readonly params: string
  /** `principal`, `purpose` */
  readonly who: string
  readonly server: string
}

// Optional members may also be handed over as undefined: callers on the data path build no conditional spreads.
type Loose<T> = { readonly [K in keyof T]: object extends Pick<T, K> ? T[K] | undefined : T[K] }
type Own<T> = Loose<Omit<T, keyof ExchangeFacts | 'v' | 'id' | 'time' | 'type' | keyof Beside | keyof EventCommitment>>
/** What stands beside the facts of an event, as canonical JSON text: the decision of the rules, and what inspection found. */
export type Beside = { readonly policy?: string | undefined; readonly findings?: string | undefined }
/** The id of an event that commits to a value, which is sealed to it, and what it says of that. */
export type Committing = { readonly id: string; readonly commit: Commitment }
/** `committing`: where a rule asks to record the arguments */
export type IntentBeside = Beside & { readonly committing?: Committing | undefined }
export type OutcomeFacts = Own<OutcomeEvent> & Pick<Loose<OutcomeEvent>, 'findings'>
export type RefusalFacts = Own<RefusalEvent>
export type DecisionFacts = Own<DecisionEvent>
export type ServerRequestFacts = Own<ServerRequestEvent>
export type AggregateFacts = Own<AggregateEvent>
export type ContactEnd = Omit<Own<ContactEndEvent>, keyof ContactFacts>

// A number from an upstream may be anything; JSON has no Infinity and no NaN.
const number = (value: number): number => (Number.isFinite(value) ? value : 0)
const millis = (value: number): number => number(Math.round(value * 1000) / 1000)

function stringList(values: readonly string[], maxItems = MAX_ITEMS, maxLength: number = MAX.rule): string {
  if (values.length === 1) return `[${canonicalString(values[0] ?? '', maxLength)}]`
  const kept = values.length > maxItems ? [...values.slice(0, maxItems - 1), '…'] : values
  return `[${kept.map(value => canonicalString(value, maxLength)).join(',')}]`
}

/** One per process; not shared between threads. Never throws for typed input. */
export class EventEncoder {
  readonly #now: () => number
  readonly #timeText = createTimeText()
  readonly #principals = new WeakMap<EventPrincipal, string>()
  readonly #upstreams = new WeakMap<EventUpstream, string>()
  /** a fresh UUIDv7, also for the ids of requests and calls */
  readonly newId: () => string

  /** `now` is the wall clock in milliseconds */
  constructor(now: () => number, fillRandom: FillRandom) {
    this.#now = now
    this.newId = createUuidV7(now, fillRandom)
  }

  exchange(facts: Loose<Omit<ExchangeFacts, 'subject'>> & { readonly subject: Loose<ExchangeFacts['subject']> }): ExchangeText {
    const { subject } = facts
    let what = `,"subject":{`
    if (subject.definition !== undefined) what += `"definition":${canonicalString(subject.definition, MAX.id)},`
    what += `"endpoint":${canonicalString(subject.endpoint, MAX.endpoint)},"era":"${subject.era}","method":${canonicalString(subject.method, MAX.method)}`
    if (subject.name !== undefined) what += `,"name":${canonicalString(subject.name, MAX.name)}`
    if (subject.paramsBytes !== undefined) what += `,"paramsBytes":${number(subject.paramsBytes)}`
    if (subject.paramsDigest !== undefined) what += `,"paramsDigest":${canonicalString(subject.paramsDigest, MAX.id)}`
    if (subject.server !== undefined) what += `,"server":${canonicalString(subject.server, MAX.id)}`
    return {
      start: `{"call":${canonicalString(facts.call, MAX.id)}`,
      credential: credentialOf(facts.credential),
      marks: facts.marks !== undefined && facts.marks.length > 0 ? `,"marks":${stringList(facts.marks)}` : '',
      principal: facts.principal === undefined ? '' : this.#principal(facts.principal),
      request: `,"request":${canonicalString(facts.request, MAX.id)}`,
      session: facts.session === undefined ? '' : `,"session":${canonicalString(facts.session, MAX.id)}`,
      subject: `${what}}`,
      trace: `,"trace":${canonicalString(facts.trace, MAX.id)}`,
      upstream: facts.upstream === undefined ? '' : this.#upstream(facts.upstream),
    }
  }

  /** `policy`: the decision of the rules, as canonical JSON text; where there are none, undefined. The same for refusals and decisions. */
  intent(x: ExchangeText, rules: readonly string[], round: number, { policy, findings, committing }: IntentBeside = {}): string {
    const how = `${commitOf(committing)}${x.credential}${findingsOf(findings)}${this.#id(committing?.id)}${x.marks}${policyOf(policy)}`
    const what = `${x.request},"round":${number(round)},"rules":${stringList(rules)}${x.session}${x.subject}`
    return `${x.start}${how}${x.principal}${what}${this.#end(x, 'intent')}}`
  }

  outcome(x: ExchangeText, facts: OutcomeFacts, committing?: Committing): string {
    const { notifications, errorCode, redacted, resultBytes, resultDigest, withheld } = facts
    let out = `${x.start}${commitOf(committing)}${x.credential}`
    if (errorCode !== undefined) out += `,"errorCode":${number(errorCode)}`
    out += `${foundIn(facts.findings)}${this.#id(committing?.id)}${x.marks},"ms":${millis(facts.ms)}`
    if (notifications !== undefined)
      out += `,"notifications":{"count":${number(notifications.count)},"digest":${canonicalString(notifications.digest, MAX.id)}}`
    out += `,"outcome":"${facts.outcome}"${x.principal}${reasonOf(facts.reason)}`
    if (redacted !== undefined && redacted > 0) out += `,"redacted":${number(redacted)}`
    out += x.request
    if (resultBytes !== undefined) out += `,"resultBytes":${number(resultBytes)}`
    if (resultDigest !== undefined) out += `,"resultDigest":${canonicalString(resultDigest, MAX.id)}`
    out += `${x.session}${stageOf(facts.stage)}${x.subject}${this.#end(x, 'outcome', timingsOf(facts.timings))}`
    return withheld !== undefined && withheld > 0 ? `${out},"withheld":${number(withheld)}}` : `${out}}`
  }

  refusal(x: ExchangeText, { reason, stage, detail }: RefusalFacts, policy?: string): string {
    const who = `${this.#id()}${x.marks}${policyOf(policy)}${x.principal}`
    return `${x.start}${x.credential}${detailOf(detail)}${who}${reasonOf(reason)}${x.request}${x.session}${stageOf(stage)}${x.subject}${this.#end(x, 'refusal')}}`
  }

  decision(x: ExchangeText, { detail, ms, rules }: DecisionFacts, policy?: string): string {
    const who = `${this.#id()}${x.marks},"ms":${millis(ms)}${policyOf(policy)}${x.principal}`
    return `${x.start}${x.credential}${detailOf(detail)}${who}${x.request},"rules":${stringList(rules)}${x.session}${x.subject}${this.#end(x, 'decision')}}`
  }

  serverRequest(x: ExchangeText, facts: ServerRequestFacts, { policy, findings }: Beside = {}): string {
    const digest = facts.requestDigest === undefined ? '' : `,"requestDigest":${canonicalString(facts.requestDigest, MAX.id)}`
    const who = `${findingsOf(findings)}${this.#id()}${x.marks}${policyOf(policy)}${x.principal}${reasonOf(facts.reason)}`
    const what = `${x.request}${digest},"requestMethod":${canonicalString(facts.requestMethod, MAX.method)},"rules":${stringList(facts.rules)}`
    return `${x.start}${x.credential},"decision":"${facts.decision}"${who}${what}${x.session}${x.subject}${this.#end(x, 'server-request')}}`
  }

  contactText(facts: Loose<ContactFacts>): ContactText {
    const who = facts.principal === undefined ? '' : this.#principal(facts.principal)
    return {
      start: `{"contact":${canonicalString(facts.contact, MAX.id)}${credentialOf(facts.credential)}`,
      method: `,"method":${canonicalString(facts.method, MAX.method)}`,
      params: facts.paramsDigest === undefined ? '' : `,"paramsDigest":${canonicalString(facts.paramsDigest, MAX.id)}`,
      who: `${who},"purpose":"${facts.purpose}"`,
      server: `,"server":${canonicalString(facts.server, MAX.id)}`,
    }
  }

  contact({ start, method, params, who, server }: ContactText): string {
    return `${start}${this.#id()}${method}${params}${who}${server}${this.#time()}${typeOf('upstream-contact')}}`
  }

  contactEnd({ start, method, params, who, server }: ContactText, { outcome, reason, ms }: ContactEnd): string {
    const how = `,"ms":${millis(ms)},"outcome":"${outcome}"`
    return `${start}${this.#id()}${method}${how}${params}${who}${reasonOf(reason)}${server}${this.#time()}${typeOf('upstream-contact-end')}}`
  }

  aggregate({ reason, prefix, count, from, to }: AggregateFacts): string {
    const what = `,"prefix":${canonicalString(prefix, MAX.id)},"reason":"${reason}"${this.#time()},"to":${canonicalString(to, MAX.id)}`
    return `{"count":${number(count)},"from":${canonicalString(from, MAX.id)}${this.#id()}${what}${typeOf('aggregate')}}`
  }

  /** `detail` must be plain JSON data without a secret; not for the hot path */
  lifecycle(what: string, detail?: LifecycleEvent['detail']): string {
    const more = detail === undefined ? this.#id().slice(1) : `"detail":${canonicalText(detail)}${this.#id()}`
    return `{${more}${this.#time()}${typeOf('lifecycle')},"what":${canonicalString(what, MAX.stage)}}`
  }

  /** RFC 3339 text of a time in milliseconds, for the members `from` and `to` of aggregates */
  timeText(ms: number): string {
    return this.#timeText(ms)
  }

  #id(id = this.newId()): string {
    return `,"id":"${id}"`
  }

  #time(): string {
    return `,"time":"${this.#timeText(this.#now())}"`
  }

  /** from the time of an exchange's event on */
  #end(x: ExchangeText, type: AuditEvent['type'], timings = ''): string {
    return `${this.#time()}${timings}${x.trace},"type":"${type}"${x.upstream}${VERSION}`
  }

  // The text lives as long as the principal object, which a verified token's cache entry holds.
  #principal(principal: EventPrincipal): string {
    const known = this.#principals.get(principal)
    if (known !== undefined) return known
    const out = `,"principal":${principalText(principal)}`
    this.#principals.set(principal, out)
    return out
  }

  // As long as the facts, which whoever records keeps per server and surface.
  #upstream(upstream: EventUpstream): string {
    const known = this.#upstreams.get(upstream)
    if (known !== undefined) return known
    const text = upstreamText(upstream)
    const out = text === '{}' ? '' : `,"upstream":${text}`
    this.#upstreams.set(upstream, out)
    return out
  }
}

/** Nothing in the common case. At most as many findings as there are codes and places. */
function foundIn(findings: OutcomeFacts['findings']): string {
  if (findings === undefined || findings.length === 0) return ''
  const each = findings.map(
    ({ code, severity, tier, in: where, pointer, count }) =>
      `{"code":${canonicalString(code, MAX.stage)},"count":${number(count)},"in":${canonicalString(where, MAX.stage)},"pointer":${canonicalString(pointer, MAX.name)},"severity":"${severity}","tier":"${tier}"}`,
  )
  return `,"findings":[${each.join(',')}]`
}

/** Nothing unless a rule asked for it. */
function commitOf(committing: Committing | undefined): string {
  if (committing === undefined) return ''
  const { kind, digest, bytes } = committing.commit
  return `,"commit":{"${kind}":${canonicalString(digest, MAX.id)}}${bytes === undefined ? '' : `,"commitBytes":${number(bytes)}`}`
}

const policyOf = (policy: string | undefined): string => (policy === undefined ? '' : `,"policy":${policy}`)
const findingsOf = (findings: string | undefined): string => (findings === undefined ? '' : `,"findings":${findings}`)
const detailOf = (detail: string | undefined): string => (detail === undefined ? '' : `,"detail":${canonicalString(detail, MAX.detail)}`)
const reasonOf = (reason: string | undefined): string => (reason === undefined ? '' : `,"reason":"${reason}"`)
const stageOf = (stage: string | undefined): string => (stage === undefined ? '' : `,"stage":${canonicalString(stage, MAX.stage)}`)
const credentialOf = (id: string | undefined): string => (id === undefined ? '' : `,"credential":${canonicalString(id, MAX.id)}`)
const VERSION = `,"v":${EVENT_VERSION}`
const typeOf = (type: AuditEvent['type']): string => `,"type":"${type}"${VERSION}`

function timingsOf(timings: EventTimings | undefined): string {
  if (timings === undefined) return ''
  const { decide, intent, upstream } = timings
  let out = decide === undefined ? '' : `,"decide":${millis(decide)}`
  if (intent !== undefined) out += `,"intent":${millis(intent)}`
  if (upstream !== undefined) out += `,"upstream":${millis(upstream)}`
  return out === '' ? '' : `,"timings":{${out.slice(1)}}`
}

function principalText(principal: EventPrincipal): string {
  const { authentication, client, issuer, kind, subject, tokenId, scopes = [], wildcards = [] } = principal
  const all = [...scopes, ...wildcards]
  return canonicalText({
    authentication: authentication && { kind: authentication.kind, issuer: bounded(authentication.issuer, MAX.principal) },
    client: bounded(client, MAX.principal),
    issuer: bounded(issuer, MAX.principal),
    kind,
    scopes: all.length > 0 ? (JSON.parse(stringList(all, MAX_SCOPES, MAX.id)) as unknown) : undefined,
    subject: bounded(subject, MAX.principal),
    tokenId: bounded(tokenId, MAX.name),
  })
}

function upstreamText({ admitted, name, publisher, sequence, serverJson, surface, version }: EventUpstream): string {
  return canonicalText({
    ...{ admitted, sequence, name: bounded(name, MAX.name), version: bounded(version, MAX.name) },
    ...{ serverJson: bounded(serverJson, MAX.id), surface: bounded(surface, MAX.id), publisher: bounded(publisher, MAX.detail) },
  })
}

/** A text as canonicalString would cut it. */
const bounded = (text: string | undefined, maxLength: number): string | undefined =>
  text === undefined ? undefined : (JSON.parse(canonicalString(text, maxLength)) as string)
