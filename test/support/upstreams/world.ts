// What an upstream adapter needs of the world, for tests: short limits, pins in memory, everything that was logged or dropped.

import { GATES } from '../gates.ts'
import { randomInt } from 'node:crypto'
import type { Caller, CallEvents, UpstreamCall } from '../../../src/bridge/upstream.ts'
import type { UpstreamSettings, UpstreamTransport } from '../../../src/config/schema.ts'
import type { PrincipalKey } from '../../../src/kernel/principal.ts'
import type { DropKind } from '../../../src/adapters/upstream/drops.ts'
import type { EraPin, EraPins } from '../../../src/adapters/upstream/era-pins.ts'
import { systemClock, Ticker } from '../../../src/adapters/upstream/ticker.ts'
import { DEFAULT_TIERS } from '../../../src/inspection/tiers.ts'
import { createUpstream, type ObservedUpstream, type UpstreamDeps } from '../../../src/adapters/upstream/upstream.ts'

export const ALICE = 'https://idp.example alice' as PrincipalKey
export const BOB = 'https://idp.example bob' as PrincipalKey
export const INTERACTIVE = '{"elicitation":{"form":{}},"roots":{},"sampling":{}}'

export const callerOf = (principal: PrincipalKey | '*' = ALICE, capabilities = '{}', affinity = ''): Caller => ({
  principal,
  capabilities,
  affinity,
})

class MemoryPins implements EraPins {
  readonly pins = new Map<string, EraPin>()
  get(alias: string): EraPin | undefined {
    return this.pins.get(alias)
  }
  set(alias: string, pin: EraPin): void {
    this.pins.set(alias, pin)
  }
}

export type Overrides = Partial<Omit<UpstreamSettings, 'timeouts' | 'limits'>> & {
  readonly timeouts?: Partial<UpstreamSettings['timeouts']>
  readonly limits?: Partial<UpstreamSettings['limits']>
}

function settingsOf(transport: UpstreamTransport, overrides: Overrides = {}): UpstreamSettings {
  const { timeouts, limits, ...rest } = overrides
  return {
    alias: 'up',
    transport,
    launch: { specification: {}, digest: '' },
    era: 'auto',
    share: 'principal',
    labels: [],
    arguments: { validate: 'off', rules: [], resourceRoots: [] },
    accepted: [],
    inspection: DEFAULT_TIERS,
    gates: GATES,
    lists: 'principal',
    admission: 'configured',
    listTtlSeconds: 60,
    scopes: new Map(),
    allow: [],
    ...rest,
    timeouts: { connectMs: 10_000, callMs: 20_000, hardMs: 60_000, idleMs: 300_000, parkMs: 30_000, ...timeouts },
    limits: {
      concurrency: 64,
      queue: 256,
      connections: 32,
      messageBytes: 16 * 1024 * 1024,
      bufferBytes: 32 * 1024 * 1024,
      listPages: 100,
      listEntries: 10_000,
      listBytes: 16 * 1024 * 1024,
      notificationsPerSecond: 200,
      rounds: 8,
      ...limits,
    },
  }
}

export type World = {
  readonly deps: UpstreamDeps
  readonly pins: MemoryPins
  readonly logs: { event: string; fields: Readonly<Record<string, unknown>> }[]
  readonly drops: DropKind[]
}

export function worldOf(overrides: Partial<UpstreamDeps> = {}): World {
  const pins = new MemoryPins()
  const logs: World['logs'] = []
  const drops: DropKind[] = []
  const deps: UpstreamDeps = {
    ticker: new Ticker(systemClock),
    pins,
    info: { name: 'gatehouse', version: '0.0.0' },
    log: (_level, event, fields) => logs.push({ event, fields }),
    dropped: (_alias, kind) => drops.push(kind),
    environment: process.env,
    random: () => randomInt(1000) / 1000,
    wallNow: () => Date.now(),
    contacts: () => Promise.resolve({ end: () => Promise.resolve() }),
    ...overrides,
  }
  return { deps, pins, logs, drops }
}

export const upstreamOf = (transport: UpstreamTransport, overrides: Overrides = {}, world = worldOf()): ObservedUpstream =>
  createUpstream(settingsOf(transport, overrides), world.deps)

/** A call with its parameters as data. */
export function callOf(method: string, params: object = {}, more: Partial<UpstreamCall> = {}): UpstreamCall {
  const { name, uri } = params as { name?: string; uri?: string }
  const headerName = name ?? uri
  return {
    caller: callerOf(),
    method,
    params: Buffer.from(JSON.stringify(params)),
    traceparent: '',
    ...(headerName !== undefined && { name: headerName }),
    ...more,
  }
}
export const echo = (text: string, more: Partial<UpstreamCall> = {}): UpstreamCall =>
  callOf('tools/call', { name: 'echo', arguments: { text } }, more)

/** Events that keep what they got. */
export class Heard implements CallEvents {
  readonly notifications: { method: string; json: any }[] = []
  readonly requests: Parameters<CallEvents['request']>[0][] = []
  #waiting: { count: number; of: 'notifications' | 'requests'; resolve: () => void }[] = []
  notification(method: string, message: Parameters<CallEvents['notification']>[1]): void {
    this.notifications.push({ method, json: JSON.parse(message.bytes.toString()) })
    this.#wake()
  }
  request(request: Parameters<CallEvents['request']>[0]): void {
    this.requests.push(request)
    this.#wake()
  }
  /** Resolves once that many came. */
  until(of: 'notifications' | 'requests', count: number): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push({ count, of, resolve })
      this.#wake()
    })
  }
  #wake(): void {
    this.#waiting = this.#waiting.filter(waiting => {
      if (this[waiting.of].length < waiting.count) return true
      waiting.resolve()
      return false
    })
  }
}
export const SILENT: CallEvents = { notification: () => {}, request: request => request.refuse(-32601, 'method not found') }

/** The answer as plain data: `{result}`, `{error}` or `{stop, detail}`. */
export async function answer(upstream: ObservedUpstream, call: UpstreamCall, events: CallEvents = SILENT): Promise<any> {
  const done = await upstream.call(call, events).done
  if (done.kind === 'stop')
    return {
      stop: done.stop,
      detail: done.detail,
      ...(done.retryAfterSeconds !== undefined && { retryAfterSeconds: done.retryAfterSeconds }),
    }
  const { doc, node } = done.kind === 'result' ? done.result : done.error
  return { [done.kind]: JSON.parse(doc.bytes.toString('utf8', node.start, node.end)) }
}

/** Resolves once the condition holds; it is looked at after each turn of the event loop, and gives up with the test's own timeout. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}
