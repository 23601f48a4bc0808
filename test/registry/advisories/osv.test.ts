// Advisories as they are read and compared: the format's rules, orders of versions, and a reference that does it by brute force.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameKey, versionKey } from '../../../src/registry/advisories/ecosystems.ts'
import { isAffected, packagesOf, type NamedPackage } from '../../../src/registry/advisories/matching.ts'
import { readAdvisory, type Advisory } from '../../../src/registry/advisories/osv.ts'

const plain = { schema_version: '1.7.0', id: 'GHSA-aaaa-bbbb-cccc', modified: '2026-01-31T12:00:00Z' }
const npm = (ranges: readonly object[], versions?: readonly string[], name = 'left-pad'): object => ({
  package: { ecosystem: 'npm', name },
  ranges,
  ...(versions && { versions }),
})
const semver = (...events: object[]): object => ({ type: 'SEMVER', events })
const read = (document: object): Advisory => {
  const found = readAdvisory(document)
  if (!('id' in found)) throw new Error(JSON.stringify(found))
  return found
}
const faultsOf = (document: unknown): readonly string[] => {
  const found = readAdvisory(document)
  return 'id' in found ? [] : found.map(({ at }) => at)
}
const leftPad = (version: string): NamedPackage => ({ ecosystem: 'npm', name: 'left-pad', versions: [version] })
const hits = (affected: object, version: string): boolean =>
  read({ ...plain, affected: [affected] }).affected.some(about => isAffected(leftPad(version), about))

describe('a document', () => {
  it('is read as far as it decides, and what is for others is left alone', () => {
    const document = {
      ...plain,
      aliases: ['CVE-2026-1'],
      summary: 'Runs what it is told.',
      severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
      affected: [
        npm([semver({ introduced: '0' }, { fixed: '1.2.3' })]),
        {
          package: { ecosystem: 'Maven', name: 'org.example:x' },
          ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '7' }] }],
        },
        { ranges: [{ type: 'GIT', repo: 'https://example.com/x', events: [{ introduced: '0' }, { fixed: 'abc' }] }] },
      ],
      database_specific: { anything: [1] },
    }
    expect(read(document)).toEqual({
      id: 'GHSA-aaaa-bbbb-cccc',
      modifiedMs: Date.parse('2026-01-31T12:00:00Z'),
      isWithdrawn: false,
      isMalware: false,
      summary: 'Runs what it is told.',
      severity: document.severity,
      affected: [
        {
          ecosystem: 'npm',
          name: 'left-pad',
          versions: [],
          ranges: [
            [
              { kind: 'introduced', version: '0' },
              { kind: 'fixed', version: '1.2.3' },
            ],
          ],
        },
      ],
    })
  })
  it('is of malware by its id or another name of it, never by its words', () => {
    const isMalware = (more: object): boolean => read({ ...plain, ...more }).isMalware
    expect(isMalware({ id: 'MAL-2026-1' })).toBe(true)
    expect(isMalware({ aliases: ['CVE-2026-1', 'MAL-2026-1'] })).toBe(true)
    expect(isMalware({ summary: 'MAL-2026-1', related: ['MAL-2026-1'] })).toBe(false)
    expect(isMalware({ id: 'NORMAL-1' })).toBe(false)
  })
  const withEvents = (...events: unknown[]): object => ({ ...plain, affected: [npm([{ type: 'SEMVER', events }])] })
  it.each<[string, unknown, string]>([
    ['that is none', [], ''],
    ['without an id', { ...plain, id: undefined }, 'id'],
    ['with an id that is a path', { ...plain, id: '../../etc' }, 'id'],
    ['of another schema', { ...plain, schema_version: '2.0.0' }, 'schema_version'],
    ['without a time', { ...plain, modified: undefined }, 'modified'],
    ['with a time of no zone', { ...plain, modified: '2026-01-31T12:00:00' }, 'modified'],
    ['with a time that never was', { ...plain, modified: '2026-13-31T12:00:00Z' }, 'modified'],
    ['withdrawn at some time', { ...plain, withdrawn: true }, 'withdrawn'],
    ['about something that is no list', { ...plain, affected: {} }, 'affected'],
    ['about more than anybody reads', { ...plain, affected: Array.from({ length: 1001 }, () => npm([])) }, 'affected'],
    ['of a package without a name', { ...plain, affected: [{ package: { ecosystem: 'npm' } }] }, 'affected[0].package.name'],
    ['of a package in letters that look like others', { ...plain, affected: [npm([], [], 'lеft-pad')] }, 'affected[0].package.name'],
    ['of a server that is none', { ...plain, affected: [{ package: { ecosystem: 'MCP', name: 'weather' } }] }, 'affected[0].package.name'],
    [
      'that names two packages in one place',
      { ...plain, affected: [{ package: { ecosystem: 'npm', name: 'left-pad', purl: 'pkg:npm/right-pad' } }] },
      'affected[0].package.purl',
    ],
    ['with a range of no known type', { ...plain, affected: [npm([{ type: 'CALVER', events: [] }])] }, 'affected[0].ranges[0].type'],
    ['with a range that begins nowhere', withEvents({ fixed: '1.0.0' }), 'affected[0].ranges[0].events'],
    ['with an event of two kinds', withEvents({ introduced: '0', fixed: '1.0.0' }), 'affected[0].ranges[0].events[0]'],
    ['with an event that is no version', withEvents({ introduced: 0 }), 'affected[0].ranges[0].events[0]'],
    [
      'that ends at no version of npm: nobody could tell what is behind it',
      withEvents({ introduced: '0' }, { fixed: 'next' }),
      'affected[0].ranges[0].events[1]',
    ],
    [
      'of an image by a range: tags have no order',
      {
        ...plain,
        affected: [
          {
            package: { ecosystem: 'OCI', name: 'example.com/x' },
            ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }, { fixed: '2' }] }],
          },
        ],
      },
      'affected[0].ranges[0].events[1]',
    ],
    ['with versions that are numbers', { ...plain, affected: [{ ...npm([]), versions: [1] }] }, 'affected[0].versions'],
  ])('%s is refused, and said where', (_what, document, at) => {
    expect(faultsOf(document)).toContain(at)
  })
  it('never throws, whatever it is', () => {
    fc.assert(fc.property(fc.jsonValue(), value => void readAdvisory(value)))
    const odd = fc.record({
      id: fc.string(),
      modified: fc.string(),
      affected: fc.jsonValue(),
      severity: fc.jsonValue(),
      aliases: fc.jsonValue(),
    })
    fc.assert(fc.property(odd, value => void readAdvisory(value)))
  })
})

