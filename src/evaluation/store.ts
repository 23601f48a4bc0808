// The evaluation provider's memory: grants, codes and sessions bounded per kind; registered hosts also in a file, so a restart does not lock them out.

import { join } from 'node:path'
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'
import { readPrivate, replacePrivate } from '../adapters/private-text.ts'
import { evaluationFolder } from './private-file.ts'

/** Most entries of one kind (codes, grants, sessions, ...); the least recently used go first. */
const MAX_ENTRIES = 2_000
const MAX_CLIENTS = 200
const MAX_CLIENT_FILE_BYTES = 1024 * 1024

type Entry = { payload: AdapterPayload; readonly expiresMs: number }
type Entries = Map<string, Entry>

/** Opens the store. `now`: milliseconds. A client file that cannot be read well is started anew: hosts register again. */
export async function openStore(dataDir: string, now: () => number): Promise<AdapterFactory> {
  const path = join(await evaluationFolder(dataDir), 'clients.json')
  const kinds = new Map<string, Entries>()
  kinds.set('Client', parseClients(await readPrivate(path, MAX_CLIENT_FILE_BYTES)))
  return name => new MemoryAdapter(name, kinds, { now, saveClients: entries => replacePrivate(path, writeClients(entries)) })
}

function parseClients(text: string | undefined): Entries {
  try {
    const clients = JSON.parse(text ?? '[]') as AdapterPayload[]
    return new Map<string, Entry>(clients.map(payload => [String(payload.client_id), { payload, expiresMs: Infinity }]))
  } catch {
    return new Map() // not ours to repair: the next registration replaces it
  }
}
const writeClients = (entries: Entries): string => JSON.stringify([...entries.values()].map(entry => entry.payload))

class MemoryAdapter implements Adapter {
  readonly #name: string
  readonly #kinds: Map<string, Entries>
  readonly #deps: { now: () => number; saveClients: (entries: Entries) => Promise<void> }

  constructor(name: string, kinds: Map<string, Entries>, deps: { now: () => number; saveClients: (entries: Entries) => Promise<void> }) {
    this.#name = name
    this.#kinds = kinds
    this.#deps = deps
  }

  get #entries(): Entries {
    const known = this.#kinds.get(this.#name)
    if (known) return known
    const entries: Entries = new Map()
    this.#kinds.set(this.#name, entries)
    return entries
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const entries = this.#entries
    entries.delete(id)
    entries.set(id, { payload, expiresMs: expiresIn === undefined ? Infinity : this.#deps.now() + expiresIn * 1000 })
    const [eldest] = entries.keys()
    if (eldest !== undefined && entries.size > (this.#name === 'Client' ? MAX_CLIENTS : MAX_ENTRIES)) entries.delete(eldest)
    if (this.#name === 'Client') await this.#deps.saveClients(entries)
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    const entry = this.#entries.get(id)
    if (!entry) return Promise.resolve(undefined)
    this.#entries.delete(id)
    if (entry.expiresMs <= this.#deps.now()) return Promise.resolve(undefined)
    this.#entries.set(id, entry) // most recently used
    return Promise.resolve(entry.payload)
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    for (const [id, entry] of this.#entries) if (entry.payload.uid === uid) return this.find(id)
    return Promise.resolve(undefined)
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined) // the device flow is off
  }

  consume(id: string): Promise<void> {
    const entry = this.#entries.get(id)
    if (entry) entry.payload = { ...entry.payload, consumed: Math.floor(this.#deps.now() / 1000) }
    return Promise.resolve()
  }

  destroy(id: string): Promise<void> {
    this.#entries.delete(id)
    return Promise.resolve()
  }

  /** A replayed code or refresh token ends everything that came of its grant (RFC 9700 section 4.14). */
  revokeByGrantId(grantId: string): Promise<void> {
    for (const entries of this.#kinds.values()) for (const [id, entry] of entries) if (entry.payload.grantId === grantId) entries.delete(id)
    return Promise.resolve()
  }
}
