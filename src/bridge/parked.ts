// Legacy upstream calls that wait for a modern host's answers between two HTTP exchanges: bounded, expiring, answer-idempotent.

import type { PrincipalKey } from '../kernel/principal.ts'
import type { RunningCall, ServerRequest, UpstreamAnswer } from './upstream.ts'

/** What one round of a parked call ends with: questions for the host, or the upstream's final answer. */
export type Round =
  | {
      readonly kind: 'ask'
      readonly round: number
      readonly requests: readonly { readonly key: string; readonly request: ServerRequest }[]
    }
  | { readonly kind: 'final'; readonly answer: UpstreamAnswer }

export type ParkLimits = { readonly total: number; readonly perPrincipal: number }

/** Requests that arrive within this time are asked together: parallel questions of one tool reach the host in one round. */
const COALESCE_MS = 40

/** For whom and for what a call is parked: what may end it. */
export type ParkedFor = {
  readonly principal: PrincipalKey
  readonly issuer?: string
  readonly client?: string | undefined
  /** `sid` of the token */
  readonly sessionId?: string | undefined
  readonly issuedAtSeconds?: number | undefined
  readonly alias?: string
  /** in the upstream's own name */
  readonly tool?: string | undefined
}

/** One legacy upstream call seen as rounds. */
export class ParkedCall {
  readonly id: string
  readonly held: ParkedFor
  readonly running: RunningCall
  /** the round whose questions are out, and the answer digest it was continued with, for idempotent retries */
  #round = 0
  #open = new Map<string, ServerRequest>()
  #inbox: ServerRequest[] = []
  #wake: (() => void) | undefined
  #final: UpstreamAnswer | undefined
  #last: { round: number; digest: string; result: Promise<Round> } | undefined
  #keys = 0
  /** when it is given up, monotonic milliseconds; set by the store */
  deadlineMs = Infinity
  /** what the latest round does with a question of the upstream: its own principal's rules judge it */
  question: (request: ServerRequest) => Promise<void> = request => {
    request.refuse(-32601, 'Method not found')
    return Promise.resolve()
  }

  constructor(id: string, held: ParkedFor, running: RunningCall) {
    this.id = id
    this.held = held
    this.running = running
    void running.done.then(answer => {
      this.#final = answer
      this.#wake?.()
    })
  }

  get principal(): PrincipalKey {
    return this.held.principal
  }
  get isDone(): boolean {
    return this.#final !== undefined
  }
  get round(): number {
    return this.#round
  }

  /** A permitted server request of the upstream arrived. */
  push(request: ServerRequest): void {
    this.#inbox.push(request)
    this.#wake?.()
  }

