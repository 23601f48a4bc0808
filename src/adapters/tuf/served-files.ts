// The public half of a repository of trust as it is served to other gateways: files by exact names, nothing that keyholders exchange or that holds a key.

import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

/** Largest file of a repository that is served, or read. */
export const MAX_REPOSITORY_FILE_BYTES = 8 * 1024 * 1024

/** Versions and digests stand in the names of all files but one, so their bytes never change. */
const METADATA = /^metadata\/(?:timestamp|[1-9]\d{0,8}\.(?:root|snapshot|targets|namespaces|index|revocations))\.json$/
const TARGETS =
  /^targets\/(?:[0-9a-f]{64}\.trusted_root|namespaces\/[0-9a-f]{64}\.(?:policies|floors)|index\/[0-9a-f]{64}\.[0-9a-f]{2}|revocations\/[0-9a-f]{64}\.revocations)\.json$/

/** A file that is there; whoever gets it closes it. */
export type ServedFile = { readonly handle: FileHandle; readonly bytes: number; readonly isFixed: boolean }

/** `name`: below the repository, attacker-controlled. `unknown`: no such name is ever served; `absent`: one could be there, and is not. */
export async function openServed(folder: string, name: string): Promise<ServedFile | 'absent' | 'unknown'> {
  if (!METADATA.test(name) && !TARGETS.test(name)) return 'unknown'
  let handle: FileHandle | undefined
  try {
    handle = await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const found = await handle.stat()
    if (found.isFile() && found.size > 0 && found.size <= MAX_REPOSITORY_FILE_BYTES)
      return { handle, bytes: found.size, isFixed: name !== 'metadata/timestamp.json' }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ELOOP') throw error
  }
  await handle?.close()
  return 'absent'
}
