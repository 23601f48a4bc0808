// Streams on which upstreams announce that their lists changed, held while somebody's lists are in use.

import { callerKey } from '../bridge/caller-key.ts'
import type { Caller, ListKind as ChangeKind, UpstreamFace, UpstreamSubscription } from '../bridge/upstream.ts'
import type { ListKind } from '../catalog/entry.ts'
import type { Surface } from '../catalog/surface.ts'
import type { UpstreamEntry } from './entry.ts'

type Watch = { readonly alias: string; readonly surface: Surface; readonly subscription: UpstreamSubscription; usedMs: number }

/** A stream nobody's lists were read over for this long is closed: an idle upstream process may stop. */
const IDLE_MS = 180_000
/** Streams held at once; lists without one are read again after their internal time. */
const MAX_WATCHES = 512
const NOTHING: ReadonlySet<ListKind> = new Set()
const LISTS: Readonly<Record<ChangeKind, readonly ListKind[]>> = {
  tools: ['tools'],
  prompts: ['prompts'],
  resources: ['resources', 'templates'],
}

export class ListWatches {
  readonly #watches = new Map<string, Watch>()
  readonly #monotonic: () => number
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** Makes sure a stream is open for this caller, where the upstream announces anything. */
  watch(entry: UpstreamEntry, caller: Caller, surface: Surface, face: UpstreamFace): void {
    const key = `${entry.alias}\n${callerKey(caller)}`
    const known = this.#watches.get(key)
    if (known?.surface === surface) {
      known.usedMs = this.#monotonic()
      return
    }
    if (known) this.#close(key, known)
    const announced = new Set((Object.keys(LISTS) as ChangeKind[]).filter(kind => announces(face, kind)))
    if (announced.size === 0 || this.#watches.size >= MAX_WATCHES) return
    const filter = {
      toolsListChanged: announced.has('tools'),
      promptsListChanged: announced.has('prompts'),
      resourcesListChanged: announced.has('resources'),
    }
    const unsure = (): void => surface.changed()
    const subscription = entry.upstream.subscribe(caller, filter, {
      listChanged: kind => {
        for (const list of LISTS[kind]) surface.changed(list)
      },
      resourceUpdated() {},
      other() {},
      interrupted: unsure,
      // A server may list something else between its first reading and the opening of this stream: it is read once more.
      opened: unsure,
      ended: () => surface.announce(NOTHING),
    })
    surface.announce(new Set([...announced].flatMap(kind => LISTS[kind])))
    this.#watches.set(key, { alias: entry.alias, surface, subscription, usedMs: this.#monotonic() })
  }
  sweep(): void {
    const since = this.#monotonic() - IDLE_MS
    for (const [key, watch] of this.#watches) if (watch.usedMs < since) this.#close(key, watch)
  }
  drop(alias: string): void {
    for (const [key, watch] of this.#watches) if (watch.alias === alias) this.#close(key, watch)
  }
  #close(key: string, watch: Watch): void {
    this.#watches.delete(key)
    watch.surface.announce(NOTHING)
    watch.subscription.close()
  }
}

function announces(face: UpstreamFace, kind: ChangeKind): boolean {
  const capability = face.capabilities[kind]
  return typeof capability === 'object' && capability !== null && 'listChanged' in capability && capability.listChanged === true
}
