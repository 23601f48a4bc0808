// The pinned trusted root: what verifiers would take on trust is checked when it is read.

import { describe, expect, it } from 'vitest'
import { KEYS_ONLY, readTrustedRoot } from '../../src/trust/trusted-root.ts'
import { sha256 } from './samples.ts'

const MEDIA_TYPE = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1'
const from = (change: object): Buffer => Buffer.from(JSON.stringify({ mediaType: MEDIA_TYPE, ...change }))
const validFor = { start: '2026-01-01T00:00:00Z' }

describe('a trusted root', () => {
  it('is named by the digest of its bytes', () => {
    const bytes = from({ tlogs: [{ publicKey: { validFor } }], certificateAuthorities: [{ validFor }] })
    expect(readTrustedRoot(bytes)).toEqual({ json: bytes.toString(), digest: sha256(bytes) })
    expect(readTrustedRoot(Buffer.from(KEYS_ONLY.json)).digest).toBe(KEYS_ONLY.digest)
  })

  it.each([
    ['a log without a beginning, which would count for all the past', { tlogs: [{ publicKey: {} }] }, 'tlogs[0].publicKey.validFor'],
    ['a certificate log without a beginning', { ctlogs: [{ publicKey: { validFor: { end: validFor.start } } }] }, 'ctlogs[0]'],
    ['an authority whose beginning is no time', { timestampAuthorities: [{ validFor: { start: 'once' } }] }, 'timestampAuthorities[0]'],
    ['a certificate authority that is none', { certificateAuthorities: [1] }, 'certificateAuthorities[0]'],
    ['another kind of file', { mediaType: 'application/json' }, 'mediaType'],
    ['endless logs', { tlogs: Array(65).fill({ publicKey: { validFor } }) }, 'tlogs'],
  ])('is refused with %s', (_what, change, where) => {
    expect(() => readTrustedRoot(from(change))).toThrow(
      expect.objectContaining({ code: 'trusted-root-invalid', message: expect.stringContaining(where) as string }),
    )
  })

  it('is refused when it is too large or has a key twice', () => {
    expect(() => readTrustedRoot(Buffer.alloc(1024 * 1024 + 1))).toThrow(/at most/)
    expect(() => readTrustedRoot(Buffer.from(`{"mediaType":"${MEDIA_TYPE}","tlogs":[],"tlogs":[]}`))).toThrow(/strict JSON/)
  })
})
