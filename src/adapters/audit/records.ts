// Lines of a file, read synchronously in bounded memory: for commands that check whole logs, never for the data path.

import { readSync } from 'node:fs'

const CHUNK = 1 << 20
/** Longest line that is read; the longest event is far shorter. */
const MAX_LINE = 8 << 20
const NEWLINE = 0x0a

/**
 * Calls back for each line of an open file between two places, without its line break; the bytes are a view that counts until the next line. Answers how many
 * bytes stand behind the last line break. A line of more than 8 MiB ends the reading, as if it had no end.
 */
export function eachRecord(
  file: number,
  { from, to }: { readonly from: number; readonly to: number },
  online: (line: Buffer) => void,
): number {
  let buffer = Buffer.allocUnsafeSlow(CHUNK)
  let held = 0
  let at = from
  for (;;) {
    if (held === buffer.length) {
      if (held >= MAX_LINE) return held + (to - at)
      buffer = Buffer.concat([buffer], held * 2)
    }
    const got = readSync(file, buffer, held, Math.min(buffer.length - held, to - at), at)
    if (got === 0) return held
    at += got
    const filled = held + got
    let start = 0
    for (let end = buffer.indexOf(NEWLINE, held); end >= 0 && end < filled; end = buffer.indexOf(NEWLINE, start)) {
      online(buffer.subarray(start, end))
      start = end + 1
    }
    buffer.copyWithin(0, start, filled)
    held = filled - start
  }
}
