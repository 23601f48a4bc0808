// How one upstream is started or reached, as one JSON value that says the same on every machine: a reviewer admits it together with what the server lists (N141).

import { createHash } from 'node:crypto'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { canonicalJson } from '../kernel/canonical-json.ts'
import type { CredentialRule } from '../vault/credential-rule.ts'
import type { ValueSource } from './fields.ts'
import type { Place } from './reading.ts'
import type { LaunchSettings } from './schema.ts'
import { isSecretName, isSecretValue, secretArguments } from './sources.ts'
import { unpinnedIn } from './unpinned.ts'
import type { UpstreamDocument } from './upstream-table.ts'

/**
 * A text stands for itself; `path`: relative to the folder of the configuration where it lies below that or was written so, else absolute; `fromEnv`,
 * `fromFile`: where a value comes from, never the value; `secret`: SHA-256 of a literal that looks like a secret.
 */
type Value =
  | string
  | { readonly path: string }
  | { readonly fromEnv: string; readonly prefix?: string }
  | { readonly fromFile: string; readonly prefix?: string }
  | { readonly secret: string }

/** `file`: the configuration's, absolute. `credential`: of everybody's own, as far as it is no secret. */
export function launchOf(upstream: UpstreamDocument, file: string, credential: CredentialRule | undefined): LaunchSettings {
  const folder = dirname(file)
  const { stdio, server } = upstream
  const how = server ? servedOf(server, folder) : stdio ? processOf(stdio, folder) : remoteOf(upstream, folder)
  const specification = { ...how, ...(credential && { credential: credentialOf(credential) }) }
  const unpinned = stdio && unpinnedIn([...(stdio.launcher ?? []), stdio.command, ...stdio.args.map(wordOf)])
  return { specification, digest: sha256(canonicalJson(specification) ?? ''), ...(unpinned !== undefined && { unpinned }) }
}

function processOf(stdio: NonNullable<UpstreamDocument['stdio']>, folder: string): object {
  const { command, args, env, cwd, uid, gid, launcher } = stdio
  const secrets = secretArguments(args)
  return {
    transport: 'stdio',
    command: programOf(command, folder),
    args: args.map((source, index) => valueOf(source, secrets.has(index), folder)),
    env: namedOf(env, folder),
    ...(cwd && { cwd: { path: portable(cwd, folder) } }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    ...(launcher && { launcher: launcher.map((word, i) => (i === 0 ? programOf(word, folder) : word)) }),
  }
}

/** What the pin adds to what was signed: statements say the rest. */
function servedOf(server: NonNullable<UpstreamDocument['server']>, folder: string): object {
  const { name, version, package: kind, args, env, headers, uid, gid, launcher } = server
  const secrets = secretArguments(args)
  return {
    transport: 'server',
    name,
    version,
    ...(kind !== undefined && { package: kind }),
    args: args.map((source, index) => valueOf(source, secrets.has(index), folder)),
    env: namedOf(env, folder),
    headers: namedOf(new Map([...headers].map(([key, source]) => [key.toLowerCase(), source])), folder),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
    ...(launcher && { launcher: launcher.map((word, i) => (i === 0 ? programOf(word, folder) : word)) }),
  }
}

function remoteOf({ http, sse }: UpstreamDocument, folder: string): object {
  const { url = '', headers = new Map<string, ValueSource>(), unsafeAllowHttp = false } = http ?? sse ?? {}
  const parsed = new URL(url)
  const hasSecret = [...parsed.searchParams].some(([name, value]) => isSecretName(name) || isSecretValue(value))
  const query = hasSecret ? { query: { secret: sha256(parsed.search) } } : {}
  if (hasSecret) parsed.search = ''
  const named = new Map([...headers].map(([name, source]) => [name.toLowerCase(), source]))
  return {
    transport: http ? 'http' : 'sse',
    url: parsed.href,
    ...query,
    headers: namedOf(named, folder),
    ...(unsafeAllowHttp && { unsafeAllowHttp }),
  }
}

/** Whose it is and where it goes: another authorization server or another header is another server. */
function credentialOf({ client, identityProvider, ...rule }: CredentialRule): object {
  return { ...rule, ...(client && { clientId: client.id }), ...(identityProvider && { identityProvider: identityProvider.issuer }) }
}

/** A null prototype: no name is taken for anything else. */
function namedOf(sources: ReadonlyMap<string, ValueSource>, folder: string): object {
  const named = Object.create(null) as Record<string, Value>
  for (const [name, source] of sources) {
    const isSecret = source.from === 'literal' && source.text !== '' && (isSecretName(name) || isSecretValue(source.text))
    named[name] = valueOf(source, isSecret, folder)
  }
  return named
}

function valueOf(source: ValueSource, isSecret: boolean, folder: string): Value {
  if (source.from === 'env') return { fromEnv: source.name, ...(source.prefix !== '' && { prefix: source.prefix }) }
  if (source.from === 'file') return { fromFile: portable(source, folder), ...(source.prefix !== '' && { prefix: source.prefix }) }
  if (source.place) return { path: portable(source.place, folder) }
  return isSecret ? { secret: sha256(source.text) } : source.text
}

/** A name looked up on PATH is never taken for a file of that name. */
function programOf(word: string, folder: string): Value {
  if (!word.includes('/')) return word
  return { path: portable({ file: resolve(folder, word), isRelative: !isAbsolute(word) }, folder) }
}

function portable({ file, isRelative }: Place, folder: string): string {
  const way = relative(folder, file)
  const isBelow = way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
  return isBelow || isRelative ? (way === '' ? '.' : way.replaceAll(sep, '/')) : file
}

/** What is only known when it is loaded names no exact version. */
const wordOf = (source: ValueSource): string => (source.from === 'literal' ? source.text : `(${source.from})`)
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
