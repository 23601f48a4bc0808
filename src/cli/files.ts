// Files the command line writes: whole or not at all, with the mode they had, and never over something without a backup.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, lstat, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncDirectory } from '../adapters/sync-directory.ts'

/** A file's bytes and mode, or undefined when there is none. Rejects for anything but a regular file, and beyond `maxBytes`. */
export async function readIfThere(
  file: string,
  maxBytes = 64 * 1024 * 1024,
): Promise<{ readonly bytes: Buffer; readonly mode: number } | undefined> {
  let handle
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
  try {
    const { mode, size, isFile } = await handle.stat().then(s => ({ mode: s.mode & 0o7777, size: s.size, isFile: s.isFile() }))
    if (!isFile) throw new Error(`\`${file}\` is not a regular file`)
    if (size > maxBytes) throw new Error(`\`${file}\` is larger than ${maxBytes} bytes`)
    return { bytes: await readFile(handle), mode }
  } finally {
    await handle.close()
  }
}

/**
 * Replaces a file in one step: after a crash it holds the old bytes or the new ones. Follows links to the file behind them, so that a linked dotfile stays
 * linked, and keeps its mode and owner; a new file gets `mode`.
 */
export async function writeAtomic(file: string, bytes: Buffer | string, mode = 0o600): Promise<void> {
  const target = await realpath(file).catch(() => file)
  const old = await stat(target).catch(() => undefined)
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`)
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      // The umask does not apply to fchmod: the mode is exactly what is asked for.
      await handle.chmod(old ? old.mode & 0o7777 : mode)
      if (old && process.getuid?.() === 0) await handle.chown(old.uid, old.gid)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(target))
}

/** Copies a file beside itself, readable by its owner alone (it may hold secrets), and answers the copy's path. Never overwrites an older copy. */
export async function backUp(file: string, bytes: Buffer, now: number): Promise<string> {
  const target = await realpath(file).catch(() => file)
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  for (let count = 1; ; count++) {
    const copy = `${target}.gatehouse-backup-${stamp}${count === 1 ? '' : `-${count}`}`
    try {
      const handle = await open(copy, 'wx', 0o600)
      try {
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await syncDirectory(dirname(copy))
      return copy
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || count > 1000) throw error
    }
  }
}

/** A folder only its owner may enter. An existing one keeps its mode; `doctor` says when that is too wide. */
export async function makePrivateFolder(folder: string): Promise<void> {
  const created = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (created !== undefined) await chmod(folder, 0o700)
}

/** Whether anything has this name, a dangling link included. */
export async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
}

export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
