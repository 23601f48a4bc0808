// Another Gatehouse's registry as the source of what is served: asked at most every ten seconds, and gone on with as it was while it cannot be asked, for a grace.

import { hash } from 'node:crypto'
import { Fault } from '../kernel/errors.ts'
import type { Withdrawal } from '../trust/blocked.ts'
import { MAX_RESOLUTION_BYTES, readResolution, type Resolution } from '../trust/resolution.ts'
import type { VersionSource } from '../trust/version-source.ts'
import { readBearer } from './private-text.ts'
import { RegistryCache } from './registry-cache.ts'
import type { SafeFetch, SafeResponse } from './safe-fetch.ts'

const FRESH_MS = 10_000
/** How old what is kept may be on disk before its date is written again. */
const DATE_MS = 5 * 60_000
const TIMEOUT_MS = 5_000
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
const MAX_ETAG_CHARACTERS = 256
const MAX_WITHDRAWN = 100_000

export type RemoteRegistryParts = {
  /** its public URL, without a trailing slash: what statements are signed for */
  readonly url: string
  /** a file with a bearer token for it */
  readonly tokenFile?: string
  /** how long its last word counts while it cannot be asked */
  readonly graceMs: number
  readonly fetch: SafeFetch
  /** where that is kept over restarts */
  readonly folder: string
  /** it could not be: a start without the registry has what was kept before, or nothing */
  readonly unkept: (cause: unknown) => void
  /** wall clock, milliseconds */
  readonly now: () => number
}

/** `resolution` undefined: it has no such version. */
type Known = { readonly atMs: number; readonly writtenMs: number; readonly etag?: string; readonly resolution: Resolution | undefined }

export class RemoteRegistry implements VersionSource {
  readonly #parts: RemoteRegistryParts
  readonly #cache: RegistryCache
  readonly #known = new Map<string, Known>()
  readonly #asking = new Map<string, Promise<Known>>()
  readonly #triedMs = new Map<string, number>()
  readonly #withdrawn = new Map<string, Withdrawal>()
  #list: readonly Withdrawal[] = []

  constructor(parts: RemoteRegistryParts) {
    this.#parts = parts
    this.#cache = new RegistryCache(parts.folder, parts.url)
  }

