// A decision as it is written down: the facts it was made of, and what came of it. Enough to decide anew under other rules, as far as those read nothing else.

/** A fact; null = it was asked for and absent. */
export type RecordedFact = boolean | number | string | readonly string[] | null

/** `in` and `notIn`: what the rules asked about. `isWhole`: `in` and `attributes` are all there is. */
export type EntityRecord = {
  readonly type: string
  readonly id: string
  readonly in: readonly string[]
  readonly notIn?: readonly string[]
  readonly isWhole?: true
  /** by path, such as `server.signature` */
  readonly attributes: Readonly<Record<string, RecordedFact>>
}

/** `arguments`: values behind the pointers that the rules read, and no others. */
export type RequestRecord = {
  readonly action: string
  readonly principal: EntityRecord
  readonly resource: EntityRecord
  readonly context: Readonly<Record<string, RecordedFact>>
  readonly isWholeContext?: true
  readonly arguments: Readonly<Record<string, readonly string[] | null>>
  readonly isWholeArguments?: true
}

export type Outcome = 'allow' | 'deny' | 'approval'

/** Why it came out as it did. All but `permitted` refuse. */
export type DecisionCode =
  | 'permitted'
  | 'approval-required'
  /** a forbid applies */
  | 'forbidden'
  /** no permit applies */
  | 'not-permitted'
  /** a rule could not be evaluated */
  | 'policy-error'
  /** the request cannot be put to the rules */
  | 'bad-request'
  | 'unknown-action'
  /** the engine failed */
  | 'engine-crash'

/** `digest` of the bundle; `rules` that decided; `facts` absent where the request could not be put to the rules. */
export type DecisionRecord = {
  readonly digest: string
  readonly outcome: Outcome
  readonly code: DecisionCode
  readonly rules: readonly string[]
  readonly facts?: RequestRecord
}

const OUTCOMES: readonly string[] = ['allow', 'deny', 'approval']
type Data = Readonly<Record<string, unknown>>
const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value)
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(item => typeof item === 'string')
const isFact = (value: unknown): boolean => value === null || ['boolean', 'number', 'string'].includes(typeof value) || isTexts(value)
const isAbsentOr = (value: unknown, is: (value: unknown) => boolean): boolean => value === undefined || is(value)
const isTrue = (value: unknown): boolean => value === true

/** A record as it was written; undefined for what is none. Members that are not known are passed over. */
export function readRecord(value: unknown): DecisionRecord | undefined {
  if (!isData(value)) return undefined
  const { digest, outcome, code, rules, facts } = value
  if (typeof digest !== 'string' || typeof code !== 'string' || !isTexts(rules) || !OUTCOMES.includes(String(outcome))) return undefined
  return isAbsentOr(facts, isFacts) ? (value as DecisionRecord) : undefined
}

function isFacts(value: unknown): boolean {
  if (!isData(value)) return false
  const { action, principal, resource, context, arguments: given } = value
  return (
    typeof action === 'string' &&
    isEntity(principal) &&
    isEntity(resource) &&
    isData(context) &&
    Object.values(context).every(isFact) &&
    isData(given) &&
    Object.values(given).every(values => values === null || isTexts(values)) &&
    isAbsentOr(value['isWholeContext'], isTrue) &&
    isAbsentOr(value['isWholeArguments'], isTrue)
  )
}

function isEntity(value: unknown): boolean {
  if (!isData(value)) return false
  const { type, id, in: within, notIn, isWhole, attributes } = value
  return (
    typeof type === 'string' &&
    typeof id === 'string' &&
    isTexts(within) &&
    isAbsentOr(notIn, isTexts) &&
    isAbsentOr(isWhole, isTrue) &&
    isData(attributes) &&
    Object.values(attributes).every(isFact)
  )
}
