// Fields that hold one value: text, numbers, choices, durations, sizes, paths.

import { quoted } from './faults.ts'
import { field, nameOf } from './fields.ts'
import type { Field, Meta } from './fields.ts'
import type { YamlNode } from './parse.ts'
import type { Place, Reading } from './reading.ts'
import { nearest } from '../kernel/nearest.ts'
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from './units.ts'

export function text(
  options: Meta & {
    readonly what: string
    readonly pattern?: RegExp
    readonly maxLength?: number
    readonly problem?: (value: string) => string | undefined
  },
): Field<string> {
  const maxLength = options.maxLength ?? 1024
  const shape = { kind: 'text', what: options.what, maxLength, ...(options.pattern ? { pattern: options.pattern.source } : {}) } as const
  return field(shape, options, (node, path, reading) => {
    const value = asText(node, options.what, path, reading)
    if (value === undefined) return undefined
    if (value.length === 0 || value.length > maxLength)
      return reading.refuse('range', path, `expected ${options.what} of 1 to ${maxLength} characters, got ${value.length}`)
    if (options.pattern && !options.pattern.test(value))
      return reading.refuse('value', path, `expected ${options.what}, got ${quoted(value)}`)
    const problem = options.problem?.(value)
    return problem === undefined ? value : reading.refuse('value', path, problem)
  })
}

/** Text that stands for something else: `parse` answers the thing, or what is wrong in `{ problem }`. */
export function parsed<T extends object>(
  options: Meta & {
    readonly what: string
    readonly maxLength?: number
    readonly parse: (value: string) => T | { readonly problem: string; readonly fix?: string }
  },
): Field<T> {
  const plain = text({ ...options, problem: () => undefined })
  return field(plain.shape, options, (node, path, reading) => {
    // Quotes would not mend a number that is none of these either.
    if (node.kind === 'scalar' && node.value !== null && typeof node.value !== 'string' && 'problem' in options.parse(node.source))
      return reading.refuse('type', path, `expected ${options.what}, got ${nameOf(node)}`)
    const value = plain.read(node, path, reading)
    if (value === undefined) return undefined
    const result = options.parse(value)
    return 'problem' in result ? reading.refuse('value', path, result.problem, result.fix) : result
  })
}

export function integer(options: Meta & { readonly min: number; readonly max: number }): Field<number> {
  const { min, max } = options
  return field({ kind: 'integer', min, max }, options, (node, path, reading) => {
    if (node.kind !== 'scalar' || typeof node.value !== 'number')
      return reading.refuse('type', path, `expected a whole number, got ${nameOf(node)}`)
    if (!Number.isInteger(node.value) || node.value < min || node.value > max) {
      return reading.refuse('range', path, `expected a whole number from ${min} to ${max}, got ${quoted(node.source)}`)
    }
    return node.value
  })
}

/** A part of a whole, 0 to 1. */
export const share = (options: Meta): Field<number> =>
  field({ kind: 'share' }, options, (node, path, reading) => {
    if (node.kind !== 'scalar' || typeof node.value !== 'number')
      return reading.refuse('type', path, `expected a number from 0 to 1, got ${nameOf(node)}`)
    return node.value >= 0 && node.value <= 1
      ? node.value
      : reading.refuse('range', path, `expected a number from 0 to 1, got ${quoted(node.source)}`)
  })

export const flag = (options: Meta): Field<boolean> =>
  field({ kind: 'flag' }, options, (node, path, reading) =>
    node.kind === 'scalar' && typeof node.value === 'boolean'
      ? node.value
      : reading.refuse('type', path, `expected true or false, got ${nameOf(node)}`),
  )

