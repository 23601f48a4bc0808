// A decision as it is written down: the facts it was made of, and what came of it. Enough to decide anew under other rules, as far as those read nothing else.

/** A fact; null = it was asked for and absent. */
type RecordedFact = boolean | number | string | readonly string[] | null

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
