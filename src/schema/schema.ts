// JSON Schemas of strangers over values of strangers: 2020-12 and draft-07, bounded in steps, depth and size; nothing fetched, no code made of them.

import { Compiler } from './compiler.ts'
import { Run, Unjudged, type SchemaFault } from './run.ts'
import { SchemaUnusable } from './unusable.ts'
import type { Value } from './value.ts'

/** Empty = fit. `unjudged` says why nobody can tell, which refuses as well. Bounded; never a value. */
export type Judgement = readonly SchemaFault[] | { readonly unjudged: string }

export interface CompiledSchema {
  /** Expects judged JSON: a node of a document read by mcp/json.ts, indexed or not. Never throws for what a value holds. */
  judge(value: Value): Judgement
}

/** `unusable`: why nothing can be judged by it; lower case, no text of it. */
export type Unusable = { readonly unusable: string }

/** Expects the schema's own bytes, whoever wrote them. Never throws. */
export function compileSchema(bytes: Buffer): CompiledSchema | Unusable {
  try {
    const check = new Compiler(bytes).root()
    return { judge: value => judged(check, value) }
  } catch (cause) {
    if (cause instanceof SchemaUnusable) return { unusable: cause.message }
    throw cause
  }
}
export const isUnusable = (found: CompiledSchema | Unusable): found is Unusable => 'unusable' in found
export const isFit = (judgement: Judgement): boolean => !('unjudged' in judgement) && judgement.length === 0

function judged(check: ReturnType<Compiler['root']>, value: Value): Judgement {
  const run = new Run()
  try {
    if (check(value, run, undefined)) return NONE
    // Not fit is not fit, told or not.
    return run.faults.length > 0 ? run.faults : [{ pointer: '', keyword: 'schema' }]
  } catch (cause) {
    if (cause instanceof Unjudged) return { unjudged: cause.message }
    throw cause
  }
}
const NONE: readonly SchemaFault[] = []
