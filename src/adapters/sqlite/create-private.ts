// A database that is ours alone from its first moment.

import { closeSync, constants, fstatSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import { whyNotPrivate } from '../private-file.ts'
import { syncDirectoryNow } from '../sync-directory.ts'

/**
 * Makes an empty file of mode 0600 where there is none: SQLite would make it readable for others. What is there already must be ours alone. Throws Fault
 * `<kind>-file-unsafe` (owner, mode, symbolic link) or `<kind>-unavailable`.
 */
export function createPrivateDatabase(path: string, kind: 'state' | 'audit'): void {
  const folder = dirname(path)
  let file: number
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    if (code === 'ELOOP') throw new Fault(`${kind}-file-unsafe`, `\`${path}\`: expected a regular file, got a symbolic link`, { cause })
    throw new Fault(`${kind}-unavailable`, `\`${path}\` cannot be opened (${code})`, { cause })
  }
  try {
    const found = fstatSync(file)
    const why = found.isFile() ? whyNotPrivate(path, found) : 'expected a regular file'
    if (why !== undefined) throw new Fault(`${kind}-file-unsafe`, `\`${path}\`: ${why}`)
  } finally {
    closeSync(file)
  }
  syncDirectoryNow(folder)
}
