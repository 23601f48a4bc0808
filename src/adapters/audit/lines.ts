// The log's files read line by line in bounded memory, for recovery and for people.

import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { segmentName, segmentNumber } from '../../audit/recover.ts'

const NEWLINE = 0x0a

/** Calls back for each line ended by a newline, with its length in bytes. Resolves to the number of bytes after the last newline. */
export async function eachLine(path: string, online: (line: string, bytes: number) => void): Promise<number> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const data of createReadStream(path, { highWaterMark: 1 << 18 })) {
    const chunk = data as Buffer
    let from = 0
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      if (restBytes === 0) online(chunk.toString('utf8', from, to), to - from)
      else {
        const line = Buffer.concat([...rest, chunk.subarray(from, to)])
        online(line.toString('utf8'), line.length)
        rest = []
        restBytes = 0
      }
      from = to + 1
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from))
      restBytes += chunk.length - from
    }
  }
  return restBytes
}

/** The numbers of the segments in an audit directory, oldest first; [] when there is no such directory. */
export async function segmentsIn(dir: string): Promise<number[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  })
  return names.flatMap(name => segmentNumber(name) ?? []).sort((a, b) => a - b)
}

/** Calls back with every whole event of an audit directory in order, one JSON text each. Safe beside a running writer: what it has not finished is left out. */
export async function readEvents(dir: string, onevent: (event: string) => void): Promise<void> {
  for (const number of await segmentsIn(dir)) await eachLine(join(dir, segmentName(number)), onevent)
}
