// Which scopes are asked for (MCP authorization "Scope Selection Strategy", R115, R116).

import { scopesOf } from '../upstream/challenge.ts'

type Sources = {
  /** step-up: what was granted and what the challenge wants, together */
  readonly wanted?: readonly string[] | undefined
  readonly configured?: readonly string[] | undefined
  /** of the challenge, else of the resource's metadata */
  readonly asked?: readonly string[] | undefined
}

/** Undefined: the parameter is left out. */
export function chooseScopes(
  { wanted, configured, asked }: Sources,
  supported: readonly string[] | undefined,
): readonly string[] | undefined {
  const base = configured ?? asked
  const chosen = [...new Set([...(base ?? []), ...(wanted ?? [])])]
  if (chosen.length === 0) return undefined
  // A refresh token spares its person the browser; never where the authorization server does not list it.
  if (configured === undefined && supported?.includes('offline_access') === true && !chosen.includes('offline_access'))
    chosen.push('offline_access')
  return chosen
}

/** What was granted: said, or else what was asked for (RFC 6749 section 5.1). */
export const grantedScopes = (said: string | undefined, asked: readonly string[] | undefined): readonly string[] =>
  said === undefined ? (asked ?? []) : (scopesOf(said) ?? [])
