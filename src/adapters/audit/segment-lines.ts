// Lines of the log between two places, read synchronously in bounded memory: for the notary's thread and for commands, never for the data path.

import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { segmentName } from '../../audit/recover.ts'
import { Fault } from '../../kernel/errors.ts'

/** A place between two lines: a segment's number and bytes from its beginning. The end of one segment and the beginning of the next are the same place. */
export type Place = { readonly segment: number; readonly offset: number }

/** Whether `a` stands before `b`. */
export const isBefore = (a: Place, b: Place): boolean => a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset)

/**
 * One line without its newline, and where it begins. The bytes are a view that counts until the next line only. `false` ends the scan before this line.
 */
export type OnLine = (line: Buffer, place: Place) => boolean | undefined

const CHUNK = 256 * 1024
/** More than any event takes: a row has at most 2^20 UTF-16 units, each at most three bytes. */
const MAX_LINE = 4 << 20
const NEWLINE = 0x0a

/**
 * Calls back for every line from `from` to before `to`, both between lines, through all segments in between.
 * `onend` hears where each segment on the way ended. Throws Fault `audit-changed` where a segment is missing, ends too early or inside a line, and
 * `audit-unreadable` where it cannot be read.
 */
export function scanLines(dir: string, { from, to, onend }: ScanRange, online: OnLine): void {
  let { segment, offset } = from
  for (;;) {
    const end = segment < to.segment ? Infinity : to.offset
    const scan = offset < end ? scanSegment(dir, { segment, offset, end }, online) : { offset, isStopped: false }
    if (scan.isStopped || segment >= to.segment) return
    offset = scan.offset
    onend?.({ segment, offset })
    segment += 1
    offset = 0
  }
}

export type ScanRange = { readonly from: Place; readonly to: Place; readonly onend?: (end: Place) => void }

type Stretch = { readonly segment: number; readonly offset: number; readonly end: number }

function scanSegment(
  dir: string,
  { segment, offset, end }: Stretch,
  online: OnLine,
): { readonly offset: number; readonly isStopped: boolean } {
  const name = segmentName(segment)
  const file = open(dir, name)
  try {
    let buffer = Buffer.allocUnsafeSlow(CHUNK)
    let held = 0 // bytes in the buffer that belong to a line whose end was not read yet
    let at = offset // where buffer[0] stands in the file
    for (;;) {
      if (held === buffer.length) {
        if (held >= MAX_LINE) throw changed(dir, `\`${name}\` has no line break within ${MAX_LINE} bytes from byte ${at} on`)
        buffer = Buffer.concat([buffer], held * 2)
      }
      const wanted = Math.min(buffer.length - held, end - at - held)
      const got = wanted > 0 ? read(dir, name, () => readSync(file, buffer, held, wanted, at + held)) : 0
      if (got === 0) {
        if (end !== Infinity && at + held < end) throw changed(dir, `\`${name}\` ends at byte ${at + held}, expected ${end} at least`)
        if (held > 0) throw changed(dir, `\`${name}\` has no line break at byte ${at + held}`)
        return { offset: at, isStopped: false }
      }
      const filled = held + got
      let from = 0
      for (let to = buffer.indexOf(NEWLINE, held); to >= 0 && to < filled; to = buffer.indexOf(NEWLINE, from)) {
        if (online(buffer.subarray(from, to), { segment, offset: at + from }) === false) return { offset: at + from, isStopped: true }
        from = to + 1
      }
      buffer.copyWithin(0, from, filled)
      held = filled - from
      at += from
    }
  } finally {
    closeSync(file)
  }
}

function open(dir: string, name: string): number {
  try {
    return openSync(join(dir, name), 'r')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw changed(dir, `\`${name}\` is missing`)
    throw new Fault('audit-unreadable', `\`${join(dir, name)}\` cannot be read`, { cause })
  }
}

function read(dir: string, name: string, work: () => number): number {
  try {
    return work()
  } catch (cause) {
    throw new Fault('audit-unreadable', `\`${join(dir, name)}\` cannot be read`, { cause })
  }
}

/** What was done to the log, and what to do about it. */
export const changed = (dir: string, what: string): Fault =>
  new Fault(
    'audit-changed',
    `the audit log in \`${dir}\` was changed outside the gateway: ${what}; keep a copy, find out who did it (\`gatehouse audit verify\` names entries), and put the right files back or begin a new log (\`gatehouse audit begin\`)`,
  )
