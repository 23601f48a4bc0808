// What is installed, on disk: written once, closed to everybody, and read back whole into one digest. Synchronous: it runs in a thread of its own.

import { createHash, hash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { shown } from '../../trust/denial.ts'
import type { ArchiveEntry } from './entries.ts'
import type { ContentLimits } from './limits.ts'
import { refused } from './refusal.ts'

type Bounds = Pick<ContentLimits, 'treeBytes' | 'entries' | 'depth'>
/** What an installation has used of its bounds so far. */
export type Spent = { bytes: number; entries: number }

const [FILE_MODE, PROGRAM_MODE, FOLDER_MODE] = [0o444, 0o555, 0o555]

/**
 * Writes entries below `folder`, which lies in a folder that nobody else can write to. Nothing is overwritten and no link is followed.
 * Throws Refusal when a bound is passed, and errors of the file system.
 */
export function plant(folder: string, entries: readonly ArchiveEntry[], bounds: Bounds, spent: Spent): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const entry of entries) {
    if (++spent.entries > bounds.entries) throw refused('archive-size', `expected at most ${bounds.entries} files and folders in all`)
    if (entry.kind === 'folder') {
      mkdirSync(join(folder, entry.path), { recursive: true, mode: 0o700 })
      continue
    }
    const bytes = entry.bytes()
    spent.bytes += bytes.length
    if (spent.bytes > bounds.treeBytes) throw refused('archive-size', `expected at most ${bounds.treeBytes} bytes in all`)
    const file = join(folder, entry.path)
    mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 })
    const handle = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600)
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(handle, bytes, at)
      // owner, group and others read; nobody writes; no bit of the archive but "may be run" counts
      fchmodSync(handle, entry.isExecutable ? PROGRAM_MODE : FILE_MODE)
    } finally {
      closeSync(handle)
    }
  }
}

/** Closes all folders to writing, the innermost first. `programs`: paths of files in it that become executable. */
export function seal(folder: string, programs: readonly string[]): void {
  for (const program of programs) if (lstatSync(join(folder, program)).isFile()) chmodSync(join(folder, program), PROGRAM_MODE)
  close(folder)
}

function close(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) close(join(folder, entry.name))
  chmodSync(folder, FOLDER_MODE)
}

/**
 * SHA-256 over every name, mode and file below `folder`, itself included. Links, other kinds of files, anything writable or of another owner are refused:
 * none of them was installed. Throws Refusal `tree-changed`.
 */
export function treeDigest(folder: string, bounds: Bounds): string {
  const digest = createHash('sha256').update('gatehouse-tree/v1\n')
  const spent: Spent = { bytes: 0, entries: 0 }
  const take = (path: string, depth: number): void => {
    const file = path === '' ? folder : join(folder, path)
    const found = lstatSync(file)
    if (depth > bounds.depth + 1 || ++spent.entries > bounds.entries + 1) throw changed(path, 'is more than was installed')
    const mode = found.mode & 0o7777
    const what = whyNotInstalled(found, mode)
    if (what !== undefined) throw changed(path, what)
    if (found.isDirectory()) {
      digest.update(`d ${mode.toString(8)} ${path}\0\n`)
      for (const name of readdirSync(file).sort()) take(path === '' ? name : `${path}/${name}`, depth + 1)
      return
    }
    spent.bytes += found.size
    if (spent.bytes > bounds.treeBytes) throw changed(path, 'is more than was installed')
    digest.update(`f ${mode.toString(8)} ${path}\0${hash('sha256', contentOf(file, found.size))}\n`)
  }
  try {
    take('', 0)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== undefined && ['ENOENT', 'ELOOP', 'ENOTDIR', 'EACCES', 'EISDIR'].includes(code))
      throw changed('', `cannot be read (${code})`)
    throw error
  }
  return digest.digest('hex')
}

function whyNotInstalled(found: Stats, mode: number): string | undefined {
  const uid = process.geteuid?.() // Windows has none: who may write there is the folder's own affair
  if (uid !== undefined && found.uid !== uid) return 'belongs to somebody else'
  if (found.isDirectory()) return uid === undefined || mode === FOLDER_MODE ? undefined : 'has another mode than was given'
  if (!found.isFile()) return 'is no file and no folder'
  return uid === undefined || mode === FILE_MODE || mode === PROGRAM_MODE ? undefined : 'has another mode than was given'
}

function contentOf(file: string, size: number): Buffer {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const bytes = fstatSync(handle).isFile() ? readFileSync(handle) : undefined
    if (bytes?.length !== size) throw changed('', 'changes while it is read')
    return bytes
  } finally {
    closeSync(handle)
  }
}

/** Removes what was sealed, or half written. Links are removed, not followed. */
export function uproot(folder: string): void {
  const open = (path: string): void => {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() !== true) return
    chmodSync(path, 0o700)
    for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) open(join(path, entry.name))
  }
  open(folder)
  rmSync(folder, { recursive: true, force: true })
}

const changed = (path: string, what: string): Error =>
  refused('tree-changed', path === '' ? `what was installed ${what}` : `${shown(path)} ${what}`)
