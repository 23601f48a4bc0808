// Sends checkpoints of this log to witnesses (C2SP tlog-witness) and takes their signatures back. Behind everything: a witness that is away, slow or hostile
// holds up nothing and nobody, and is told of.

import { checkpointText, readCount, type Checkpoint } from '../../audit/checkpoint.ts'
import type { NoteKey } from '../../audit/note.ts'
import { addCheckpointText, readCosignature } from '../../audit/witnessing.ts'
import { Fault } from '../../kernel/errors.ts'
import type { SafeFetch } from '../safe-fetch.ts'

/** `url`: the submission prefix, without a slash at its end. `key`: of type 4. */
type WitnessTarget = { readonly url: string; readonly key: NoteKey }

/** A checkpoint with the note that the log signed. */
export type SignedCheckpoint = Checkpoint & { readonly note: string }

/**
 * What is wrong with a witness. `ahead`: it saw a larger tree of this log than there is, so events were lost or taken away, or another machine signs with this
 * key. `contradicted`: it saw another history. `refused`: it does not know the log or its key. `away`: it cannot be reached, or answers with nothing that counts.
 */
export type WitnessTrouble = { readonly is: 'ahead' | 'contradicted' | 'refused' | 'away'; readonly why: string }

/** How one witness stands. `size` and `time` (seconds since 1970) of what it cosigned last, as long as this process knows. */
export type WitnessStanding = { readonly name: string; readonly size?: number; readonly time?: number; readonly trouble?: WitnessTrouble }

export type WitnessesParts = {
  readonly fetch: SafeFetch
  readonly targets: readonly WitnessTarget[]
  /** consistency proof between two trees of this log; may throw */
  readonly prove: (from: number, to: number) => readonly Uint8Array[]
  /** a signature line with its line break, good for the note of exactly this checkpoint */
  readonly onCosigned: (checkpoint: SignedCheckpoint, line: string, by: { readonly name: string; readonly time: number }) => void
  /** when trouble begins or changes, and when it is over (undefined) */
  readonly onTrouble: (name: string, trouble: WitnessTrouble | undefined) => void
  /** calls back once after so many milliseconds; answers how to give up. For tests; default a timer that keeps no process alive */
  readonly after?: (ms: number, then: () => void) => () => void
}

/** Between two pushes to one witness: what comes meanwhile is covered by the next. */
const PAUSE_MS = 5_000
const MAX_PAUSE_MS = 300_000
const MAX_ANSWER = 64 * 1024

/** One at a time to each witness, always the newest checkpoint; after a failure again and again, with pauses that grow to five minutes. */
export class Witnesses {
  readonly #each: readonly Push[]

  constructor(parts: WitnessesParts) {
    this.#each = parts.targets.map(target => new Push(target, parts))
  }

  /** A newer checkpoint. Returns at once. */
  offer(checkpoint: SignedCheckpoint): void {
    for (const push of this.#each) push.offer(checkpoint)
  }

  standing(): readonly WitnessStanding[] {
    return this.#each.map(push => push.standing)
  }

  /** Nothing is sent any more; what is under way is given up. */
  stop(): void {
    for (const push of this.#each) push.stop()
  }
}

const timer = (ms: number, then: () => void): (() => void) => {
  const handle = setTimeout(then, ms)
  handle.unref()
  return () => clearTimeout(handle)
}

class Push {
  readonly #target: WitnessTarget
  readonly #parts: WitnessesParts
  readonly #stopped = new AbortController()
  #next: SignedCheckpoint | undefined
  #isBusy = false
  #cancel: (() => void) | undefined
  /** the size that the witness saw last, as far as is known */
  #old = 0
  #pauseMs = PAUSE_MS
  #standing: WitnessStanding

  constructor(target: WitnessTarget, parts: WitnessesParts) {
    this.#target = target
    this.#parts = parts
    this.#standing = { name: target.key.name }
  }

  get standing(): WitnessStanding {
    return this.#standing
  }

  offer(checkpoint: SignedCheckpoint): void {
    this.#next = checkpoint
    if (!this.#isBusy && this.#cancel === undefined) void this.#run()
  }

  stop(): void {
    this.#stopped.abort()
    this.#cancel?.()
  }

  #isStopped(): boolean {
    return this.#stopped.signal.aborted
  }

  async #run(): Promise<void> {
    const checkpoint = this.#next
    if (checkpoint === undefined || this.#isStopped()) return
    this.#next = undefined
    this.#isBusy = true
    const trouble = await this.#push(checkpoint)
    this.#isBusy = false
    if (this.#isStopped()) return
    this.#tell(trouble)
    if (trouble) this.#next ??= checkpoint
    this.#pauseMs = trouble ? Math.min(this.#pauseMs * 2, MAX_PAUSE_MS) : PAUSE_MS
    this.#cancel = (this.#parts.after ?? timer)(this.#pauseMs, () => {
      this.#cancel = undefined
      void this.#run()
    })
  }

  #tell(trouble: WitnessTrouble | undefined): void {
    const before = this.#standing.trouble
    if (before?.is !== trouble?.is) this.#parts.onTrouble(this.#target.key.name, trouble)
    const { name, size, time } = this.#standing
    this.#standing = { name, ...(size !== undefined && { size }), ...(time !== undefined && { time }), ...(trouble && { trouble }) }
  }

