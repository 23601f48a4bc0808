// Verifies token signatures with the issuers' published keys (jose): one key source per issuer, from a file or fetched, kept through outages.

import { readFile, stat } from 'node:fs/promises'
import { compactVerify, importJWK, type CryptoKey } from 'jose'
import { MAX_KEY_SET_BYTES, readKeySet, type PublishedKey } from '../identity/key-set.ts'
import type { SignatureVerdict, SignedToken, TokenVerifier } from '../identity/token-reader.ts'
import { Fault } from '../kernel/errors.ts'
import { readIssuerMetadata } from './issuer-metadata.ts'
import type { SafeFetch } from './safe-fetch.ts'

/** Where one issuer's keys come from. Structurally a part of config/schema.ts `IssuerSettings`. */
export type KeySettings = {
  readonly issuer: string
  readonly jwksUri?: string
  readonly jwksFile?: string
  readonly introspection?: { readonly url?: string }
}

export type TokenVerifierDeps = {
  readonly issuers: readonly KeySettings[]
  readonly fetch: SafeFetch
  /** milliseconds, monotonic; default performance.now */
  readonly now?: () => number
  /** between two fetches (file: looks) for one issuer, whatever tokens ask for; default 30 s */
  readonly coolDownSeconds?: number
  /** a fetched key set is fetched again after; default 600 s */
  readonly refreshSeconds?: number
  /** known keys serve through an outage for; default 24 h */
  readonly maxStaleSeconds?: number
  /** told when a source starts or ceases to fail; holds no token bytes */
  readonly onChange?: (status: IssuerStatus) => void
}

export type IssuerStatus = {
  readonly issuer: string
  readonly state: 'unread' | 'ready' | 'failing'
  readonly keys: number
  readonly detail?: string
}

export type TokenKeys = TokenVerifier & {
  /** reads every issuer's keys now; resolves when all tries ended, never rejects */
  warm(): Promise<void>
  /** takes over a new configuration; sources that did not change keep their keys */
  configure(issuers: readonly KeySettings[]): void
  status(): readonly IssuerStatus[]
}

/** `host:port` of the issuers, key sets and introspection endpoints the configuration places on loopback: safe-fetch's `namedHosts`. */
export function loopbackHosts(issuers: readonly KeySettings[]): string[] {
  const urls = issuers.flatMap(({ issuer, jwksUri = issuer, introspection }) =>
    [issuer, jwksUri, introspection?.url ?? issuer].map(text => URL.parse(text)),
  )
  return urls.flatMap(url =>
    url && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
      ? [`${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`]
      : [],
  )
}

export function createTokenKeys(deps: TokenVerifierDeps): TokenKeys {
  let sources = new Map(deps.issuers.map(settings => [settings.issuer, new KeySource(settings, deps)]))
  let withdrawn = 0
  return {
    get epoch() {
      let sum = withdrawn
      for (const source of sources.values()) sum += source.withdrawals
      return sum
    },
    async verify(signed) {
      const source = sources.get(signed.issuer)
      return source ? source.verify(signed) : 'unknown-key'
    },
    async warm() {
      await Promise.all([...sources.values()].map(source => source.refresh()))
    },
    configure(issuers) {
      const before = sources
      sources = new Map(
        issuers.map(settings => {
          const old = before.get(settings.issuer)
          return [settings.issuer, old && isSameSource(old.settings, settings) ? old : new KeySource(settings, deps)]
        }),
      )
      // INVARIANT: the epoch never falls, and moves when a source goes.
      for (const [issuer, old] of before) if (sources.get(issuer) !== old) withdrawn += old.withdrawals + 1
    },
    status: () => [...sources.values()].map(source => source.status()),
  }
}

const isSameSource = (a: KeySettings, b: KeySettings): boolean => a.jwksUri === b.jwksUri && a.jwksFile === b.jwksFile

class KeySource {
  readonly settings: KeySettings
  /** how often a key was withdrawn or replaced */
  withdrawals = 0
  readonly #deps: TokenVerifierDeps
  #keys = new Map<string, readonly PublishedKey[]>()
  #imported = new Map<string, Promise<CryptoKey>>()
  #state: IssuerStatus['state'] = 'unread'
  #detail = ''
  #triedAt = -Infinity
  #loadedAt = -Infinity
  #fileStamp = ''
  #running: Promise<void> | undefined

  constructor(settings: KeySettings, deps: TokenVerifierDeps) {
    this.settings = settings
    this.#deps = deps
  }

