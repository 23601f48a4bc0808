// Reads one small file of what was installed.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Its bytes, or undefined where there is no such file of at most `maxBytes`. */
export async function readInstalled(file: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const found = await handle.stat()
      return found.isFile() && found.size <= maxBytes ? await handle.readFile() : undefined
    } finally {
      await handle.close()
    }
  } catch {
    return undefined // not there, or a link
  }
}
