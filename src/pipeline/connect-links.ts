// Links to connect an account: random, kept as digests, the same one for the same wish until it was used or is old, a bounded number per principal.

import { hash } from 'node:crypto'
import type { Stop } from '../kernel/errors.ts'
import type { PendingConnection, PendingConnections } from '../vault/connections.ts'
import type { ConnectLink } from './deps.ts'

export type ConnectLinksDeps = {
  readonly pending: PendingConnections
  /** 32 random bytes as base64url */
  readonly newSecret: () => string
  readonly publicUrl: () => string
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly fault: (what: string, cause: unknown) => void
}
type Wish = Omit<PendingConnection, 'expiresAtSeconds'>

const CONNECT_PATH = '/oauth/connect'
const LIFE_SECONDS = 1800
/** One that is about to end is not given out again. */
const SPARE_SECONDS = 300
const PER_PRINCIPAL = 32
const MAX_KNOWN = 10_000

export const linkDigest = (secret: string): string => hash('sha256', `gatehouse connect link ${secret}`, 'base64url')

export const stateDigest = (secret: string): string => hash('sha256', `gatehouse connect state ${secret}`, 'base64url')

export class ConnectLinks {
  readonly #deps: ConnectLinksDeps
  readonly #known = new Map<string, { readonly link: Promise<ConnectLink>; readonly untilSeconds: number }>()

  constructor(deps: ConnectLinksDeps) {
    this.#deps = deps
  }

  /** Never rejects. Durable before it is shown. */
  async open(wish: Wish): Promise<ConnectLink | Stop> {
    const key = keyOf(wish)
    const nowSeconds = Math.floor(this.#deps.now() / 1000)
    const known = this.#known.get(key)
    try {
      if (known && nowSeconds < known.untilSeconds - SPARE_SECONDS) return await known.link
      const untilSeconds = nowSeconds + LIFE_SECONDS
      const link = this.#make({ ...wish, expiresAtSeconds: untilSeconds })
      this.#known.delete(key)
      this.#known.set(key, { link, untilSeconds })
      for (const oldest of this.#known.keys()) {
        if (this.#known.size <= MAX_KNOWN) break
        this.#known.delete(oldest)
      }
      return await link
    } catch (cause) {
      this.#known.delete(key)
      this.#deps.fault('a link to connect could not be kept', cause)
      return { stop: 'credential-unavailable', detail: 'the state database cannot be written' }
    }
  }

  async #make(pending: PendingConnection): Promise<ConnectLink> {
    const id = this.#deps.newSecret()
    await this.#deps.pending.open(linkDigest(id), pending, PER_PRINCIPAL)
    return { id, url: `${this.#deps.publicUrl()}${CONNECT_PATH}/${id}` }
  }

  /** Links of this account have served: the next wish gets a new one. */
  used({ principal, account }: Pick<Wish, 'principal' | 'account'>): void {
    const prefix = `${principal}\n${account}\n`
    for (const key of this.#known.keys()) if (key.startsWith(prefix)) this.#known.delete(key)
  }
}

const keyOf = ({ principal, account, client, scopes }: Wish): string => `${principal}\n${account}\n${client}\n${scopes.join(' ')}`
