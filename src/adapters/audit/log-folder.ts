// A log read from its folder: of a stopped gateway, of a running one beside its writer, or of a copy. Nothing in it is changed.

import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { segmentName, segmentNumber } from '../../audit/recover.ts'
import { Fault } from '../../kernel/errors.ts'
import { askingReader } from './asking-reader.ts'
import type { AuditReader } from '../../audit/reading.ts'
import { vkeysIn } from './audit-key.ts'
import { GrowingTree } from './growing-tree.ts'
import { IndexFile } from './index-file.ts'
import { answerAsk, type ReadLog } from './log-reader.ts'
import type { Place } from './segment-lines.ts'
import { TreeFile } from './tree-file.ts'

const BLOCK = 64 * 1024
const NEWLINE = 0x0a

export type LogFolder = { readonly reader: AuditReader; close(): void }

/**
 * The log in `dir` as it is now; later events are not seen. What `tree.db` does not have yet is hashed from the lines. Throws Fault `audit-unreadable` where there is
 * no log, and `audit-changed` where segments are missing. `now`: monotonic, milliseconds.
 */
export function openLogFolder(dir: string, now: () => number): LogFolder {
  const segments = segmentsNow(dir)
  const [first, last] = [segments[0], segments.at(-1)]
  if (first === undefined || last === undefined) throw new Fault('audit-unreadable', `there is no audit log in \`${dir}\``)
  const file = TreeFile.read(dir)
  const index = IndexFile.read(dir)
  const close = (): void => {
    file?.close()
    index?.close()
  }
  try {
    const name = file?.name
    const tree = new GrowingTree(dir, file, name?.firstSegment ?? first)
    const leftFrom = file?.leftFrom
    tree.follow(endOf(dir, last))
    const log: ReadLog = {
      ...{ dir, tree, index, file },
      prunedTo: name?.prunedTo ?? 0,
      ...(leftFrom && { leftFrom }),
      origin: name?.origin ?? '',
      vkeys: vkeysIn(dir),
      lagMs: 0,
    }
    return { reader: askingReader(ask => new Promise(resolve => resolve(answerAsk(log, ask, now)))), close }
  } catch (error) {
    close()
    throw error
  }
}

function segmentsNow(dir: string): number[] {
  try {
    return readdirSync(dir)
      .flatMap(name => segmentNumber(name) ?? [])
      .sort((a, b) => a - b)
  } catch (cause) {
    throw new Fault('audit-unreadable', `\`${dir}\` cannot be read`, { cause })
  }
}

/** Behind the last whole line: the writer may be in the middle of one. */
function endOf(dir: string, segment: number): Place {
  const file = openSync(join(dir, segmentName(segment)), 'r')
  try {
    const block = Buffer.alloc(BLOCK)
    for (let end = fstatSync(file).size; end > 0; end -= BLOCK) {
      const from = Math.max(0, end - BLOCK)
      const got = readSync(file, block, 0, end - from, from)
      const at = block.subarray(0, got).lastIndexOf(NEWLINE)
      if (at >= 0) return { segment, offset: from + at + 1 }
    }
    return { segment, offset: 0 }
  } finally {
    closeSync(file)
  }
}
