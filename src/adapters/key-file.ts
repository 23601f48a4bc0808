// A key on disk, `<dataDir>/keys/<name>`: made at the first use, refused when others could read it, two generations. Its text form serves other sources too.

import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../kernel/errors.ts'
import { SEALING_KEY_BYTES, type SealingKeys } from '../kernel/seal.ts'
import { whyNotPrivate } from './private-file.ts'
import { syncDirectoryNow } from './sync-directory.ts'

/** Largest text of a key. */
export const MAX_KEY_BYTES = 1024
const LINE = /^v1 ([A-Za-z0-9_-]{43})$/

/** `lost`: what is over when one starts with a new key, for the message about a damaged one. */
export type KeyFile = { readonly name: string; readonly lost: string }

/**
 * The keys in the file, generated when there is none. On disk after a crash: the whole file or none, never a part. Two processes that start at once end
 * up with the same key. Throws Fault `key-file-unsafe` (owner, mode, symlink) or `key-file-invalid` (content), naming the path and never the content.
 */
export function loadKeyFile(dataDir: string, file: KeyFile): SealingKeys {
  const directory = keysDirectory(dataDir)
  return read(directory, file) ?? create(directory, file)
}

/** Makes a new current generation; the current one becomes previous, the previous one is forgotten: what it sealed no longer opens. */
export function rotateKeyFile(dataDir: string, file: KeyFile): SealingKeys {
  const directory = keysDirectory(dataDir)
  const old = read(directory, file)
  const keys: SealingKeys = { current: randomBytes(SEALING_KEY_BYTES), previous: old?.current }
  const path = temporary(directory, file, keys)
  renameSync(path, join(directory, file.name)) // atomic: a reader sees the old generations or the new ones
  syncDirectoryNow(directory)
  return keys
}

/**
 * Two lines at most, `v1 ` and 32 bytes as base64url each: the current generation, then the one before. Undefined for anything else. Canonical: there is one
 * text for given keys.
 */
export function parseKeys(text: string): SealingKeys | undefined {
  const lines = text.split('\n')
  if (text.length > MAX_KEY_BYTES || lines.pop() !== '' || lines.length < 1 || lines.length > 2) return undefined
  const keys = lines.map(line => {
    const written = LINE.exec(line)?.[1] ?? ''
    const key = Buffer.from(written, 'base64url')
    return key.length === SEALING_KEY_BYTES && key.toString('base64url') === written ? key : undefined
  })
  const [current, previous] = keys
  if (current === undefined || keys.includes(undefined) || previous?.equals(current) === true) return undefined
  return { current, previous }
}

function keysDirectory(dataDir: string): string {
  const directory = join(dataDir, 'keys')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const found = lstatSync(directory)
  if (!found.isDirectory()) throw unsafe(directory, 'expected a directory, got something else or a symbolic link')
  checkPrivate(directory, found)
  return directory
}

function read(directory: string, { name, lost }: KeyFile): SealingKeys | undefined {
  const path = join(directory, name)
  const file = open(path)
  if (file === undefined) return undefined
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw unsafe(path, 'expected a regular file')
    checkPrivate(path, found)
    const bytes = Buffer.alloc(MAX_KEY_BYTES + 1)
    const keys = parseKeys(bytes.toString('latin1', 0, readSync(file, bytes)))
    if (keys) return keys
  } finally {
    closeSync(file)
  }
  throw new Fault('key-file-invalid', `\`${path}\` is not a key file; restore it, or remove it to start with a new key (${lost})`)
}

/** The descriptor is what is checked and read, so the path cannot be swapped in between. */
function open(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT') return undefined
    throw unsafe(
      path,
      code === 'ELOOP' ? 'expected a regular file, got a symbolic link' : `cannot be opened (${code ?? 'unknown error'})`,
      cause,
    )
  }
}

function create(directory: string, file: KeyFile): SealingKeys {
  const keys: SealingKeys = { current: randomBytes(SEALING_KEY_BYTES), previous: undefined }
  const path = temporary(directory, file, keys)
  const target = join(directory, file.name)
  try {
    linkSync(path, target) // fails if another process was first: then its key counts
    return keys
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code !== 'EEXIST') throw unsafe(target, `cannot be made (${code ?? 'unknown error'})`, cause)
    const theirs = read(directory, file)
    if (theirs === undefined) throw unsafe(target, 'vanished while it was being read', cause)
    return theirs
  } finally {
    rmSync(path, { force: true })
    syncDirectoryNow(directory)
  }
}

/** A synced file beside the real one, readable by the owner only from its first moment. */
function temporary(directory: string, { name }: KeyFile, keys: SealingKeys): string {
  const path = join(directory, `.${name}.${randomBytes(8).toString('hex')}`)
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
  try {
    const lines = [keys.current, ...(keys.previous ? [keys.previous] : [])]
    writeSync(file, lines.map(key => `v1 ${key.toString('base64url')}\n`).join(''))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return path
}

function checkPrivate(path: string, found: Stats): void {
  const why = whyNotPrivate(path, found)
  if (why !== undefined) throw unsafe(path, why)
}

const unsafe = (path: string, why: string, cause?: unknown): Fault => new Fault('key-file-unsafe', `\`${path}\`: ${why}`, { cause })
