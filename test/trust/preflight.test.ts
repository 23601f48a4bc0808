// What is refused before a verifier sees it: every shape, number and name in a bundle, and the one word that costs older verifiers minutes.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isReadWithin } from '../../src/trust/der-steps.ts'
import { MAX_BUNDLE_BYTES, preflight } from '../../src/trust/preflight.ts'
import { BUNDLE, believed, GENUINE, mutation } from '../adapters/sigstore/mutations.ts'
import { cpuTimer } from '../support/cpu.ts'
import { ruleOf } from './samples.ts'

type Json = Record<string, unknown>
const at = (value: unknown, path: string): Json =>
  (path === '' ? [] : path.split('.')).reduce((each: Json, key) => each[key] as Json, value as Json)
/** The genuine bundle with one member set; undefined takes it away. */
function withMember(path: string, value: unknown): Buffer {
  const bundle = JSON.parse(BUNDLE.toString()) as Json
  const dot = path.lastIndexOf('.')
  at(bundle, dot < 0 ? '' : path.slice(0, dot))[path.slice(dot + 1)] = value
  return Buffer.from(JSON.stringify(bundle))
}
const material = 'verificationMaterial'
const entry = `${material}.tlogEntries.0`
const envelope = String(at(JSON.parse(BUNDLE.toString()), `${entry}.inclusionProof.checkpoint`)['envelope'])
const withCheckpoint = (change: (envelope: string) => string): Buffer =>
  withMember(`${entry}.inclusionProof.checkpoint.envelope`, change(envelope))
const named = (name: string): Buffer => withCheckpoint(text => text.replace(/\u2014 \S+ /, `\u2014 ${name} `))

