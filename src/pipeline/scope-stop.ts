// The refusal that lets a host step up: it names what is missing and what a new token must not lose.

import { heldOf } from '../identity/scopes.ts'
import type { Stop } from '../kernel/errors.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Endpoint } from './path.ts'

/** Scopes in one challenge: it has to fit into a header line. */
const MAX_CHALLENGED = 64

/** A host that asks for exactly these loses nothing of this endpoint that its token had. */
export function scopeStop(missing: readonly string[], principal: Principal, endpoint: Endpoint): Stop {
  const named = missing.slice(0, MAX_CHALLENGED)
  // What it has of a server that became another is missing, too.
  const held = heldOf(principal, endpoint.aliases, MAX_CHALLENGED).filter(scope => !missing.includes(scope))
  return {
    stop: 'scope-missing',
    detail: `the token lacks ${named.map(scope => `\`${scope}\``).join(' ')}`,
    fix: 'request a token with the scopes of the challenge; an administrator may also give them by `identity.issuers[].grant`',
    scopes: [...named, ...held.slice(0, MAX_CHALLENGED - named.length)],
    data: { scopes: named },
  }
}
