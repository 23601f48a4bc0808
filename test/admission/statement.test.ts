import { describe, expect, it } from 'vitest'
import { digestOfSurface, surfaceJson, type PinnedSurface } from '../../src/admission/pinned-surface.ts'
import { digestOfLaunch } from '../../src/admission/launch.ts'
import type { Digest } from '../../src/admission/primitive.ts'
import { MAX_STATEMENT_BYTES, readStatement, statementOf, type Review } from '../../src/admission/statement.ts'

const A = 'a'.repeat(64) as Digest
const SURFACE: PinnedSurface = {
  mode: 'subset',
  instructions: A,
  primitives: {
    tool: new Map([
      ['read', A],
      ['__proto__', A],
    ]),
    prompt: new Map(),
    resource: new Map([['file:///a', A]]),
    resourceTemplate: new Map(),
  },
}
const LAUNCH = { transport: 'stdio', command: 'node', args: ['x.js'], env: { A: { fromEnv: 'A' } } }
const REVIEW: Review = {
  alias: 'files',
  verdict: 'passed',
  surface: SURFACE,
  launch: LAUNCH,
  reviewer: 'Ann Ö',
  reviewedAt: '2026-11-26T20:00:00.000Z',
  why: 'read by hand',
}
const text = statementOf(REVIEW)
const read = (statement: string, alias = 'files') => readStatement(Buffer.from(statement), alias)

describe('an admission as a statement', () => {
  it('is an in-toto statement with a verification summary over the surface', () => {
    expect(JSON.parse(text)).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: 'surface', digest: { sha256: digestOfSurface(SURFACE) } },
        { name: 'launch', digest: { sha256: digestOfLaunch(LAUNCH) } },
      ],
      predicateType: 'https://slsa.dev/verification_summary/v1',
      predicate: {
        verifier: { id: 'urn:gatehouse:reviewer:Ann%20%C3%96' },
        timeVerified: '2026-11-26T20:00:00.000Z',
        resourceUri: 'urn:gatehouse:server:files',
        policy: { uri: 'urn:gatehouse:surface-review:v1' },
        inputAttestations: [],
        verificationResult: 'PASSED',
        verifiedLevels: [],
        'urn:gatehouse:surface': JSON.parse(JSON.stringify(surfaceJson(SURFACE))),
        'urn:gatehouse:launch': LAUNCH,
        'urn:gatehouse:why': 'read by hand',
      },
    })
  })
  it.each([
    REVIEW,
    { ...REVIEW, verdict: 'failed' as const },
    { ...REVIEW, surface: { ...SURFACE, mode: 'exact' as const, instructions: null } },
  ])('is read as it was written', review => {
    const found = read(statementOf(review))
    if (typeof found === 'string') throw new Error(found)
    expect(found).toEqual({ ...review, surfaceDigest: digestOfSurface(review.surface), launchDigest: digestOfLaunch(LAUNCH) })
    expect([...found.surface.primitives.tool.keys()].sort()).toEqual(['__proto__', 'read'])
  })
  it('throws for text that has no canonical form', () =>
    expect(() => statementOf({ ...REVIEW, reviewer: 'x', why: '\ud800' })).toThrow(TypeError))
})

describe('attack: a statement that says something else, or says it otherwise, admits nothing', () => {
  const edit = (change: (s: any) => void): string => {
    const statement = JSON.parse(text)
    change(statement)
    return `${JSON.stringify(statement)}\n`
  }
  it.each([
    ['no JSON', 'x', 'is no strict JSON'],
    ['a key twice', text.replace('{', '{"_type":"https://in-toto.io/Statement/v1",'), 'is no strict JSON: duplicate-key'],
    ['white space', text.replace(':', ': '), 'says more, or says it otherwise'],
    ['no line break at the end', text.trimEnd(), 'says more, or says it otherwise'],
    ['another type', edit(s => (s._type = 'x')), 'expected `_type`'],
    ['another predicate', edit(s => (s.predicateType = 'x')), 'expected `predicateType`'],
    ['another policy', edit(s => (s.predicate.policy.uri = 'x')), 'expected `predicate.policy.uri`'],
    ['no result', edit(s => delete s.predicate.verificationResult), 'expected `predicate.verificationResult`'],
    ['an inherited result', edit(s => (s.predicate.verificationResult = 'constructor')), 'expected `predicate.verificationResult`'],
    ['nobody', edit(s => (s.predicate.verifier.id = 'urn:gatehouse:reviewer:')), 'expected `predicate.verifier.id`'],
    ['a broken name', edit(s => (s.predicate.verifier.id = 'urn:gatehouse:reviewer:%')), 'expected `predicate.verifier.id`'],
    ['another scheme of names', edit(s => (s.predicate.verifier.id = 'mailto:x')), 'expected `predicate.verifier.id`'],
    ['no time', edit(s => (s.predicate.timeVerified = 'yesterday')), 'expected an RFC 3339 time'],
    [
      'another surface than its subject',
      edit(s => (s.predicate['urn:gatehouse:surface'].tools.write = A)),
      'says more, or says it otherwise',
    ],
    [
      'another command than its subject',
      edit(s => (s.predicate['urn:gatehouse:launch'].command = 'sh')),
      'its subjects may not be its surface and how it starts',
    ],
    [
      'nothing of how it starts, as statements of before had it (N141)',
      edit(s => (s.subject.pop(), delete s.predicate['urn:gatehouse:launch'])),
      'says nothing of how it starts',
    ],
    ['a way to start that is no object', edit(s => (s.predicate['urn:gatehouse:launch'] = 'node x.js')), 'says nothing of how it starts'],
    ['one subject more', edit(s => s.subject.push({ name: 'x', digest: { sha256: A } })), 'says more, or says it otherwise'],
    ['a member more', edit(s => (s.predicate.more = 1)), 'says more, or says it otherwise'],
    ['no surface', edit(s => delete s.predicate['urn:gatehouse:surface']), 'expected an object in `surface`'],
    ['an unknown restriction', edit(s => (s.predicate['urn:gatehouse:surface'].only = 1)), '`surface.only` is not known here'],
    ['another mode', edit(s => (s.predicate['urn:gatehouse:surface'].mode = 'any')), 'expected `surface.mode`'],
    ['no digest of instructions', edit(s => delete s.predicate['urn:gatehouse:surface'].instructions), 'expected `surface.instructions`'],
    ['a short digest', edit(s => (s.predicate['urn:gatehouse:surface'].tools.read = 'aa')), 'expected `surface.tools`'],
    ['a digest in capitals', edit(s => (s.predicate['urn:gatehouse:surface'].tools.read = 'A'.repeat(64))), 'expected `surface.tools`'],
    ['no prompts', edit(s => delete s.predicate['urn:gatehouse:surface'].prompts), 'expected `surface.prompts`'],
    ['too large', ' '.repeat(MAX_STATEMENT_BYTES + 1), 'is larger than'],
  ])('%s', (_, statement, why) => expect(read(statement)).toContain(why))
  it('the statement about another server', () => expect(read(text, 'other')).toBe('is about another server than `other`'))
})
