// A token that proves something to the registry, and signs nobody in: issuer, algorithm, audience and time judged; what its claims mean is the registry's affair.

import { member, textOf, type JsonDoc } from '../mcp/json.ts'
import { isFor, issuerOf, numericDate } from './claims.ts'
import { readJws } from './jws.ts'
import type { SignedToken } from './token-reader.ts'

export type ProofIssuer = {
  /** compared as a literal with `iss` */
  readonly issuer: string
  readonly algorithms: readonly string[]
  /** exactly this, alone */
  readonly audience: string
  /** longest exp - iat */
  readonly maxTokenSeconds: number
  readonly clockSkewSeconds: number
}
export type ReadProof = {
  readonly signed: SignedToken
  readonly subject: string
  /** skew included: after it the token is refused, so that whoever remembers it may forget it */
  readonly untilSeconds: number
  readonly nonce?: string
  /** strings, and integers as they are written */
  readonly claim: (name: string) => string | undefined
}
/** Never holds bytes of the token. */
export type ProofFault = { readonly fault: string }

/** ID tokens and what CI systems sign are `JWT`, or say nothing. An access token (`at+jwt`) was made for an endpoint, and proves nothing here. */
const TYPES = ['jwt', '']
const MAX_SUBJECT_CHARACTERS = 255

/** Judges everything but the signature, without which nothing of it may be believed. Never throws. */
export function readProofToken(token: string, issuers: readonly ProofIssuer[], nowSeconds: number): ReadProof | ProofFault {
  const jws = readJws(token)
  if ('fault' in jws) return jws
  const { claims, algorithm, keyId, type } = jws
  const issuer = issuerOf(claims)
  // attacker-controlled: compared as a literal, never as a pattern or URL (N014)
  const rules = issuers.find(known => known.issuer === issuer)
  if (!rules) return { fault: 'the token’s issuer is none of `registry.proofs`' }
  if (!rules.algorithms.includes(algorithm) || /^(none|hs)/i.test(algorithm)) return { fault: 'the token’s algorithm is not accepted' }
  if (!TYPES.includes(type)) return { fault: 'the token’s `typ` is not that of an ID token' }
  if (member(claims.root, 'cnf')) return { fault: 'the token is bound to a key' }
  if (!isFor(claims, rules.audience)) return { fault: `the token’s audience is not \`${rules.audience}\`` }
  const untilSeconds = whenOver(claims, rules, nowSeconds)
  if (typeof untilSeconds !== 'number') return untilSeconds
  const subject = claimOf(claims, 'sub')
  if (subject === undefined || !/^[^\x00-\x1f\x7f]+$/.test(subject) || subject.length > MAX_SUBJECT_CHARACTERS)
    return { fault: 'the token names no usable subject' }
  const nonce = claimOf(claims, 'nonce')
  return {
    signed: { issuer: rules.issuer, algorithm, keyId, token },
    subject,
    untilSeconds,
    ...(member(claims.root, 'nonce') && { nonce: nonce ?? '' }),
    claim: name => claimOf(claims, name),
  }
}

function whenOver(claims: JsonDoc, { clockSkewSeconds, maxTokenSeconds }: ProofIssuer, now: number): number | ProofFault {
  const [exp, iat] = [numericDate(claims, 'exp'), numericDate(claims, 'iat')]
  const nbf = member(claims.root, 'nbf') ? numericDate(claims, 'nbf') : iat
  if (exp === undefined || iat === undefined || nbf === undefined)
    return { fault: 'the token’s `exp`, `iat` and `nbf` must be whole seconds' }
  if (now >= exp + clockSkewSeconds) return { fault: 'the token has expired' }
  if (now < Math.max(nbf, iat) - clockSkewSeconds) return { fault: 'the token is not valid yet' }
  if (exp <= iat || exp - iat > maxTokenSeconds) return { fault: `the token lives longer than ${maxTokenSeconds} seconds` }
  return exp + clockSkewSeconds
}

function claimOf(claims: JsonDoc, name: string): string | undefined {
  const node = member(claims.root, name)
  if (node?.kind === 'string') return textOf(claims, node)
  if (node?.kind !== 'number' || node.end - node.start > 20) return undefined
  const digits = claims.bytes.toString('latin1', node.start, node.end)
  return /^(?:0|[1-9]\d*)$/.test(digits) ? digits : undefined
}