describe('the preflight', () => {
  it('lets a genuine bundle through, and says how it claims to be signed', () => {
    expect(preflight(BUNDLE)).toEqual({ signedBy: { kind: 'certificate' }, content: 'statement', keyid: '' })
    expect(GENUINE).toContain('acme/weather')
  })

  it.each(['(.*)*$x', '(.*.*)*$x', '((a+)+)+$', '(', '[', '\\', 'log.example)', '*', '+a'])(
    'refuses a checkpoint whose signer is called %s (attack 12: a pattern that older verifiers would run before any signature)',
    name => {
      expect(ruleOf(preflight(named(name)))).toBe('bundle-checkpoint')
      expect(believed(named(name))).toBeUndefined()
    },
  )

  it('costs little, however large and hostile the bundle', () => {
    const worst = [
      named(`${'('.repeat(4000)}x`),
      Buffer.alloc(MAX_BUNDLE_BYTES, '['),
      Buffer.alloc(MAX_BUNDLE_BYTES, 'A'),
      withMember('dsseEnvelope.payload', 'A'.repeat(200_000)),
      withMember('dsseEnvelope.payload', `${'A'.repeat(200_001)}=`),
      withMember('mediaType', 'x'.repeat(200_000)),
      withCheckpoint(() => '\n\n'.repeat(4000)),
    ]
    for (const bundle of worst) {
      const spentMs = cpuTimer()
      preflight(bundle)
      expect(spentMs()).toBeLessThan(200)
    }
  })

  it.each<[string, string, unknown, string]>([
    ['no mediaType', 'mediaType', undefined, 'bundle-version'],
    ['a mediaType to come', 'mediaType', 'application/vnd.dev.sigstore.bundle.v0.4+json', 'bundle-version'],
    ['a mediaType that only starts right', 'mediaType', 'application/vnd.dev.sigstore.bundle.v0.3+json; x', 'bundle-version'],
    ['no material', material, undefined, 'bundle-shape'],
    ['a certificate and a key', `${material}.publicKey`, { hint: 'x' }, 'bundle-shape'],
    ['neither certificate nor key', `${material}.certificate`, undefined, 'bundle-shape'],
    ['a certificate that is no base64', `${material}.certificate.rawBytes`, '!', 'bundle-shape'],
    ['a statement and a file', 'messageSignature', { signature: 'AAAA' }, 'bundle-shape'],
    ['nothing signed', 'dsseEnvelope', undefined, 'bundle-shape'],
    ['no signature', 'dsseEnvelope.signatures', [], 'bundle-shape'],
    ['two signatures', 'dsseEnvelope.signatures', [{ sig: 'AAAA' }, { sig: 'AAAA' }], 'bundle-shape'],
    ['an empty signature', 'dsseEnvelope.signatures', [{ sig: '' }], 'bundle-shape'],
    ['a keyid beside a certificate', 'dsseEnvelope.signatures', [{ sig: 'AAAA', keyid: 'k' }], 'bundle-shape'],
    ['a keyid that is a number', 'dsseEnvelope.signatures', [{ sig: 'AAAA', keyid: 1 }], 'bundle-shape'],
    ['a payloadType that is a list', 'dsseEnvelope.payloadType', ['x'], 'bundle-shape'],
    ['five log entries', `${material}.tlogEntries`, Array(5).fill({}), 'bundle-entries'],
    ['log entries that are no list', `${material}.tlogEntries`, { 0: {}, length: 1 }, 'bundle-shape'],
    ['a log entry twice', `${material}.tlogEntries`, Array(2).fill(at(JSON.parse(BUNDLE.toString()), entry)), 'bundle-entries'],
    [
      'five timestamps',
      `${material}.timestampVerificationData`,
      { rfc3161Timestamps: Array(5).fill({ signedTimestamp: 'AAAA' }) },
      'bundle-entries',
    ],
    [
      'a timestamp twice',
      `${material}.timestampVerificationData`,
      { rfc3161Timestamps: Array(2).fill({ signedTimestamp: 'AAAA' }) },
      'bundle-entries',
    ],
    ['a negative index', `${entry}.logIndex`, '-1', 'bundle-integer'],
    ['an index with a fraction', `${entry}.logIndex`, '1.5', 'bundle-integer'],
    ['an index in hexadecimal', `${entry}.logIndex`, '0x10', 'bundle-integer'],
    ['an index beyond 64 bits', `${entry}.logIndex`, '99999999999999999999', 'bundle-integer'],
    ['an index that is an inexact number', `${entry}.logIndex`, 2 ** 60, 'bundle-integer'],
    ['a time that is no number', `${entry}.integratedTime`, 'now', 'bundle-integer'],
    ['a size that is no number', `${entry}.inclusionProof.treeSize`, {}, 'bundle-integer'],
    ['more hashes than a tree has levels', `${entry}.inclusionProof.hashes`, Array(65).fill('AAAA'), 'bundle-shape'],
    ['a body that is no JSON', `${entry}.canonicalizedBody`, 'AAAA', 'bundle-shape'],
    ['a body with a key twice', `${entry}.canonicalizedBody`, Buffer.from('{"kind":"dsse","kind":"x"}').toString('base64'), 'bundle-shape'],
    ['no log id', `${entry}.logId`, undefined, 'bundle-shape'],
    ['a checkpoint that is no text', `${entry}.inclusionProof.checkpoint.envelope`, 1, 'bundle-checkpoint'],
    ['a checkpoint without an end', `${entry}.inclusionProof.checkpoint.envelope`, 'log.example\n1\nAAAA\n', 'bundle-checkpoint'],
    ['an endless checkpoint', `${entry}.inclusionProof.checkpoint.envelope`, 'a'.repeat(9000), 'bundle-checkpoint'],
  ])('refuses %s', (_what, path, value, rule) => {
    expect(ruleOf(preflight(withMember(path, value)))).toBe(rule)
    expect(believed(withMember(path, value))).toBeUndefined()
  })

  it.each<[string, (envelope: string) => string]>([
    ['an origin with a space in it', text => text.replace(/^\S+/, 'a b')],
    ['an origin that is a pattern', text => text.replace(/^\S+/, '(.*.*)*$x')],
    ['no origin', text => text.replace(/^.*\n/, '\n')],
    ['a size that is no number', text => text.replace(/\n\d+\n/, '\nmany\n')],
    ['a size with leading zeros', text => text.replace(/\n(\d+)\n/, '\n00$1\n')],
    ['no root hash', text => text.replace(/\n\d+\n\S+\n/, '\n1\n\n')],
    ['a signature of three words', text => text.replace(/\n$/, ' x\n')],
    ['a signature behind another dash', text => text.replace('\u2014', '-')],
    ['no signature', text => text.slice(0, text.indexOf('\n\n') + 2)],
    ['seventeen signatures', text => text + text.slice(text.indexOf('\n\n') + 2).repeat(16)],
    ['no last line break', text => text.slice(0, -1)],
  ])('refuses a checkpoint with %s', (_what, change) => {
    expect(ruleOf(preflight(withCheckpoint(change)))).toBe('bundle-checkpoint')
  })

  it.each([
    ['is too large', Buffer.alloc(MAX_BUNDLE_BYTES + 1, ' '), 'bundle-size'],
    ['is empty', Buffer.alloc(0), 'bundle-json'],
    ['is a list', Buffer.from('[]'), 'bundle-shape'],
    ['is no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'bundle-json'],
    ['has a key twice', Buffer.from(BUNDLE.toString().replace('"mediaType"', '"mediaType": "x", "mediaType"')), 'bundle-json'],
    ['is too deep', Buffer.from('['.repeat(50) + ']'.repeat(50)), 'bundle-json'],
    ['is cut', BUNDLE.subarray(0, -10), 'bundle-json'],
  ])('refuses what %s', (_what, bytes, rule) => {
    expect(ruleOf(preflight(bytes))).toBe(rule)
  })

  it('takes earlier versions only where npm’s are imported, and a chain only in those', () => {
    const earlier = withMember('mediaType', 'application/vnd.dev.sigstore.bundle+json;version=0.1')
    expect(ruleOf(preflight(earlier))).toBe('bundle-version')
    expect(preflight(earlier, { allowEarlier: true })).toMatchObject({ content: 'statement' })
    const bundle = JSON.parse(BUNDLE.toString()) as { mediaType: string; verificationMaterial: Json }
    const { certificate } = bundle.verificationMaterial
    bundle.verificationMaterial = {
      ...bundle.verificationMaterial,
      certificate: undefined,
      x509CertificateChain: { certificates: [certificate] },
    }
    const bytes = (): Buffer => Buffer.from(JSON.stringify(bundle))
    expect(ruleOf(preflight(bytes()))).toBe('bundle-shape')
    bundle.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.2'
    expect(preflight(bytes(), { allowEarlier: true })).toMatchObject({ signedBy: { kind: 'certificate' } })
    bundle.verificationMaterial['x509CertificateChain'] = { certificates: [] }
    expect(ruleOf(preflight(bytes(), { allowEarlier: true }))).toBe('bundle-shape')
  })

  it('reads null as absent, as protobuf does', () => {
    expect(preflight(withMember('messageSignature', null))).toMatchObject({ content: 'statement' })
    expect(preflight(withMember(`${material}.timestampVerificationData`, null))).toMatchObject({ content: 'statement' })
  })
})

describe('DER that readers would be at for ever (attack 12; found by fuzzing)', () => {
  const found = readFileSync(join(import.meta.dirname, '../fuzz/corpus/sigstore-bundle/strings-beyond-their-string.json'))
  /** Strings whose last value claims to reach far beyond them, into the next ones. */
  const hostile = Buffer.from('04300a06004300a060'.repeat(120), 'hex')
  const certificateOf = (der: Buffer): Buffer => withMember(`${material}.certificate.rawBytes`, der.toString('base64'))
  const stamped = (der: Buffer): Buffer =>
    withMember(`${material}.timestampVerificationData`, { rfc3161Timestamps: [{ signedTimestamp: der.toString('base64') }] })

  it.each([
    ['the one that was found', found],
    ['a certificate', certificateOf(hostile)],
    ['a timestamp', stamped(hostile)],
  ])('is refused before anybody reads it: %s', (_what, bundle) => {
    const spentMs = cpuTimer()
    expect(preflight(bundle)).toMatchObject({ rule: 'bundle-shape', detail: expect.stringContaining('again and again') as string })
    expect(spentMs()).toBeLessThan(200)
  })

  it.each([
    ['nothing', []],
    ['a tag alone', [0x30]],
    ['an indefinite length', [0x30, 0x80, 0, 0]],
    ['a length of too many bytes', [0x30, 0x87, 1, 1, 1, 1, 1, 1, 1]],
    ['a length that is cut', [0x30, 0x82, 1]],
    ['a length in more bytes than it needs', [0x30, 0x82, 0, 0x80]],
    ['more than there is', [0x30, 0x05, 1]],
    ['a sequence whose end is inside of a value', [0x30, 0x03, 0x02, 0x02, 1, 1]],
    ['a tag of several bytes', [0x1f, 0x81, 0]],
    ['no tag', [0, 0]],
    ['too deep a nest', Array.from({ length: 250 }, (_, i) => (i % 2 === 0 ? 0x30 : 0x7f - (i >> 1)))],
  ])('is read to its end at once, and for the reader to refuse, with %s', (_what, bytes) => {
    expect(isReadWithin(Buffer.from(bytes), 200)).toBe(true)
  })

  it('counts what is inside of strings', () => {
    const inside = Buffer.from([0x30, 0x07, 0x04, 0x05, 0x30, 0x03, 0x02, 0x01, 0x07])
    expect(isReadWithin(inside, 4)).toBe(true)
    expect(isReadWithin(inside, 3)).toBe(false)
    expect(isReadWithin(Buffer.concat([Buffer.from([0x04, 0x81, 0x80]), Buffer.alloc(128, 0xff)]), 2)).toBe(true)
  })
})

describe('1,000 mutated bundles (10,000 and more: `npm run fuzz -- --seconds 120 sigstore-bundle-leaves`)', () => {
  it('make nobody believe anything new, and throw nothing', () => {
    const seen = new Set<string | undefined>()
    let refused = 0
    for (let seed = 1; seed <= 1000; seed += 1) {
      const belief = believed(mutation(seed))
      seen.add(belief)
      if (belief === undefined) refused += 1
    }
    seen.delete(undefined)
    expect([...seen].filter(belief => belief !== GENUINE)).toEqual([])
    expect(refused).toBeGreaterThan(700) // the others changed nothing that anybody signs for
  })
})
