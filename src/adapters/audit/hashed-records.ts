// Lines of a file with the leaf hash of each, for commands that check whole logs: read, cut and hashed in a thread of their own, one stretch ahead of whoever
// checks them. Bounded memory: what waits is at most three stretches.

import { closeSync, openSync, readSync } from 'node:fs'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { LineAt } from '../../audit/bundle.ts'
import { HASH_BYTES, leafHashInto } from '../../audit/tree.ts'
import { bareThread } from '../bare-thread.ts'

const STRETCH = 1 << 20
/** Longest line that is read; the longest event is far shorter. */
const MAX_LINE = 8 << 20
/** A file of less is hashed where it is checked: a thread takes longer to start. */
const ALONE_BYTES = 4 * STRETCH
const NEWLINE = 0x0a
const SPACE = 0x20

export type RecordRange = {
  readonly path: string
  /** bytes */
  readonly from: number
  readonly to: number
  /** how many spaces stand before what is hashed: 2 in a bundle, 0 in a log */
  readonly spaces: number
}

/** Some lines: where each ends in `bytes` (its line break), and its leaf hash, one after the other. `rest`: in the last stretch, how many bytes stand behind the last line break. */
export type Stretch = {
  readonly bytes: Uint8Array
  readonly ends: Float64Array
  readonly leaves: Uint8Array
  readonly rest: number | undefined
}

/** A line and the place of its hash; the bytes count until the callback returns. */
export type OnRecord = (line: LineAt, leaves: Buffer, at: number) => void

/**
 * Calls back for each line between two places of a file, without its line break, with its leaf hash. Resolves to
 * how many bytes stand behind the last line break. A line of more than 8 MiB ends the reading, as if it had no end. Rejects with what reading throws.
 */
export async function eachHashed(range: RecordRange, online: OnRecord): Promise<number> {
  const isShort = range.to - range.from < ALONE_BYTES
  let rest = 0
  for await (const stretch of isShort ? stretchesOf(range) : stretchesAhead(range)) {
    const bytes = Buffer.from(stretch.bytes.buffer, stretch.bytes.byteOffset, stretch.bytes.length)
    const leaves = Buffer.from(stretch.leaves.buffer, stretch.leaves.byteOffset, stretch.leaves.length)
    let start = 0
    let at = 0
    for (const end of stretch.ends) {
      online({ bytes, from: start, to: end }, leaves, at)
      start = end + 1
      at += HASH_BYTES
    }
    rest = stretch.rest ?? rest
  }
  return rest
}

/** The work itself, in whichever thread. */
export function* stretchesOf({ path, from, to, spaces }: RecordRange): Generator<Stretch> {
  const file = openSync(path, 'r')
  try {
    let carried: Uint8Array = Buffer.alloc(0)
    let at = from
    for (;;) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(carried.length + Math.max(STRETCH, carried.length), MAX_LINE))
      bytes.set(carried)
      const wanted = Math.min(bytes.length - carried.length, to - at)
      const got = wanted > 0 ? readSync(file, bytes, carried.length, wanted, at) : 0
      at += got
      const filled = bytes.subarray(0, carried.length + got)
      const cut = hashed(filled, carried.length, spaces)
      const last = cut.ends.at(-1)
      carried = Buffer.from(filled.subarray(last === undefined ? 0 : last + 1)) // copied: what is yielded may go to another thread
      const isOver = got === 0 || carried.length >= MAX_LINE
      yield { ...cut, bytes: filled, rest: isOver ? carried.length + (got === 0 ? 0 : to - at) : undefined }
      if (isOver) return
    }
  } finally {
    closeSync(file)
  }
}

function hashed(bytes: Buffer, seen: number, spaces: number): Pick<Stretch, 'ends' | 'leaves'> {
  const ends: number[] = []
  for (let end = bytes.indexOf(NEWLINE, seen); end >= 0; end = bytes.indexOf(NEWLINE, end + 1)) ends.push(end)
  const leaves = Buffer.allocUnsafeSlow(ends.length * HASH_BYTES)
  let start = 0
  let at = 0
  for (const end of ends) {
    leafHashInto(bytes, [afterSpaces(bytes, { start, end, spaces }), end], leaves, at)
    start = end + 1
    at += HASH_BYTES
  }
  return { ends: Float64Array.from(ends), leaves }
}

/** Where the spaces are not there, anything: such a line has not the form of one, and its hash is not used. */
function afterSpaces(
  bytes: Buffer,
  { start, end, spaces }: { readonly start: number; readonly end: number; readonly spaces: number },
): number {
  let at = start
  for (let left = spaces; left > 0; left -= 1) {
    while (at < end && bytes[at] !== SPACE) at += 1
    at = Math.min(at + 1, end)
  }
  return at
}

/** In a thread, which is told of each stretch that was taken, and is then one further at most. */
async function* stretchesAhead(range: RecordRange): AsyncGenerator<Stretch> {
  const worker = new Worker(new URL(`./hashing-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: range,
    ...bareThread(),
  })
  try {
    const arrived: Stretch[] = []
    let failure: Error | undefined
    let wake = Promise.withResolvers<undefined>()
    worker.on('message', (stretch: Stretch) => {
      arrived.push(stretch)
      wake.resolve(undefined)
    })
    worker.on('error', (error: Error) => {
      failure = error
      wake.resolve(undefined)
    })
    worker.on('exit', () => {
      failure ??= new Error('the thread that hashes ended early')
      wake.resolve(undefined)
    })
    for (;;) {
      const stretch = arrived.shift()
      if (stretch) {
        worker.postMessage('next')
        yield stretch
        if (stretch.rest !== undefined) return
      } else {
        if (failure) throw failure
        await wake.promise
        wake = Promise.withResolvers()
      }
    }
  } finally {
    await worker.terminate()
  }
}
