// The admitted definitions beside a reviewer's statement, for whoever looks at differences. Nothing is decided by them.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_SEEN_BYTES, readSeen, type SeenSurface } from '../../admission/seen-surface.ts'

/** Admitted definitions, beside their statement: what diffs show as old. They count only where their digests are those of the statement. */
export const definitionsFile = (folder: string, alias: string): string => join(folder, `${alias}.definitions.json`)

/** Undefined where there are none. Rejects where the file cannot be read, or is no regular file of at most MAX_SEEN_BYTES. */
export async function readDefinitionsBeside(folder: string, alias: string): Promise<SeenSurface | undefined> {
  const bytes = await readBounded(definitionsFile(folder, alias), MAX_SEEN_BYTES)
  return bytes && readSeen(bytes, alias)
}

/** A file that somebody else manages, whole; undefined where there is none. Rejects where it is no regular file of at most so many bytes. */
export async function readBounded(file: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const found = await handle.stat()
      if (!found.isFile() || found.size > maxBytes) throw new Error(`\`${file}\` is no regular file of at most ${maxBytes} bytes`)
      return await handle.readFile()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