  status(): IssuerStatus {
    const { issuer } = this.settings
    return { issuer, state: this.#state, keys: this.#keys.size, ...(this.#detail === '' ? undefined : { detail: this.#detail }) }
  }

  async verify({ keyId, algorithm, token }: SignedToken): Promise<SignatureVerdict> {
    const keys = await this.#find(keyId)
    if (!keys) return this.#state === 'failing' ? { unavailableSeconds: Math.max(1, this.#coolDownLeft()) } : 'unknown-key'
    const key = keys.find(candidate => candidate.algorithms.includes(algorithm))
    if (!key) return 'unsuitable-key'
    try {
      await compactVerify(token, await this.#import(key, algorithm), { algorithms: [algorithm] })
      return 'valid'
    } catch {
      return 'bad-signature' // whatever jose or the key import dislikes: fail closed
    }
  }

  async #find(keyId: string): Promise<readonly PublishedKey[] | undefined> {
    const now = this.#now()
    if (now - this.#loadedAt > (this.#deps.maxStaleSeconds ?? 86_400) * 1000) this.#replace([])
    const known = this.#keys.get(keyId)
    if (known) {
      const age = now - this.#loadedAt
      if (this.#coolDownLeft() > 0 || age < this.#refreshMs()) return known
      const refreshed = this.refresh() // never rejects
      // After long silence a withdrawn key must not serve once more; through an outage nobody waits.
      if (this.#state !== 'ready' || age < 2 * this.#refreshMs()) return known
      await refreshed
      return this.#keys.get(keyId)
    }
    // N008: however many unknown key ids arrive, one look per cool-down, shared by all who wait for it.
    if (this.#running) await this.#running
    else if (this.#coolDownLeft() <= 0) await this.refresh()
    return this.#keys.get(keyId)
  }

  /** Single flight; never rejects. On failure the known keys stay. */
  refresh(): Promise<void> {
    this.#triedAt = this.#now()
    this.#running ??= this.#load().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #load(): Promise<void> {
    try {
      const bytes = this.settings.jwksFile === undefined ? await this.#fetchKeys() : await this.#readFile(this.settings.jwksFile)
      if (bytes) {
        const keys = readKeySet(bytes)
        if ('fault' in keys) throw new Fault('key-set-invalid', keys.fault)
        this.#replace(keys)
      }
      this.#loadedAt = this.#now()
      this.#become('ready', '')
    } catch (error) {
      this.#become('failing', error instanceof Fault ? error.message : 'the keys cannot be read')
    }
  }

  #become(state: 'ready' | 'failing', detail: string): void {
    const isNews = state !== this.#state || detail !== this.#detail
    this.#state = state
    this.#detail = detail
    if (isNews) this.#deps.onChange?.(this.status())
  }

  #replace(keys: readonly PublishedKey[]): void {
    const next = new Map<string, readonly PublishedKey[]>()
    for (const key of keys) next.set(key.keyId, [...(next.get(key.keyId) ?? []), key])
    const isWithdrawn = [...this.#keys].some(([keyId, old]) => JSON.stringify(next.get(keyId)) !== JSON.stringify(old))
    if (isWithdrawn) this.withdrawals++
    this.#keys = next
    this.#imported = new Map()
  }

  /** The file's bytes, or undefined when it did not change since it was last read well. */
  async #readFile(file: string): Promise<Buffer | undefined> {
    const { mtimeMs, size, ino } = await stat(file)
    const stamp = `${mtimeMs} ${size} ${ino}`
    if (stamp === this.#fileStamp && this.#state === 'ready') return undefined
    if (size > MAX_KEY_SET_BYTES) throw new Fault('key-set-invalid', 'the key file is too large')
    const bytes = await readFile(file)
    this.#fileStamp = stamp
    return bytes
  }

  async #fetchKeys(): Promise<Buffer> {
    const { status, body } = await this.#deps.fetch.get(
      this.settings.jwksUri ?? (await this.#discover()),
      'application/jwk-set+json, application/json',
    )
    if (status !== 200) throw new Fault('key-set-invalid', `the key set answered with status ${status}`)
    return body
  }

  async #discover(): Promise<string> {
    const url = (await readIssuerMetadata(this.#deps.fetch, this.settings.issuer))('jwks_uri')
    if (url === undefined) throw new Fault('discovery-failed', "the issuer's metadata names no key set")
    return url
  }

  #import(key: PublishedKey, algorithm: string): Promise<CryptoKey> {
    const name = `${algorithm} ${key.keyId}`
    let imported = this.#imported.get(name)
    if (!imported) {
      // key-set.ts chose the members of `jwk`: asymmetric and public ones.
      imported = importJWK(key.jwk, algorithm)
      imported.catch(() => {}) // each verification that awaits it sees the failure itself
      this.#imported.set(name, imported)
    }
    return imported
  }

  readonly #now = (): number => (this.#deps.now ?? (() => performance.now()))()
  // A file is cheap to look at: as often as the cool-down allows.
  readonly #refreshMs = (): number => (this.settings.jwksFile === undefined ? (this.#deps.refreshSeconds ?? 600) * 1000 : 0)
  readonly #coolDownLeft = (): number => Math.max(0, Math.ceil((this.#deps.coolDownSeconds ?? 30) - (this.#now() - this.#triedAt) / 1000))
}
