// Events to text for the hot path: an intent and an outcome cost about a microsecond each. One event is one line of pure ASCII JSON.

import { asciiJson, jsonString } from '../kernel/json-string.ts'
import { EVENT_VERSION } from './record.ts'
import type {
  AggregateEvent,
  AuditEvent,
  ContactEndEvent,
  ContactFacts,
  DecisionEvent,
  EventPrincipal,
  ExchangeFacts,
  LifecycleEvent,
  OutcomeEvent,
  RefusalEvent,
  ServerRequestEvent,
} from './record.ts'
import { createTimeText, createUuidV7, type FillRandom } from './stamps.ts'

/** Longest text of a field in UTF-16 units; what is longer is cut and ends in `…` (N107: a tool name of 1 MB costs 512 characters of log). */
export const MAX = { id: 128, method: 128, stage: 64, name: 512, endpoint: 512, detail: 1024, rule: 1024, principal: 4096 } as const

/** The members all events of one exchange share, as JSON text; made once, used by its intent, outcome and questions. */
export type ExchangeText = string & { readonly [exchangeText]: true }
declare const exchangeText: unique symbol
/** The same for the two events of one contact. */
export type ContactText = string & { readonly [contactText]: true }
declare const contactText: unique symbol

// Optional members may also be handed over as undefined: callers on the data path build no conditional spreads.
type Loose<T> = { readonly [K in keyof T]: object extends Pick<T, K> ? T[K] | undefined : T[K] }
type Own<T> = Loose<Omit<T, keyof ExchangeFacts | 'v' | 'id' | 'time' | 'type' | keyof Beside>>
/** What stands beside the facts of an event, as JSON text in ASCII: the decision of the rules, and what inspection found. */
export type Beside = { readonly policy?: string | undefined; readonly findings?: string | undefined }
export type OutcomeFacts = Own<OutcomeEvent> & Pick<Loose<OutcomeEvent>, 'findings'>
export type RefusalFacts = Own<RefusalEvent>
export type DecisionFacts = Own<DecisionEvent>
export type ServerRequestFacts = Own<ServerRequestEvent>
export type AggregateFacts = Own<AggregateEvent>
export type ContactEnd = Omit<Own<ContactEndEvent>, keyof ContactFacts>

/** Every event begins with this, its type, `","id":"`, its id, `","time":"` and its time; audit/recover.ts relies on it. */
export const EVENT_START = `{"v":${EVENT_VERSION},"type":"`

// A number from an upstream may be anything; JSON has no Infinity and no NaN.
const number = (value: number): number => (Number.isFinite(value) ? value : 0)
const millis = (value: number): number => number(Math.round(value * 1000) / 1000)

function stringList(values: readonly string[]): string {
  if (values.length === 1) return `[${jsonString(values[0] ?? '', MAX.rule)}]`
  return `[${values.map(value => jsonString(value, MAX.rule)).join(',')}]`
}

/** One per process; not shared between threads. Never throws for typed input. */
export class EventEncoder {
  readonly #now: () => number
  readonly #timeText = createTimeText()
  readonly #principals = new WeakMap<EventPrincipal, string>()
  /** a fresh UUIDv7, also for the ids of requests and calls */
  readonly newId: () => string

  /** `now` is the wall clock in milliseconds */
  constructor(now: () => number, fillRandom: FillRandom) {
    this.#now = now
    this.newId = createUuidV7(now, fillRandom)
  }

  exchange(facts: Loose<Omit<ExchangeFacts, 'subject'>> & { readonly subject: Loose<ExchangeFacts['subject']> }): ExchangeText {
    const { subject } = facts
    let out = `"request":${jsonString(facts.request, MAX.id)},"call":${jsonString(facts.call, MAX.id)},"trace":${jsonString(facts.trace, MAX.id)}`
    if (facts.session !== undefined) out += `,"session":${jsonString(facts.session, MAX.id)}`
    if (facts.principal !== undefined) out += this.#principal(facts.principal)
    out += `,"subject":{"endpoint":${jsonString(subject.endpoint, MAX.endpoint)},"era":"${subject.era}","method":${jsonString(subject.method, MAX.method)}`
    if (subject.server !== undefined) out += `,"server":${jsonString(subject.server, MAX.id)}`
    if (subject.name !== undefined) out += `,"name":${jsonString(subject.name, MAX.name)}`
    if (subject.paramsDigest !== undefined) out += `,"paramsDigest":${jsonString(subject.paramsDigest, MAX.id)}`
    if (subject.paramsBytes !== undefined) out += `,"paramsBytes":${number(subject.paramsBytes)}`
    out += '}'
    if (facts.marks !== undefined && facts.marks.length > 0) out += `,"marks":${stringList(facts.marks)}`
    if (facts.credential !== undefined) out += `,"credential":${jsonString(facts.credential, MAX.id)}`
    return out as ExchangeText
  }

  /** `policy`: the decision of the rules, as JSON text in ASCII; where there are none, undefined. The same for refusals and decisions. */
  intent(exchange: ExchangeText, rules: readonly string[], round: number, { policy, findings }: Beside = {}): string {
    return `${this.#head('intent')},${exchange},"rules":${stringList(rules)},"round":${number(round)}${policyOf(policy)}${findingsOf(findings)}}`
  }

