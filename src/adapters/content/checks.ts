// Reads trees back, one after the other in one thread. A question that waits serves everybody who asks the same meanwhile; one under way may have read a file already.

import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { deny, isDenial, type Denial } from '../../trust/denial.ts'
import { ContentThread } from './content-thread.ts'
import type { ContentLimits } from './limits.ts'
import { Turns } from './turns.ts'

export class Checks {
  readonly #folder: string
  readonly #limits: ContentLimits
  readonly #thread: ContentThread
  readonly #turns = new Turns(1)
  readonly #waiting = new Map<string, Promise<string | Denial>>()

  /** `folder`: where all trees lie. */
  constructor(folder: string, limits: ContentLimits) {
    this.#folder = folder
    this.#limits = limits
    this.#thread = new ContentThread(limits)
  }

  /** The digest of the tree as it is now, or why it has none. Never rejects. */
  digestOf(id: string): Promise<string | Denial> {
    const waiting = this.#waiting.get(id)
    if (waiting) return waiting
    const asked = this.#turns.take(() => {
      this.#waiting.delete(id)
      return this.#read(id)
    })
    this.#waiting.set(id, asked)
    return asked
  }

  async #read(id: string): Promise<string | Denial> {
    const refusal = await this.#whyNotOurs()
    if (refusal) return refusal
    const done = await this.#thread.ask({ kind: 'digest', folder: join(this.#folder, id) }, this.#limits.checkMs)
    return isDenial(done) ? done : done.answer
  }

  close(): void {
    this.#thread.end()
  }

  /** Whoever can write to the folder of all trees can put another in the place of one, whatever its own modes are. */
  async #whyNotOurs(): Promise<Denial | undefined> {
    try {
      const found = await lstat(this.#folder)
      const uid = process.geteuid?.()
      const isOurs = found.isDirectory() && (uid === undefined || (found.uid === uid && (found.mode & 0o022) === 0))
      return isOurs ? undefined : deny('tree-changed', 'others may write to the folder that content is kept in')
    } catch {
      return deny('tree-changed', 'the folder that content is kept in is not there')
    }
  }
}
