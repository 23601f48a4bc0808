// Which packages a lock file pins: what a version is made of beside what its server.json names.

import { isRecord } from '../json-schema.ts'
import type { Ecosystem } from './ecosystems.ts'

/** A lock file as it is kept: `lock:` and its name. */
export type LockText = { readonly kind: string; readonly text: string }
export type LockedPackage = { readonly ecosystem: Ecosystem; readonly name: string; readonly version: string }

/** Of one file; what stands behind is not read. No server is made of more. */
const MAX_PACKAGES = 10_000

/** Each once. What cannot be read names nothing here: whoever installs from it refuses it. Never throws. */
export function lockedPackages({ kind, text }: LockText): readonly LockedPackage[] {
  const found = kind === 'lock:package-lock.json' ? inPackageLock(text) : kind === 'lock:requirements.txt' ? inRequirements(text) : []
  const once = new Map(found.slice(0, MAX_PACKAGES).map(each => [`${each.name}@${each.version}`, each]))
  return [...once.values()]
}

/** lockfileVersion 2 and 3: by folder, `node_modules/a/node_modules/@scope/b`. An alias says its real name. */
function inPackageLock(text: string): readonly LockedPackage[] {
  let lock: unknown
  try {
    lock = JSON.parse(text)
  } catch {
    return []
  }
  const packages = isRecord(lock) ? lock['packages'] : undefined
  if (!isRecord(packages)) return []
  return Object.entries(packages).flatMap(([folder, entry]): readonly LockedPackage[] => {
    if (folder === '' || !isRecord(entry)) return []
    const { name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length), version } = entry
    return typeof name === 'string' && typeof version === 'string' ? [{ ecosystem: 'npm', name, version }] : []
  })
}

/** `name==version`, as pip wants it with hashes; the rest of a line is not about which package it is. */
function inRequirements(text: string): readonly LockedPackage[] {
  return text.split('\n').flatMap((line): readonly LockedPackage[] => {
    const [, name, version] = /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*={2,3}\s*([^\s;\\#]+)/.exec(line) ?? []
    return name === undefined || version === undefined ? [] : [{ ecosystem: 'PyPI', name, version }]
  })
}