describe('versions in order', () => {
  const ascending = (ecosystem: 'npm' | 'PyPI' | 'NuGet', versions: readonly string[]): void => {
    const keys = versions.map(version => versionKey(ecosystem, version) ?? `no key: ${version}`)
    expect(keys).toEqual(keys.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
    expect(new Set(keys).size).toBe(versions.length)
  }
  it('are SemVer 2.0.0 for npm', () => {
    ascending('npm', [
      '0.0.1',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.2.0',
      '1.10.0',
      '2026.8.31',
    ])
    expect(versionKey('npm', '1.0.0+a')).toBe(versionKey('npm', '1.0.0+b'))
    for (const odd of ['1.0', 'v1.0.0', '01.0.0', 'latest']) expect(versionKey('npm', odd)).toBeUndefined()
  })
  // The order of PEP 440, "Summary of permitted suffixes and relative ordering", with its examples of epochs and local versions.
  it('are PEP 440 for PyPI', () => {
    const release = [
      '1.dev0',
      '1.0.dev456',
      '1.0a1',
      '1.0a2.dev456',
      '1.0a12.dev456',
      '1.0a12',
      '1.0b1.dev456',
      '1.0b2',
      '1.0b2.post345.dev456',
      '1.0b2.post345',
      '1.0rc1.dev456',
      '1.0rc1',
      '1.0',
      '1.0+abc.5',
      '1.0+abc.7',
      '1.0+5',
      '1.0.post456.dev34',
      '1.0.post456',
      '1.0.15',
      '1.1.dev1',
    ]
    ascending('PyPI', [...release, '1.10', '2013.10', ...release.map(version => `1!${version}`)])
    const equal = [
      ['1.0', '1', '1.0.0', 'v1.0', '01.0'],
      ['1.0a1', '1.0.alpha1', '1.0-A-1', '1.0_a.01', '1.0ALPHA1'],
      ['1.0rc0', '1.0c', '1.0.pre0', '1.0preview'],
      ['1.0.post1', '1.0-1', '1.0.rev1', '1.0r1', '1.0-post_1'],
      ['1.0+ubuntu.1', '1.0+Ubuntu-1', '1.0+ubuntu_01'],
    ]
    for (const all of equal) expect(new Set(all.map(version => versionKey('PyPI', version))).size).toBe(1)
    for (const odd of ['1.0.x', '1.0-final-x', '', 'one', '1..0']) expect(versionKey('PyPI', odd)).toBeUndefined()
  })
  it('are of up to four numbers for NuGet', () => {
    ascending('NuGet', ['1.0-Alpha', '1.0.0-beta', '1', '1.0.0.1', '1.0.1', '1.10'])
    expect(versionKey('NuGet', '1.0')).toBe(versionKey('NuGet', '1.0.0.0'))
  })
  it('take no longer for a text made to be slow', () => {
    const started = performance.now()
    for (const text of ['1'.repeat(255), `1${'.1'.repeat(127)}`, `1+${'a.'.repeat(120)}`, `1${'.0'.repeat(126)}x`, '1.'.repeat(50_000)])
      for (const ecosystem of ['npm', 'PyPI', 'NuGet'] as const) versionKey(ecosystem, text)
    expect(performance.now() - started).toBeLessThan(200)
  })
})

describe('packages of a version', () => {
  it('are the server itself and what server.json names', () => {
    const packages = [
      { registryType: 'npm', identifier: '@example/weather', version: '1.0.0' },
      { registryType: 'pypi', identifier: 'Weather.Server', version: '1.0' },
      { registryType: 'oci', identifier: 'example.com:5000/acme/weather:1.0@sha256:abc' },
      { registryType: 'oci', identifier: 'example.com:5000/acme/weather' },
      { registryType: 'mcpb', identifier: 'https://example.com/weather.mcpb' },
    ]
    expect(packagesOf('com.example/weather', '1.0.0', { packages })).toEqual([
      { ecosystem: 'MCP', name: 'com.example/weather', versions: ['1.0.0'] },
      { ecosystem: 'npm', name: '@example/weather', versions: ['1.0.0'] },
      { ecosystem: 'PyPI', name: 'Weather.Server', versions: ['1.0'] },
      { ecosystem: 'OCI', name: 'example.com:5000/acme/weather', versions: ['1.0', 'sha256:abc'] },
      { ecosystem: 'OCI', name: 'example.com:5000/acme/weather', versions: [] },
    ])
  })
  it('are compared as their ecosystem compares names', () => {
    expect(nameKey('PyPI', 'Weather__Server')).toBe(nameKey('PyPI', 'weather.server'))
    expect(nameKey('npm', 'JSONStream')).not.toBe(nameKey('npm', 'jsonstream'))
    expect(nameKey('MCP', 'com.Example/Weather')).toBe(nameKey('MCP', 'COM.example/weather'))
  })
})

describe('a version', () => {
  it.each([
    ['1.0.0', true],
    ['1.2.2', true],
    ['1.2.3-rc.1', true],
    ['1.2.3', false],
    ['1.3.9', false],
    ['1.4.0', true],
    ['1.4.2', true],
    ['1.4.3', false],
  ])('%s in [0, 1.2.3) and [1.4.0, 1.4.2]: %s', (version, expected) => {
    const range = semver({ last_affected: '1.4.2' }, { introduced: '1.4.0' }, { fixed: '1.2.3' }, { introduced: '0' })
    expect(hits(npm([range]), version)).toBe(expected)
  })
  it('is meant where it is listed, in whatever spelling', () => {
    expect(hits(npm([], ['1.0.0']), '1.0.0+build')).toBe(true)
    expect(hits(npm([], ['1.0.0']), '1.0.1')).toBe(false)
    const [about] = read({ ...plain, affected: [{ package: { ecosystem: 'PyPI', name: 'x' }, versions: ['1.0'] }] }).affected
    expect(about && isAffected({ ecosystem: 'PyPI', name: 'x', versions: ['1.0.0'] }, about)).toBe(true)
  })
  it('that hides from the order of its ecosystem is in every range', () => {
    expect(hits(npm([semver({ introduced: '5.0.0' }, { fixed: '6.0.0' })]), '1.2')).toBe(true)
    expect(hits(npm([], ['5.0.0']), '1.2')).toBe(false)
  })
  it('that is somebody’s own build of a public one has its holes', () => {
    const range = { type: 'ECOSYSTEM', events: [{ introduced: '0' }, { last_affected: '1.0' }] }
    const [about] = read({ ...plain, affected: [{ package: { ecosystem: 'PyPI', name: 'x' }, ranges: [range] }] }).affected
    expect(about && isAffected({ ecosystem: 'PyPI', name: 'x', versions: ['1.0+ours'] }, about)).toBe(true)
    expect(about && isAffected({ ecosystem: 'PyPI', name: 'x', versions: ['1.0.post1'] }, about)).toBe(false)
  })
  it('is before a range ends that a document writes short', () => {
    expect(hits(npm([semver({ introduced: '0' }, { fixed: '2' })]), '1.9.9')).toBe(true)
    expect(hits(npm([semver({ introduced: '0' }, { fixed: '2' })]), '2.0.0')).toBe(false)
  })

  // The reference knows no order of versions, only places 0 to 11 in a list of them, and marks what each event covers.
  const LINE = ['0.1.0', '0.2.0-a', '0.2.0', '1.0.0-rc.1', '1.0.0-rc.2', '1.0.0', '1.0.1', '1.2.0', '1.10.0', '2.0.0', '10.0.0', '2026.1.1']
  type Mark = { readonly kind: 'introduced' | 'fixed' | 'last_affected' | 'limit'; readonly at: number }
  const naive = (marks: readonly Mark[], at: number): boolean => {
    const limits = marks.filter(({ kind }) => kind === 'limit')
    if (limits.length > 0 && !limits.some(limit => at < limit.at)) return false
    let state = false
    // One place after the other: what ended before it, then what is said of it.
    for (let place = -1; place <= at; place++) {
      if (marks.some(mark => mark.kind === 'last_affected' && mark.at === place - 1)) state = false
      if (marks.some(mark => mark.kind === 'fixed' && mark.at === place)) state = false
      if (marks.some(mark => mark.kind === 'introduced' && mark.at === place)) state = true
    }
    return state
  }
  const mark = fc.record({
    kind: fc.constantFrom('introduced', 'fixed', 'last_affected', 'limit'),
    at: fc.nat(LINE.length - 1),
  }) as fc.Arbitrary<Mark>
  const marks = fc
    .tuple(fc.integer({ min: -1, max: LINE.length - 1 }), fc.array(mark, { maxLength: 7 }))
    .map(([first, rest]): readonly Mark[] => [{ kind: 'introduced', at: first }, ...rest])
  const eventOf = ({ kind, at }: Mark): object => ({ [kind]: at < 0 ? '0' : LINE[at] })
  it('is judged as by brute force, in whatever order the events stand', () => {
    const shuffled = marks.chain(all => fc.shuffledSubarray([...all], { minLength: all.length }))
    fc.assert(
      fc.property(shuffled, fc.nat(LINE.length - 1), (all, at) => {
        expect(hits(npm([semver(...all.map(eventOf))]), LINE[at] ?? '')).toBe(naive(all, at))
      }),
      { numRuns: 3000 },
    )
  })
  it('is meant by two ranges where it is by one', () => {
    fc.assert(
      fc.property(marks, marks, fc.nat(LINE.length - 1), (a, b, at) => {
        const ranges = [a, b].map(all => semver(...all.map(eventOf)))
        expect(hits(npm(ranges), LINE[at] ?? '')).toBe(naive(a, at) || naive(b, at))
      }),
    )
  })
})
