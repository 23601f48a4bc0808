// The configured upstreams of this process: made once, kept across reloads while their settings stay the same.

import type { Upstream } from '../bridge/upstream.ts'
import type { Snapshot, UpstreamSettings, UpstreamTransport } from '../config/schema.ts'
import { ScopeIndex } from '../identity/scopes.ts'
import { digestOf } from '../kernel/digest.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'

type Held = { readonly entry: UpstreamEntry; readonly settings: UpstreamSettings; readonly fingerprint: string }

/** Everything that needs a new connection when it changes; rules, scopes and how it is admitted do not. */
const fingerprintOf = (settings: UpstreamSettings): string =>
  digestOf(JSON.stringify({ ...settings, allow: [], scopes: [], title: '', admission: '' }))
/** Time its processes get to end by themselves once its calls are over. */
const STOP_MS = 3000

export class UpstreamSet {
  #held = new Map<string, Held>()
  #entries: ReadonlyMap<string, UpstreamEntry> = new Map()
  /** changed or gone, with calls that may still end well */
  readonly #leaving = new Set<Upstream>()
  readonly #make: (settings: UpstreamSettings) => Upstream
  readonly #onReplaced: (alias: string) => void

  /** `onReplaced`: what was cached of this upstream no longer holds. */
  constructor(make: (settings: UpstreamSettings) => Upstream, onReplaced: (alias: string) => void) {
    this.#make = make
    this.#onReplaced = onReplaced
  }
  get entries(): ReadonlyMap<string, UpstreamEntry> {
    return this.#entries
  }
  settings(alias: string): UpstreamSettings | undefined {
    return this.#held.get(alias)?.settings
  }
  /** Takes a configuration over whole. Calls in flight on an upstream that changed or went may finish within its drain time. */
  apply(snapshot: Snapshot): void {
    const next = new Map<string, Held>()
    for (const [alias, settings] of snapshot.upstreams) {
      const fingerprint = fingerprintOf(settings)
      const old = this.#held.get(alias)
      const isSame = old?.fingerprint === fingerprint
      const upstream = isSame ? old.entry.upstream : this.#make(settings)
      next.set(alias, { settings, fingerprint, entry: entryOf(settings, upstream) })
    }
    const before = this.#held
    // First: whoever hears that its upstream ended looks for the one in its place.
    this.#held = next
    this.#entries = new Map([...next].map(([alias, held]) => [alias, held.entry]))
    for (const [alias, old] of before) {
      if (next.get(alias)?.entry.upstream === old.entry.upstream) continue
      this.#onReplaced(alias)
      this.#leave(old.entry.upstream, snapshot.limits.drainMs)
    }
  }
  /** Stops all processes and connections of one upstream at once; what is asked of it next begins anew. */
  reset(alias: string): void {
    const old = this.#held.get(alias)
    if (!old) return
    const entry = entryOf(old.settings, this.#make(old.settings))
    this.#held = new Map(this.#held).set(alias, { ...old, entry })
    this.#entries = new Map(this.#entries).set(alias, entry)
    this.#onReplaced(alias)
    this.#leave(old.entry.upstream, 0)
  }
  #leave(upstream: Upstream, drainMs: number): void {
    this.#leaving.add(upstream)
    void upstream.close(STOP_MS, drainMs).finally(() => this.#leaving.delete(upstream))
  }
  async close(deadlineMs: number): Promise<void> {
    const all = [...[...this.#held.values()].map(held => held.entry.upstream), ...this.#leaving]
    await Promise.all(all.map(upstream => upstream.close(deadlineMs)))
  }
}

function entryOf(settings: UpstreamSettings, upstream: Upstream): UpstreamEntry {
  const { alias, admission, launch, allow, scopes, share, timeouts, limits, transport, credential, title = alias } = settings
  return {
    alias,
    identity: digestOf(JSON.stringify(transport)),
    upstream,
    isShared: share === 'all',
    admission,
    launch,
    rules: allow,
    scopes: new ScopeIndex(alias, scopes),
    parkMs: timeouts.parkMs,
    rounds: limits.rounds,
    ...(credential && { credential: { rule: credential, account: accountOfUpstream(alias, transport), title } }),
  }
}

/** The alias and what answers behind it: the same alias for another server is another account, and finds no old grant. */
export function accountOfUpstream(alias: string, transport: UpstreamTransport): string {
  const server = transport.kind === 'stdio' ? [transport.command, ...transport.args] : [transport.url]
  return `${alias} ${digestOf(JSON.stringify(server))}`
}
