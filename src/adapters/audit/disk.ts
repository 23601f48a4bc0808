// What the flat log asks of the disk, so that tests can make any single step fail; and the real disk.

import fs from 'node:fs'
import { open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { syncDirectory } from '../sync-directory.ts'

/** Every method reports errors through its callback or promise. Nothing is retried. */
export interface Disk {
  /** appends to a file opened here; may write fewer bytes than asked */
  write(
    fd: number,
    bytes: Buffer,
    range: { readonly from: number; readonly to: number },
    done: (error: Error | null, written: number) => void,
  ): void
  /** fdatasync: the bytes and the length needed to read them are on stable storage */
  sync(fd: number, done: (error: Error | null) => void): void
  /** a new empty file for appending, mode 0600, its directory entry on stable storage; fails when the name exists */
  create(path: string): Promise<number>
  /** an existing file for appending */
  open(path: string): Promise<number>
  /** cuts a file and syncs the cut */
  truncate(fd: number, bytes: number): Promise<void>
  /** makes a whole file appear under its name at once, durable with its directory entry; replaces an older one */
  publish(path: string, text: string): Promise<void>
  close(fd: number): Promise<void>
}

const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = fs.constants
const openFile = promisify(fs.open)

export const REAL_DISK: Disk = {
  write(fd, bytes, { from, to }, done) {
    fs.write(fd, bytes, from, to - from, null, done)
  },
  sync(fd, done) {
    fs.fdatasync(fd, done)
  },
  async create(path) {
    const fd = await openFile(path, O_APPEND | O_CREAT | O_EXCL | O_WRONLY, 0o600)
    try {
      await syncDirectory(dirname(path))
      return fd
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
  },
  open: path => openFile(path, O_APPEND | O_WRONLY),
  async truncate(fd, bytes) {
    await promisify(fs.ftruncate)(fd, bytes)
    await promisify(fs.fsync)(fd)
  },
  async publish(path, text) {
    const draft = `${path}.draft`
    await unlink(draft).catch(ignoreMissing)
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
    await syncDirectory(dirname(path))
  },
  close: promisify(fs.close),
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}
