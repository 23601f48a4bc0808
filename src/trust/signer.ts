// Whether whoever signed may: the verified signer against the policy of a namespace, its window of time, and revocations.

import { deny, shown, type Denial } from './denial.ts'
import { CLAIM_OIDS, type ClaimName, type KeylessIdentity, type Revocation, type SignerPolicy } from './signer-policy.ts'

/** Who signed, as the certificate or the key says after all signatures were verified. */
export type Signer =
  | {
      readonly kind: 'certificate'
      readonly issuer: string
      readonly san: string
      readonly claims: Readonly<Partial<Record<ClaimName, string>>>
    }
  | { readonly kind: 'key'; readonly hint: string }

/** The span of the timestamps that were verified, in milliseconds since the epoch; absent where there was none. */
export type TrustedTime = { readonly earliestMs: number; readonly latestMs: number }

/** Undefined when `signer` is one that `policy` names. Time is another question: see whyNotNow. */
export function whyNotSigner(signer: Signer, policy: SignerPolicy): Denial | undefined {
  if (signer.kind === 'key') {
    if (policy.mode !== 'key') return deny('signer-mode', 'expected a keyless signature, got one by a key')
    return policy.keys.some(key => key.hint === signer.hint)
      ? undefined
      : deny('key-unknown', `the key ${shown(signer.hint)} is not in the policy`)
  }
  if (policy.mode !== 'keyless') return deny('signer-mode', 'expected a signature by a key, got a keyless one')
  const refusals = policy.identities.map(identity => whyNotIdentity(signer, identity))
  if (refusals.includes(undefined)) return undefined
  // of several, the one that got furthest says most
  return refusals.reduce((best, each) => (rank(each) > rank(best) ? each : best))
}

const rank = (denial: Denial | undefined): number => ['signer-issuer', 'signer-san', 'signer-claim'].indexOf(denial?.rule ?? '')

type CertificateSigner = Extract<Signer, { kind: 'certificate' }>

function whyNotIdentity(signer: CertificateSigner, identity: KeylessIdentity): Denial | undefined {
  if (signer.issuer !== identity.issuer) return deny('signer-issuer', `expected \`${identity.issuer}\`, got ${shown(signer.issuer)}`)
  if (!isSan(signer.san, identity))
    return deny('signer-san', `expected \`${identity.san ?? identity.sanPattern ?? ''}\`, got ${shown(signer.san)}`)
  for (const name of Object.keys(CLAIM_OIDS) as ClaimName[]) {
    const expected = identity.claims[name]
    const got = signer.claims[name]
    if (expected !== undefined && got !== expected)
      return deny('signer-claim', `${name}: expected \`${expected}\`, got ${got === undefined ? 'none' : shown(got)}`)
  }
  return undefined
}

/** attacker-controlled: compared whole, from its first character to its last; the star never reaches over a `/`, `@`, `:` or `%`. */
function isSan(san: string, { san: exact, sanPattern }: Pick<KeylessIdentity, 'san' | 'sanPattern'>): boolean {
  if (exact !== undefined) return san === exact
  if (sanPattern === undefined || san.length > 2048) return false
  return matches(san, sanPattern.split('*'))
}

const STAR = /^[A-Za-z0-9._-]+$/

/**
 * Whether `text` is the literal parts in order, with one star between each two. The earliest place of a part is the right one: where a part has a character no
 * star stands for, there is no other, and where it has none, a later place would only make the next star shorter. So it is linear.
 */
function matches(text: string, [first = '', ...rest]: readonly string[]): boolean {
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const [i, part] of rest.entries()) {
    const next = i === rest.length - 1 ? text.length - part.length : text.indexOf(part, at + 1)
    if (next <= at || !STAR.test(text.slice(at, next)) || !text.startsWith(part, next)) return false
    at = next + part.length
  }
  return at === text.length
}

/**
 * Whether the signer counts at this moment: a key inside of its window, and nothing revoked. A verified time of signing decides where there is one;
 * without one only `nowMs` can, so a key that has ended or was revoked takes all its signatures without timestamps along.
 */
export function whyNotNow(
  signer: Signer,
  time: TrustedTime | undefined,
  { policy, revocations, nowMs }: { readonly policy: SignerPolicy; readonly revocations: readonly Revocation[]; readonly nowMs: number },
): Denial | undefined {
  if (policy.mode === 'key') {
    if (policy.timestamps === 'required' && !time) return deny('timestamp-required', 'expected a timestamp, got none')
    const key = policy.keys.find(each => signer.kind === 'key' && each.hint === signer.hint)
    const [from, until] = time ? [time.earliestMs, time.latestMs] : [nowMs, nowMs]
    if (!key || from < key.validFromMs || until > (key.validUntilMs ?? Number.POSITIVE_INFINITY))
      return deny('key-outside-window', time ? 'it was signed outside of the time the key is valid for' : 'the key is not valid now')
  }
  for (const revocation of revocations) {
    if (!concerns(revocation, signer)) continue
    // Only a time that somebody else vouches for puts a signature before the revocation.
    if (!time || time.latestMs >= revocation.notBeforeMs)
      return deny('signer-revoked', `the signer was revoked from ${new Date(revocation.notBeforeMs).toISOString()} on`)
  }
  return undefined
}

const concerns = (revocation: Revocation, signer: Signer): boolean =>
  'hint' in revocation
    ? signer.kind === 'key' && signer.hint === revocation.hint
    : signer.kind === 'certificate' && signer.issuer === revocation.issuer && isSan(signer.san, revocation)
