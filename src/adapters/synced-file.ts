// Files that must not be lost or torn, as those in `<dataDir>/trust`: written whole and synced before they count, for their owner alone if not said otherwise.

import { closeSync, constants, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '../kernel/errors.ts'
import { whyNotPrivate } from './private-file.ts'
import { syncDirectory, syncDirectoryNow } from './sync-directory.ts'

/** The bytes, or undefined when there is no such file. Throws Fault `<kind>-invalid` where it cannot be read, or others could have written it. */
export function readSyncedFile(file: string, kind: string, maxBytes: number): Buffer | undefined {
  let handle: number
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Fault(`${kind}-invalid`, `cannot read \`${file}\``, { cause })
  }
  try {
    const found = fstatSync(handle)
    const why = found.isFile() ? whyNotPrivate(file, found) : 'expected a regular file'
    if (why !== undefined) throw new Fault(`${kind}-invalid`, `\`${file}\`: ${why}`)
    if (found.size > maxBytes) throw new Fault(`${kind}-invalid`, `\`${file}\`: expected at most ${maxBytes} bytes`)
    return readFileSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Replaces the file; its folder is made where it is missing. On disk after each line: nothing new; the new file beside the old, synced; the new file; its name, synced. */
export function replaceSyncedFile(file: string, kind: string, text: string | Buffer, mode: 0o600 | 0o644 = 0o600): void {
  const folder = dirname(file)
  const fresh = `${file}.new`
  try {
    mkdirSync(folder, { recursive: true, mode: mode === 0o600 ? 0o700 : 0o755 })
    const handle = openSync(fresh, 'w', mode)
    try {
      writeFileSync(handle, text)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(fresh, file)
    syncDirectoryNow(folder)
  } catch (cause) {
    throw new Fault(`${kind}-unwritable`, `cannot write \`${file}\``, { cause })
  }
}

/** The same in the same order, while this process does other things. No two at once for one file. */
export async function replaceSyncedFileBeside(
  file: string,
  kind: string,
  text: string | Buffer,
  mode: 0o600 | 0o644 = 0o600,
): Promise<void> {
  const folder = dirname(file)
  const fresh = `${file}.new`
  try {
    await mkdir(folder, { recursive: true, mode: mode === 0o600 ? 0o700 : 0o755 })
    const handle = await open(fresh, 'w', mode)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(fresh, file)
    await syncDirectory(folder)
  } catch (cause) {
    throw new Fault(`${kind}-unwritable`, `cannot write \`${file}\``, { cause })
  }
}
