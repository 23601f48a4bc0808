// Bundles on disk, read in bounded memory.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { openCheckpoint, type LogIdentity, type OpenCheckpoint } from '../../audit/checkpoint.ts'
import type { NoteKey } from '../../audit/note.ts'
import { BundleEvents, endOfHead, MAX_HEAD_BYTES, readBundleHead, type BundleHead } from '../../audit/bundle.ts'
import { LogVerifier, type Findings } from '../../audit/verify.ts'
import { EventTimes, timeOf } from './event-times.ts'
import { eachHashed, type OnRecord } from './hashed-records.ts'

const CHUNK = 1 << 20

export type Trust = {
  readonly witnesses: readonly NoteKey[]
  /** kept elsewhere: opened with the log's keys */
  readonly external: readonly string[]
}

/**
 * What a pass over a log found. Events `from` to before `size`. `matched`: checkpoints that were signed over exactly these events; `external` those of them that
 * came from elsewhere.
 */
export type Verified = {
  readonly log: LogIdentity
  readonly from: number
  readonly size: number
  readonly matched: readonly OpenCheckpoint[]
  readonly external: readonly OpenCheckpoint[]
  /** when the event `seq` was written, as it says, if it stands first behind one of `matched`; milliseconds */
  readonly timeAt: (seq: number) => number | undefined
  /** when that is all there was: of a bundle, what its last event says; milliseconds */
  readonly asOf: number | undefined
}

/** Verifies a bundle. Findings are added; undefined where it cannot even be told which log it is of. Rejects with what reading the file throws. */
export async function verifyBundle(
  path: string,
  keysOf: (head: BundleHead) => LogIdentity,
  { witnesses, external }: Trust,
  findings: Findings,
): Promise<Verified | undefined> {
  const file = openSync(path, 'r')
  try {
    const size = fstatSync(file).size
    const found = headOf(file, size)
    if (typeof found === 'string') {
      findings.add({ is: 'file', where: 'head', why: found })
      return undefined
    }
    const { head, end } = found
    const log = keysOf(head)
    const opened = openAll(head.checkpoints, { log, witnesses, where: 'the bundle' }, findings)
    const given = openAll(external, { log, witnesses, where: 'what was kept elsewhere' }, findings)
    if (opened.at(-1)?.size !== head.to)
      findings.add({ is: 'file', where: 'head', why: `its last checkpoint is not of the ${head.to} events it says it ends with` })
    const usable = given.filter(({ size: of }) => of > head.from)
    const verifier = new LogVerifier({
      before: head.before,
      checkpoints: [...opened, ...usable],
      findings,
    })
    const events = new BundleEvents(head, verifier, findings)
    const times = new EventTimes()
    let last: number | undefined
    const online: OnRecord = (line, leaves, at) => {
      if (times.isDue(verifier)) times.note(verifier, events.eventIn(line))
      if (verifier.size === head.to - 1) last = timeOf(events.eventIn(line))
      events.hashed(line, leaves, at)
    }
    events.end(await eachHashed({ path, from: end, to: size, spaces: 2 }, online))
    verifier.end()
    return {
      log,
      from: head.from,
      size: verifier.size,
      matched: verifier.matched,
      external: verifier.matched.filter(one => usable.includes(one)),
      timeAt: seq => times.at(seq),
      asOf: last,
    }
  } finally {
    closeSync(file)
  }
}

/** What these notes say, as far as it is proven; what is not is found. */
export function openAll(
  notes: readonly string[],
  { log, witnesses, where }: { readonly log: LogIdentity; readonly witnesses: readonly NoteKey[]; readonly where: string },
  findings: Findings,
): OpenCheckpoint[] {
  const opened: OpenCheckpoint[] = []
  for (const [i, note] of notes.entries()) {
    const checkpoint = openCheckpoint(note, log, witnesses)
    if (typeof checkpoint !== 'string') opened.push(checkpoint)
    else findings.add({ is: 'file', where: `checkpoint ${i + 1} of ${where} (${firstLines(note)})`, why: checkpoint })
  }
  return opened
}

/** Which checkpoint it would be, for people; attacker-controlled, so nothing but printable ASCII of it. */
const firstLines = (note: string): string =>
  note
    .split('\n', 2)
    .map(line => line.slice(0, 100).replaceAll(/[^\x20-\x7e]/g, '?'))
    .join(', ')

function headOf(file: number, size: number): { readonly head: BundleHead; readonly end: number } | string {
  let bytes = Buffer.alloc(0)
  while (bytes.length < Math.min(size, MAX_HEAD_BYTES)) {
    const more = Buffer.alloc(Math.min(Math.max(CHUNK, bytes.length), size - bytes.length))
    const got = readSync(file, more, 0, more.length, bytes.length)
    if (got === 0) break
    bytes = Buffer.concat([bytes, more.subarray(0, got)])
    if (endOfHead(bytes) !== undefined) break
  }
  return readBundleHead(bytes)
}
