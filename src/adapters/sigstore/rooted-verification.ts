// Verification against whatever trusted root counts now: one thread, started with the first bundle; another root is another thread.

import type { TrustedRootFile } from '../../trust/trusted-root.ts'
import { Verification } from '../../trust/verification.ts'
import { startVerifier, type ThreadedVerifier } from './verifier.ts'

type Running = { readonly digest: string; readonly verifier: ThreadedVerifier; readonly verification: Verification }

export class RootedVerification {
  readonly #deadlineMs: number | undefined
  #running: Running | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** `deadlineMs`: longest time for one bundle; default: the verifier's own */
  constructor(deadlineMs?: number) {
    this.#deadlineMs = deadlineMs
  }

  /** Rejects where no thread can be started. Verdicts are remembered as long as the root stays. */
  async of(root: TrustedRootFile): Promise<Verification> {
    // One after the other: two that ask at once must not start a thread each.
    const found = this.#last.then(() => this.#find(root))
    this.#last = found.catch(() => {}) // whoever asked for it hears of it
    return (await found).verification
  }

  async #find(root: TrustedRootFile): Promise<Running> {
    const before = this.#running
    if (before?.digest === root.digest) return before
    this.#running = undefined
    await before?.verifier.close()
    const verifier = await startVerifier(root, this.#deadlineMs === undefined ? {} : { deadlineMs: this.#deadlineMs })
    return (this.#running = { digest: root.digest, verifier, verification: new Verification(verifier) })
  }
}
