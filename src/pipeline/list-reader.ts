// One upstream's list read for one caller: the reading is recorded like a call, before the first page is asked and before anybody sees the list.

import type { Contacts, OpenContact } from '../audit/contacts.ts'
import type { CallEvents, Caller, UpstreamFace } from '../bridge/upstream.ts'
import type { ListKind } from '../catalog/entry.ts'
import type { ListSource, LiveList, PageAnswer } from '../catalog/lists.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { CODE } from '../mcp/revisions.ts'
import type { ListMethod } from './catalogue.ts'
import type { UpstreamEntry } from './entry.ts'

const METHODS: Readonly<Record<ListKind, ListMethod>> = {
  tools: 'tools/list',
  prompts: 'prompts/list',
  resources: 'resources/list',
  templates: 'resources/templates/list',
}
const NO_EVENTS: CallEvents = { notification() {}, request: request => request.refuse(CODE.methodNotFound, 'Method not found') }
const UNRECORDED = { stop: 'audit-unavailable', detail: 'the audit log cannot be written' } as const

export type ListEvents = {
  /** what the upstream says of itself, before each page */
  readonly met: (face: UpstreamFace) => void
  /** a list was read and its reading is on record; what this resolves with is what counts. Never rejects */
  readonly read: (list: LiveList) => Promise<LiveList | Stop>
}

/** Made for every question whether there is a list, so it holds no more than it was given. */
export class ListReader implements ListSource {
  readonly #contacts: Contacts
  readonly #entry: UpstreamEntry
  readonly #caller: Caller
  readonly #events: ListEvents
  #contact: OpenContact | undefined

  constructor(contacts: Contacts, entry: UpstreamEntry, caller: Caller, events: ListEvents) {
    this.#contacts = contacts
    this.#entry = entry
    this.#caller = caller
    this.#events = events
  }

  async fetchPage(kind: ListKind, cursor: string | undefined): Promise<PageAnswer> {
    const [entry, caller, method] = [this.#entry, this.#caller, METHODS[kind]]
    const face = await entry.upstream.face(caller)
    if ('stop' in face) return { kind: 'stop', ...face }
    // R38: a list the upstream does not offer is empty; asking for it would be an error of ours.
    const capability = kind === 'templates' ? 'resources' : kind
    if (face.capabilities[capability] === undefined) return { kind: 'error', code: CODE.methodNotFound }
    this.#events.met(face)
    if (!(await this.#isRecorded(method))) return { kind: 'stop', ...UNRECORDED }
    const params = cursor === undefined ? undefined : Buffer.from(`{"cursor":${JSON.stringify(cursor)}}`)
    return entry.upstream.call({ caller, method, traceparent: '', ...(params && { params }) }, NO_EVENTS).done
  }

  async #isRecorded(method: string): Promise<boolean> {
    const { principal, credential } = this.#caller
    const own = credential && { credential: credential.id }
    const asked = { server: this.#entry.alias, principal, purpose: 'list', method, ...own } as const
    try {
      this.#contact ??= await this.#contacts(asked)
      return true
    } catch {
      // The log says itself why it cannot be written.
      return false
    }
  }

  async ended(read: LiveList | Stop): Promise<LiveList | Stop> {
    const contact = this.#contact
    this.#contact = undefined
    try {
      await contact?.end(isStop(read) ? { outcome: 'stopped', reason: read.stop } : { outcome: 'ok' })
    } catch {
      // As above.
      return UNRECORDED
    }
    return isStop(read) ? read : this.#events.read(read)
  }
}
