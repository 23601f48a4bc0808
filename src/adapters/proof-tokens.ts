// Tokens that prove namespaces, verified: the issuer's published keys, kept as those of callers' issuers are, and apart from them. A proof signs nobody in.

import { hash } from 'node:crypto'
import { readProofToken, type ProofIssuer } from '../identity/proof-token.ts'
import type { SignatureVerdict } from '../identity/token-reader.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { ProofTokens } from '../registry/namespace.ts'
import { provedBy, type ProofRule } from '../registry/proof-rules.ts'
import { createTokenKeys, type KeySettings, type TokenVerifierDeps } from './tokens.ts'

export type ProofSettings = ProofIssuer & ProofRule & KeySettings

export type ProofTokensDeps = Omit<TokenVerifierDeps, 'issuers'> & {
  /** of the configuration in force; an issuer once */
  readonly rules: () => readonly ProofSettings[]
  /** where people sign in, and as whom the gateway is known there; absent: nowhere */
  readonly login?: () => { readonly issuer: string; readonly clientId: string } | undefined
}

export function createProofTokens({ rules, login, ...deps }: ProofTokensDeps): ProofTokens {
  let configured = rules()
  const keys = createTokenKeys({ ...deps, issuers: configured })
  return {
    async read(token, nowSeconds, isLogin = false) {
      const current = rules()
      if (current !== configured) keys.configure((configured = current))
      const read = readProofToken(token, isLogin ? ofLogin(current, login?.()) : current, nowSeconds)
      if ('fault' in read) return unproved(read.fault)
      const { signed, subject, nonce, claim, untilSeconds } = read
      const said = await keys.verify(signed).catch((): SignatureVerdict => 'bad-signature')
      if (said !== 'valid') return refusalOf(said)
      const rule = current.find(({ issuer }) => issuer === signed.issuer)
      const proved = rule ? provedBy(rule, claim) : unproved('its issuer is not configured any more')
      if (isStop(proved)) return proved
      // Of what is signed: a signature by an elliptic curve can be written in two ways (r, n - s), and would be a second token.
      const id = hash('sha256', token.slice(0, token.lastIndexOf('.')))
      return { ...proved, issuer: signed.issuer, subject, id, expiresAtSeconds: untilSeconds, ...(nonce !== undefined && { nonce }) }
    },
  }
}

/** The issuer that people sign in at, where its tokens prove something, as it writes tokens for this gateway's client. */
const ofLogin = (rules: readonly ProofSettings[], login: { readonly issuer: string; readonly clientId: string } | undefined) =>
  rules.filter(({ issuer }) => issuer === login?.issuer).map(rule => ({ ...rule, audience: login?.clientId ?? '' }))

const unproved = (detail: string): Stop => ({ stop: 'proof-invalid', detail, fix: 'ask its issuer for another token, for this registry' })

function refusalOf(said: Exclude<SignatureVerdict, 'valid'>): Stop {
  if (typeof said === 'object')
    return {
      stop: 'issuer-unavailable',
      detail: 'keys of the issuer of the proof cannot be fetched',
      retryAfterSeconds: said.unavailableSeconds,
    }
  return unproved(said === 'bad-signature' ? 'the token’s signature does not match' : 'the issuer publishes no such key for the token')
}
