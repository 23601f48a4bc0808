// The statements publishers and reviewers sign: what is written reads back the same, and whatever is missing, unknown or twice is refused.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOfSurface, readSurface as readPinnedSurface, surfaceJson } from '../../src/admission/pinned-surface.ts'
import { readJson } from '../../src/mcp/json.ts'
import { isDenial } from '../../src/trust/denial.ts'
import { readReview, surfaceDigest, writeReview } from '../../src/trust/review.ts'
import { readServerStatement, readSurface, writeServerStatement } from '../../src/trust/statement.ts'
import { canonical, review, ruleOf, sha256, statement, SURFACE } from './samples.ts'

type Json = Record<string, unknown>
const plain = (payload: Buffer): Json => JSON.parse(payload.toString()) as Json
const written = (): Json => plain(writeServerStatement(statement()))
const predicate = (change: Json): Buffer => canonical({ ...written(), predicate: { ...(written()['predicate'] as Json), ...change } })

describe('the statement of a server version', () => {
  it('reads back as it was written, with and without remotes', () => {
    for (const remotes of [[], [{ url: 'https://api.acme.com/mcp', spkiSha256: [sha256('key')], oauthIssuer: 'https://login.acme.com' }]])
      expect(readServerStatement(writeServerStatement(statement({ remotes })))).toEqual(statement({ remotes }))
    expect(readServerStatement(writeServerStatement(statement({ previous: null })))).toEqual(statement({ previous: null }))
  })

  it('is an in-toto statement over server.json, the artifact by its package URL, and the lock file', () => {
    const { _type, predicateType, subject } = written()
    expect(_type).toBe('https://in-toto.io/Statement/v1')
    expect(predicateType).toMatch(/\/attestations\/mcp-server\/v1$/)
    expect((subject as Json[]).map(each => each['name'])).toEqual(['server.json', 'pkg:npm/%40acme/weather@1.2.0', 'package-lock.json'])
  })

  it.each([
    ['no _type', { ...written(), _type: undefined }],
    ['an older _type', { ...written(), _type: 'https://in-toto.io/Statement/v0.1' }, 'statement-type'],
    ['another predicateType', { ...written(), predicateType: 'https://slsa.dev/provenance/v1' }, 'predicate-type'],
    ['a predicateType that only starts alike', { ...written(), predicateType: `${String(written()['predicateType'])}0` }, 'predicate-type'],
    ['a predicateType that is no text', { ...written(), predicateType: 1 }, 'predicate-type'],
    ['no subject', { ...written(), subject: [] }],
    ['no subject server.json', { ...written(), subject: (written()['subject'] as Json[]).slice(1) }, 'subject-absent'],
    ['a subject twice', { ...written(), subject: [...(written()['subject'] as Json[]), ...(written()['subject'] as Json[])] }],
    ['a subject without a digest', { ...written(), subject: [{ name: 'server.json', digest: {} }] }],
    ['a digest in capitals', { ...written(), subject: [{ name: 'server.json', digest: { sha256: sha256('x').toUpperCase() } }] }],
    ['a weak digest', { ...written(), subject: [{ name: 'server.json', digest: { sha256: sha256('x'), md5: 'd' } }] }],
    ['an unknown member', { ...written(), extra: 1 }],
  ])('is refused with %s', (_what, value, rule = 'statement-shape') => {
    expect(ruleOf(readServerStatement(canonical(value)))).toBe(rule)
  })

  it.each([
    ['an unknown member, which might be a condition', { onlyOn: 'tuesday' }],
    ['no sequence', { server: { name: 'io.github.acme/weather', version: '1.2.0' } }],
    ['a sequence of 0', { server: { name: 'io.github.acme/weather', version: '1.2.0', sequence: 0 } }],
    ['a fraction as sequence', { server: { name: 'io.github.acme/weather', version: '1.2.0', sequence: 1.5 } }],
    ['`latest` as version', { server: { name: 'io.github.acme/weather', version: 'latest', sequence: 1 } }],
    ['two slashes in the name', { server: { name: 'io.github.acme/weather/x', version: '1.2.0', sequence: 1 } }],
    ['a homoglyph in the name (N144)', { server: { name: 'io.github.\u0430cme/weather', version: '1.2.0', sequence: 1 } }],
    ['an end that is no day', { notAfter: '2027-02-30T00:00:00Z' }],
    ['an end in local time', { notAfter: '2027-02-03T00:00:00+01:00' }],
    ['an end that is no text', { notAfter: 1 }],
    ['a previous that is no digest', { previous: 'the one before' }],
    ['a surface of an unknown mode', { surface: { ...SURFACE, mode: 'lenient' } }],
    ['a surface without its prompts', { surface: { ...SURFACE, prompts: undefined } }],
    ['a tool whose digest is none', { surface: { ...SURFACE, tools: { forecast: 'yes' } } }],
    ['a remote over http', { remote: [{ url: 'http://api.acme.com/mcp' }] }],
    ['an environment variable that is more than a name', { launch: { envNames: ['A=1'], egress: [] } }],
    ['a host that is a URL', { launch: { envNames: [], egress: ['https://x.example'] } }],
    ['too many remotes', { remote: Array.from({ length: 17 }, () => ({ url: 'https://a.example/' })) }],
  ])('is refused with %s', (_what, change) => {
    expect(ruleOf(readServerStatement(predicate(change as Json)))).toBe('statement-shape')
  })

  it('is refused as bytes that readers could read in two ways', () => {
    const text = writeServerStatement(statement()).toString()
    for (const hostile of [
      text.replace('"sequence":7', '"sequence":7,"sequence":1'),
      text.replace('"sequence":7', '"sequence":9007199254740993'),
      `\ufeff${text}`,
      text.replace('local', '\\ud800'),
      text.slice(1),
      '',
    ])
      expect(ruleOf(readServerStatement(Buffer.from(hostile)))).toBe('statement-shape')
  })

  it('is not written where it could not be read', () => {
    expect(() => writeServerStatement(statement({ notAfter: 'soon' }))).toThrow(/notAfter/)
    expect(() => writeServerStatement(statement({ registry: '\ud800' }))).toThrow(/surrogates/)
  })

  it('says what is wrong without repeating it', () => {
    const refused = readServerStatement(predicate({ registry: 'a\u001b[31m\nsecret' }))
    expect(JSON.stringify(refused)).not.toContain('secret')
  })

  it('never throws, whatever the payload', () => {
    fc.assert(fc.property(fc.jsonValue(), value => isDenial(readServerStatement(Buffer.from(JSON.stringify(value))))))
    fc.assert(fc.property(fc.uint8Array(), value => isDenial(readReview(Buffer.from(value)))))
  })
})

