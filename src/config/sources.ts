// Values that may be secret: written out, or taken from the environment or a file when the configuration is loaded.

import { field } from './fields.ts'
import type { Field, ValueSource } from './fields.ts'
import { pathProblem } from './scalars.ts'
import type { YamlNode } from './parse.ts'
import type { Reading } from './reading.ts'

const FORMS = '`{fromEnv: NAME}`, `{fromFile: path}` or `{path: …}`'
const MAX_VALUE = 64 * 1024

/** Text, `{fromEnv, prefix?}`, `{fromFile, prefix?}` or `{path}`. Messages never repeat the value: it may be a secret. */
export const asSource = (options: { readonly doc: string }): Field<ValueSource> =>
  field({ kind: 'source' }, options, (node, path, reading) => {
    if (node.kind === 'scalar') return literal(node, path, reading)
    if (node.kind !== 'map') return reading.refuse('type', path, `expected text, ${FORMS}`)
    return reference(node, path, reading)
  })

function literal(node: YamlNode & { kind: 'scalar' }, path: string, reading: Reading): ValueSource | undefined {
  if (typeof node.value !== 'string') return reading.refuse('type', path, 'expected text', 'put it in quotes')
  if (node.value.length > MAX_VALUE || node.value.includes('\0'))
    return reading.refuse('value', path, `expected text of at most ${MAX_VALUE} characters without NUL`)
  return { from: 'literal', text: node.value, path }
}

function reference(node: YamlNode & { kind: 'map' }, path: string, reading: Reading): ValueSource | undefined {
  const given = new Map<string, string>()
  for (const entry of node.entries) {
    const at = `${path}.${entry.key}`
    reading.place(at, entry)
    if (!['fromEnv', 'fromFile', 'path', 'prefix'].includes(entry.key))
      reading.fault('unknown-key', at, 'is not known here', `known here: fromEnv, fromFile, path, prefix`)
    else if (entry.value.kind === 'scalar' && typeof entry.value.value === 'string') given.set(entry.key, entry.value.value)
    else if (entry.value.kind !== 'refused') return reading.refuse('type', at, 'expected text')
  }
  const prefix = given.get('prefix') ?? ''
  const name = given.get('fromEnv')
  const file = given.get('fromFile')
  const plain = given.get('path')
  if ([name, file, plain].filter(v => v !== undefined).length !== 1) {
    return reading.isFaulty(path) ? undefined : reading.refuse('conflict', path, `expected text or exactly one of ${FORMS}`)
  }
  if (plain !== undefined && given.has('prefix')) return reading.refuse('conflict', path, '`prefix` goes with `fromEnv` or `fromFile`')
  if (/[\u0000-\u001f\u007f]/.test(prefix)) return reading.refuse('value', `${path}.prefix`, 'expected text without control characters')
  if (name !== undefined) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,255}$/.test(name))
      return reading.refuse('value', `${path}.fromEnv`, 'expected the name of an environment variable')
    return { from: 'env', name, prefix, path }
  }
  const where = file ?? plain ?? ''
  const problem = pathProblem(where)
  if (problem !== undefined) return reading.refuse('value', path, problem)
  const place = reading.placeOf(where)
  return file === undefined ? { from: 'literal', text: place.file, path, place } : { from: 'file', ...place, prefix, path }
}

/** Indexes of the arguments that seem to be secrets: by themselves, by the option in front of them or in them. */
export function secretArguments(args: readonly ValueSource[]): ReadonlySet<number> {
  const found = new Set<number>()
  args.forEach((source, index) => {
    if (source.from !== 'literal') return
    const before = args[index - 1]
    const afterOption = before?.from === 'literal' && /^--?[\w-]+$/.test(before.text) && isSecretName(before.text)
    const [option] = /^--?[\w-]+(?==.)/.exec(source.text) ?? []
    if (afterOption || (option !== undefined && isSecretName(option)) || isSecretValue(source.text)) found.add(index)
  })
  return found
}

/** Names under which secrets usually stand: environment variables, headers, command line options. */
export function isSecretName(name: string): boolean {
  // camelCase and kebab-case become words first, so that `apiKey` is seen and `monkey` or `author` are not.
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()
  return /(?:^|[^a-z])(?:secret|token|password|passwd|passphrase|pwd|credentials?|authorization|auth|bearer|cookie|pat|dsn|jwt)s?(?:[^a-z]|$)|(?:api|access|private|secret|signing|encryption|account|auth)[^a-z]?key/.test(
    words,
  )
}

/** Values that are secrets whatever they are called: well-known token formats, private keys, and URLs with a password. */
export function isSecretValue(value: string): boolean {
  return (
    /(?:^|[^A-Za-z0-9])(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abposr]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|npm_\w{30,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.)/.test(
      value,
    ) ||
    value.includes('PRIVATE KEY-----') ||
    /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]*:[^/?#@\s]+@/i.test(value) ||
    /^(?:Bearer|Basic|token)\s+\S{8,}/i.test(value)
  )
}
