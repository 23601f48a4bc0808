// What upstreams sent and nobody got: counted at once in metrics, summed up in the audit log once a minute, so that a flood costs one event.

import type { Logger } from '../adapters/telemetry/logs.ts'
import type { DropKind } from '../adapters/upstream/drops.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { LiveList } from '../catalog/lists.ts'

export type UpstreamReportParts = {
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'warn'>
  readonly metrics: { dropped(upstream: string, kind: DropKind): void }
}

type Excluded = Pick<LiveList, 'alias' | 'kind' | 'refused' | 'refusedCount' | 'truncated'>

/** Entries of a list that are named in one event or line; all are counted. */
const NAMED = 20

/** Memory: one row per upstream and one per upstream and list, whatever they send. */
export class UpstreamReport {
  readonly #parts: UpstreamReportParts
  #drops = new Map<string, Map<DropKind, number>>()
  #excluded = new Map<string, Excluded>()

  constructor(parts: UpstreamReportParts) {
    this.#parts = parts
  }

  /** a message that reached nobody (N098, N099, N104) */
  dropped(alias: string, kind: DropKind): void {
    this.#parts.metrics.dropped(alias, kind)
    let kinds = this.#drops.get(alias)
    if (kinds === undefined) this.#drops.set(alias, (kinds = new Map<DropKind, number>()))
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  }

  /** a list that is not handed on whole: entries were left out, or it was cut (R26, N068, N095, N130) */
  excluded(list: Excluded): void {
    this.#excluded.set(`${list.alias} ${list.kind}`, list)
    this.#parts.logger.warn('a list of an upstream is not handed on whole', describe(list))
  }

  /** Writes what came since the last flush. Rejects with the log's Fault; what it could not write is tried again with the next. */
  async flush(): Promise<void> {
    const { log, encoder } = this.#parts
    const [drops, excluded] = [this.#drops, this.#excluded]
    this.#drops = new Map()
    this.#excluded = new Map()
    const rows = [
      ...[...drops].map(([upstream, kinds]) => encoder.lifecycle('upstream-dropped', { upstream, counts: Object.fromEntries(kinds) })),
      ...[...excluded.values()].map(list => encoder.lifecycle('upstream-list-cut', describe(list))),
    ]
    try {
      await Promise.all(rows.map(row => log.append(row)))
    } catch (fault) {
      for (const [alias, kinds] of drops) for (const [kind, n] of kinds) this.#restore(alias, kind, n)
      for (const [key, list] of excluded) if (!this.#excluded.has(key)) this.#excluded.set(key, list)
      throw fault
    }
  }
  #restore(alias: string, kind: DropKind, n: number): void {
    const kinds = this.#drops.get(alias) ?? new Map<DropKind, number>()
    this.#drops.set(alias, kinds)
    kinds.set(kind, (kinds.get(kind) ?? 0) + n)
  }
}

/** attacker-controlled names, at most 128 characters each; whoever writes them escapes them. */
const describe = ({ alias, kind, refused, refusedCount, truncated }: Excluded): Record<string, unknown> => ({
  upstream: alias,
  list: kind,
  excluded: refusedCount,
  ...(truncated !== undefined && { truncated }),
  entries: refused.slice(0, NAMED).map(({ name, code, detail }) => ({ name, code, detail })),
})
