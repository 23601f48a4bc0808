// Facts by their path: picked out, written as a part of a key, as values of Cedar, and as they are recorded.

import { cedarType } from './ast.ts'
import type { CedarValue } from './language.ts'
import type { RecordedFact } from './record.ts'
import type { Facts, FactValue } from './request.ts'

/** Attributes that are one of a list in the schema, by their last name. */
const ENUMS: Readonly<Record<string, string>> = { signature: 'Signature', standing: 'Standing', era: 'Era' }
/** Every value that the schema gives them. */
export const ENUM_VALUES: Readonly<Record<string, readonly string[]>> = {
  Signature: ['verified', 'unsigned'],
  Standing: ['admitted', 'configured', 'deprecated', 'quarantined', 'revoked'],
  Era: ['legacy', 'modern'],
}

/** Paths without those that another one covers. */
export function pathsOf(paths: ReadonlySet<string>): readonly (readonly string[])[] {
  const all = [...paths].sort()
  return all.filter(path => !all.some(other => other !== path && path.startsWith(`${other}.`))).map(path => path.split('.'))
}

export function valueAt(facts: Facts, path: readonly string[]): FactValue | undefined {
  let value: FactValue | undefined = facts
  for (const name of path) {
    if (typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined
    value = (value as Facts)[name]
  }
  return value
}

export function picked(facts: Facts, paths: readonly (readonly string[])[]): Facts {
  const found: Record<string, FactValue> = {}
  for (const path of paths) {
    const value = valueAt(facts, path)
    if (value === undefined) continue
    let at = found
    for (const name of path.slice(0, -1)) at = (at[name] ??= {}) as Record<string, FactValue>
    at[path.at(-1) ?? ''] = value
  }
  return found
}

/** One part of a key. */
export function written(value: FactValue | undefined): string {
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`
    case 'undefined':
      return '-'
    case 'object': {
      const text = JSON.stringify(value)
      return `j${text.length}:${text}`
    }
    default:
      return `${String(value)};`
  }
}

/** Facts as values of the schema. */
export function cedarFacts(facts: Facts): Record<string, CedarValue> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, cedarValue(name, value)]))
}

function cedarValue(name: string, value: FactValue): CedarValue {
  const kind = ENUMS[name]
  if (kind !== undefined && typeof value === 'string') return { __entity: { type: cedarType(kind), id: value } }
  return typeof value === 'object' && !Array.isArray(value) ? cedarFacts(value as Facts) : (value as CedarValue)
}

/** Leaves by their path, as they are written down; null = was asked for and absent. */
export function flattened(paths: readonly (readonly string[])[] | undefined, facts: Facts): Readonly<Record<string, RecordedFact>> {
  const found: Record<string, RecordedFact> = {}
  const add = (path: string, value: FactValue | undefined): void => {
    if (typeof value === 'object' && !Array.isArray(value)) for (const [name, inner] of Object.entries(value)) add(`${path}.${name}`, inner)
    else found[path] = (value as Exclude<RecordedFact, null> | undefined) ?? null
  }
  if (paths) for (const path of paths) add(path.join('.'), valueAt(facts, path))
  else for (const [name, value] of Object.entries(facts)) add(name, value)
  return found
}
