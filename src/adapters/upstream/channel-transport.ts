// Upstreams behind a shared channel: a process over stdio, or the old HTTP+SSE transport. One channel per caller key.

import type { Caller, UpstreamFace } from '../../bridge/upstream.ts'
import type { Era } from '../../mcp/revisions.ts'
import { callerKey } from '../../bridge/caller-key.ts'
import { isFailure, type Failure } from './calls.ts'
import type { Channel, ChannelEvents, Loss } from './channel.ts'
import { EraVerdict } from './era-verdict.ts'
import { Flood } from './flood.ts'
import { evidenceOf, initializeParams, legacyFace, type Evidence } from './handshake.ts'
import { LinkPool, type LinkEvents } from './link-pool.ts'
import type { Link } from './link.ts'
import { Peer } from './peer.ts'
import { recorded } from './recorded.ts'
import { floodLimit, type Purpose, type Transport, type TransportContext } from './transport.ts'

/** Processes one caller gets besides the first, while questions are open. */
const MAX_SPARES = 3
/** No host session id holds a line break. */
const SPARE = '\nspare '
const isHeld = (link: Link | Promise<Link | Failure>): link is Peer => link instanceof Peer && link.isHeld

/** Opens the channel itself; may throw. */
type OpenChannel = (events: ChannelEvents, caller: Caller) => Channel | Promise<Channel | Failure>

export type ChannelTransportOptions = {
  readonly open: OpenChannel
  /** the old HTTP+SSE transport knows the legacy era only */
  readonly isAlwaysLegacy: boolean
  /** closes what the channels share */
  close?(): Promise<void>
}

export class ChannelTransport implements Transport {
  readonly #context: TransportContext
  readonly #options: ChannelTransportOptions
  readonly #pool: LinkPool
  readonly #verdict: EraVerdict
  #era: Era | undefined
  #isClosed = false