  /** The size it saw may be another than thought, and is then told: one more try. Never rejects. */
  async #push(checkpoint: SignedCheckpoint): Promise<WitnessTrouble | undefined> {
    try {
      for (let tries = 0; tries < 3; tries += 1) {
        if (this.#old > checkpoint.size) return ahead(this.#old, checkpoint.size)
        const answer = await this.#post(checkpoint)
        if (answer.status === 200) return this.#take(checkpoint, answer.body)
        if (answer.status === 422) return CONTRADICTED
        if (answer.status !== 409) return refusal(answer.status)
        const size = readCount(answer.body.trimEnd())
        if (size === undefined) return { is: 'away', why: 'its answer has no size' }
        if (size === this.#old) return CONTRADICTED
        this.#old = size
      }
      return { is: 'away', why: 'somebody else sends it checkpoints of this log at the same time' }
    } catch (cause) {
      return { is: 'away', why: cause instanceof Fault ? cause.code : 'no proof could be made' }
    }
  }

  async #post(checkpoint: SignedCheckpoint): Promise<{ readonly status: number; readonly body: string }> {
    const proof = this.#old === 0 ? [] : this.#parts.prove(this.#old, checkpoint.size)
    const { status, body } = await this.#parts.fetch.request(`${this.#target.url}/add-checkpoint`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8', accept: 'text/plain, text/x.tlog.size' },
      body: addCheckpointText({ old: this.#old, proof, checkpoint: checkpoint.note }),
      maxBytes: MAX_ANSWER,
      signal: this.#stopped.signal,
    })
    return { status, body: body.toString('utf8') }
  }

  #take(checkpoint: SignedCheckpoint, body: string): WitnessTrouble | undefined {
    const { key } = this.#target
    const cosigned = readCosignature(body, checkpointText(checkpoint), key)
    if (typeof cosigned === 'string') return { is: 'away', why: cosigned }
    this.#old = checkpoint.size
    this.#standing = { ...this.#standing, name: key.name, size: checkpoint.size, time: cosigned.time }
    this.#parts.onCosigned(checkpoint, cosigned.line, { name: key.name, time: cosigned.time })
    return undefined
  }
}

const CONTRADICTED: WitnessTrouble = {
  is: 'contradicted',
  why: 'it saw another history of this log: keep what it kept, and find out which one is true',
}
const ahead = (seen: number, size: number): WitnessTrouble => ({
  is: 'ahead',
  why: `it saw ${seen} events of this log, and there are ${size}: events were lost or taken away, or something else signs with this key`,
})
const refusal = (status: number): WitnessTrouble => ({
  is: 'refused',
  why:
    status === 404
      ? 'it does not know this log: give it the key with --log'
      : status === 403
        ? 'it knows another key of this log: give it this one with --log as well'
        : `it answered with status ${status}`,
})