export function choice<const V extends readonly (string | number)[]>(values: V, options: Meta): Field<V[number]> {
  return field({ kind: 'choice', values }, options, (node, path, reading) => {
    const got = node.kind === 'scalar' ? node.value : undefined
    const found = values.find(value => value === got)
    if (found !== undefined) return found
    const near = typeof got === 'string' ? nearest(got, values.map(String)) : undefined
    const list = values.map(value => `\`${value}\``).join(', ')
    return reading.refuse(
      'value',
      path,
      `expected ${values.length > 1 ? 'one of ' : ''}${list}, got ${nameOf(node)}`,
      near && `did you mean \`${near}\`?`,
    )
  })
}

/** A duration such as `60s`, read as milliseconds or whole seconds. */
export function duration(unit: 'ms' | 'seconds', options: Meta & { readonly min: string; readonly max: string }): Field<number> {
  const divisor = unit === 'ms' ? 1 : 1000
  const least = parseDuration(options.min) ?? 0
  const most = parseDuration(options.max) ?? 0
  return field({ kind: 'duration', min: options.min, max: options.max, pattern: DURATION_PATTERN }, options, (node, path, reading) => {
    const ms = measured(node, path, reading, { what: 'a duration', example: '`500ms`, `60s`, `5m`, `1h` or `7d`', parse: parseDuration })
    if (ms === undefined) return undefined
    if (ms < least || ms > most) return reading.refuse('range', path, `expected ${options.min} to ${options.max}, got ${nameOf(node)}`)
    return ms % divisor === 0 ? ms / divisor : reading.refuse('value', path, `expected whole seconds, got ${nameOf(node)}`)
  })
}

/** A size such as `4MiB`, read as bytes. */
export function size(options: Meta & { readonly min: string; readonly max: string }): Field<number> {
  const least = parseSize(options.min) ?? 0
  const most = parseSize(options.max) ?? 0
  return field({ kind: 'size', min: options.min, max: options.max, pattern: SIZE_PATTERN }, options, (node, path, reading) => {
    const bytes = measured(node, path, reading, { what: 'a size', example: '`512B`, `64KiB`, `4MiB` or `1GiB`', parse: parseSize })
    if (bytes === undefined) return undefined
    return bytes >= least && bytes <= most
      ? bytes
      : reading.refuse('range', path, `expected ${options.min} to ${options.max}, got ${nameOf(node)}`)
  })
}

type Measure = { readonly what: string; readonly example: string; parse(text: string): number | undefined }
function measured(node: YamlNode, path: string, reading: Reading, measure: Measure): number | undefined {
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined
  const amount = text === undefined ? undefined : measure.parse(text)
  return amount ?? reading.refuse('value', path, `expected ${measure.what} with its unit, such as ${measure.example}, got ${nameOf(node)}`)
}

/** A path of the file system; relative ones start at the folder of the configuration. Read as an absolute path. */
export const path = (options: Meta): Field<string> => {
  const whole = place(options)
  return field(whole.shape, options, (node, at, reading) => whole.read(node, at, reading)?.file)
}

/** The same, where it matters how it was written. */
export const place = (options: Meta): Field<Place> =>
  field({ kind: 'path' }, options, (node, at, reading) => {
    const value = asText(node, 'a path', at, reading)
    if (value === undefined) return undefined
    const problem = pathProblem(value)
    return problem === undefined ? reading.placeOf(value) : reading.refuse('value', at, problem)
  })

export function pathProblem(value: string): string | undefined {
  if (value === '' || value.length > 4096 || value.includes('\0')) return 'expected a path of 1 to 4096 characters'
  return value.startsWith('~') ? '`~` is not expanded here: write the whole path, or one relative to this file' : undefined
}

function asText(node: YamlNode, what: string, path: string, reading: Reading): string | undefined {
  if (node.kind === 'scalar' && typeof node.value === 'string') return node.value
  const hint = node.kind === 'scalar' && node.value !== null ? `put it in quotes: '${node.source.slice(0, 40)}'` : undefined
  return reading.refuse('type', path, `expected ${what}, got ${nameOf(node)}`, hint)
}