describe('a review (SLSA verification summary)', () => {
  const summary = (change: Json): Buffer => {
    const whole = plain(writeReview(review()))
    return canonical({ ...whole, predicate: { ...(whole['predicate'] as Json), ...change } })
  }

  it('reads back as it was written', () => {
    for (const inputs of [[], [sha256('a bundle')]]) expect(readReview(writeReview(review({ inputs })))).toEqual(review({ inputs }))
    const version = { name: 'io.github.acme/weather', version: '1.2.0+build.1' }
    expect(readReview(writeReview(review({ server: version })))).toEqual(review({ server: version }))
  })

  it.each([
    ['that failed', { verificationResult: 'FAILED' }, 'review-not-passed'],
    ['of another level', { verifiedLevels: ['SLSA_BUILD_LEVEL_3'] }, 'review-not-passed'],
    ['of a server named in two ways', { resourceUri: 'pkg:mcp/io.github.acme/weather@1%2E2.0' }, 'statement-shape'],
    ['of something else', { resourceUri: 'pkg:npm/weather@1.2.0' }, 'statement-shape'],
    ['of a broken escape', { resourceUri: 'pkg:mcp/io.github.acme/weather@%zz' }, 'statement-shape'],
    ['of no server', { resourceUri: 7 }, 'statement-shape'],
    ['with conditions we do not know', { dependencyLevels: {} }, 'statement-shape'],
    ['whose verifier is not a URL', { verifier: { id: 'rita' } }, 'statement-shape'],
    ['without a day', { timeVerified: 'today' }, 'statement-shape'],
  ])('%s admits nothing', (_what, change, rule) => {
    expect(ruleOf(readReview(summary(change)))).toBe(rule)
  })

  it.each(['server.json', 'surface'])('without the subject %s admits nothing', name => {
    const subjects = review().subjects.filter(subject => subject.name !== name)
    expect(() => writeReview(review({ subjects }))).toThrow(name)
  })

  it('is no statement of a publisher, nor the other way round', () => {
    expect(ruleOf(readReview(writeServerStatement(statement())))).toBe('predicate-type')
    expect(ruleOf(readServerStatement(writeReview(review())))).toBe('predicate-type')
  })
})

describe('a surface file', () => {
  it('is read strictly', () => {
    expect(readSurface(canonical(SURFACE))).toEqual(SURFACE)
    expect(() => readSurface(canonical({ ...SURFACE, more: 1 }))).toThrow(/surface: expected no members but/)
  })
  it('is the surface that admission pins, by the same digest', () => {
    const doc = readJson(canonical(SURFACE), { indexDepth: 3 })
    const pinned = 'fault' in doc ? doc.fault : readPinnedSurface(doc, doc.root)
    if (typeof pinned === 'string') throw new Error(pinned)
    expect(digestOfSurface(pinned)).toBe(surfaceDigest(SURFACE))
    expect(readSurface(canonical(surfaceJson(pinned)))).toEqual(SURFACE)
  })
  it('keeps tools with names that are special to JavaScript', () => {
    const text = JSON.stringify(SURFACE).replace('"forecast"', '"__proto__"')
    expect(Object.keys(readSurface(Buffer.from(text)).tools)).toContain('__proto__')
  })
})