  outcome(exchange: ExchangeText, facts: OutcomeFacts): string {
    const { notifications } = facts
    let out = `${this.#head('outcome')},${exchange},"outcome":"${facts.outcome}"`
    if (facts.reason !== undefined) out += `,"reason":"${facts.reason}"`
    if (facts.stage !== undefined) out += `,"stage":${jsonString(facts.stage, MAX.stage)}`
    if (facts.errorCode !== undefined) out += `,"errorCode":${number(facts.errorCode)}`
    if (facts.resultBytes !== undefined) out += `,"resultBytes":${number(facts.resultBytes)}`
    if (facts.resultDigest !== undefined) out += `,"resultDigest":${jsonString(facts.resultDigest, MAX.id)}`
    if (notifications !== undefined)
      out += `,"notifications":{"count":${number(notifications.count)},"digest":${jsonString(notifications.digest, MAX.id)}}`
    return `${out}${foundIn(facts)},"ms":${millis(facts.ms)}}`
  }

  refusal(exchange: ExchangeText, facts: RefusalFacts, policy?: string): string {
    const out = `${this.#head('refusal')},${exchange},"reason":"${facts.reason}","stage":${jsonString(facts.stage, MAX.stage)}`
    return `${out}${detailOf(facts.detail)}${policyOf(policy)}}`
  }

  decision(exchange: ExchangeText, facts: DecisionFacts, policy?: string): string {
    return `${this.#head('decision')},${exchange},"rules":${stringList(facts.rules)}${detailOf(facts.detail)},"ms":${millis(facts.ms)}${policyOf(policy)}}`
  }

  serverRequest(exchange: ExchangeText, facts: ServerRequestFacts, beside?: Beside): string {
    let out = `${this.#head('server-request')},${exchange},"requestMethod":${jsonString(facts.requestMethod, MAX.method)}`
    if (facts.requestDigest !== undefined) out += `,"requestDigest":${jsonString(facts.requestDigest, MAX.id)}`
    out += `,"decision":"${facts.decision}"`
    if (facts.reason !== undefined) out += `,"reason":"${facts.reason}"`
    return `${out},"rules":${stringList(facts.rules)}${policyOf(beside?.policy)}${findingsOf(beside?.findings)}}`
  }

  contactText(facts: Loose<ContactFacts>): ContactText {
    let out = `"contact":${jsonString(facts.contact, MAX.id)},"server":${jsonString(facts.server, MAX.id)}`
    if (facts.principal !== undefined) out += this.#principal(facts.principal)
    if (facts.credential !== undefined) out += `,"credential":${jsonString(facts.credential, MAX.id)}`
    out += `,"purpose":"${facts.purpose}","method":${jsonString(facts.method, MAX.method)}`
    if (facts.paramsDigest !== undefined) out += `,"paramsDigest":${jsonString(facts.paramsDigest, MAX.id)}`
    return out as ContactText
  }

  contact(contact: ContactText): string {
    return `${this.#head('upstream-contact')},${contact}}`
  }

  contactEnd(contact: ContactText, { outcome, reason, ms }: ContactEnd): string {
    const why = reason === undefined ? '' : `,"reason":"${reason}"`
    return `${this.#head('upstream-contact-end')},${contact},"outcome":"${outcome}"${why},"ms":${millis(ms)}}`
  }

  aggregate(facts: AggregateFacts): string {
    const out = `${this.#head('aggregate')},"reason":"${facts.reason}","prefix":${jsonString(facts.prefix, MAX.id)},"count":${number(facts.count)}`
    return `${out},"from":${jsonString(facts.from, MAX.id)},"to":${jsonString(facts.to, MAX.id)}}`
  }

  /** `detail` must be plain JSON data without a secret; not for the hot path */
  lifecycle(what: string, detail?: LifecycleEvent['detail']): string {
    const more = detail === undefined ? '' : `,"detail":${asciiJson(JSON.stringify(detail))}`
    return `${this.#head('lifecycle')},"what":${jsonString(what, MAX.stage)}${more}}`
  }

  /** RFC 3339 text of a time in milliseconds, for the members `from` and `to` of aggregates */
  timeText(ms: number): string {
    return this.#timeText(ms)
  }

  #head(type: AuditEvent['type']): string {
    return `${EVENT_START}${type}","id":"${this.newId()}","time":"${this.#timeText(this.#now())}"`
  }

  // The text lives as long as the principal object, which a verified token's cache entry holds.
  #principal(principal: EventPrincipal): string {
    const known = this.#principals.get(principal)
    if (known !== undefined) return known
    let out = `,"principal":{"issuer":${jsonString(principal.issuer, MAX.principal)},"subject":${jsonString(principal.subject, MAX.principal)}`
    if (principal.client !== undefined) out += `,"client":${jsonString(principal.client, MAX.principal)}`
    out += '}'
    this.#principals.set(principal, out)
    return out
  }
}

/** Nothing in the common case. At most as many findings as there are codes and places. */
function foundIn({ findings, redacted, withheld }: OutcomeFacts): string {
  let out = ''
  if (findings !== undefined && findings.length > 0) {
    const each = findings.map(
      ({ code, severity, tier, in: where, pointer, count }) =>
        `{"code":${jsonString(code, MAX.stage)},"severity":"${severity}","tier":"${tier}","in":${jsonString(where, MAX.stage)},"pointer":${jsonString(pointer, MAX.name)},"count":${number(count)}}`,
    )
    out += `,"findings":[${each.join(',')}]`
  }
  if (redacted !== undefined && redacted > 0) out += `,"redacted":${number(redacted)}`
  if (withheld !== undefined && withheld > 0) out += `,"withheld":${number(withheld)}`
  return out
}

const policyOf = (policy: string | undefined): string => (policy === undefined ? '' : `,"policy":${policy}`)
const findingsOf = (findings: string | undefined): string => (findings === undefined ? '' : `,"findings":${findings}`)
const detailOf = (detail: string | undefined): string => (detail === undefined ? '' : `,"detail":${jsonString(detail, MAX.detail)}`)
