// What makes a file of secrets private: its owner is this process's user, and nobody else may touch it.

import type { Stats } from 'node:fs'

/** Why others may have read or planted the file or folder at `path`, and what mends it; undefined when nobody can have. `found` is its status. */
export function whyNotPrivate(path: string, found: Stats): string | undefined {
  const uid = process.geteuid?.()
  if (uid === undefined) return undefined // Windows has neither: the data directory's own access list counts
  if (found.uid !== uid) return `expected owner uid ${uid}, got ${found.uid}`
  if ((found.mode & 0o077) === 0) return undefined
  return `others may use it (mode ${(found.mode & 0o777).toString(8)}); run \`chmod go= ${path}\``
}
