// Who a certificate is for, read from its extensions as bytes: one name, one issuer, each claim once, or nobody.

import { describe, expect, it } from 'vitest'
import { certificateSigner } from '../../../src/adapters/sigstore/certificate-signer.ts'
import { ruleOf } from '../../trust/samples.ts'

const SAN = '2.5.29.17'
const FULCIO = '1.3.6.1.4.1.57264.1.'
const der = (tag: number, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content as string)
  const length =
    bytes.length < 0x80 ? [bytes.length] : bytes.length < 0x100 ? [0x81, bytes.length] : [0x82, bytes.length >> 8, bytes.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), bytes])
}
const utf8 = (text: string): Buffer => der(0x0c, text)
const name = (...names: Buffer[]): Buffer => der(0x30, Buffer.concat(names))
const uri = (text: string): Buffer => der(0x86, text)
const GOOD: Record<string, Buffer> = { [SAN]: name(uri('https://a.example/x')), [`${FULCIO}8`]: utf8('https://issuer.example') }
const signer = (extensions: Record<string, Buffer>, more: [string, Buffer][] = []) =>
  certificateSigner({
    oids: [...Object.entries(extensions), ...more].map(([oid, value]) => ({ oid: { id: oid.split('.').map(Number) }, value })),
  })

describe('the signer of a certificate', () => {
  it('is its one name, issuer and claims', () => {
    expect(signer({ ...GOOD, [`${FULCIO}17`]: utf8('182') })).toEqual({
      kind: 'certificate',
      issuer: 'https://issuer.example',
      san: 'https://a.example/x',
      claims: { ownerId: '182' },
    })
    expect(signer({ ...GOOD, [SAN]: name(der(0x81, 'rita@acme.example')) })).toMatchObject({ san: 'rita@acme.example' })
    const long = `https://a.example/${'x'.repeat(1000)}`
    expect(signer({ ...GOOD, [SAN]: name(uri(long)) })).toMatchObject({ san: long })
  })

  it('has the issuer of either version, and of both where they agree', () => {
    const first = { [`${FULCIO}1`]: Buffer.from('https://issuer.example') }
    expect(signer({ [SAN]: name(uri('https://a.example/x')), ...first })).toMatchObject({ issuer: 'https://issuer.example' })
    expect(signer({ ...GOOD, ...first })).toMatchObject({ issuer: 'https://issuer.example' })
    expect(ruleOf(signer({ ...GOOD, [`${FULCIO}1`]: Buffer.from('https://other.example') }))).toBe('signer-ambiguous')
  })

  it.each<[string, Record<string, Buffer>, [string, Buffer][]?]>([
    ['no name', { [SAN]: name() }],
    ['no names at all', { [SAN]: Buffer.alloc(0) }],
    ['two names, of which readers take different ones', { [SAN]: name(uri('https://a.example/x'), uri('https://b.example/x')) }],
    ['a name of another kind', { [SAN]: name(der(0x82, 'a.example')) }],
    ['a name with a NUL in it', { [SAN]: name(uri('https://a.example/x\0.evil.example')) }],
    ['a name that is not ASCII', { [SAN]: name(uri('https://\u0430.example/x')) }],
    ['bytes behind the names', { [SAN]: Buffer.concat([name(uri('https://a.example/x')), Buffer.from([0])]) }],
    ['a name whose length lies', { [SAN]: Buffer.from([0x30, 0x04, 0x86, 0x05, 0x61, 0x62]) }],
    ['a length of three bytes', { [SAN]: Buffer.from([0x30, 0x83, 0, 0, 1, 0x61]) }],
    ['an issuer that is no text', { [`${FULCIO}8`]: der(0x02, 'x') }],
    ['a claim that is no text', { [`${FULCIO}17`]: der(0x02, '1') }],
    ['a claim that is empty', { [`${FULCIO}17`]: utf8('') }],
    ['a claim twice', {}, [[`${FULCIO}8`, utf8('https://issuer.example')]]],
  ])('is nobody with %s', (_what, change, more) => {
    expect(ruleOf(signer({ ...GOOD, ...change }, more))).toBe('signer-ambiguous')
  })

  it('is nobody without extensions or issuer', () => {
    expect(ruleOf(certificateSigner(undefined))).toBe('signer-ambiguous')
    expect(ruleOf(signer({ [SAN]: name(uri('https://a.example/x')) }))).toBe('signer-ambiguous')
  })
})
