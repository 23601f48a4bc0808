// Whether two servers are the same: what would be started or connected to, with every value.

import type { ConfiguredUpstream } from '../../config/schema.ts'
import type { Entry } from './entry.ts'
import type { Value } from './placeholders.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Equal for entries and configured upstreams that would do the same. Holds secrets: compared, never shown. */
export function keyOfEntry(entry: Entry, env: Env): string {
  const values = (map: ReadonlyMap<string, Value>): [string, string][] => [...map].map(([name, value]) => [name, textOf(value, env)])
  if (entry.kind !== 'stdio') return key([entry.kind, new URL(entry.url).href], values(entry.headers))
  return key([entry.kind, entry.command, entry.cwd ?? '', ...entry.args.map(value => textOf(value, env))], values(entry.env))
}

export function keyOfTransport(transport: ConfiguredUpstream['transport']): string {
  // A version of the registry is none of those that hosts start by themselves.
  if (transport.kind === 'server') return key([transport.kind, transport.name, transport.version], [])
  if (transport.kind !== 'stdio') return key([transport.kind, transport.url], Object.entries(transport.headers))
  return key([transport.kind, transport.command, transport.cwd ?? '', ...transport.args], Object.entries(transport.env))
}

const key = (words: readonly string[], named: readonly (readonly [string, string])[]): string =>
  JSON.stringify([words, [...named].sort(([a], [b]) => (a < b ? -1 : 1))])

/** The value as the server would get it. */
function textOf(value: Value, env: Env): string {
  return value.kind === 'env' ? value.prefix + (env[value.name] ?? '') : value.text
}
