// Schemas as trees of checks, made once for each definition. Each subschema is made once, so references may go in circles; no code is generated.

import { readJson, isJsonFault, textOf, type JsonDoc, type JsonNode } from '../mcp/json.ts'
import { addTo, type Check, type Fits, type Subschemas } from './check.ts'
import { dialectOf, type Dialect } from './dialect.ts'
import { KEYWORDS } from './keywords.ts'
import { Patterns } from './patterns.ts'
import { placesOf, resolveReference, type Places } from './references.ts'
import { SchemaUnusable } from './unusable.ts'

const MAX_BYTES = 512 * 1024
const MAX_DEPTH = 128
const MAX_SCHEMAS = 4096
/** Schemas being made within each other: references one behind the other, which nesting does not bound. */
const MAX_MAKING = 300

/** Keywords that look at what others have seen come last. */
const LAST: ReadonlySet<string> = new Set(['unevaluatedProperties', 'unevaluatedItems'])

export class Compiler implements Subschemas {
  readonly #doc: JsonDoc
  readonly #places: Places
  readonly #dialect: Dialect
  readonly #known = new Map<JsonNode, Check>()
  readonly #patterns = new Patterns()
  #making = 0

  /** Throws SchemaUnusable. attacker-controlled. */
  constructor(bytes: Buffer) {
    if (bytes.length > MAX_BYTES) throw new SchemaUnusable(`it is larger than ${MAX_BYTES} bytes`)
    const doc = readJson(bytes, { maxDepth: MAX_DEPTH, indexDepth: MAX_DEPTH })
    if (isJsonFault(doc)) throw new SchemaUnusable(`it cannot be read (${doc.fault})`)
    this.#doc = doc
    const named = doc.root.members?.find(m => m.key === '$schema')?.value
    const dialect = dialectOf(named?.kind === 'string' ? textOf(doc, named) : undefined)
    if (!dialect) throw new SchemaUnusable('its `$schema` names a dialect that is not known here')
    this.#dialect = dialect
    this.#places = placesOf(doc)
  }

  root(): Check {
    return this.check(this.#doc.root)
  }

  /** The check of a subschema. Where it is being made already, the one that will be there. */
  check(node: JsonNode): Check {
    if (node.kind === 'true') return () => true
    if (node.kind === 'false') return (_, run) => run.fault('false')
    if (node.kind !== 'object') throw new SchemaUnusable('a subschema is neither an object nor true or false')
    const known = this.#known.get(node)
    if (known) return known
    if (this.#known.size >= MAX_SCHEMAS) throw new SchemaUnusable('it has too many subschemas')
    if (++this.#making > MAX_MAKING) throw new SchemaUnusable('its references go on too long')
    // Whoever refers to it while it is made asks for it once it is there.
    this.#known.set(node, (value, run, seen) => this.check(node)(value, run, seen))
    const made = this.#make(node)
    this.#known.set(node, made)
    this.#making--
    return made
  }

  reference(node: JsonNode, target: string): Check {
    return this.check(resolveReference(this.#doc, this.#places, { node, target }))
  }
  pattern(source: string): Fits {
    return this.#patterns.of(source)
  }
  /** whether parts of it are documents of their own */
  get hasParts(): boolean {
    return this.#places.anchors.size > 1
  }

  #make(node: JsonNode): Check {
    const all = node.members ?? []
    const reference = this.#dialect.siblings ? undefined : all.find(m => m.key === '$ref')
    const members = reference ? [reference] : [...all.filter(m => !LAST.has(m.key)), ...all.filter(m => LAST.has(m.key))]
    const context = { node, doc: this.#doc, compiler: this, dialect: this.#dialect }
    const checks: Check[] = []
    for (const { key, value } of members) {
      const made = KEYWORDS.get(key)?.({ doc: this.#doc, node: value }, context)
      if (made) checks.push(made)
    }
    const needsSeen = members.some(m => LAST.has(m.key))
    return (value, run, outer) => {
      run.open()
      const seen = needsSeen ? { members: new Set<string>(), items: new Set<number>() } : outer
      let isFit = true
      for (const check of checks) {
        if (check(value, run, seen)) continue
        isFit = false
        if (run.isSettled) break
      }
      if (isFit && outer && seen && seen !== outer) addTo(outer, seen)
      run.close()
      return isFit
    }
  }
}
