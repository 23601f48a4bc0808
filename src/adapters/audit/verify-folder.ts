// A log as it lies in its folder, of a gateway that runs, one that stopped, or a copy: every line, every hash and every checkpoint kept of it.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LogIdentity } from '../../audit/checkpoint.ts'
import { segmentName, segmentNumber } from '../../audit/recover.ts'
import { Frontier } from '../../audit/tree.ts'
import { LogVerifier, type Findings } from '../../audit/verify.ts'
import { openAll, type Trust, type Verified } from './bundle-file.ts'
import { EventTimes } from './event-times.ts'
import { judgeKeys, KEY_EVENT, type KeyChange } from './key-changes.ts'
import { eachHashed, type OnRecord } from './hashed-records.ts'
import { MissingValues } from './missing-values.ts'
import type { Place } from './segment-lines.ts'

const TILE = 256
const HASH = 32

/** What is kept of a log beside its lines. Nothing of it is believed: it is compared with lines and checkpoints. */
export type KeptTree = {
  /** of the first event */
  readonly firstSegment: number
  /** whole tiles of 256 leaves */
  readonly tiles: number
  leavesOf(tile: number): Buffer
  /** segments that were written to their end; `events`: of all segments up to this one */
  segments(): readonly { readonly number: number; readonly events: number }[]
  /** signed notes */
  readonly checkpoints: readonly string[]
}

export type FolderTrust = Trust & {
  readonly log: LogIdentity
  /** when the folder was as it is: now, or when the copy was made; milliseconds */
  readonly asOf: number
  /** whether what was recorded with an event is kept; absent = that is not looked for */
  readonly hasValue?: ((event: string) => boolean) | undefined
}

/** How long an event may be without a checkpoint, milliseconds. The gateway signs within seconds, and refuses to go on after thirty. */
const MAX_UNCOVERED_MS = 60_000

/** Rejects with what reading the files throws. */
export async function verifyFolder(
  dir: string,
  kept: KeptTree,
  { log, witnesses, external, asOf, hasValue }: FolderTrust,
  findings: Findings,
): Promise<Verified & { readonly pruned: number }> {
  const own = openAll(kept.checkpoints, { log, witnesses, where: 'this log' }, findings)
  const given = openAll(external, { log, witnesses, where: 'what was kept elsewhere' }, findings)
  const verifier = new LogVerifier({ before: new Frontier(), checkpoints: [...own, ...given], findings })
  const pass = new FolderPass(dir, kept, { verifier, findings, values: hasValue && new MissingValues(hasValue) })
  await pass.run()
  verifier.end()
  const covered = verifier.matched.at(-1)?.size ?? 0
  pass.judgePruned(covered)
  await pass.judgeValues()
  judgeKeys(pass.keys, { log, matched: verifier.matched }, findings)
  judgeTail(pass.times.at(covered), { size: verifier.size, covered, asOf }, findings)
  return {
    log,
    from: pass.pruned,
    pruned: pass.pruned,
    size: verifier.size,
    matched: verifier.matched,
    external: verifier.matched.filter(one => given.includes(one)),
    timeAt: seq => pass.times.at(seq),
    asOf,
  }
}

type Tail = { readonly size: number; readonly covered: number; readonly asOf: number }

/** Events that no checkpoint covers are young, or somebody put them there. */
function judgeTail(time: number | undefined, { size, covered, asOf }: Tail, findings: Findings): void {
  // A time in the future keeps nothing young.
  if (size === covered || (time !== undefined && Math.abs(asOf - time) <= MAX_UNCOVERED_MS)) return
  findings.add({
    is: 'events',
    from: covered,
    to: size,
    why: `no checkpoint covers them, although the oldest is more than ${MAX_UNCOVERED_MS / 1000} seconds old: they were put there, or the gateway ended without signing them; it does when it starts again`,
  })
}

class FolderPass {
  readonly #dir: string
  readonly #kept: KeptTree
  readonly #verifier: LogVerifier
  readonly #findings: Findings
  #tile: { readonly number: number; readonly leaves: Buffer } | undefined
  /** what prune events say: events before `to` were removed, told by event `seq` */
  readonly #prunes: { readonly seq: number; readonly to: number }[] = []
  readonly times = new EventTimes()
  readonly #values: MissingValues | undefined
  /** behind the last line that was read */
  #end = { segment: 0, offset: 0 }
  /** what events say of one key that follows another */
  readonly keys: KeyChange[] = []
  /** events that are not there any more, as far as the files say */
  pruned = 0

  constructor(dir: string, kept: KeptTree, { verifier, findings, values }: PassParts) {
    this.#dir = dir
    this.#kept = kept
    this.#verifier = verifier
    this.#findings = findings
    this.#values = values
  }

