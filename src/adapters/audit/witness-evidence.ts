// Checkpoints that a witness refused although the log signed them, each in a file of its own: for people, who have to find out what happened to that log.

import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Refused } from '../../audit/witnessing.ts'
import { syncDirectoryNow } from '../sync-directory.ts'

/** Most files that are kept of one kind: whoever sends false proofs cannot fill the disk, nor keep a contradiction from being kept. */
const MAX_FILES = 1000

/**
 * Writes `<folder>/refused/<kind>-<16 digits>.txt`, synced, with both notes; answers the path, or undefined when it is there already or there are too many.
 * The same two notes make the same file.
 */
export function keepEvidence(folder: string, { is, origin, seen, got }: Refused, now: number): string | undefined {
  const place = join(folder, 'refused')
  mkdirSync(place, { recursive: true, mode: 0o700 })
  const digest = createHash('sha256').update(`${origin}\n${got}`).digest('hex').slice(0, 16)
  const name = `${is}-${digest}.txt`
  const kept = readdirSync(place).filter(file => file.startsWith(`${is}-`))
  if (kept.includes(name) || kept.length >= MAX_FILES) return undefined
  const path = join(place, name)
  const file = openSync(path, 'wx', 0o600)
  try {
    writeFileSync(
      file,
      `${WORDS[is]}\nlog: ${origin}\nrefused: ${new Date(now).toISOString()}\n\n--- seen before ---\n${seen.note}\n--- refused ---\n${got}`,
    )
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  syncDirectoryNow(place)
  return path
}

const WORDS: Readonly<Record<Refused['is'], string>> = {
  contradiction: 'A log signed two trees of one size. These two notes prove it to anybody who has its key.',
  unproven:
    'A log signed a tree, and nothing showed that it goes on from the one seen before. It was changed, or a false proof was sent with it.',
}
