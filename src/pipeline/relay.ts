// Notifications of a running call on their way to its host: inspected one by one, in order, with bounded memory.

import { holdsQuestions, notificationToHost } from '../bridge/translate-params.ts'
import { digestOf } from '../kernel/digest.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { JsonDoc } from '../mcp/json.ts'
import { demandsOn } from './content-demands.ts'
import type { GatewayDeps } from './deps.ts'
import { inspectContent, type Content, type Inspected } from './inspect-content.ts'
import { noticedBy } from './noticed.ts'
import type { Ready } from './ready.ts'

/** Bytes of notifications that wait for inspection; further ones are withheld. */
const MAX_WAITING = 4 * 1024 * 1024

type Deps = Pick<GatewayDeps, 'inspectInTurns' | 'recorder'>

export class Relay {
  readonly #x: Ready
  readonly #deps: Deps
  readonly #failed: () => void
  /** notifications that are being inspected in turns, and what follows them */
  #work: Promise<void> | undefined
  #waiting = 0

  /** `failed`: a detector threw, and the call is over */
  constructor(x: Ready, deps: Deps, failed: () => void) {
    this.#x = x
    this.#deps = deps
    this.#failed = failed
  }

  /** Progress only for a host that gave a token; logs only as the host's era and level allow (R86). */
  notify(method: string, message: JsonDoc): void {
    const { prepared, era, hostFace } = this.#x
    if (method === 'notifications/progress' && prepared.progressToken === undefined) return
    if (method === 'notifications/message' && era === 'modern' && hostFace.logLevel === undefined) return
    const bytes = notificationToHost(method, message, era)
    if (!bytes) return
    // R90: whatever it is called, a host may take what is in it for questions, and nobody judged them.
    if (holdsQuestions(message)) {
      noticedBy(this.#x).withheld += 1
      return
    }
    if (!this.#work) void this.#pass(bytes)
    else if (this.#waiting + bytes.length > MAX_WAITING) noticedBy(this.#x).withheld += 1
    else this.#later(bytes, () => this.#pass(bytes))
  }

  /** Once nothing waits any more: what was said before the answer is seen before it. */
  get idle(): Promise<void> | undefined {
    return this.#work
  }

  #later(bytes: Buffer, run: () => void | Promise<void>): void {
    this.#waiting += bytes.length
    const work = (this.#work ?? Promise.resolve()).then(run).finally(() => {
      this.#waiting -= bytes.length
      if (this.#work === work) this.#work = undefined
    })
    this.#work = work
  }

  #pass(bytes: Buffer): void | Promise<void> {
    try {
      const found = inspectContent(this.#x, this.#contentOf(bytes), this.#deps)
      if (!(found instanceof Promise)) return this.#send(found)
      const sent = found
        .then(inspected => this.#send(inspected))
        // Also of what breaks in sending: nobody may be waiting, and then it would end the process.
        .catch((cause: unknown) => this.#fail(cause))
      if (this.#work) return sent
      this.#later(bytes, () => sent)
    } catch (cause) {
      this.#fail(cause)
    }
  }

  #contentOf(bytes: Buffer): Content {
    const { route, permit } = this.#x
    return { bytes, from: route.entry, in: 'notification', demands: demandsOn(route.entry.inspection.content, permit.obligations) }
  }

  #send(inspected: Inspected | Stop): void {
    const x = this.#x
    if (isStop(inspected)) {
      noticedBy(x).withheld += 1
      return
    }
    const { bytes } = inspected
    if (x.ended || !x.host.notify(bytes)) return
    x.relayed.count += 1
    x.relayed.bytes += bytes.length
    x.relayed.digest = digestOf(Buffer.concat([Buffer.from(x.relayed.digest), bytes]))
  }

  /** Nothing more is believed of this call. */
  #fail(cause: unknown): void {
    const x = this.#x
    noticedBy(x).withheld += 1
    if (x.ended) return
    this.#deps.recorder.fault(x, 'inspect', cause)
    x.ended = { stop: 'internal-fault' }
    this.#failed()
  }
}
