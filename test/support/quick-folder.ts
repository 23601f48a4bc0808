// Where the tests keep their temporary files: in memory where there is room. Thousands of gateways sync their logs; that they ask for it is what
// test/adapters/audit/sync-trace.test.ts sees, and that a disk is slow is no test of theirs.

import { chmodSync, mkdtempSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

const MEMORY = '/dev/shm'
const ROOM_BYTES = 8 * 1024 ** 3

/** A new folder in memory; undefined where there is none of 8 GiB in which programs may run: then the system's own serves. */
export function quickFolder(): string | undefined {
  try {
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find(line => line.split(' ')[1] === MEMORY)
    if (mount === undefined || mount.split(' ')[3]?.split(',').includes('noexec') === true) return undefined
    const { bavail, bsize } = statfsSync(MEMORY)
    if (bavail * bsize < ROOM_BYTES) return undefined
    const folder = mkdtempSync(join(MEMORY, 'gatehouse-'))
    chmodSync(folder, 0o1777) // as the system's own is: programs of other users are part of some tests
    return folder
  } catch {
    return undefined
  }
}
