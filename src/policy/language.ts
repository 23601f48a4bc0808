// The ports to Cedar: one that reads policies while a bundle is loaded, one that evaluates them on the way of a request.

import type { PolicyAst } from './ast.ts'

/** Something wrong in one text; offsets count UTF-8 bytes, as Cedar does. */
export type LanguageFault = { readonly message: string; readonly help?: string; readonly start?: number }

/** Reads policies. Pure and synchronous, milliseconds for some hundred policies; never throws, whatever the text. */
export interface PolicyLanguage {
  /** one policy */
  read(text: string): PolicyAst | { readonly faults: readonly LanguageFault[] }
  /** errors and warnings of policies, by id, held strictly against a schema. A fault without an id concerns all of them */
  validate(schema: string, policies: ReadonlyMap<string, string>): readonly (LanguageFault & { readonly id?: string })[]
  /** a whole file in the one form */
  format(text: string): string | { readonly faults: readonly LanguageFault[] }
  /** an expression as people write it */
  write(expression: unknown): string
}

/** Policies that are evaluated together; the same object for the same ones, which are then ready. */
export type PolicySlice = { readonly policies: ReadonlyMap<string, string> }

export type CedarUid = { readonly type: string; readonly id: string }
export type CedarValue =
  boolean | number | string | readonly CedarValue[] | { readonly __entity: CedarUid } | { readonly [name: string]: CedarValue }
export type CedarEntity = {
  readonly uid: CedarUid
  readonly attrs: Readonly<Record<string, CedarValue>>
  readonly parents: readonly CedarUid[]
  readonly tags?: Readonly<Record<string, readonly string[]>>
}
/** INVARIANT: made by projection.ts alone, of flattened facts: no member is named by whoever asks, and every text is well-formed. */
export type CedarRequest = {
  readonly principal: CedarUid
  readonly action: CedarUid
  readonly resource: CedarUid
  readonly context: Readonly<Record<string, CedarValue>>
  readonly entities: readonly CedarEntity[]
}

/**
 * `answer`: `errors` names policies that could not be evaluated: Cedar passes over them, so whoever asks must not. `refused`: the request is none.
 * `crashed`: nothing is known. Messages may hold facts of the request: for the eyes of whoever made it.
 */
export type EngineAnswer =
  | { readonly kind: 'answer'; readonly isAllowed: boolean; readonly reasons: readonly string[]; readonly errors: readonly EngineError[] }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'crashed'; readonly message: string }
type EngineError = { readonly id: string; readonly message: string }

/** Evaluates. Synchronous, some 100 microseconds; the first time for a slice some milliseconds more, unless it was prepared. Never throws. */
export interface PolicyEngine {
  evaluate(slice: PolicySlice, request: CedarRequest): EngineAnswer
  /** makes a slice ready, so that its first evaluation is as fast as the others */
  prepare(slice: PolicySlice): void
}