  constructor(context: TransportContext, options: ChannelTransportOptions) {
    this.#context = context
    this.#options = options
    const { limits, timeouts } = context.settings
    this.#verdict = new EraVerdict(context)
    this.#era = options.isAlwaysLegacy ? 'legacy' : this.#verdict.known
    this.#pool = new LinkPool({
      ticker: context.ticker,
      random: context.random,
      connections: limits.connections,
      idleMs: timeouts.idleMs,
      waiting: limits.queue,
      keyOf: caller => (caller.affinity.startsWith(SPARE) ? callerKey(caller) + caller.affinity : callerKey(caller)),
      open: (caller, events) => this.#recorded(caller, events),
    })
  }

  get era(): Era | undefined {
    return this.#era
  }
  get connections(): number {
    return this.#pool.size
  }

  keyOf(caller: Caller): string {
    return callerKey(caller)
  }

  /**
   * While a call waits for a person's answer its process is held, and the caller's further calls go to a spare one (protocol.md section 2 no. 4):
   * a question nobody answers must not block everything else for as long as it may be parked. When all are held, the oldest question gives way.
   */
  link(caller: Caller, purpose: Purpose): Link | Promise<Link | Failure> {
    const first = this.#pool.get(caller, purpose)
    if (purpose !== 'call' || !isHeld(first)) return first
    let oldest = first
    for (let n = 1; n <= MAX_SPARES; n++) {
      const spare = this.#pool.get({ ...caller, affinity: SPARE + String(n) }, purpose)
      if (!isHeld(spare)) return spare
      if (spare.heldSince < oldest.heldSince) oldest = spare
    }
    oldest.giveWay()
    return oldest
  }

  async face(caller: Caller): Promise<UpstreamFace | Failure> {
    const link = await this.#pool.get(caller, 'call')
    if (isFailure(link)) return link
    return link.face ?? { stop: 'upstream-lost', detail: 'the connection ended', contact: 'none' }
  }

  get #isFixed(): boolean {
    return this.#options.isAlwaysLegacy || this.#context.settings.era === 'legacy'
  }

  /** Before there is a record there is no process and no connection. */
  #recorded(caller: Caller, events: LinkEvents): Promise<Peer | Failure> {
    const isLegacy = this.#isFixed || this.#verdict.known === 'legacy'
    const asked = { caller, purpose: 'handshake', method: isLegacy ? 'initialize' : 'server/discover' } as const
    const ask = (): Promise<Peer | Failure> => (this.#isClosed ? Promise.resolve(CLOSED) : this.#open(caller, events))
    return recorded(this.#context, asked, { ask, undo: peer => void peer.stop(0) })
  }

  async #open(caller: Caller, events: LinkEvents): Promise<Peer | Failure> {
    const isFixed = this.#isFixed
    let peer = await this.#start(caller, events)
    if (isFailure(peer)) return peer
    const known = isFixed ? 'legacy' : this.#verdict.known
    if (known === 'legacy') {
      const opened = await this.#initialize(peer, caller)
      // Pinned as legacy, but it no longer takes initialize: it may have become modern (R37).
      if (isFixed || !isFailure(opened) || opened.stop !== 'upstream-invalid') return opened
      peer = await this.#start(caller, events)
      if (isFailure(peer)) return peer
    }
    const evidence = await this.#discover(peer, caller, known === 'modern')
    if (evidence.era === 'modern') return this.#settle(peer, evidence.face)
    if (evidence.era === undefined) return this.#give(peer, evidence.failure)
    const refusal = this.#verdict.legacyRefusal
    if (refusal) return this.#give(peer, refusal)
    if (!peer.isGone) return this.#initialize(peer, caller)
    // R33: some legacy servers exit on a request before initialize; that counts as legacy, and costs a second start.
    peer = await this.#start(caller, events)
    return isFailure(peer) ? peer : this.#initialize(peer, caller)
  }

  async #start(caller: Caller, events: LinkEvents): Promise<Peer | Failure> {
    const { calls, drops, ownInfo, ticker, settings, log, verify } = this.#context
    const refused = await verify?.()
    if (refused) return { stop: refused.stop, detail: refused.detail ?? '', contact: 'none' }
    if (this.#isClosed) return CLOSED
    let peer: Peer | undefined
    let loss: Loss | undefined
    const lost = (how: Loss): void => {
      loss = how
      if (how.isCrash) log('warn', 'upstream-connection-lost', { alias: settings.alias, reason: how.reason, detail: how.detail })
      peer?.lost(how)
      if (peer?.face) events.gone(how.isCrash)
    }
    try {
      const channel = await this.#options.open({ message: bytes => peer?.receive(bytes), drained: () => peer?.drained(), lost }, caller)
      if (isFailure(channel)) return channel
      const options = { caller, drops, ownInfo, idle: () => events.idle() }
      peer = new Peer(channel, new Flood(ticker, floodLimit(settings), channel), {
        ...options,
        ask: (link, method, params) => calls.ask(link, caller, method, params),
        check: (method, ask) => recorded(this.#context, { caller, purpose: 'check', method }, { ask }),
      })
    } catch {
      return { stop: 'upstream-unavailable', detail: 'it could not be started', contact: 'unreached' }
    }
    return loss ? failureOf(loss) : peer
  }

  /**
   * server/discover first, in the same process (R41). A slow starter may still answer it after initialize was sent: then it is modern
   * all the same, and never taken for legacy because it was slow.
   */
  async #discover(peer: Peer, caller: Caller, isPinned: boolean): Promise<Evidence> {
    const { calls, ticker, settings, ownInfo } = this.#context
    const probe = calls.ask(peer, caller, 'server/discover')
    const answered = probe.done.then(answer => evidenceOf(answer, probe, false))
    if (isPinned) return answered
    const silence = Promise.withResolvers<'silent'>()
    const alarm = ticker.after(settings.timeouts.connectMs / 2, () => silence.resolve('silent'))
    const first = await Promise.race([answered, silence.promise])
    alarm.cancel()
    if (first !== 'silent') return first
    const late = answered.then(evidence => (evidence.era === 'modern' ? evidence : new Promise<never>(() => {})))
    const initialized = calls.ask(peer, caller, 'initialize', initializeParams(caller, ownInfo)).done.then(async answer => {
      const face = legacyFace(answer)
      if (!isFailure(face)) {
        peer.face ??= face
        return LEGACY
      }
      // Refusing initialize is what a 2026-07-28 server does: its answer to server/discover is still on its way.
      const evidence = answer.kind === 'error' ? await answered : undefined
      return evidence?.era === 'modern' ? evidence : ({ era: undefined, failure: face } as const)
    })
    return Promise.race([late, initialized])
  }

  async #initialize(peer: Peer, caller: Caller): Promise<Peer | Failure> {
    const { calls, ownInfo } = this.#context
    // It answered initialize while it was being probed.
    const face = peer.face ?? legacyFace(await calls.ask(peer, caller, 'initialize', initializeParams(caller, ownInfo)).done)
    if (isFailure(face)) return this.#give(peer, face)
    peer.era = 'legacy'
    peer.notify('notifications/initialized')
    return this.#settle(peer, face)
  }

  #settle(peer: Peer, face: UpstreamFace): Peer | Failure {
    const failure = this.#options.isAlwaysLegacy ? undefined : this.#verdict.record(face.era)
    if (failure) return this.#give(peer, failure)
    peer.era = face.era
    peer.face = face
    this.#era = face.era
    return peer
  }

  #give(peer: Peer, failure: Failure): Failure {
    void peer.stop(0)
    return failure
  }

  release(): void {
    // Channels are keyed by caller, not by host session: they end when idle.
  }

  revoke(isOf: (caller: Caller) => boolean): void {
    this.#pool.revoke(isOf)
  }

  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true
    await this.#pool.close(deadlineMs)
    await this.#options.close?.()
  }
}

const LEGACY: Evidence = { era: 'legacy' }
const CLOSED: Failure = { stop: 'draining', detail: 'the gateway is stopping', contact: 'none' }

/** A start that did not come about says that nobody could be reached; a start that broke may be the caller's doing. */
const failureOf = ({ reason, detail }: Loss): Failure => ({
  stop: reason,
  detail,
  contact: reason === 'upstream-unavailable' ? 'unreached' : 'lost',
})
