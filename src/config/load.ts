// gatehouse.yaml to a frozen snapshot, or everything that is wrong with it. The only place besides the command line that reads the environment.

import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { checkDocument } from './checks.ts'
import type { ConfigFault, ConfigWarning } from './faults.ts'
import type { ValueSource } from './fields.ts'
import { MAX_CONFIG_BYTES, parseYaml } from './parse.ts'
import { Reading } from './reading.ts'
import type { Snapshot } from './schema.ts'
import { checkSinkUrls } from './sink-checks.ts'
import { snapshotOf } from './snapshot.ts'
import { GATEHOUSE } from './table.ts'
import type { ConfigDocument } from './table.ts'

export type LoadResult =
  | { readonly ok: true; readonly snapshot: Snapshot; readonly warnings: readonly ConfigWarning[] }
  | { readonly ok: false; readonly faults: readonly ConfigFault[]; readonly warnings: readonly ConfigWarning[] }

export type LoadOptions = {
  /** default: the process's own */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** numeric user the gateway runs as; default: the process's own */
  readonly ownUid?: number
  /** reads a file a value comes from; default: the file system */
  readonly readSource?: (file: string) => Promise<SourceFile>
}
/** `isLoose`: others than its owner may read or change it. */
type SourceFile = { readonly bytes: Buffer; readonly isLoose: boolean }

/** Largest file behind `fromFile`, TLS files and key sets aside. */
const MAX_SOURCE_BYTES = 64 * 1024

/** Loads one configuration file. Never rejects for anything the file says; a missing file is a fault too. */
export async function loadConfig(file: string, options: LoadOptions = {}): Promise<LoadResult> {
  const path = resolve(file)
  let read: SourceFile
  try {
    read = await readRegular(path, MAX_CONFIG_BYTES, WRITABLE_BY_OTHERS)
  } catch (error) {
    return {
      ok: false,
      faults: [{ code: 'file', path: '', line: 0, column: 0, message: whyUnreadable(error), fix: fixFor(error) }],
      warnings: [],
    }
  }
  return loadText(read.bytes, path, { ...options, isLoose: read.isLoose })
}

/** The same for bytes that are not, or not yet, in the file: `file` says where they would stand. */
export async function loadText(
  bytes: Buffer,
  file: string,
  options: LoadOptions & { readonly isLoose?: boolean } = {},
): Promise<LoadResult> {
  const yaml = parseYaml(bytes)
  const reading = new Reading(at => yaml.positionOf(at), dirname(file))
  reading.faults.push(...yaml.faults)
  if (!yaml.root) return { ok: false, faults: reading.faults, warnings: [] }
  reading.place('', yaml.root)
  if (options.isLoose)
    reading.warn(
      'loose-permissions',
      '',
      'others on this machine can change this file, and with it the commands the gateway runs',
      'chmod go-w it',
    )
  const doc = GATEHOUSE.read(yaml.root, '', reading)
  if (!doc) return { ok: false, faults: inOrder(reading.faults), warnings: reading.warnings }
  reading.isRead()
  checkDocument(doc, reading, options.ownUid ?? process.getuid?.())
  const values = await resolveSources(doc, reading, options)
  checkSinkUrls(doc, reading, source => (source.from === 'literal' ? source.text : values.get(source)))
  await checkFiles(doc, reading)
  if (reading.faults.length > 0) return { ok: false, faults: inOrder(reading.faults), warnings: inOrder(reading.warnings) }
  const digest = createHash('sha256').update(bytes).digest('hex')
  const snapshot = snapshotOf(doc, {
    file,
    digest,
    valueOf: source => (source.from === 'literal' ? source.text : (values.get(source) ?? '')),
  })
  return { ok: true, snapshot, warnings: inOrder(reading.warnings) }
}

const inOrder = <F extends ConfigFault | ConfigWarning>(findings: readonly F[]): readonly F[] =>
  [...findings].sort((a, b) => a.line - b.line || a.column - b.column)

/** Values from the environment and from files, each read once. */
async function resolveSources(doc: ConfigDocument, reading: Reading, options: LoadOptions): Promise<ReadonlyMap<ValueSource, string>> {
  const env = options.env ?? process.env
  const readSource = options.readSource ?? (file => readRegular(file, MAX_SOURCE_BYTES, READABLE_BY_OTHERS))
  const values = new Map<ValueSource, string>()
  for (const source of sourcesOf(doc)) {
    if (source.from === 'literal') continue
    const value = source.from === 'env' ? fromEnv(source, env, reading) : await fromFile(source, readSource, reading)
    if (value === undefined) continue
    // A header or variable with a line break in it is never what was meant, and splits headers (RFC 9110 section 5.5).
    const isHeader = /\.(?:http|sse|server|traces|metrics|sinks\[\d+\])\.headers\.|\.npmAuthorization$/.test(source.path)
    if (value.includes('\0') || (isHeader && /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(value))) {
      reading.fault('source', source.path, 'holds a line break or a character that cannot be sent')
    } else values.set(source, source.prefix + value)
  }
  return values
}

function* identitySources({ identity: { issuers, login, authorizationServer } }: ConfigDocument): Generator<ValueSource> {
  for (const { introspection } of issuers) if (introspection) yield introspection.clientSecret
  if (login?.clientSecret) yield login.clientSecret
  for (const { secret } of authorizationServer?.clients ?? []) if (secret) yield secret
}

