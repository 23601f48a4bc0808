// The lists of an upstream as one caller gets them: read with his own credential, kept per surface, without what is held, drifted or hides something.

import type { Contacts } from '../audit/contacts.ts'
import type { Caller, CallerCredential, UpstreamFace } from '../bridge/upstream.ts'
import type { ListKind } from '../catalog/entry.ts'
import { emptyList, type LiveList } from '../catalog/lists.ts'
import type { Surface } from '../catalog/surface.ts'
import { Surfaces, type SurfaceCaller } from '../catalog/surfaces.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { Entitlement } from '../policy/allow-list.ts'
import type { Admitting } from './admitting.ts'
import type { GatewayDeps } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import type { InspectedDefinitions } from './inspected-definitions.ts'
import { ListReader } from './list-reader.ts'
import { ListWatches } from './list-watches.ts'
import type { Authenticated, Classified, Joined, Received } from './path.ts'

/** `ownLists`: of the upstream that was asked last. */
type Asking = Received & Classified & Authenticated & Joined & { ownLists?: OwnLists }
type OwnLists = {
  readonly entry: UpstreamEntry
  readonly credential: CallerCredential | undefined
  readonly entitlement: Entitlement
  readonly surface: Surface
  readonly reader: ListReader
  readonly patienceMs: number
}
export type ListSettings = {
  readonly limits: { readonly listPages: number; readonly listEntries: number; readonly listBytes: number }
  readonly ttlMs: number
  /** an administrator says that lists do not depend on the caller */
  readonly isShared: boolean
  /** longest wait for an upstream's list */
  readonly patienceMs: number
}
export type CallerListsDeps = Pick<GatewayDeps, 'entitlement' | 'callers' | 'credentials' | 'monotonic' | 'delay'> & {
  readonly contacts: Contacts
  readonly admitting: Admitting
  readonly inspected: InspectedDefinitions
  readonly listSettings: (alias: string) => ListSettings | undefined
  /** a list of an upstream is not handed on whole: entries were left out, or it was cut (R26, N068) */
  readonly excluded?: (list: LiveList) => void
}

export class CallerLists {
  readonly #deps: CallerListsDeps
  readonly #surfaces: Surfaces
  readonly #watches: ListWatches

  constructor(deps: CallerListsDeps, pause: () => Promise<void>) {
    this.#deps = deps
    this.#surfaces = new Surfaces({
      ports: { now: deps.monotonic, delay: deps.delay, pause },
      ...(deps.excluded && { excluded: deps.excluded }),
    })
    this.#watches = new ListWatches(deps.monotonic)
  }

  changed(alias: string): void {
    this.#surfaces.changed(alias)
  }
  /** The upstream is another one now, or gone. */
  forget(alias: string): void {
    this.#surfaces.forget(alias)
    this.#watches.drop(alias)
  }
  /** Lets go of change streams that nobody's lists need any more; called by the one timer. */
  sweep(): void {
    this.#watches.sweep()
  }

  /** The same without what is held or hides something: what hosts may see, and what is believed of a tool. */
  visible(x: Asking, entry: UpstreamEntry, kind: ListKind): LiveList | Stop | Promise<LiveList | Stop> {
    const list = this.listed(x, entry, kind)
    return list instanceof Promise ? list.then(read => this.uninspected(entry, read)) : this.uninspected(entry, list)
  }
  /** Without what inspection leaves out, whoever admitted it. */
  uninspected(entry: UpstreamEntry, list: LiveList | Stop): LiveList | Stop | Promise<LiveList | Stop> {
    const isEmpty = isStop(list) || (list.entries.length === 0 && !list.meta && list.extra.length === 0)
    return isEmpty ? list : this.#deps.inspected.visible(entry, list)
  }
  listed(x: Asking, entry: UpstreamEntry, kind: ListKind): LiveList | Stop | Promise<LiveList | Stop> {
    const { admitting } = this.#deps
    // A host that lists a server under review finds nothing, and no fault either: it is told once there is something.
    if (admitting.held(entry)) return emptyList(entry.alias, kind)
    const list = this.list(x, entry, kind)
    if (!(list instanceof Promise)) return isStop(list) ? list : admitting.visible(entry, list)
    return list.then(read => (isStop(read) ? read : admitting.visible(entry, read)))
  }

  /** One list of one upstream for one caller, read with the caller's own credential where it takes one. */
  list(x: Asking, entry: UpstreamEntry, kind: ListKind): LiveList | Stop | Promise<LiveList | Stop> {
    const credential = entry.credential && this.#deps.credentials.of(x, entry)
    if (credential instanceof Promise) return credential.then(own => this.#listWith(x, entry, kind, own))
    return this.#listWith(x, entry, kind, credential)
  }

  /** Fetched at most once per change or short time. */
  #listWith(
    x: Asking,
    entry: UpstreamEntry,
    kind: ListKind,
    credential: CallerCredential | Stop | undefined,
  ): LiveList | Stop | Promise<LiveList | Stop> {
    // Nobody sees lists, shared ones neither, that he could not have asked for himself.
    if (credential && isStop(credential)) return credential
    const own = this.#own(x, entry, credential)
    return isStop(own) ? own : own.surface.list(kind, own.reader, own.patienceMs)
  }

  /** Several stages of a request ask for the same lists: who asks, and where they are kept, is worked out once while neither may have changed. */
  #own(x: Asking, entry: UpstreamEntry, credential: CallerCredential | undefined): OwnLists | Stop {
    const entitlement = this.#deps.entitlement(x, entry)
    const known = x.ownLists
    if (known?.entry === entry && known.credential === credential && known.entitlement === entitlement) return known
    const settings = this.#deps.listSettings(entry.alias)
    if (!settings) return { stop: 'upstream-unavailable', detail: `\`${entry.alias}\` is not configured` }
    const { caller } = this.#deps.callers.of(x, entry, entitlement, credential)
    const asking: Caller = { ...caller, affinity: '' }
    const surface = this.#surfaces.of(entry.alias, settings, surfaceOf(asking), settings.isShared)
    const events = {
      met: (face: UpstreamFace): void => this.#watches.watch(entry, asking, surface, face),
      read: async (list: LiveList): Promise<LiveList | Stop> => {
        const inspected = await this.#deps.inspected.read(list)
        return isStop(inspected) ? inspected : this.#deps.admitting.read(entry, inspected)
      },
    }
    const reader = new ListReader(this.#deps.contacts, entry, asking, events)
    return (x.ownLists = { entry, credential, entitlement, surface, reader, patienceMs: settings.patienceMs })
  }
}

/** A new credential may see other lists: what was read with the old one is not handed out any more. */
const surfaceOf = ({ principal, capabilities, credential }: Caller): SurfaceCaller => ({
  principal: credential === undefined ? principal : `${principal}\n${credential.id}`,
  capabilities,
})
