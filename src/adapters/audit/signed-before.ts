// What was signed of a log before this start: its last checkpoint and the floor, opened with the keys on disk alone, and what must lead to them.

import { openCheckpoint, type LogIdentity } from '../../audit/checkpoint.ts'
import { openIntentsName } from '../../audit/recover.ts'
import { inclusionProof, leafHash, verifyInclusion, type Tree } from '../../audit/tree.ts'
import { Fault } from '../../kernel/errors.ts'
import { brokenCode } from '../sqlite/audit-database.ts'
import type { FoundAtStart } from './flat-log.ts'
import type { Floor } from './floor.ts'
import type { GrowingTree } from './growing-tree.ts'
import { changed } from './segment-lines.ts'
import { TreeFile, type SignedRow } from './tree-file.ts'

/** Throws Fault `audit-changed` where the file is no database any more, and those of TreeFile. */
export function openTree(dir: string): TreeFile {
  try {
    return TreeFile.open(dir)
  } catch (error) {
    throw asChanged(dir, error)
  }
}

/** A broken `tree.db` is not what was signed, whoever broke it; everything else stays what it is. */
export function asChanged(dir: string, error: unknown): unknown {
  const code = brokenCode(error)
  if (code === undefined) return error
  const way = 'moved away with its `-wal` and `-shm` it is made again from the lines, unless events were removed after the retention time'
  return changed(dir, `\`tree.db\` is broken (${code}): ${way}`)
}

/** The last checkpoint of `tree.db`. attacker-controlled: nothing of it counts before a key on disk signed it. Throws Fault `audit-changed`. */
export function lastSigned(dir: string, file: TreeFile, identity: LogIdentity): SignedRow | undefined {
  const row = file.lastCheckpoint
  if (row === undefined) return undefined
  const opened = openCheckpoint(row.note, identity)
  if (typeof opened !== 'string' && opened.size === row.size && row.root.equals(opened.root)) return row
  throw changed(dir, `its last checkpoint ${typeof opened === 'string' ? opened : 'does not say what stands beside it'}`)
}

/** The same of the floor. */
export function signedFloor(dir: string, { last }: Floor, identity: LogIdentity): Tree | undefined {
  if (last === undefined) return undefined
  const opened = openCheckpoint(last.note, identity)
  if (typeof opened !== 'string' && opened.size === last.size) return opened
  throw changed(dir, `the checkpoint in \`trust/audit.json\` ${typeof opened === 'string' ? opened : 'does not say what stands beside it'}`)
}

/** Throws Fault `audit-rolled-back`, or `audit-changed`, where the lines do not lead to what was signed. */
export function holdTree(dir: string, tree: GrowingTree, { size, root }: Tree): void {
  if (tree.size < size)
    throw new Fault(
      'audit-rolled-back',
      `the audit log in \`${dir}\` has ${tree.size} events, and ${size} were signed: an older copy was put back, or its end is gone; put the newer files back, or begin a new log that names this one (\`gatehouse audit begin\`)`,
    )
  if (!tree.rootAt(size).equals(root)) throw changed(dir, `its first ${size} events are not those that were signed`)
}

type Carried = {
  readonly carried: readonly string[]
  /** that the file of open intents stands beside */
  readonly segment: number
  readonly covered: readonly Tree[]
}

/** The file of open intents is outside the tree: a line in it counts where the tree has its leaf. Throws Fault `audit-changed`. */
export function holdCarried(dir: string, tree: GrowingTree, { carried, segment, covered }: Carried): void {
  for (const line of carried) {
    const leaf = leafHash(Buffer.from(line))
    const seq = tree.find(leaf)
    // Tiles that were edited have the leaf as well; they do not lead to a signed root.
    const isThere = (signed: Tree): boolean =>
      seq !== undefined && (seq >= signed.size || verifyInclusion(seq, leaf, inclusionProof(seq, signed.size, tree.nodeAt), signed))
    if (seq === undefined || !covered.every(isThere))
      throw changed(dir, `\`${openIntentsName(segment)}\` names an event without an end that is not in the log`)
  }
}

/** What is to be told of a log that goes on: whoever had the files since the last checkpoint, and no key, can have put there what is behind it. */
export function foundAtStart(size: number, covered: readonly Tree[], { last }: Floor): FoundAtStart {
  const from = Math.max(0, ...covered.map(signed => signed.size))
  if (from === 0) return {}
  return { ...(size > from && { uncovered: { from, to: size } }), ...(last === undefined && { floor: 'missing' as const }) }
}