function* sourcesOf(doc: ConfigDocument): Generator<ValueSource> {
  yield* identitySources(doc)
  for (const { url } of doc.approvals.webhooks.values()) yield url
  for (const sent of [doc.telemetry.traces, doc.telemetry.metrics]) if (sent) yield* sent.headers.values()
  for (const { url, headers } of doc.audit.sinks) yield* [...(url ? [url] : []), ...headers.values()]
  const { npmAuthorization } = doc.registry.artifacts
  if (npmAuthorization) yield npmAuthorization
  for (const { stdio, http, sse, server, credential } of doc.upstreams.values()) {
    for (const client of [credential, credential?.identityProvider]) {
      if (client?.clientSecret) yield client.clientSecret
      if (client?.clientKey) yield client.clientKey
    }
    for (const started of [stdio, server]) if (started) yield* [...started.args, ...started.env.values()]
    for (const reached of [http, sse, server]) if (reached) yield* reached.headers.values()
  }
}

function fromEnv(
  source: ValueSource & { from: 'env' },
  env: Readonly<Record<string, string | undefined>>,
  reading: Reading,
): string | undefined {
  const value = env[source.name]
  return value === undefined || value === ''
    ? reading.refuse('source', source.path, `the environment variable \`${source.name}\` is not set`, 'set it where the gateway is started')
    : value
}

async function fromFile(
  source: ValueSource & { from: 'file' },
  read: NonNullable<LoadOptions['readSource']>,
  reading: Reading,
): Promise<string | undefined> {
  try {
    const { bytes, isLoose } = await read(source.file)
    if (isLoose)
      reading.warn('loose-permissions', source.path, 'others on this machine can read the file this value comes from', 'chmod 600 it')
    // Editors end files with a line break that is not part of the secret.
    const value = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
    if (value !== '') return value
    reading.fault('source', source.path, 'the file is empty')
  } catch (error) {
    reading.fault('source', source.path, `the file ${error instanceof TypeError ? 'is not valid UTF-8' : whyUnreadable(error)}`)
  }
  return undefined
}

/** Files that are read later must at least be there now: a gateway that starts and then cannot verify anybody helps nobody. */
async function checkFiles(doc: ConfigDocument, reading: Reading): Promise<void> {
  const files: [path: string, file: string, isSecret: boolean][] = []
  if (doc.tls) files.push(['tls.cert', doc.tls.cert, false], ['tls.key', doc.tls.key, true])
  if (doc.keys.vault?.fromFile !== undefined) files.push(['keys.vault.fromFile', doc.keys.vault.fromFile, true])
  doc.identity.issuers.forEach((issuer, i) => {
    if (issuer.jwksFile !== undefined) files.push([`identity.issuers[${i}].jwksFile`, issuer.jwksFile, false])
  })
  doc.audit.sinks.forEach(({ ca, cert, key }, i) => {
    for (const [name, file] of Object.entries({ ca, cert, key }))
      if (file !== undefined) files.push([`audit.sinks[${i}].${name}`, file, name === 'key'])
  })
  for (const [path, file, isSecret] of files) {
    try {
      const { isLoose } = await readRegular(file, MAX_CONFIG_BYTES, READABLE_BY_OTHERS)
      if (isSecret && isLoose) reading.warn('loose-permissions', path, 'others on this machine can read this key', 'chmod 600 it')
    } catch (error) {
      reading.fault('source', path, `the file ${whyUnreadable(error)}`)
    }
  }
}

const WRITABLE_BY_OTHERS = 0o022
const READABLE_BY_OTHERS = 0o077

class UnfitFile extends Error {}

/**
 * A regular file of bounded size. A link may lead to it (mounted configurations are swapped by links); a pipe, a device or a folder may not: non-blocking,
 * so that a pipe cannot hold the gateway up.
 */
async function readRegular(path: string, maxBytes: number, looseMode: number): Promise<SourceFile> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new UnfitFile('is not a regular file')
    if (stat.size > maxBytes) throw new UnfitFile(`is larger than ${maxBytes} bytes`)
    const bytes = await readAtMost(handle, maxBytes)
    return { bytes, isLoose: process.platform !== 'win32' && (stat.mode & looseMode) !== 0 }
  } finally {
    await handle.close()
  }
}

/** The size was checked, but a file may grow while it is read. */
async function readAtMost(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(maxBytes + 1)
  let length = 0
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null)
    if (bytesRead === 0) return Buffer.from(buffer.subarray(0, length))
    length += bytesRead
    if (length > maxBytes) throw new UnfitFile(`is larger than ${maxBytes} bytes`)
  }
}

function whyUnreadable(error: unknown): string {
  if (error instanceof UnfitFile) return error.message
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'does not exist'
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read by this user'
  if (code === 'ELOOP') return 'is a link that leads nowhere'
  if (code === 'EISDIR') return 'is not a regular file'
  return `cannot be read (${typeof code === 'string' ? code : 'unknown error'})`
}

function fixFor(error: unknown): string {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
    ? '`gatehouse init` writes a first one, --config names another'
    : 'check the path and its permissions'
}
