// As much of JSON Schema (draft 07) as the schema of server.json uses. A keyword that is not known here is a Fault: nothing is ever skipped silently.

import { Fault } from '../kernel/errors.ts'

/** `at`: where, as a path of names (`packages[0].transport.url`); empty = the document. Values of the document are never repeated. */
export type SchemaFault = { readonly at: string; readonly problem: string }
type Check = (value: unknown, at: string, faults: SchemaFault[]) => void
type Schema = Readonly<Record<string, unknown>>

/** More than this of one document help nobody. */
const MAX_FAULTS = 50
/** Say nothing about what is valid. */
const SILENT = new Set(['$schema', '$comment', '$id', 'title', 'description', 'default', 'example', 'examples', 'definitions'])

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Compiles a whole schema. Throws Fault `schema-invalid` for a keyword, type or reference that is not understood. The answer never throws. */
export function compileSchema(root: unknown): (value: unknown) => readonly SchemaFault[] {
  const compiler = new Compiler(root)
  const check = compiler.compile(root)
  return value => {
    const faults: SchemaFault[] = []
    check(value, '', faults)
    return faults.slice(0, MAX_FAULTS)
  }
}

class Compiler {
  readonly #root: unknown
  readonly #known = new Map<string, Check>()
  constructor(root: unknown) {
    this.#root = root
  }

  compile(schema: unknown): Check {
    if (!isRecord(schema)) throw invalid('expected every schema to be an object')
    const checks = Object.entries(schema).flatMap(([keyword, operand]) =>
      SILENT.has(keyword) ? [] : [this.#keyword(keyword, operand, schema)],
    )
    return (value, at, faults) => {
      for (const check of checks) if (faults.length < MAX_FAULTS) check(value, at, faults)
    }
  }

  #keyword(keyword: string, operand: unknown, schema: Schema): Check {
    switch (keyword) {
      case '$ref':
        return this.#reference(textOf(operand))
      case 'properties':
        return this.#properties(operand)
      case 'additionalProperties':
        return this.#others(operand, schema['properties'])
      case 'items': {
        const item = this.compile(operand)
        return (value, at, faults) => {
          if (Array.isArray(value)) value.forEach((entry, i) => item(entry, `${at}[${i}]`, faults))
        }
      }
      case 'allOf': {
        const all = listOf(operand).map(part => this.compile(part))
        return (value, at, faults) => {
          for (const part of all) part(value, at, faults)
        }
      }
      case 'anyOf':
        return this.#anyOf(listOf(operand))
      case 'not': {
        const refused = this.compile(operand)
        return (value, at, faults) => {
          if (faultsOf(refused, value, at).length === 0) faults.push({ at, problem: 'has a value that is refused here' })
        }
      }
      default:
        return leaf(keyword, operand)
    }
  }

  /** Each definition is compiled once, and when it is first used, so that definitions may name themselves. */
  #reference(pointer: string): Check {
    return (value, at, faults) => {
      let check = this.#known.get(pointer)
      if (!check) this.#known.set(pointer, (check = this.compile(this.#resolve(pointer))))
      check(value, at, faults)
    }
  }
  #resolve(pointer: string): unknown {
    const [, name = ''] = /^#\/definitions\/([A-Za-z]+)$/.exec(pointer) ?? []
    const all = isRecord(this.#root) ? this.#root['definitions'] : undefined
    if (!isRecord(all) || !Object.hasOwn(all, name)) throw invalid(`there is no definition \`${pointer}\``)
    return all[name]
  }

  #properties(operand: unknown): Check {
    if (!isRecord(operand)) throw invalid('expected `properties` to be an object')
    const all = Object.entries(operand).map(([name, schema]) => [name, this.compile(schema)] as const)
    return (value, at, faults) => {
      if (!isRecord(value)) return
      // own members alone: what a prototype has is not in the document
      for (const [name, check] of all) if (Object.hasOwn(value, name)) check(value[name], at === '' ? name : `${at}.${name}`, faults)
    }
  }

  #others(operand: unknown, properties: unknown): Check {
    if (operand === true) return () => {}
    const check = this.compile(operand)
    const named = isRecord(properties) ? properties : {}
    return (value, at, faults) => {
      if (!isRecord(value)) return
      for (const [name, entry] of Object.entries(value)) {
        // attacker-controlled: a member's name is not repeated
        if (!Object.hasOwn(named, name)) check(entry, `${at}{}`, faults)
      }
    }
  }

  /** What the branch says that fits best: the one with the fewest faults. */
  #anyOf(operands: readonly unknown[]): Check {
    const branches = operands.map(part => this.compile(part))
    return (value, at, faults) => {
      let best: readonly SchemaFault[] | undefined
      for (const branch of branches) {
        const found = faultsOf(branch, value, at)
        if (found.length === 0) return
        if (!best || found.length < best.length) best = found
      }
      faults.push(...(best ?? []))
    }
  }
}