  /** Waits until the upstream asks or answers. `delay` is handed in (the room keeps no clock). */
  async next(delay: (ms: number) => Promise<void>): Promise<Round> {
    for (;;) {
      if (this.#inbox.length > 0) {
        if (!this.#final) await delay(COALESCE_MS)
        this.#round += 1
        for (const request of this.#inbox.splice(0)) this.#open.set(`request-${(this.#keys += 1)}`, request)
        return this.#asked()
      }
      if (this.#final) return { kind: 'final', answer: this.#final }
      await new Promise<void>(resolve => (this.#wake = resolve))
      this.#wake = undefined
    }
  }
  #asked(): Round {
    return { kind: 'ask', round: this.#round, requests: [...this.#open].map(([key, request]) => ({ key, request })) }
  }

  /** Whether a retry for this round can be answered: the one whose questions are out, or the one that was answered last. */
  expects(round: number): boolean {
    return round === this.#round || round === this.#last?.round
  }

  /** Takes out open questions that may no longer be answered; the caller refuses them. */
  withdraw(isWithheld: (request: ServerRequest) => boolean): ServerRequest[] {
    const withheld = [...this.#open].filter(([, request]) => isWithheld(request))
    for (const [key] of withheld) this.#open.delete(key)
    return withheld.map(([, request]) => request)
  }

  /**
   * The host's retry for `round` with these answers (raw JSON per key). The same retry again gets the same result, so a lost response
   * loses nothing; another answer to a round already continued is undefined (state-invalid). Unanswered questions are asked again (R77).
   */
  resume(
    round: number,
    digest: string,
    answers: ReadonlyMap<string, Buffer>,
    delay: (ms: number) => Promise<void>,
  ): Promise<Round> | undefined {
    if (this.#last?.round === round) return this.#last.digest === digest ? this.#last.result : undefined
    if (round !== this.#round) return undefined
    for (const [key, answer] of answers) {
      this.#open.get(key)?.answer(answer)
      this.#open.delete(key)
    }
    const result = this.#open.size > 0 ? this.#again() : this.next(delay)
    this.#last = { round, digest, result }
    return result
  }
  #again(): Promise<Round> {
    this.#round += 1
    return Promise.resolve(this.#asked())
  }

  /** Nobody answers any more: elicitations are cancelled, other requests fail, then the call is cancelled upstream. */
  abandon(reason: string): void {
    for (const request of [...this.#open.values(), ...this.#inbox.splice(0)]) {
      if (request.method === 'elicitation/create') request.answer(Buffer.from('{"action":"cancel"}'))
      else request.refuse(-32603, 'the client did not answer')
    }
    this.#open.clear()
    this.running.cancel(reason)
  }
}

/** The table of parked calls: bounded in all and per principal; expired ones are abandoned by `sweep`. */
export class ParkedCalls {
  readonly #calls = new Map<string, ParkedCall>()
  readonly #perPrincipal = new Map<PrincipalKey, number>()
  readonly #limits: () => ParkLimits
  constructor(limits: () => ParkLimits) {
    this.#limits = limits
  }
  get size(): number {
    return this.#calls.size
  }
  /** False when the table is full; the call is then abandoned by the caller. */
  add(call: ParkedCall, deadlineMs: number): boolean {
    if (!this.#calls.has(call.id)) {
      if (this.#isFull(call.principal)) this.#dropDone()
      if (this.#isFull(call.principal)) return false
      this.#perPrincipal.set(call.principal, (this.#perPrincipal.get(call.principal) ?? 0) + 1)
      this.#calls.set(call.id, call)
    }
    call.deadlineMs = deadlineMs
    return true
  }
  #isFull(principal: PrincipalKey): boolean {
    const limits = this.#limits()
    return this.#calls.size >= limits.total || (this.#perPrincipal.get(principal) ?? 0) >= limits.perPrincipal
  }
  /** Answered calls stay only for a retry whose response was lost; they give way first. */
  #dropDone(): void {
    for (const call of [...this.#calls.values()]) if (call.isDone) this.remove(call)
  }
  /** Only the principal it was parked for finds it; anybody else sees nothing. */
  find(id: string, principal: PrincipalKey): ParkedCall | undefined {
    const call = this.#calls.get(id)
    return call?.principal === principal ? call : undefined
  }
  remove(call: ParkedCall): void {
    if (!this.#calls.delete(call.id)) return
    const held = (this.#perPrincipal.get(call.principal) ?? 1) - 1
    if (held > 0) this.#perPrincipal.set(call.principal, held)
    else this.#perPrincipal.delete(call.principal)
  }
  /** Abandons what expired. Call it from one timer. */
  sweep(nowMs: number): void {
    for (const call of this.#calls.values()) {
      if (call.deadlineMs > nowMs) continue
      this.remove(call)
      if (!call.isDone) call.abandon('input was not answered in time')
    }
  }
  closeAll(reason: string): void {
    this.endWhere(() => true, reason)
  }
  /** Abandons those whose holder may no longer go on; how many. */
  endWhere(isOver: (held: ParkedFor) => boolean, reason: string): number {
    const over = [...this.#calls.values()].filter(call => isOver(call.held))
    for (const call of over) {
      this.remove(call)
      if (!call.isDone) call.abandon(reason)
    }
    return over.length
  }
}
