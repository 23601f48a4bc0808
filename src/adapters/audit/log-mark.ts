// A place in the log: where a backup was made, and whether the log on disk still goes through it.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { segmentName } from '../../audit/recover.ts'
import { eachLine, segmentsIn } from './lines.ts'

/** Behind `bytes` bytes of a segment, all whole lines, whose SHA-256 (hexadecimal) is `sha256`. Segment 0: before the first. */
export type LogMark = { readonly segment: number; readonly bytes: number; readonly sha256: string }

const NOTHING = createHash('sha256').digest('hex')

/** The end of the log now, beside a running writer too. */
export async function markLog(dir: string): Promise<LogMark> {
  const segment = (await segmentsIn(dir)).at(-1)
  if (segment === undefined) return { segment: 0, bytes: 0, sha256: NOTHING }
  let bytes = 0
  await eachLine(join(dir, segmentName(segment)), (_line, length) => (bytes += length + 1))
  return { segment, bytes, sha256: await digestOf(join(dir, segmentName(segment)), bytes) }
}

/**
 * Calls back with every event of the log, oldest first, and whether it stands behind the mark. False when the log does not go through the mark, or has a hole: then
 * everything counts as behind it.
 */
export async function readThrough(dir: string, mark: LogMark | undefined, on: (line: string, isBehind: boolean) => void): Promise<boolean> {
  const segments = await segmentsIn(dir)
  const isWhole = mark !== undefined && (await goesThrough(dir, mark, segments))
  for (const segment of segments) {
    let at = 0
    const from = !isWhole || segment > mark.segment ? 0 : segment === mark.segment ? mark.bytes : Infinity
    await eachLine(join(dir, segmentName(segment)), (line, bytes) => {
      on(line, at >= from)
      at += bytes + 1
    })
  }
  return isWhole
}

/** Whether it goes through the mark, and has no hole from there on. */
export const leadsThrough = async (dir: string, mark: LogMark | undefined): Promise<boolean> =>
  mark !== undefined && goesThrough(dir, mark, await segmentsIn(dir))

async function goesThrough(dir: string, mark: LogMark, segments: readonly number[]): Promise<boolean> {
  const first = Math.max(1, mark.segment)
  const last = segments.at(-1) ?? 0
  const needed = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)
  if (needed.length === 0 || !needed.every(segment => segments.includes(segment))) return mark.segment === 0 && segments.length === 0
  return mark.segment === 0 || (await digestOf(join(dir, segmentName(mark.segment)), mark.bytes)) === mark.sha256
}

async function digestOf(file: string, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  if (bytes > 0) for await (const chunk of createReadStream(file, { end: bytes - 1 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
