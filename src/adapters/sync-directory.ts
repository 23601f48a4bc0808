// A new or renamed file is only as durable as its name: the directory is synced after it. Windows cannot, and keeps names durable by itself.

import { closeSync, fsyncSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'

const CANNOT = process.platform === 'win32'

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  if (CANNOT) return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** The same, for what happens before anything is served. */
export function syncDirectoryNow(path: string): void {
  if (CANNOT) return
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
