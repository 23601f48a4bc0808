// Standard output and standard error of the bridge: messages on the one, one per line and nothing else; words for people on the other.

import type { Writable } from 'node:stream'
import { lineOf } from '../adapters/upstream/request-bytes.ts'

/** Words to the same effect are said once in this time. */
const NOTE_MS = 60_000
const NOTES_MAX = 200
const NEWLINE = Buffer.from('\n')

export class HostPipe {
  readonly #output: Writable
  readonly #words: (text: string) => void
  readonly #now: () => number
  readonly #said = new Map<string, number>()
  #drained: Promise<void> | undefined

  /** `now`: milliseconds */
  constructor(output: Writable, words: (text: string) => void, now: () => number) {
    this.#output = output
    this.#words = words
    this.#now = now
  }

  /** Writes one message, untouched but for line breaks between its tokens. Resolves when the host takes more; at once when it is gone. */
  deliver(message: Buffer): Promise<void> {
    const output = this.#output
    if (!output.writable) return Promise.resolve()
    output.cork()
    output.write(lineOf(message))
    const hasRoom = output.write(NEWLINE)
    output.uncork()
    if (hasRoom) return Promise.resolve()
    this.#drained ??= new Promise(resolve => {
      const done = (): void => {
        output.off('drain', done).off('close', done)
        this.#drained = undefined
        resolve()
      }
      output.on('drain', done).on('close', done)
    })
    return this.#drained
  }

  /** One line for people. `text` must hold nothing of a message but its method or id, and no secret. */
  note(text: string): void {
    const now = this.#now()
    const last = this.#said.get(text)
    if (last !== undefined && now - last < NOTE_MS) return
    if (this.#said.size >= NOTES_MAX) this.#said.clear()
    this.#said.set(text, now)
    this.#words(`gatehouse stdio: ${text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?')}\n`)
  }
}
