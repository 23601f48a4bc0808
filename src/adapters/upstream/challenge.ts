// The Bearer challenge of an upstream's 401 or 403 (RFC 6750 section 3, RFC 9728 section 5.1, R109): read with bounds, kept inside the gateway.

import type { IncomingHttpHeaders } from 'node:http'
import type { UpstreamChallenge } from '../../bridge/upstream.ts'

const MAX_HEADER = 8192
const MAX_SCOPES = 64
const MAX_SCOPE = 256
/** RFC 6749 section 3.3: scope-token characters. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/
/** One auth-param: `name=token` or `name="quoted"` (RFC 9110 section 11.2). Anchored by `y`: linear, nothing is skipped. */
const PARAM = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z/:?=@;,-]*))[ \t]*/y
const SCHEME = /[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]+|$)/y
const COMMA = /[ \t]*,[ \t,]*/y

/** What the first Bearer challenge says; empty where there is none or it cannot be read. attacker-controlled: compared as literals, shown to nobody. */
export function readChallenge(headers: IncomingHttpHeaders): UpstreamChallenge {
  const value: unknown = headers['www-authenticate']
  const text = Array.isArray(value) ? value.join(', ') : value
  if (typeof text !== 'string' || text.length > MAX_HEADER) return {}
  const params = bearerParams(text)
  const scopes = scopesOf(params.get('scope'))
  const error = params.get('error')
  const resourceMetadata = params.get('resource_metadata')
  return {
    ...(error !== undefined && error.length <= MAX_SCOPE && { error }),
    ...(scopes && { scopes }),
    ...(resourceMetadata !== undefined && resourceMetadata.length <= 2048 && { resourceMetadata }),
  }
}

/** Scope tokens of a space-separated list; undefined where it is absent, empty or holds what no scope may. */
export function scopesOf(text: string | undefined): readonly string[] | undefined {
  const scopes = (text ?? '').split(' ').filter(Boolean)
  if (scopes.length === 0 || scopes.length > MAX_SCOPES || !scopes.every(s => s.length <= MAX_SCOPE && SCOPE.test(s))) return undefined
  return [...new Set(scopes)]
}

function bearerParams(text: string): ReadonlyMap<string, string> {
  let at = 0
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found) at = pattern.lastIndex
    return found
  }
  while (at < text.length) {
    const scheme = next(SCHEME)?.[1]
    if (scheme === undefined) break
    const params = new Map<string, string>()
    for (let param = next(PARAM); param; param = next(COMMA) && nextParam()) {
      const [, name = '', quoted, plain = ''] = param
      // The first of a name counts; a second one is an attempt to be read differently.
      if (!params.has(name.toLowerCase())) params.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain)
    }
    if (scheme.toLowerCase() === 'bearer') return params
  }
  return new Map()

  /** The next parameter, unless a new scheme begins there. */
  function nextParam(): RegExpExecArray | null {
    PARAM.lastIndex = at
    return PARAM.exec(text) ? next(PARAM) : null
  }
}
