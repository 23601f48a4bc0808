// Kinds of settings. A field knows how to read itself, what it looks like and what it means; table.ts is made of them, and the docs and the JSON Schema are made of table.ts.

import { quoted } from './faults.ts'
import type { YamlNode } from './parse.ts'
import type { Place, Reading } from './reading.ts'
import { nearest } from '../kernel/nearest.ts'

/** A value as it would stand in YAML. */
type Plain = string | number | boolean | readonly Plain[] | Readonly<Record<string, never>>

/** What a field looks like, for docs and the JSON Schema. */
export type Shape =
  | { readonly kind: 'text'; readonly what: string; readonly pattern?: string; readonly maxLength: number }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'share' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'choice'; readonly values: readonly (string | number)[] }
  | { readonly kind: 'duration' | 'size'; readonly min: string; readonly max: string; readonly pattern: string }
  | { readonly kind: 'path' }
  | { readonly kind: 'source' }
  | { readonly kind: 'list'; readonly item: AnyField; readonly max: number }
  | { readonly kind: 'map'; readonly key: KeyRule; readonly value: AnyField; readonly max: number }
  | { readonly kind: 'record'; readonly fields: Readonly<Record<string, AnyField>> }

export type KeyRule = {
  readonly what: string
  readonly pattern: string
  readonly maxLength: number
  readonly refuse?: (key: string) => string | undefined
}

export type Field<T> = {
  readonly shape: Shape
  readonly doc: string
  /** the value taken when the key is absent */
  readonly fallback?: Plain
  readonly isOptional?: true
  /** The value, or undefined after saying what is wrong with it. */
  read(node: YamlNode, path: string, reading: Reading): T | undefined
}
export type AnyField = Field<unknown>
export type ValueOf<F> = F extends Field<infer T> ? T : never

/** Where a value comes from that may be a secret; resolved when the file is loaded. `place`: the text is a path. */
export type ValueSource =
  | { readonly from: 'literal'; readonly text: string; readonly path: string; readonly place?: Place }
  | { readonly from: 'env'; readonly name: string; readonly prefix: string; readonly path: string }
  | (Place & { readonly from: 'file'; readonly prefix: string; readonly path: string })

export type Meta = { readonly doc: string; readonly fallback?: Plain }

/** May be left out; then undefined. */
export const optional = <T>(field: Field<T>): Field<T | undefined> => ({ ...field, isOptional: true })

export function list<T>(item: Field<T>, options: Meta & { readonly max?: number; readonly unique?: boolean }): Field<readonly T[]> {
  const max = options.max ?? 1000
  return field({ kind: 'list', item, max }, options, (node, path, reading) => {
    if (node.kind !== 'list')
      return reading.refuse(
        'type',
        path,
        `expected a list, got ${nameOf(node)}`,
        node.kind === 'scalar' ? 'put it in brackets: `[…]`' : undefined,
      )
    if (node.items.length > max) return reading.refuse('range', path, `expected at most ${max} entries, got ${node.items.length}`)
    const values: T[] = []
    const kept: number[] = []
    node.items.forEach((child, index) => {
      const at = `${path}[${index}]`
      reading.place(at, child)
      const value = child.kind === 'refused' ? undefined : item.read(child, at, reading)
      if (value === undefined) return
      if (options.unique !== false && typeof value !== 'object' && values.includes(value))
        reading.fault('value', at, 'stands in this list twice', 'keep one of them')
      values.push(value)
      kept.push(index)
    })
    if (kept.length < node.items.length) reading.kept(path, kept)
    return values
  })
}

