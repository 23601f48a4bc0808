import { describe, expect, it } from 'vitest'
import { policiesOf, whyNotFresh, type SeenTrust } from '../../src/trust/freshness.ts'
import { readRevocations } from '../../src/trust/revocations.ts'
import { readTrustPolicies } from '../../src/trust/signer-policy.ts'

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0)
const HOUR = 3_600_000
const DAY = 24 * HOUR
const revocations = (text: unknown) => readRevocations(Buffer.from(JSON.stringify(text)))
const REVOKED = revocations({ version: 1, signers: [], versions: [{ server: 'com.Acme/weather', version: '1.0.0' }] })
const seen: SeenTrust = {
  lastSeenMs: NOW,
  freshUntilMs: NOW + HOUR,
  expiresMs: new Map(),
  isEvaluation: false,
  documents: { revocations: REVOKED },
}
const ask = (
  known: SeenTrust,
  nowMs: number,
  { isAdmitted = true, version = '1.1.0', graceMs = DAY }: { isAdmitted?: boolean; version?: string; graceMs?: number } = {},
) => whyNotFresh(known, { server: 'com.acme/Weather', version, isAdmitted }, { graceMs, nowMs })?.rule

describe('freshness', () => {
  it.each([
    ['fresh', NOW, undefined, undefined],
    ['the last moment', NOW + HOUR - 1, undefined, undefined],
    ['expired', NOW + HOUR, undefined, 'trust-grace'],
    ['the last moment of grace', NOW + HOUR + DAY - 1, undefined, 'trust-grace'],
    ['after grace', NOW + HOUR + DAY, 'trust-expired', 'trust-expired'],
    ['the clock corrected by a second', NOW - 1000, undefined, undefined],
    ['the clock set back', NOW - 1001, 'clock-back', 'clock-back'],
  ])('%s: what was admitted, and what is new', (_name, nowMs, admitted, fresh) => {
    expect(ask(seen, nowMs)).toBe(admitted)
    expect(ask(seen, nowMs, { isAdmitted: false })).toBe(fresh)
  })

  it('has no grace where the operator is strict', () => {
    expect(ask(seen, NOW + HOUR - 1, { graceMs: 0 })).toBeUndefined()
    expect(ask(seen, NOW + HOUR, { graceMs: 0 })).toBe('trust-expired')
  })

  it('trusts nothing before a first complete answer', () => {
    expect(ask({ ...seen, freshUntilMs: undefined }, NOW)).toBe('trust-unseen')
  })

  it('denies what was revoked whatever the age of what is known, and whatever the case of its name', () => {
    for (const nowMs of [NOW - DAY, NOW, NOW + 2 * HOUR, NOW + 9 * DAY])
      expect(ask(seen, nowMs, { version: '1.0.0' })).toBe('version-revoked')
    expect(ask({ ...seen, freshUntilMs: undefined }, NOW, { version: '1.0.0' })).toBe('version-revoked')
  })

  it('says what was expected and got, and what would mend it', () => {
    const denial = whyNotFresh(seen, { server: 'a/b', version: '1', isAdmitted: true }, { graceMs: 0, nowMs: NOW - DAY })
    expect(denial).toMatchObject({
      denied: 'trust-stale',
      detail: 'expected a time from 2026-11-21T12:00:00.000Z, got 2026-11-20T12:00:00.000Z',
      fix: expect.stringContaining('docs/runbooks/trust.md') as string,
    })
  })
})

describe('revocations', () => {
  it('join those of the policy', () => {
    const signer = (sha: string) => ({ notBefore: '2026-11-01T00:00:00Z', hint: `${sha.repeat(43)}=` })
    const policies = readTrustPolicies(
      Buffer.from(
        JSON.stringify({
          version: 1,
          namespaces: { 'com.acme': { mode: 'keyless', identities: [{ issuer: 'https://id.example', san: 'a@acme.com' }] } },
          revocations: [signer('A')],
        }),
      ),
    )
    const both = policiesOf({ policies, revocations: revocations({ version: 1, signers: [signer('B')], versions: [] }) })
    expect(both.revocations).toMatchObject([{ hint: signer('A').hint }, { hint: signer('B').hint }])
    expect([...both.namespaces.keys()]).toEqual(['com.acme'])
    expect(policiesOf({})).toEqual({ namespaces: new Map(), reviewers: [], revocations: [] })
  })

  it.each([
    { version: 2, signers: [], versions: [] },
    { version: 1, signers: [] },
    { version: 1, signers: [], versions: [{ server: 'a/b' }] },
  ])('that cannot be read are refused whole: %j', value => {
    expect(() => revocations(value)).toThrow(expect.objectContaining({ code: 'revocations-invalid' }) as Error)
  })
})
