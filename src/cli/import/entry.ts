// One entry of a host's server list, read as what it would start or connect to.

import { isAbsolute, resolve } from 'node:path'
import { isLoopback, urlProblem } from '../../config/addresses.ts'
import { isSecretName, isSecretValue } from '../../config/sources.ts'
import { resolveText } from './placeholders.ts'
import type { Scope, Value } from './placeholders.ts'

export type Entry =
  | {
      readonly kind: 'stdio'
      readonly command: string
      readonly args: readonly Value[]
      readonly env: ReadonlyMap<string, Value>
      readonly cwd: string | undefined
      readonly ignored: readonly string[]
    }
  | {
      readonly kind: 'http' | 'sse'
      readonly url: string
      readonly headers: ReadonlyMap<string, Value>
      readonly ignored: readonly string[]
    }

/** Members that say nothing about what is started or connected to. */
const HARMLESS = new Set([
  'type',
  'alwaysAllow',
  'autoApprove',
  'description',
  'disabled',
  'enabled',
  'timeout',
  'gallery',
  'version',
  'icon',
  'name',
  'dev',
  'note',
])
const KNOWN = new Set([...HARMLESS, 'command', 'args', 'env', 'envFile', 'cwd', 'url', 'serverUrl', 'headers'])

type Problem = { readonly problem: string }

/** The entry, or why it is left where it is. `envFile` holds what the file that the entry names says, read by the caller. */
export function readEntry(value: unknown, scope: Scope, envFile: ReadonlyMap<string, string> = new Map()): Entry | Problem {
  if (!isRecord(value)) return { problem: 'is not an entry' }
  if (value['disabled'] === true || value['enabled'] === false) return { problem: 'is switched off' }
  for (const key of ['oauth', 'auth', 'headersHelper', 'sandbox', 'sandboxEnabled'] as const) {
    if (value[key] !== undefined && value[key] !== false) return { problem: `has \`${key}\`, which the gateway cannot take over` }
  }
  const ignored = Object.keys(value).filter(key => !KNOWN.has(key))
  const url = value['url'] ?? value['serverUrl']
  if (typeof value['command'] === 'string')
    return url === undefined ? readStdio(value, scope, { ignored, envFile }) : { problem: 'has both `command` and `url`' }
  return typeof url === 'string' ? readRemote(value, url, scope, ignored) : { problem: 'has neither `command` nor `url`' }
}

type Extra = { readonly ignored: readonly string[]; readonly envFile: ReadonlyMap<string, string> }

function readStdio(value: Readonly<Record<string, unknown>>, scope: Scope, { ignored, envFile }: Extra): Entry | Problem {
  const command = plainText(value['command'], scope, '`command`')
  if (typeof command !== 'string') return command
  const list = value['args'] ?? []
  if (!Array.isArray(list) || !list.every(arg => typeof arg === 'string')) return { problem: 'has `args` that are no list of texts' }
  const args = readArgs(list, scope)
  if ('problem' in args) return args
  const env = readValues({ ...Object.fromEntries(envFile), ...(isRecord(value['env']) ? value['env'] : {}) }, scope, isSecretName)
  if ('problem' in env) return env
  const bad = [...env.keys()].find(name => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
  if (bad !== undefined) return { problem: 'has an environment variable with a name the gateway does not accept' }
  const cwd = value['cwd'] === undefined ? undefined : plainText(value['cwd'], scope, '`cwd`')
  if (cwd !== undefined && typeof cwd !== 'string') return cwd
  return {
    kind: 'stdio',
    // A relative program would be looked for at the gateway's configuration instead of the project.
    command: /[\\/]/.test(command) && !isAbsolute(command) && scope.folder !== undefined ? resolve(scope.folder, command) : command,
    args,
    env,
    cwd: cwd === undefined ? scope.folder : resolve(scope.folder ?? scope.home, cwd),
    ignored,
  }
}

function readRemote(value: Readonly<Record<string, unknown>>, given: string, scope: Scope, ignored: readonly string[]): Entry | Problem {
  const url = plainText(given, scope, '`url`')
  if (typeof url !== 'string') return url
  if (urlProblem(url) !== undefined)
    return { problem: 'has a URL the gateway does not accept: https://, without a user name, a password or a fragment' }
  const { protocol, hostname, searchParams } = new URL(url)
  if ([...searchParams].some(([name, text]) => isSecretName(name) || isSecretValue(text)))
    return { problem: 'has a secret in its URL, where it would stand in gatehouse.yaml and in logs' }
  if (protocol === 'http:' && !isLoopback(hostname))
    return { problem: 'is reached over plain http on another machine, where everybody on the way can read and change what passes' }
  // Every header of such a list is there to say who calls.
  const headers = readValues(isRecord(value['headers']) ? value['headers'] : {}, scope, () => true)
  if ('problem' in headers) return headers
  return { kind: value['type'] === 'sse' ? 'sse' : 'http', url, headers, ignored }
}

/** Options that look like `--api-key value` or `--token=value` hold secrets; so does anything in a well-known token format. */
function readArgs(list: readonly string[], scope: Scope): Value[] | Problem {
  const args: Value[] = []
  for (const [index, text] of list.entries()) {
    const value = resolveText(text, scope)
    if ('problem' in value) return value
    const before = list[index - 1] ?? ''
    const [option] = /^--?[\w-]+(?==.)/.exec(text) ?? []
    const isSecret =
      (/^--?[\w-]+$/.test(before) && isSecretName(before) && !text.startsWith('-')) || (option !== undefined && isSecretName(option))
    args.push(value.kind === 'plain' && (isSecret || isSecretValue(value.text)) ? { kind: 'secret', text: value.text } : value)
  }
  return args
}

function readValues(
  record: Readonly<Record<string, unknown>>,
  scope: Scope,
  isSecret: (name: string) => boolean,
): ReadonlyMap<string, Value> | Problem {
  const values = new Map<string, Value>()
  for (const [name, given] of Object.entries(record)) {
    if (given === null || given === '') continue
    if (typeof given === 'object') return { problem: 'has a value that is no text' }
    // Hosts also take numbers and truth values where they mean their text.
    const text = typeof given === 'string' ? given : JSON.stringify(given)
    const value = resolveText(text, scope)
    if ('problem' in value) return value
    values.set(name, value.kind === 'plain' && (isSecret(name) || isSecretValue(value.text)) ? { kind: 'secret', text: value.text } : value)
  }
  return values
}

/** Text that will stand in gatehouse.yaml as it is, so nothing secret may be in it. */
function plainText(given: unknown, scope: Scope, what: string): string | Problem {
  if (typeof given !== 'string') return { problem: `has ${what} that is no text` }
  const value = resolveText(given, scope)
  if ('problem' in value) return value
  if (value.kind === 'plain') return value.text
  const isSafe = value.kind === 'env' && !isSecretName(value.name) && !isSecretValue(scope.env[value.name] ?? '')
  return isSafe
    ? value.prefix + (scope.env[value.name] ?? '')
    : { problem: `has a secret in ${what}: send it in \`headers\` or \`env\` instead` }
}

/** `NAME=value` lines, as in a .env file; quotes around a value are taken off. */
export function readEnvFile(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const [, name, raw = ''] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (name !== undefined) values.set(name, /^(["']).*\1$/.test(raw) ? raw.slice(1, -1) : raw)
  }
  return values
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