export function map<T>(key: KeyRule, value: Field<T>, options: Meta & { readonly max?: number }): Field<ReadonlyMap<string, T>> {
  const max = options.max ?? 1000
  const pattern = new RegExp(key.pattern)
  return field({ kind: 'map', key, value, max }, options, (node, path, reading) => {
    if (node.kind !== 'map') return reading.refuse('type', path, `expected one line per ${key.what}, got ${nameOf(node)}`)
    if (node.entries.length > max) return reading.refuse('range', path, `expected at most ${max} entries, got ${node.entries.length}`)
    reading.keys(
      path,
      node.entries.map(entry => entry.key),
    )
    const values = new Map<string, T>()
    for (const entry of node.entries) {
      const at = path === '' ? entry.key : `${path}.${entry.key}`
      reading.place(at, entry)
      if (entry.key.length > key.maxLength || !pattern.test(entry.key)) {
        reading.fault('value', at, `expected ${key.what} as the key, got ${quoted(entry.key)}`)
        continue
      }
      const refused = key.refuse?.(entry.key)
      if (refused !== undefined) reading.fault('value', at, refused)
      const read = entry.value.kind === 'refused' ? undefined : value.read(entry.value, at, reading)
      if (read !== undefined && refused === undefined) values.set(entry.key, read)
    }
    return values
  })
}

export type RecordValue<F extends Readonly<Record<string, AnyField>>> = { readonly [K in keyof F]: ValueOf<F[K]> }

/**
 * A fixed set of keys; others are refused. A faulty setting that has a default is read as that default, so that the rest can still be checked: all faults
 * are reported at once, and nothing with a fault is ever used.
 */
export function record<F extends Readonly<Record<string, AnyField>>>(
  fields: F,
  options: Meta & { readonly aliases?: Readonly<Record<string, string>> },
): Field<RecordValue<F>> {
  const known = Object.keys(fields)
  return field({ kind: 'record', fields }, options, (node, path, reading) => {
    if (node.kind !== 'map')
      return reading.refuse('type', path, `expected settings, one per line, got ${nameOf(node)}`, `known here: ${known.join(', ')}`)
    const at = (key: string): string => (path === '' ? key : `${path}.${key}`)
    const values: Record<string, unknown> = {}
    for (const entry of node.entries) {
      reading.place(at(entry.key), entry)
      const setting = Object.hasOwn(fields, entry.key) ? fields[entry.key] : undefined
      if (!setting) {
        const near = options.aliases?.[entry.key] ?? nearest(entry.key, known)
        reading.fault(
          'unknown-key',
          at(entry.key),
          `no setting ${quoted(entry.key)} here`,
          near ? `did you mean \`${near}\`?` : `known here: ${known.join(', ')}`,
        )
      } else if (entry.value.kind !== 'refused') {
        values[entry.key] = setting.read(entry.value, at(entry.key), reading)
      }
    }
    let isWhole = true
    for (const [key, setting] of Object.entries(fields)) {
      if (values[key] !== undefined) continue
      if (setting.fallback !== undefined) values[key] = setting.read(nodeOf(setting.fallback), at(key), reading)
      else if (!setting.isOptional) {
        // Where there is only one thing it could be, the rest can still be checked.
        const only = setting.shape.kind === 'choice' && setting.shape.values.length === 1 ? setting.shape.values[0] : undefined
        if (only === undefined) isWhole = false
        else values[key] = only
        if (!node.entries.some(entry => entry.key === key)) reading.fault('missing', at(key), `\`${key}\` is missing`, setting.doc)
      }
    }
    // INVARIANT: every key of `fields` has been read by its own field, or is optional.
    return isWhole ? (values as RecordValue<F>) : undefined
  })
}

/** The YAML node of a default; its position is never shown. */
function nodeOf(value: Plain): YamlNode {
  if (Array.isArray(value)) return { kind: 'list', at: 0, items: value.map(nodeOf) }
  if (typeof value === 'object') return { kind: 'map', at: 0, entries: [] }
  return { kind: 'scalar', at: 0, value, source: String(value) }
}

export function field<T>(shape: Shape, meta: Meta, read: Field<T>['read']): Field<T> {
  return { shape, doc: meta.doc, ...(meta.fallback === undefined ? {} : { fallback: meta.fallback }), read }
}

/** What stands there, for a message. Values of settings that may hold a secret never come here. */
export function nameOf(node: YamlNode): string {
  if (node.kind !== 'scalar') return node.kind === 'list' ? 'a list' : 'settings'
  return node.value === null ? 'nothing' : quoted(node.source)
}
