// What must hold of sinks: each has what its kind needs and nothing of another's, and none sends anything in plain text beyond this machine.

import { isLoopback, urlOf, urlProblem } from './addresses.ts'
import type { SinkDocument } from './audit-table.ts'
import type { ValueSource } from './fields.ts'
import type { Reading } from './reading.ts'
import { isSecretName, isSecretValue } from './sources.ts'
import type { ConfigDocument } from './table.ts'

type Kind = SinkDocument['kind']
/** Settings that belong to some kinds alone. */
const BELONGS: Readonly<Record<string, readonly Kind[]>> = {
  path: ['file'],
  rotateSize: ['file'],
  rotateAge: ['file'],
  keep: ['file'],
  address: ['syslog'],
  facility: ['syslog'],
  url: ['otlp', 'webhook', 'redis'],
  headers: ['otlp'],
  stream: ['redis'],
  maxLength: ['redis'],
  ca: ['syslog', 'redis'],
  cert: ['syslog', 'redis'],
  key: ['syslog', 'redis'],
}
const NEEDED: Readonly<Record<Kind, 'path' | 'address' | 'url'>> = {
  file: 'path',
  syslog: 'address',
  otlp: 'url',
  webhook: 'url',
  redis: 'url',
}
/** What safe-fetch and the protocol say themselves. */
const OWN_HEADERS =
  /^(?:accept-encoding|connection|content-length|content-type|cookie|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/i

export function checkSinks({ audit: { sinks } }: ConfigDocument, reading: Reading): void {
  sinks.forEach((sink, index) => {
    const at = `audit.sinks[${index}]`
    if (sinks.findIndex(({ name }) => name === sink.name) < index)
      reading.fault(
        'value',
        `${at}.name`,
        `another sink is called \`${sink.name}\``,
        'give it a name of its own: how far each is, is kept by name',
      )
    for (const [key, kinds] of Object.entries(BELONGS))
      if (reading.has(`${at}.${key}`) && !kinds.includes(sink.kind))
        reading.fault(
          'conflict',
          `${at}.${key}`,
          `\`${key}\` goes with ${kinds.map(kind => `\`kind: ${kind}\``).join(' or ')}`,
          'take it out',
        )
    const needed = NEEDED[sink.kind]
    if (sink[needed] === undefined && !reading.isFaulty(`${at}.${needed}`))
      reading.fault('missing', `${at}.${needed}`, `\`kind: ${sink.kind}\` needs \`${needed}\``)
    if (sink.format === 'cef' && sink.kind !== 'file' && sink.kind !== 'syslog')
      reading.fault('conflict', `${at}.format`, '`cef` is for `file` and `syslog`', 'use `event` or `ocsf`')
    if ((sink.cert === undefined) !== (sink.key === undefined))
      reading.fault('conflict', at, 'expected `cert` and `key` together, or neither')
    checkHeaders(sink, at, reading)
  })
}

function checkHeaders({ headers }: SinkDocument, at: string, reading: Reading): void {
  for (const [name, source] of headers) {
    if (OWN_HEADERS.test(name)) reading.fault('value', `${at}.headers.${name}`, 'this header is the gateway’s own', 'take it out')
    if (source.from === 'literal' && (isSecretName(name) || isSecretValue(source.text)))
      reading.warn('literal-secret', source.path, 'a secret seems to be written out here', 'use `{fromEnv: NAME}` or `{fromFile: path}`')
  }
}

/** URLs, once what they are is known. Messages never repeat them: there may be a secret in one. */
export function checkSinkUrls(
  { audit: { sinks } }: ConfigDocument,
  reading: Reading,
  valueOf: (source: ValueSource) => string | undefined,
): void {
  sinks.forEach(({ kind, url }, index) => {
    const value = url && valueOf(url)
    if (!url || value === undefined) return
    const problem = kind === 'redis' ? redisProblem(value) : kind === 'otlp' || kind === 'webhook' ? httpProblem(value) : undefined
    if (problem !== undefined) reading.fault('value', `audit.sinks[${index}].url`, problem)
    else if (url.from === 'literal' && isSecretValue(value))
      reading.warn('literal-secret', url.path, 'a secret seems to be written out here', 'use `{fromEnv: NAME}` or `{fromFile: path}`')
  })
}

function httpProblem(value: string): string | undefined {
  const problem = urlProblem(value)
  if (problem !== undefined) return problem
  const url = urlOf(value)
  return url?.protocol === 'http:' && !isLoopback(url.hostname)
    ? 'expected https: everybody on the way could read what leaves this machine in plain text'
    : undefined
}

function redisProblem(value: string): string | undefined {
  const url = urlOf(value)
  if (!url || !/^rediss?:$/.test(url.protocol) || url.hostname === '' || url.search !== '' || url.hash !== '')
    return 'expected `rediss://user:password@host:port/database`'
  if (!/^(?:\/\d{0,5})?$/.test(url.pathname)) return 'expected the number of a database behind the host, or nothing'
  if (url.protocol === 'redis:' && !isLoopback(url.hostname))
    return 'expected `rediss://`: everybody on the way could read what leaves this machine in plain text'
  return isEncoded(url.username) && isEncoded(url.password)
    ? undefined
    : 'expected user and password with their special characters as `%xx`'
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
