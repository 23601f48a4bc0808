// The sealing key on disk: made at the first start, refused when others could read it, rotated with one previous generation kept.

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

const FILE = 'sealing.key'
const MAX_BYTES = 1024
const LINE = /^v1 ([A-Za-z0-9_-]{43})$/

/**
 * The keys of `<dataDir>/keys/sealing.key`, generated when there is none. Current generation in the first line, previous one in the second.
 * On disk after a crash: the whole file or none, never a part. Two processes that start at once end up with the same key.
 * Throws Fault `key-file-unsafe` (owner, mode, symlink) or `key-file-invalid` (content), naming the path and never the content.
 */
export function loadSealingKeys(dataDir: string): SealingKeys {
  const directory = keysDirectory(dataDir)
  return read(directory) ?? create(directory)
}

/** Makes a new current generation; the current one becomes previous, the previous one is forgotten: what it sealed no longer opens. */
export function rotateSealingKeys(dataDir: string): SealingKeys {
  const directory = keysDirectory(dataDir)
  const old = read(directory)
  const keys: SealingKeys = { current: randomBytes(SEALING_KEY_BYTES), previous: old?.current }
  const path = temporary(directory, keys)
  renameSync(path, join(directory, FILE)) // atomic: a reader sees the old generations or the new ones
  syncDirectoryNow(directory)
  return keys
}

function keysDirectory(dataDir: string): string {
  const directory = join(dataDir, 'keys')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const found = lstatSync(directory)
  if (!found.isDirectory()) throw unsafe(directory, 'expected a directory, got something else or a symbolic link')
  checkPrivate(directory, found)
  return directory
}

function read(directory: string): SealingKeys | undefined {
  const path = join(directory, FILE)
  const file = open(path)
  if (file === undefined) return undefined
  try {
    const found = fstatSync(file)
    if (!found.isFile()) throw unsafe(path, 'expected a regular file')
    checkPrivate(path, found)
    const bytes = Buffer.alloc(MAX_BYTES + 1)
    return parse(path, bytes.subarray(0, readSync(file, bytes)))
  } finally {
    closeSync(file)
  }
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

function parse(path: string, bytes: Buffer): SealingKeys {
  const invalid = new Fault(
    'key-file-invalid',
    `\`${path}\` is not a sealing key file; restore it, or remove it to start with a new key (open request states, cursors and task ids then end)`,
  )
  const lines = bytes.toString('latin1').split('\n')
  if (bytes.length > MAX_BYTES || lines.pop() !== '' || lines.length < 1 || lines.length > 2) throw invalid
  const [current, previous] = lines.map(line => {
    const text = LINE.exec(line)?.[1] ?? ''
    const key = Buffer.from(text, 'base64url')
    if (key.length !== SEALING_KEY_BYTES || key.toString('base64url') !== text) throw invalid
    return key
  })
  if (current === undefined || previous?.equals(current) === true) throw invalid
  return { current, previous }
}

function create(directory: string): SealingKeys {
  const keys: SealingKeys = { current: randomBytes(SEALING_KEY_BYTES), previous: undefined }
  const path = temporary(directory, keys)
  try {
    linkSync(path, join(directory, FILE)) // fails if another process was first: then its key counts
    return keys
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code !== 'EEXIST') throw unsafe(join(directory, FILE), `cannot be made (${code ?? 'unknown error'})`, cause)
    const theirs = read(directory)
    if (theirs === undefined) throw unsafe(join(directory, FILE), 'vanished while it was being read', cause)
    return theirs
  } finally {
    rmSync(path, { force: true })
    syncDirectoryNow(directory)
  }
}

/** A synced file beside the real one, readable by the owner only from its first moment. */
function temporary(directory: string, keys: SealingKeys): string {
  const path = join(directory, `.${FILE}.${randomBytes(8).toString('hex')}`)
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
