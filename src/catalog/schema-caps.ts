// Bounds on the JSON Schemas of tools: nothing that points outside itself, nothing that explodes in a host's validator (R30, N057, N095).

/** Bounds of one schema. */
const MAX_BYTES = 512 * 1024
const MAX_SUBSCHEMAS = 4096
const MAX_DEPTH = 64
const MAX_ENUM = 4096
const MAX_PATTERN = 2048
/** Subschemas that one value may have to pass at one place, references followed. */
const MAX_EXPANSION = 10_000

type Schema = Readonly<Record<string, unknown>>
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Keywords whose value maps names to subschemas: the names are no keywords. */
const MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'])
/** Keywords whose value is data, whatever it looks like. */
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required', 'type'])
const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef'] as const
/** Keywords that apply to the same value as the schema they stand in. */
const SAME_VALUE = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else'] as const

/**
 * Undefined when the schema is fit to hand on, else what is wrong with it (lower case, no values of it). The schema is never dereferenced.
 * Expects judged JSON. Boolean schemas are fine. attacker-controlled.
 */
export function checkSchema(bytes: Buffer): string | undefined {
  if (bytes.length > MAX_BYTES) return `a schema is larger than ${MAX_BYTES} bytes`
  const root = JSON.parse(bytes.toString()) as unknown
  if (!isSchema(root)) return typeof root === 'boolean' ? undefined : 'a schema is not an object'
  const walked = walk(root)
  return typeof walked === 'string' ? walked : new Expansion(root, walked).fault()
}

/** What is known of each subschema after the walk: the document it belongs to (nearest `$id`), and the anchors of each document. */
type Walked = { readonly homes: ReadonlyMap<Schema, Schema>; readonly anchors: ReadonlyMap<Schema, ReadonlyMap<string, Schema>> }

/** Visits every object that could be a schema. Iterative: nesting cannot exhaust the stack. */
function walk(root: Schema): Walked | string {
  const homes = new Map<Schema, Schema>()
  const anchors = new Map<Schema, Map<string, Schema>>([[root, new Map()]])
  const queue: { readonly schema: Schema; readonly home: Schema; readonly depth: number }[] = [{ schema: root, home: root, depth: 0 }]
  for (const { schema, home: outer, depth } of queue) {
    if (depth > MAX_DEPTH) return `a schema is nested deeper than ${MAX_DEPTH} subschemas`
    const fault = checkKeywords(schema)
    if (fault !== undefined) return fault
    const id = schema['$id']
    const home = typeof id === 'string' && !id.startsWith('#') ? schema : outer
    if (home === schema) anchors.set(home, anchors.get(home) ?? new Map<string, Schema>())
    homes.set(schema, home)
    for (const name of [
      schema['$anchor'],
      schema['$dynamicAnchor'],
      typeof id === 'string' && id.startsWith('#') ? id.slice(1) : undefined,
    ])
      if (typeof name === 'string') anchors.get(home)?.set(name, schema)
    for (const child of childrenOf(schema)) queue.push({ schema: child, home, depth: depth + 1 })
    if (queue.length > MAX_SUBSCHEMAS) return `a schema has more than ${MAX_SUBSCHEMAS} subschemas`
  }
  return { homes, anchors }
}

/** Everything that could be a schema directly below; unknown keywords are taken for schemas, so that none can hide behind one. */
function* childrenOf(schema: Schema): Generator<Schema> {
  for (const [keyword, value] of Object.entries(schema)) {
    if (DATA.has(keyword)) continue
    if (MAPS.has(keyword) && isSchema(value)) {
      for (const inner of Object.values(value)) if (isSchema(inner)) yield inner
    } else if (isSchema(value)) yield value
    else if (Array.isArray(value)) for (const inner of value as unknown[]) if (isSchema(inner)) yield inner
  }
}

function checkKeywords(schema: Schema): string | undefined {
  for (const keyword of REFERENCES) {
    const target = schema[keyword]
    if (typeof target === 'string' && !target.startsWith('#')) return `\`${keyword}\` points outside its schema`
  }
  const { enum: values, pattern, patternProperties } = schema
  if (Array.isArray(values) && values.length > MAX_ENUM) return `an \`enum\` has more than ${MAX_ENUM} values`
  if (typeof pattern === 'string' && pattern.length > MAX_PATTERN) return `a \`pattern\` is longer than ${MAX_PATTERN} characters`
  if (isSchema(patternProperties) && Object.keys(patternProperties).some(p => p.length > MAX_PATTERN))
    return `a \`pattern\` is longer than ${MAX_PATTERN} characters`
  return undefined
}

/** How many subschemas one value meets at one place. A circle there never ends; doubling references explode. */
class Expansion {
  readonly #root: Schema
  readonly #walked: Walked
  readonly #costs = new Map<Schema, number>()

  constructor(root: Schema, walked: Walked) {
    this.#root = root
    this.#walked = walked
  }

  fault(): string | undefined {
    for (const schema of this.#walked.homes.keys()) {
      const cost = this.#costOf(schema)
      if (cost === Infinity) return 'a schema refers to itself without going into the value'
      if (cost > MAX_EXPANSION) return `a schema expands to more than ${MAX_EXPANSION} subschemas`
    }
    return undefined
  }

  /** Infinite while it is being computed: meeting it again is the circle. Depth is bounded by the number of subschemas. */
  #costOf(schema: Schema): number {
    const known = this.#costs.get(schema)
    if (known !== undefined) return known
    this.#costs.set(schema, Infinity)
    let cost = 1
    for (const next of this.#sameValue(schema)) cost += this.#costOf(next)
    this.#costs.set(schema, cost)
    return cost
  }

  *#sameValue(schema: Schema): Generator<Schema> {
    for (const keyword of REFERENCES) {
      const target = schema[keyword]
      const found = typeof target === 'string' ? this.#resolve(schema, target) : undefined
      if (found) yield found
    }
    for (const keyword of SAME_VALUE) {
      const value = schema[keyword]
      if (isSchema(value)) yield value
      else if (Array.isArray(value)) for (const inner of value as unknown[]) if (isSchema(inner)) yield inner
    }
    const { dependentSchemas } = schema
    if (isSchema(dependentSchemas)) for (const inner of Object.values(dependentSchemas)) if (isSchema(inner)) yield inner
  }

  /** `#`, `#/pointer` (RFC 6901 in a fragment) or `#anchor`; undefined when it leads nowhere or into data. */
  #resolve(from: Schema, target: string): Schema | undefined {
    const home = this.#walked.homes.get(from) ?? this.#root
    if (target === '#') return home
    if (!target.startsWith('#/')) return this.#walked.anchors.get(home)?.get(target.slice(1))
    let at: unknown = home
    for (const part of target.slice(2).split('/')) {
      const key = unescape(part)
      if (typeof at !== 'object' || at === null || key === undefined || !Object.hasOwn(at, key)) return undefined
      at = (at as Record<string, unknown>)[key]
    }
    return isSchema(at) ? at : undefined
  }
}

function unescape(part: string): string | undefined {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return undefined // not percent-encoded correctly: leads nowhere
  }
}
