// What a keyword becomes: a check of one value.

import type { JsonDoc, JsonNode } from '../mcp/json.ts'
import type { Dialect } from './dialect.ts'
import type { Run } from './run.ts'
import type { Value } from './value.ts'

/** What a schema has looked at, for `unevaluatedProperties` and `unevaluatedItems`. */
export type Seen = { readonly members: Set<string>; readonly items: Set<number> }

/** True when the value is fit. `seen` is added to where somebody asks for it. */
export type Check = (value: Value, run: Run, seen: Seen | undefined) => boolean

/** A keyword of one schema object, or undefined where it says nothing. `context.node` is the whole object. */
export type Keyword = (operand: Value, context: Context) => Check | undefined
/** Whether a text has the pattern in it. */
export type Fits = (text: string, run: Run) => boolean
type Context = { readonly node: JsonNode; readonly doc: JsonDoc; readonly compiler: Subschemas; readonly dialect: Dialect }

/** The subschemas of one document. */
export interface Subschemas {
  /** Throws SchemaUnusable for what is no schema. */
  check(node: JsonNode): Check
  /** the check of what a reference names; `node` is the schema that refers */
  reference(node: JsonNode, target: string): Check
  /** the pattern of one text, and of all its patterns a bounded size; throws SchemaUnusable */
  pattern(source: string): Fits
  /** whether parts of it are documents of their own */
  readonly hasParts: boolean
}

export function addTo(outer: Seen, inner: Seen): void {
  for (const name of inner.members) outer.members.add(name)
  for (const item of inner.items) outer.items.add(item)
}
export const nothingSeen = (): Seen => ({ members: new Set(), items: new Set() })
