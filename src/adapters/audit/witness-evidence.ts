// Checkpoints that a witness refused although the log signed them, each in a file of its own: for people, who have to find out what happened to that log.

import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Refused } from '../../audit/witnessing.ts'
import { syncDirectoryNow } from '../sync-directory.ts'

/** Most files that are kept of one kind: whoever sends false proofs cannot fill the disk, nor keep a contradiction from being kept. */
const MAX_FILES = 1000

/** One for each tree that was refused, whatever came with its checkpoint: `<kind>-<16 digits>`. */
export const nameOfRefused = ({ is, origin, tree: { size, root } }: Refused): string =>
  `${is}-${createHash('sha256').update(`${origin}\n${size}\n`).update(root).digest('hex').slice(0, 16)}`

/**
 * Writes `<folder>/refused/<name>.txt`, synced, with both notes. Answers the path, also where it is there already; undefined when there are too many.
 * On disk after a crash: all of it under its name, or nothing under it. Throws what the disk throws.
 */
export function keepEvidence(folder: string, refused: Refused, now: number): string | undefined {
  const { is, origin, seen, got } = refused
  const place = join(folder, 'refused')
  mkdirSync(place, { recursive: true, mode: 0o700 })
  const name = `${nameOfRefused(refused)}.txt`
  const path = join(place, name)
  const kept = readdirSync(place).filter(file => file.startsWith(`${is}-`))
  if (kept.includes(name)) return path
  if (kept.length >= MAX_FILES) return undefined
  const fresh = join(place, 'new')
  const file = openSync(fresh, 'w', 0o600)
  try {
    writeFileSync(
      file,
      `${WORDS[is]}\nlog: ${origin}\nrefused: ${new Date(now).toISOString()}\n\n--- seen before ---\n${seen.note}\n--- refused ---\n${got}`,
    )
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(fresh, path)
  syncDirectoryNow(place)
  return path
}

const WORDS: Readonly<Record<Refused['is'], string>> = {
  contradiction: 'A log signed two trees of one size. These two notes prove it to anybody who has its key.',
  unproven:
    'A log signed a tree, and nothing showed that it goes on from the one seen before. It was changed, or a false proof was sent with it.',
}
