// Break-glass: for a limited time, whoever commands the gateway's own user on its machine is an operator, and one person is enough. Loud, and recorded.

import { keyOf, type Principal } from '../kernel/principal.ts'

/** No issuer is called so: issuers are URLs. */
export const LOCAL_ISSUER = 'urn:gatehouse:local'
/** Longest time it stays open. */
export const MAX_BREAK_GLASS_SECONDS = 4 * 3600

/** Who asks by a file only the gateway's own user (or root) could have made. */
export const localPrincipal = (user: string): Principal =>
  Object.freeze({
    key: keyOf(LOCAL_ISSUER, user),
    issuer: LOCAL_ISSUER,
    subject: user,
    kind: 'person',
    authentication: { kind: 'local-command' } as const,
    client: 'gatehouse-cli',
    groups: [],
    scopes: [],
    wildcards: [],
    expiresAtSeconds: Infinity,
  })

export type Opening = { readonly why: string; readonly by: string; readonly untilSeconds: number }

/** In memory only: a restart closes it. */
export class BreakGlass {
  #opening: Opening | undefined
  readonly #nowSeconds: () => number
  readonly #onClose: (opening: Opening) => void

  /** `onClose` runs once per opening, when it is closed or found to have run out */
  constructor(nowSeconds: () => number, onClose: (opening: Opening) => void) {
    this.#nowSeconds = nowSeconds
    this.#onClose = onClose
  }

  /** The opening in force, or undefined. */
  get now(): Opening | undefined {
    if (this.#opening && this.#opening.untilSeconds <= this.#nowSeconds()) this.close()
    return this.#opening
  }
  /** Opens it, or replaces the time and reason of what is open. */
  open(why: string, by: string, seconds: number): Opening {
    const life = Math.min(Math.max(1, seconds), MAX_BREAK_GLASS_SECONDS)
    return (this.#opening = { why, by, untilSeconds: this.#nowSeconds() + life })
  }
  close(): boolean {
    const opening = this.#opening
    this.#opening = undefined
    if (opening) this.#onClose(opening)
    return opening !== undefined
  }
}