function faultsOf(check: Check, value: unknown, at: string): readonly SchemaFault[] {
  const found: SchemaFault[] = []
  check(value, at, found)
  return found
}

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isRecord,
  array: value => Array.isArray(value),
  string: value => typeof value === 'string',
  boolean: value => typeof value === 'boolean',
}
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  uri: text => /^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"\\^`{|}]+$/.test(text) && URL.canParse(text),
  'uri-template': text => text !== '' && !/[\s<>"\\^`|]/.test(text),
}

/** Keywords about one value alone. */
function leaf(keyword: string, operand: unknown): Check {
  switch (keyword) {
    case 'type': {
      const name = textOf(operand)
      const fits = TYPES[name]
      if (!fits) throw invalid(`the type \`${name}\` is not understood`)
      return said(fits, `expected ${name === 'array' ? 'a list' : name === 'object' ? 'an object' : `a ${name}`}`)
    }
    case 'required': {
      const names = listOf(operand).map(textOf)
      return (value, at, faults) => {
        if (!isRecord(value)) return
        for (const name of names) if (!Object.hasOwn(value, name)) faults.push({ at, problem: `\`${name}\` is missing` })
      }
    }
    case 'enum': {
      const values = listOf(operand)
      return said(value => values.includes(value), `expected one of ${values.map(String).join(', ')}`)
    }
    case 'const':
      return said(value => value === operand, `expected ${String(operand)}`)
    case 'minLength':
      return ofText(text => lengthOf(text) >= Number(operand), `expected at least ${String(operand)} characters`)
    case 'maxLength':
      return ofText(text => lengthOf(text) <= Number(operand), `expected at most ${String(operand)} characters`)
    case 'pattern': {
      const pattern = new RegExp(textOf(operand), 'u')
      return ofText(text => pattern.test(text), `expected the form ${pattern.source}`)
    }
    case 'format': {
      const name = textOf(operand)
      const fits = FORMATS[name]
      if (!fits) throw invalid(`the format \`${name}\` is not understood`)
      return ofText(fits, `expected a ${name}`)
    }
    default:
      throw invalid(`the keyword \`${keyword}\` is not understood`)
  }
}

/** In characters, as JSON Schema counts them. */
const lengthOf = (text: string): number => Array.from(text).length
const said =
  (fits: (value: unknown) => boolean, problem: string): Check =>
  (value, at, faults) => {
    if (!fits(value)) faults.push({ at, problem })
  }
const ofText = (fits: (text: string) => boolean, problem: string): Check => said(value => typeof value !== 'string' || fits(value), problem)

const invalid = (message: string): Fault => new Fault('schema-invalid', message)
function textOf(operand: unknown): string {
  if (typeof operand !== 'string') throw invalid('expected a string')
  return operand
}
function listOf(operand: unknown): readonly unknown[] {
  if (!Array.isArray(operand)) throw invalid('expected a list')
  return operand
}
