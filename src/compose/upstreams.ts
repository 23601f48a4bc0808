// The configured upstreams of this process: made once, kept across reloads while their settings stay the same.

import { ArgumentGuard } from '../arguments/guard.ts'
import type { Upstream } from '../bridge/upstream.ts'
import type { ConfiguredUpstream, Snapshot, UpstreamTransport } from '../config/schema.ts'
import { ScopeIndex } from '../identity/scopes.ts'
import { digestOf } from '../kernel/digest.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'

/** What stands behind settings now. `key`: differs whenever another upstream is needed. */
export type Resolved = Pick<UpstreamEntry, 'identity' | 'version' | 'signed'> & {
  readonly key: string
  readonly make: () => Upstream
  /** what grants of accounts are bound to; absent: nothing stands there, and nobody connects an account to it */
  readonly account?: string
  /** since when it is that server, where scopes that people allowed before were of another */
  readonly sinceMs?: number
  /** where it is reached; '' = it is a process, or nothing */
  readonly url: string
}
type Held = Pick<Resolved, 'key' | 'url'> & { readonly entry: UpstreamEntry; readonly settings: ConfiguredUpstream }

/** Everything that needs a new connection when it changes; rules, scopes, tiers of findings and how it is admitted do not. */
export const fingerprintOf = (settings: ConfiguredUpstream): string =>
  digestOf(
    JSON.stringify({
      ...settings,
      allow: [],
      scopes: [],
      title: '',
      admission: '',
      labels: [],
      inspection: {},
      gates: {},
      accepted: [],
      arguments: {},
      reads: undefined,
    }),
  )
/** Time its processes get to end by themselves once its calls are over. */
const STOP_MS = 3000

export class UpstreamSet {
  #held = new Map<string, Held>()
  #entries: ReadonlyMap<string, UpstreamEntry> = new Map()
  /** changed or gone, with calls that may still end well */
  readonly #leaving = new Set<Upstream>()
  readonly #resolve: (settings: ConfiguredUpstream) => Resolved
  readonly #onReplaced: (alias: string) => void

  /** `onReplaced`: what was cached of this upstream no longer holds. */
  constructor(resolve: (settings: ConfiguredUpstream) => Resolved, onReplaced: (alias: string) => void) {
    this.#resolve = resolve
    this.#onReplaced = onReplaced
  }
  get entries(): ReadonlyMap<string, UpstreamEntry> {
    return this.#entries
  }
  settings(alias: string): ConfiguredUpstream | undefined {
    return this.#held.get(alias)?.settings
  }
  /** Where it is reached now; '' = it is a process, or nothing stands there. */
  url(alias: string): string {
    return this.#held.get(alias)?.url ?? ''
  }
  /** Takes a configuration over whole. Calls in flight on an upstream that changed or went may finish within its drain time. */
  apply(snapshot: Snapshot): void {
    const next = new Map<string, Held>()
    for (const [alias, settings] of snapshot.upstreams) {
      const resolved = this.#resolve(settings)
      const old = this.#held.get(alias)
      const upstream = old?.key === resolved.key ? old.entry.upstream : resolved.make()
      next.set(alias, { settings, key: resolved.key, url: resolved.url, entry: entryOf(settings, resolved, upstream) })
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
    if (old) this.#replace(alias, old.settings, 0)
  }
  /** Another server stands behind it now, or none. Calls in flight on the old one may finish within that time. */
  resolveAnew(alias: string, drainMs: number): void {
    const old = this.#held.get(alias)
    if (old && this.#resolve(old.settings).key !== old.key) this.#replace(alias, old.settings, drainMs)
  }
  #replace(alias: string, settings: ConfiguredUpstream, drainMs: number): void {
    const old = this.#held.get(alias)
    const resolved = this.#resolve(settings)
    const entry = entryOf(settings, resolved, resolved.make())
    this.#held = new Map(this.#held).set(alias, { settings, key: resolved.key, url: resolved.url, entry })
    this.#entries = new Map(this.#entries).set(alias, entry)
    this.#onReplaced(alias)
    if (old) this.#leave(old.entry.upstream, drainMs)
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

function entryOf(settings: ConfiguredUpstream, resolved: Resolved, upstream: Upstream): UpstreamEntry {
  const {
    alias,
    admission,
    launch,
    allow,
    labels,
    inspection,
    gates,
    accepted,
    reads,
    scopes,
    share,
    timeouts,
    limits,
    credential,
    title = alias,
  } = settings
  const { identity, version, signed, account, sinceMs } = resolved
  return {
    alias,
    identity,
    ...(version !== undefined && { version }),
    ...(signed && { signed }),
    upstream,
    isShared: share === 'all',
    admission,
    launch,
    rules: allow,
    labels,
    inspection,
    gates,
    arguments: new ArgumentGuard(settings.arguments),
    accepted: new Set(accepted),
    ...(reads && { reads }),
    scopes: new ScopeIndex(alias, scopes, sinceMs),
    parkMs: timeouts.parkMs,
    rounds: limits.rounds,
    ...(credential && account !== undefined && { credential: { rule: credential, account, title } }),
  }
}

/** Who is behind a configured program or URL. */
export const identityOf = (transport: UpstreamTransport): string => digestOf(JSON.stringify(transport))

/** The alias and what answers behind it: the same alias for another server is another account, and finds no old grant. */
export function accountOfUpstream(alias: string, transport: UpstreamTransport): string {
  const server = transport.kind === 'stdio' ? [transport.command, ...transport.args] : [transport.url]
  return `${alias} ${digestOf(JSON.stringify(server))}`
}
