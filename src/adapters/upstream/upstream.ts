// One configured upstream behind the port of the bridge: admission, transport, subscriptions. Nothing here is shared with another upstream.

import type {
  Caller,
  CallEvents,
  RevokedCredential,
  RunningCall,
  SubscriptionFilter,
  Upstream,
  UpstreamCall,
  UpstreamChanges,
  UpstreamFace,
  UpstreamStatus,
  UpstreamSubscription,
} from '../../bridge/upstream.ts'
import type { UpstreamSettings } from '../../config/schema.ts'
import type { Reason } from '../../kernel/errors.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import { Calls, isFailure } from './calls.ts'
import { ChannelTransport } from './channel-transport.ts'
import { Drops, type DropKind } from './drops.ts'
import { HttpOrigin, originSettings } from './http-origin.ts'
import { HttpTransport } from './http-transport.ts'
import { openProcess } from './process-channel.ts'
import { openSseChannel } from './sse-channel.ts'
import { openContact } from './recorded.ts'
import { Subscriptions } from './subscriptions.ts'
import type { Transport, TransportContext, UpstreamLog } from './transport.ts'

/** What an upstream needs of the world. `ticker` may be shared by all upstreams; `info` is what the gateway calls itself towards them. */
export type UpstreamDeps = Omit<TransportContext, 'settings' | 'drops' | 'calls' | 'ownInfo' | 'log'> & {
  readonly info: { readonly name: string; readonly version: string }
  readonly log: UpstreamLog
  /** called for each message that was dropped; for metrics and aggregated audit events */
  readonly dropped?: (alias: string, kind: DropKind) => void
}

export type ObservedUpstream = Upstream & {
  /** what was dropped so far, by kind */
  readonly drops: ReadonlyMap<DropKind, number>
}

export function createUpstream(settings: UpstreamSettings, deps: UpstreamDeps): ObservedUpstream {
  return new ConfiguredUpstream(settings, deps)
}

class ConfiguredUpstream implements ObservedUpstream {
  readonly alias: string
  readonly #settings: UpstreamSettings
  readonly #deps: UpstreamDeps
  readonly #drops: Drops
  readonly #calls: Calls
  readonly #transport: Transport
  readonly #subscriptions: Subscriptions
  #isClosed = false
  #lastFailure: string | undefined

  constructor(settings: UpstreamSettings, deps: UpstreamDeps) {
    this.alias = settings.alias
    this.#settings = settings
    this.#deps = deps
    const { dropped, ticker, random, contacts } = deps
    this.#drops = new Drops(dropped && (kind => dropped(settings.alias, kind)))
    this.#calls = new Calls(settings, ticker, this.#drops, exchange => this.#transport.link(exchange.call.caller, 'call'))
    const ownInfo = JSON.stringify(deps.info)
    this.#transport = transportOf({ ...deps, settings, drops: this.#drops, calls: this.#calls, ownInfo })
    const perSecond = settings.limits.notificationsPerSecond
    this.#subscriptions = new Subscriptions({
      ticker,
      random,
      drops: this.#drops,
      secrets: this.#calls.secrets,
      perSecond,
      keyOf: caller => this.#transport.keyOf(caller),
      link: caller => this.#transport.link(caller, 'watch'),
      record: (caller, paramsDigest) =>
        openContact({ settings, contacts }, { caller, purpose: 'changes', method: 'subscriptions/listen', paramsDigest }),
    })
  }

  get drops(): ReadonlyMap<DropKind, number> {
    return this.#drops.all()
  }

  /** INVARIANT: with `share: all` every caller is everybody, without name and capabilities; otherwise each is served by connections of his own key only. */
  #callerOf(caller: Caller): Caller {
    if (this.#settings.share !== 'all' || caller.principal === '*') return caller
    return EVERYBODY
  }

  call(call: UpstreamCall, events: CallEvents): RunningCall {
    const caller = this.#callerOf(call.caller)
    if (caller === call.caller) return this.#calls.start(call, events)
    return this.#calls.start({ ...call, caller, owner: call.owner ?? (call.caller.principal as PrincipalKey) }, events)
  }

  async face(caller: Caller): Promise<UpstreamFace | { readonly stop: Reason; readonly detail: string }> {
    const { breaker } = this.#calls
    const { ticker } = this.#deps
    if (this.#isClosed) return { stop: 'draining', detail: 'the gateway is stopping' }
    if (breaker.waitMs(ticker.now()) > 0) return { stop: 'upstream-unavailable', detail: 'repeated failures to reach it' }
    const face = await this.#transport.face(this.#callerOf(caller))
    breaker.ended(isFailure(face) ? face.contact : 'reached', caller.principal, ticker.now())
    if (!isFailure(face)) {
      this.#lastFailure = undefined
      return face
    }
    this.#lastFailure = face.detail
    this.#deps.log('warn', 'upstream-failed', { alias: this.alias, reason: face.stop, detail: face.detail })
    return { stop: face.stop, detail: face.detail }
  }

  subscribe(caller: Caller, filter: SubscriptionFilter, changes: UpstreamChanges): UpstreamSubscription {
    return this.#subscriptions.add(this.#callerOf(caller), filter, changes)
  }

  status(): UpstreamStatus {
    const { era, connections } = this.#transport
    const isOpen = this.#calls.breaker.isOpen
    const state = isOpen ? 'open-circuit' : this.#lastFailure !== undefined ? 'failing' : era === undefined ? 'idle' : 'ready'
    return {
      state,
      ...(era !== undefined && { era }),
      ...(this.#lastFailure !== undefined && { detail: this.#lastFailure }),
      inFlight: this.#calls.running,
      queued: this.#calls.waiting,
      connections,
    }
  }

  release(whom: Caller | RevokedCredential): void {
    if ('principal' in whom) {
      this.#transport.release(this.#callerOf(whom))
      return
    }
    const isOf = ({ credential }: Caller): boolean => credential?.id === whom.revoked
    this.#subscriptions.end(isOf, 'the credential was revoked')
    this.#calls.end('connection-required', 'the credential was revoked', isOf)
    this.#transport.revoke(isOf)
  }

  async close(deadlineMs: number, drainMs = 0): Promise<void> {
    this.#isClosed = true
    this.#subscriptions.close()
    if (drainMs > 0) await this.#calls.drain(drainMs)
    // by force a little earlier, so that nothing is left when the deadline passes
    const closed = this.#transport.close(deadlineMs * 0.7)
    this.#calls.end('draining', 'the gateway is stopping')
    const deadline = Promise.withResolvers<undefined>()
    const alarm = this.#deps.ticker.after(deadlineMs, () => deadline.resolve(undefined))
    await Promise.race([closed, deadline.promise])
    alarm.cancel()
  }
}

const EVERYBODY: Caller = { principal: '*', capabilities: '{}', affinity: '' }

function transportOf(context: TransportContext): Transport {
  const { settings, ticker, connect } = context
  const { transport, limits, timeouts } = settings
  if (transport.kind === 'http') return new HttpTransport(context, transport)
  if (transport.kind === 'stdio')
    return new ChannelTransport(context, {
      isAlwaysLegacy: false,
      open: (events, caller) => openProcess(context, transport, { events, caller }),
    })
  const origin = new HttpOrigin(originSettings(context, transport), ticker, connect)
  const channel = { url: transport.url, connectMs: timeouts.connectMs, bufferBytes: limits.bufferBytes }
  return new ChannelTransport(context, {
    isAlwaysLegacy: true,
    open: (events, caller) => openSseChannel(origin, { ...channel, credential: caller.credential }, events),
    close: () => origin.close(),
  })
}
