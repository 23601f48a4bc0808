// A Streamable HTTP upstream of either era: probed once, then modern requests or legacy sessions.

import type { Caller, UpstreamFace } from '../../bridge/upstream.ts'
import type { Era } from '../../mcp/revisions.ts'
import { isFailure, type Failure } from './calls.ts'
import { EraVerdict } from './era-verdict.ts'
import { callerKey } from '../../bridge/caller-key.ts'
import { sessionKey } from './caller-keys.ts'
import { FaceCache } from './face-cache.ts'
import { evidenceOf, initializeParams, legacyFace, type Evidence } from './handshake.ts'
import { ModernHttp } from './http-modern.ts'
import { HttpOrigin, originSettings, type OriginTarget } from './http-origin.ts'
import { HttpSession } from './http-session.ts'
import { LinkPool, type LinkEvents } from './link-pool.ts'
import type { Link } from './link.ts'
import { openContact, recorded, UNRECORDED } from './recorded.ts'
import { notificationBytes } from './request-bytes.ts'
import { floodLimit, type Purpose, type Transport, type TransportContext } from './transport.ts'

export class HttpTransport implements Transport {
  readonly #context: TransportContext
  readonly #origin: HttpOrigin
  readonly #modern: ModernHttp
  readonly #sessions: LinkPool
  readonly #verdict: EraVerdict
  readonly #faces: FaceCache
  #era: Era | undefined
  /** monotonic time from which a legacy verdict is looked at again */
  #staleAt = Infinity
  readonly #probing = new Map<string, Promise<Evidence>>()

