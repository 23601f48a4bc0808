// What `gatehouse backup` writes and `gatehouse restore` reads: files and a manifest with their digests, written last.

import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { EndedLog } from '../adapters/audit/floor.ts'
import type { LogMark } from '../adapters/audit/log-mark.ts'
import { isKeyName } from '../audit/note.ts'
import { Fault } from '../kernel/errors.ts'

/**
 * `createdAt` is RFC 3339; `files` by path inside the folder; `sealedBy`: ids of the keys that sealed the grants; `log`: where the audit log was, a moment before
 * the database was copied (absent in backups of older builds), and `signed` how far it was signed then (absent where nothing was).
 */
export type Manifest = {
  readonly version: 1
  readonly createdAt: string
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>
  readonly sealedBy: readonly string[]
  readonly log?: LogMark
  readonly signed?: EndedLog
}
/** `sha256`: of the manifest's bytes, hexadecimal. */
export type Backup = { readonly manifest: Manifest; readonly sha256: string }

const NAME = 'manifest.json'
const MAX_MANIFEST = 64 * 1024
/** Nothing but these is ever written back. */
const KNOWN = /^(?:state\.db|keys\/[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/
/** Largest key file. */
export const MAX_KEY_FILE = 64 * 1024

export const manifestPath = (folder: string): string => join(folder, NAME)

export async function digestOf(file: string): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(file, {
    flags: constants.O_RDONLY | constants.O_NOFOLLOW,
  } as object) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { sha256: hash.digest('hex'), bytes }
}

/** The manifest, after every file it names was found as it says. Throws Fault `backup-invalid`. */
export async function readBackup(folder: string): Promise<Backup> {
  const backup = await readManifest(folder)
  const { manifest } = backup
  for (const [name, expected] of Object.entries(manifest.files)) {
    const found = await digestOf(join(folder, name)).catch(() => undefined)
    if (found?.sha256 !== expected.sha256 || found.bytes !== expected.bytes)
      throw new Fault('backup-invalid', `\`${name}\` in the backup is missing, or not as the manifest says`)
  }
  return backup
}

/** attacker-controlled: a folder from anywhere; only names this build writes are taken from it. */
async function readManifest(folder: string): Promise<Backup> {
  const invalid = (cause?: unknown): Fault =>
    new Fault('backup-invalid', `\`${folder}\` is no whole backup: its ${NAME} is missing or invalid`, { cause })
  let value: unknown
  let sha256 = ''
  try {
    const file = await open(manifestPath(folder), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const bytes = Buffer.alloc(MAX_MANIFEST + 1)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
      if (bytesRead > MAX_MANIFEST) throw invalid()
      const read = bytes.subarray(0, bytesRead)
      sha256 = createHash('sha256').update(read).digest('hex')
      value = JSON.parse(read.toString('utf8'))
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw invalid(cause)
  }
  if (!isManifest(value)) throw invalid()
  return { manifest: value, sha256 }
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null) return false
  const { version, createdAt, files, sealedBy, log, signed } = value as Readonly<Record<string, unknown>>
  if (version !== 1 || typeof createdAt !== 'string' || typeof files !== 'object' || files === null || !Array.isArray(sealedBy))
    return false
  return (
    'state.db' in files &&
    Object.entries(files).every(([name, file]: [string, unknown]) => {
      const { sha256, bytes } = (file ?? {}) as Readonly<Record<string, unknown>>
      return KNOWN.test(name) && typeof sha256 === 'string' && typeof bytes === 'number'
    }) &&
    sealedBy.every(id => typeof id === 'string') &&
    !Number.isNaN(Date.parse(createdAt)) &&
    (log === undefined || isMark(log)) &&
    (signed === undefined || isEndedLog(signed))
  )
}

function isMark(value: unknown): value is LogMark {
  const { segment, bytes, sha256 } = (value ?? {}) as Readonly<Record<string, unknown>>
  const isCount = (count: unknown): boolean => Number.isSafeInteger(count) && (count as number) >= 0
  return isCount(segment) && isCount(bytes) && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256)
}

function isEndedLog(value: unknown): value is EndedLog {
  const { origin, size, root } = (value ?? {}) as Readonly<Record<string, unknown>>
  return typeof origin === 'string' && isKeyName(origin) && Number.isSafeInteger(size) && (size as number) >= 0 && typeof root === 'string'
}