  /** To where the log ends when this begins: what is appended meanwhile is no part of what the checkpoints were read for, and would grow old before it is judged. */
  async run(): Promise<void> {
    const segments = readdirSync(this.#dir)
      .flatMap(name => segmentNumber(name) ?? [])
      .sort((a, b) => a - b)
      .map(number => ({ number, bytes: this.#bytesOf(number) }))
    const first = segments[0]?.number ?? this.#kept.firstSegment
    this.#skip(first)
    for (const [i, { number, bytes }] of segments.entries()) {
      if (number !== first + i) {
        this.#findings.add({
          is: 'file',
          where: segmentName(first + i),
          why: `it is missing, and with it the events from ${this.#verifier.size} on`,
        })
        return
      }
      // Behind the last line break: a line that is being written, or was torn by a crash.
      const rest = await this.#records({ segment: number, offset: 0 }, bytes, ({ bytes, from, to }, leaves, at) =>
        this.#line(bytes.subarray(from, to), leaves.subarray(at, at + HASH)),
      )
      this.#end = { segment: number, offset: bytes - rest }
      if (rest > 0 && i < segments.length - 1)
        this.#findings.add({ is: 'file', where: segmentName(number), why: 'its last line has no end, though another segment follows' })
    }
  }

  #bytesOf(segment: number): number {
    return statSync(join(this.#dir, segmentName(segment))).size
  }

  /** Answers how many bytes stand behind the last line break. */
  #records({ segment, offset }: Place, to: number, online: OnRecord): Promise<number> {
    return eachHashed({ path: join(this.#dir, segmentName(segment)), from: offset, to, spaces: 0 }, online)
  }

  /** Segments before the first that is there: of their events the hashes are left. */
  #skip(first: number): void {
    if (first <= this.#kept.firstSegment) return
    const events = this.#kept.segments().find(({ number }) => number === first - 1)?.events
    if (events === undefined || events > this.#kept.tiles * TILE) {
      this.#findings.add({
        is: 'file',
        where: segmentName(this.#kept.firstSegment),
        why: 'it is missing, and nothing says how many events were in it',
      })
      return
    }
    for (let seq = 0; seq < events; seq += 1) this.#verifier.leaf(this.#leaf(seq) ?? Buffer.alloc(HASH))
    this.pruned = events
  }

  #line(line: Buffer, leaf: Buffer): void {
    const seq = this.#verifier.size
    if (this.times.isDue(this.#verifier)) this.times.note(this.#verifier, line)
    this.#values?.line(line, seq)
    if (line.includes(PRUNED)) this.#notePrune(line, seq)
    if (line.includes(`"${KEY_EVENT}"`)) this.#noteKey(line, seq)
    this.#verifier.leaf(leaf, this.#leaf(seq))
  }

  /** The hash kept of an event; undefined for the last few, which are in no whole tile yet. */
  #leaf(seq: number): Buffer | undefined {
    const number = Math.floor(seq / TILE)
    if (number >= this.#kept.tiles) return undefined
    if (this.#tile?.number !== number) this.#tile = { number, leaves: this.#kept.leavesOf(number) }
    const at = (seq % TILE) * HASH
    return this.#tile.leaves.subarray(at, at + HASH)
  }

  #noteKey(line: Buffer, seq: number): void {
    const event = parsed(line)
    const { before, vkey } = event?.type === 'lifecycle' && event.what === KEY_EVENT ? (event.detail ?? {}) : {}
    if (typeof before === 'string' && typeof vkey === 'string') this.keys.push({ seq, before, vkey })
  }

  #notePrune(line: Buffer, seq: number): void {
    const event = parsed(line)
    const to = event?.type === 'lifecycle' && event.what === PRUNED ? event.detail?.to : undefined
    if (typeof to === 'number') this.#prunes.push({ seq, to })
  }

  /** What is gone must have been said to go, by an event that is signed: one that stands in the uncovered tail says nothing. */
  judgePruned(covered: number): void {
    if (this.pruned === 0) return
    if (this.#prunes.some(({ seq, to }) => seq < covered && seq >= this.pruned && to >= this.pruned)) return
    this.#findings.add({
      is: 'events',
      from: 0,
      to: this.pruned,
      why: 'they are missing, and no signed event `audit-pruned` says that they were removed',
    })
  }
  /** What is missing was erased on record. That is durable before anything goes: where values went while the log was read, it stands in what came since. */
  async judgeValues(): Promise<void> {
    const values = this.#values
    if (values === undefined) return
    for (
      let at = this.#end;
      !values.isEmpty && existsSync(join(this.#dir, segmentName(at.segment)));
      at = { segment: at.segment + 1, offset: 0 }
    )
      await this.#records(at, this.#bytesOf(at.segment), ({ bytes, from, to }) => values.erasure(bytes.subarray(from, to)))
    values.judge(this.#findings)
  }
}

type PassParts = { readonly verifier: LogVerifier; readonly findings: Findings; readonly values: MissingValues | undefined }

const PRUNED = 'audit-pruned'
type Loose = {
  readonly type?: unknown
  readonly what?: unknown
  readonly detail?: Readonly<Record<'to' | 'before' | 'vkey', unknown>>
}

function parsed(line: Buffer): Loose | undefined {
  try {
    return JSON.parse(line.toString('utf8')) as Loose
  } catch {
    // no event: it was changed, and its hash says so
    return undefined
  }
}
