import { describe, expect, it } from 'vitest'
import type { Withdrawal } from '../../src/trust/blocked.ts'
import {
  NO_REVOCATIONS,
  readRevocations,
  whyWithdrawn,
  withdrawalsOf,
  withWithdrawals,
  writeRevocations,
} from '../../src/trust/revocations.ts'

const A = 'a'.repeat(64)
const HINT = `${'A'.repeat(43)}=`
const ALL: readonly Withdrawal[] = [
  { kind: 'version', target: 'com.Acme/weather@1.0.0@b' },
  { kind: 'namespace', target: 'Com.Evil' },
  { kind: 'artifact', target: A },
  { kind: 'artifact', target: 'c'.repeat(128) },
  { kind: 'bundle', target: A },
  { kind: 'key', target: HINT, notBeforeMs: Date.UTC(2026, 0, 1) },
  { kind: 'identity', target: 'https://id.example alice@acme.com' },
]

describe('the signed revocations', () => {
  it('say all that a registry withdraws, and are read as they were written', () => {
    const { revocations, isChanged, left } = withWithdrawals(NO_REVOCATIONS, ALL)
    expect([isChanged, left]).toEqual([true, []])
    const read = readRevocations(Buffer.from(writeRevocations(revocations)))
    expect(read).toEqual(revocations)
    expect(withdrawalsOf(read)).toEqual([
      { kind: 'version', target: 'com.acme/weather@1.0.0@b' },
      { kind: 'namespace', target: 'com.evil' },
      { kind: 'artifact', target: A },
      { kind: 'artifact', target: 'c'.repeat(128) },
      { kind: 'bundle', target: A },
    ])
    expect(read.signers).toEqual([
      { notBeforeMs: Date.UTC(2026, 0, 1), hint: HINT },
      { notBeforeMs: 0, issuer: 'https://id.example', san: 'alice@acme.com' },
    ])
    expect(whyWithdrawn(read, 'COM.acme/weather', '1.0.0@b')?.rule).toBe('version-revoked')
    expect(whyWithdrawn(read, 'com.EVIL/anything', '7')?.rule).toBe('version-revoked')
    expect(whyWithdrawn(read, 'com.acme/weather', '1.0.0')).toBeUndefined()
  })

  it('lose nothing by what is added, and are unchanged by what they have', () => {
    const { revocations } = withWithdrawals(NO_REVOCATIONS, ALL)
    expect(withWithdrawals(revocations, ALL).isChanged).toBe(false)
    const more = withWithdrawals(revocations, [{ kind: 'version', target: 'com.acme/b@1' }])
    expect([more.isChanged, withdrawalsOf(more.revocations).length]).toEqual([true, 6])
  })

  it.each<Withdrawal>([
    { kind: 'key', target: 'none' },
    { kind: 'identity', target: 'http://id.example alice' },
    { kind: 'identity', target: 'alice' },
    { kind: 'version', target: 'nothing' },
    { kind: 'version', target: '@1.0.0' },
    { kind: 'artifact', target: 'A'.repeat(64) },
    { kind: 'bundle', target: 'c'.repeat(128) },
    { kind: 'namespace', target: '' },
  ])('leave out, and name, what would make the whole document unreadable: $kind `$target`', bad => {
    const { revocations, isChanged, left } = withWithdrawals(NO_REVOCATIONS, [bad])
    expect([isChanged, left]).toEqual([false, [bad]])
    expect(readRevocations(Buffer.from(writeRevocations(revocations)))).toEqual(NO_REVOCATIONS)
  })

  it.each([
    '{"version":1,"signers":[],"versions":[],"namespaces":[1]}',
    '{"version":1,"signers":[],"versions":[],"artifacts":["short"]}',
    '{"version":1,"signers":[],"versions":[],"bundles":{}}',
    '{"version":1,"signers":[],"versions":[],"keys":[]}',
    '{"version":1,"signers":[],"versions":[{"server":"a@b","version":"1"}]}',
  ])('are not read where a part is not understood: %s', text => {
    expect(() => readRevocations(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'revocations-invalid' }) as Error)
  })
})