  constructor(context: TransportContext, target: OriginTarget) {
    this.#context = context
    const { settings, ticker, drops, ownInfo, connect } = context
    const { limits, timeouts } = settings
    this.#origin = new HttpOrigin(originSettings(context, target), ticker, connect)
    this.#modern = new ModernHttp({ origin: this.#origin, drops, ownInfo, floodPerSecond: floodLimit(settings) })
    this.#sessions = new LinkPool({
      ticker,
      random: context.random,
      connections: limits.connections,
      idleMs: timeouts.idleMs,
      waiting: limits.queue,
      keyOf: sessionKey,
      open: (caller, events) => this.#recordedSession(caller, events),
    })
    this.#verdict = new EraVerdict(context)
    this.#faces = new FaceCache(ticker, settings, caller => this.#discover(caller))
    this.#became(this.#verdict.known)
  }

  get era(): Era | undefined {
    return this.#era
  }
  get connections(): number {
    return this.#sessions.size
  }

  keyOf(caller: Caller): string {
    return this.#era === 'modern' ? callerKey(caller) : sessionKey(caller)
  }

  link(caller: Caller, purpose: Purpose): Link | Promise<Link | Failure> {
    if (this.#era === 'modern') return this.#modern
    if (this.#era === 'legacy') {
      if (this.#context.ticker.now() >= this.#staleAt) this.#lookAgain(caller)
      return this.#sessions.get(caller, purpose)
    }
    return this.#find(caller, purpose)
  }

  async face(caller: Caller): Promise<UpstreamFace | Failure> {
    const link = await this.link(caller, 'call')
    if (isFailure(link)) return link
    if (this.#era === 'modern') return this.#faces.get(caller)
    return link.face ?? { stop: 'upstream-lost', detail: 'its session ended', contact: 'none' }
  }

  /** First contact: server/discover, and where that is unknown, initialize (R33). */
  async #find(caller: Caller, purpose: Purpose): Promise<Link | Failure> {
    const evidence = await this.#probe(caller)
    if (evidence.era === undefined) return evidence.failure
    if (evidence.era === 'modern') return this.#modern
    const refusal = this.#verdict.legacyRefusal
    if (refusal) return refusal
    const session = await this.#sessions.get(caller, purpose)
    // Only a session that really came about is a verdict.
    if (!isFailure(session)) this.#settleOn('legacy')
    return session
  }

  /** One probe at a time; its evidence is for everybody, save that nobody fails because somebody else's credential was refused. */
  #probe(caller: Caller): Promise<Evidence> {
    const key = caller.credential?.id ?? ''
    const running = this.#probing.get(key)
    if (running) return running
    const probe = this.#ask(caller).finally(() => this.#probing.delete(key))
    this.#probing.set(key, probe)
    return probe
  }

  async #ask(caller: Caller): Promise<Evidence> {
    const first = await this.#askOnce(caller)
    const evidence = first.era === undefined && first.again ? await this.#askOnce(caller) : first
    if (evidence.era !== 'modern') return evidence
    const failure = this.#settleOn('modern')
    if (failure) return { era: undefined, failure }
    this.#faces.put(caller, evidence.face)
    return evidence
  }

  async #askOnce(caller: Caller): Promise<Evidence> {
    const contact = await openContact(this.#context, { caller, purpose: 'handshake', method: 'server/discover' })
    if (isFailure(contact)) return { era: undefined, failure: contact }
    const exchange = this.#context.calls.ask(this.#modern, caller, 'server/discover')
    const evidence = evidenceOf(await exchange.done, exchange, true)
    try {
      await contact.end(evidence.era === undefined ? { outcome: 'stopped', reason: evidence.failure.stop } : { outcome: 'ok' })
      return evidence
    } catch {
      // The log says itself why it cannot be written.
      return { era: undefined, failure: UNRECORDED }
    }
  }

  #settleOn(era: Era): Failure | undefined {
    const failure = this.#verdict.record(era)
    if (!failure) this.#became(era)
    return failure
  }

  #became(era: Era | undefined): void {
    this.#era = era
    this.#staleAt = era === 'legacy' ? this.#context.ticker.now() + this.#verdict.legacyForMs : Infinity
  }

  /** A stale legacy verdict never fails a call: sessions go on while it is looked at. */
  #lookAgain(caller: Caller): void {
    this.#staleAt = Infinity
    void this.#probe(caller).then(evidence => {
      if (evidence.era === 'modern') for (const link of this.#sessions.links()) this.#sessions.discard(link)
      else if (evidence.era === 'legacy') this.#settleOn('legacy')
      else this.#staleAt = this.#context.ticker.now() + 60_000
    })
  }

  async #discover(caller: Caller): Promise<UpstreamFace | Failure> {
    const evidence = await this.#ask(caller)
    if (evidence.era === 'modern') return evidence.face
    if (evidence.era === undefined) return evidence.failure
    return this.#verdict.legacyRefusal ?? { stop: 'upstream-invalid', detail: 'it no longer speaks 2026-07-28', contact: 'reached' }
  }

  #recordedSession(caller: Caller, events: LinkEvents): Promise<HttpSession | Failure> {
    const asked = { caller, purpose: 'handshake', method: 'initialize' } as const
    const opened = { ask: () => this.#openSession(caller, events), undo: (session: HttpSession) => void session.stop(0) }
    return recorded(this.#context, asked, opened)
  }

  async #openSession(caller: Caller, events: LinkEvents): Promise<HttpSession | Failure> {
    const { calls, drops, settings, ownInfo } = this.#context
    const session: HttpSession = new HttpSession({
      origin: this.#origin,
      drops,
      floodPerSecond: floodLimit(settings),
      events,
      ask: (link, method, params) => calls.ask(link, caller, method, params),
      again: exchange => calls.again(exchange, this.link(exchange.call.caller, 'call')),
    })
    const face = legacyFace(await calls.ask(session, caller, 'initialize', initializeParams(caller, ownInfo)).done)
    if (isFailure(face)) {
      // It may have become a modern one meanwhile (R37): the next call looks again.
      if (face.stop === 'upstream-invalid' && settings.era === 'auto') this.#became(undefined)
      return face
    }
    if (session.hasBadId) return { stop: 'upstream-invalid', detail: 'its session id cannot be sent in a header', contact: 'reached' }
    session.face = face
    const status = await session.post(notificationBytes('notifications/initialized'))
    if (status < 200 || status >= 300)
      return { stop: 'upstream-invalid', detail: `it did not take notifications/initialized (${status})`, contact: 'none' }
    return session
  }

  release(caller: Caller): void {
    if (caller.affinity !== '') this.#sessions.release(caller)
  }

  revoke(isOf: (caller: Caller) => boolean): void {
    this.#sessions.revoke(isOf)
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#sessions.close(deadlineMs)
    await this.#origin.close()
  }
}