  async find(name: string, version: string): ReturnType<VersionSource['find']> {
    return (await this.#ask(name, version)).resolution?.found
  }

  /** By their digests they never change: each is asked for once. */
  async document(name: string, version: string, { sha256 }: { readonly sha256: string }): Promise<Buffer | undefined> {
    const isIt = (bytes: Buffer): boolean => hash('sha256', bytes) === sha256
    const kept = await this.#cache.document(name, version, sha256)
    if (kept && isIt(kept)) return kept
    const path = `/v1/servers/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}/documents/${sha256}`
    const answer = await this.#get(path, { maxBytes: MAX_DOCUMENT_BYTES })
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw unavailable(answer.status)
    if (isIt(answer.body)) await this.#written(this.#cache.putDocument(name, version, sha256, answer.body))
    return answer.body
  }

  /** What is behind its surface; for differences. */
  async definitions(name: string, version: string): Promise<Buffer | undefined> {
    const sha256 = (await this.#ask(name, version)).resolution?.definitions
    return sha256 === undefined ? undefined : this.document(name, version, { sha256 })
  }

  /** All that it ever said of what is asked for here: it takes nothing back. The same list until it grows. */
  withdrawn(): readonly Withdrawal[] {
    return this.#list
  }

  /** Who asks while it is being asked shares the answer. */
  #ask(name: string, version: string): Promise<Known> {
    const key = `${name.toLowerCase()} ${version}`
    const asking = this.#asking.get(key)
    if (asking) return asking
    const asked = this.#answer(key, name, version).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asked)
    return asked
  }

  async #answer(key: string, name: string, version: string): Promise<Known> {
    const { now, graceMs } = this.#parts
    const known = this.#known.get(key) ?? (await this.#fromDisk(key, name, version))
    const isWithin = (sinceMs: number | undefined, ms: number): boolean => sinceMs !== undefined && now() >= sinceMs && now() - sinceMs < ms
    if (known && isWithin(known.atMs, FRESH_MS)) return known
    const isTried = isWithin(this.#triedMs.get(key), FRESH_MS)
    try {
      // What did not answer a moment ago is not waited for again by everybody who connects.
      if (isTried) throw new Fault('registry-unreachable', 'the registry could not be asked a moment ago')
      this.#triedMs.set(key, now())
      const asked = await this.#fetch(key, name, version, known)
      this.#triedMs.delete(key)
      return asked
    } catch (cause) {
      if (known && isWithin(known.atMs, graceMs)) return known
      throw cause
    }
  }

  async #fetch(key: string, name: string, version: string, known: Known | undefined): Promise<Known> {
    const query = new URLSearchParams({ name, version })
    const etag = known?.resolution && known.etag
    const answer = await this.#get(`/v1/resolve?${query.toString()}`, {
      maxBytes: MAX_RESOLUTION_BYTES,
      ...(etag !== undefined && { etag }),
    })
    const atMs = this.#parts.now()
    if (answer.status === 304 && known && etag !== undefined) return this.#renewed(key, name, version, { ...known, atMs })
    // What it says counts at once, and also where it cannot be kept: a full disk must hold no revocation back.
    if (answer.status === 404) {
      const gone = this.#keep(key, { atMs, writtenMs: 0, resolution: undefined })
      await this.#written(this.#cache.forget(name, version))
      return gone
    }
    if (answer.status !== 200) throw unavailable(answer.status)
    const resolution = readResolution(answer.body, name, version)
    const given = answer.headers['etag']
    const isEtag = typeof given === 'string' && given.length <= MAX_ETAG_CHARACTERS && /^[\x21-\x7e]+$/.test(given)
    const found = { atMs, ...(isEtag && { etag: given }) }
    const said = this.#keep(key, { ...found, writtenMs: atMs, resolution })
    await this.#written(this.#cache.put(name, version, { atMs, body: answer.body }))
    return said
  }

  readonly #written = (writing: Promise<void>): Promise<void> => writing.catch(this.#parts.unkept)

  /** Nothing changed; how long that is so is written down now and then, for a start within the grace. */
  async #renewed(key: string, name: string, version: string, known: Known): Promise<Known> {
    if (known.atMs - known.writtenMs < DATE_MS) return this.#keep(key, known)
    const renewed = this.#keep(key, { ...known, writtenMs: known.atMs })
    await this.#written(this.#cache.date(name, version, known.atMs))
    return renewed
  }

  async #fromDisk(key: string, name: string, version: string): Promise<Known | undefined> {
    const kept = await this.#cache.find(name, version)
    if (!kept) return undefined
    try {
      // Without its ETag: what lay on the disk is asked for whole once, and is not confirmed unread.
      return this.#keep(key, { atMs: kept.atMs, writtenMs: kept.atMs, resolution: readResolution(kept.body, name, version) })
    } catch {
      return undefined // damaged: as if it had never been asked
    }
  }

  #keep(key: string, known: Known): Known {
    const before = this.#withdrawn.size
    for (const each of known.resolution?.withdrawn ?? []) this.#withdrawn.set(JSON.stringify(each), each)
    if (this.#withdrawn.size > MAX_WITHDRAWN) throw new Fault('registry-answer-invalid', 'the registry withdraws without end')
    if (this.#withdrawn.size > before) this.#list = [...this.#withdrawn.values()]
    this.#known.set(key, known)
    return known
  }

  async #get(path: string, { maxBytes, etag }: { readonly maxBytes: number; readonly etag?: string }): Promise<SafeResponse> {
    const { url, tokenFile, fetch } = this.#parts
    const token = tokenFile === undefined ? undefined : await readBearer(tokenFile)
    if (tokenFile !== undefined && token === undefined) throw new Fault('registry-unreachable', 'the file with its token holds none')
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(etag !== undefined && { 'if-none-match': etag }),
    }
    return fetch.request(`${url}${path}`, { headers, maxBytes, timeoutMs: TIMEOUT_MS })
  }
}

const unavailable = (status: number): Fault => new Fault('registry-unreachable', `the registry answered with status ${status}`)
