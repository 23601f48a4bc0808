// A signature over one thing is no signature over another: everything that is used is compared with what was signed.

import { describe, expect, it } from 'vitest'
import { whyNotCurrent, whyNotReviewed, whyNotSigned } from '../../src/trust/binding.ts'
import { isDenial } from '../../src/trust/denial.ts'
import { readServerJson } from '../../src/trust/server-json.ts'
import type { ServerStatement } from '../../src/trust/statement.ts'
import {
  documentOf,
  NOW,
  presented,
  PURL,
  review,
  ruleOf,
  serverJson,
  serverObject,
  sha256,
  sha512,
  statement,
  SURFACE,
} from './samples.ts'

const signed = (change = {}, here = {}) => ruleOf(whyNotSigned(statement(change), presented(here), 'local'))
const subjects = (without: string) => statement().subjects.filter(subject => subject.name !== without)
const npm = (change: object): Buffer => {
  const [one] = (serverObject() as { packages: object[] }).packages
  return serverJson({ packages: [{ ...one, ...change }] })
}

describe('what a publisher signed', () => {
  it('is what is here, whatever the white space and key order of server.json', () => {
    expect(signed()).toBe('believed')
    const shuffled = Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(serverObject()).reverse())))
    expect(signed({}, { serverJson: shuffled })).toBe('believed')
    expect(signed({}, { surface: { ...SURFACE, tools: Object.fromEntries(Object.entries(SURFACE.tools).reverse()) } })).toBe('believed')
  })

  it.each([
    ['N140: the tarball was swapped', { artifacts: new Map([[PURL, sha512('another tarball')]]) }, 'artifact-mismatch'],
    ['the artifact was not looked at', { artifacts: new Map() }, 'artifact-absent'],
    ['a dependency was swapped in the lock file', { locks: new Map([['package-lock.json', sha256('another')]]) }, 'lock-mismatch'],
    ['there is no lock file', { locks: new Map() }, 'artifact-absent'],
    [
      'N141: an environment variable was added to server.json',
      { serverJson: npm({ environmentVariables: [{ name: 'NODE_OPTIONS' }] }) },
      'server-json-mismatch',
    ],
    ['one letter of the description was changed', { serverJson: serverJson({ description: 'Weather.' }) }, 'server-json-mismatch'],
    ['N140: the version is another', { serverJson: serverJson({ version: '1.2.1' }) }, 'server-mismatch'],
    ['N140: the name is another', { serverJson: serverJson({ name: 'io.github.acme/weather2' }) }, 'server-mismatch'],
    ['N144: a name in other case', { serverJson: serverJson({ name: 'io.github.Acme/weather' }) }, 'server-mismatch'],
    ['one tool is another', { surface: { ...SURFACE, tools: { ...SURFACE.tools, now: sha256('later') } } }, 'surface-mismatch'],
    ['a tool was added', { surface: { ...SURFACE, tools: { ...SURFACE.tools, exfil: sha256('x') } } }, 'surface-mismatch'],
    ['the surface is taken more loosely', { surface: { ...SURFACE, mode: 'exact' } }, 'surface-mismatch'],
    ['server.json is no JSON', { serverJson: Buffer.from('{') }, 'server-mismatch'],
    [
      'server.json names itself twice',
      { serverJson: Buffer.from('{"name":"io.github.acme/weather","name":"io.github.evil/x","version":"1"}') },
      'server-mismatch',
    ],
  ])('is not this: %s', (_what, here, rule) => {
    expect(signed({}, here)).toBe(rule)
  })

  it.each([
    ['the artifact', { subjects: subjects(PURL) }, 'subject-absent'],
    ['the lock file', { subjects: subjects('package-lock.json') }, 'subject-absent'],
    [
      'the artifact by another kind of digest',
      { subjects: [...subjects(PURL), { name: PURL, digest: { sha256: sha256('the tarball') } }] },
      'subject-absent',
    ],
    ['the environment variables', { launch: { envNames: [], egress: [] } }, 'launch-mismatch'],
    ['this registry', { registry: 'elsewhere' }, 'registry-mismatch'],
  ])('has to cover %s', (_what, change, rule) => {
    expect(signed(change)).toBe(rule)
  })

  it('has to name each remote exactly', () => {
    const remote = serverJson({ packages: [], remotes: [{ type: 'streamable-http', url: 'https://api.acme.com/mcp' }] })
    const own = [{ name: 'server.json', digest: { sha256: documentOf(remote).digest } }]
    const answer = (url: string) => signed({ subjects: own, remotes: [{ url }] }, { serverJson: remote })
    expect(answer('https://api.acme.com/mcp')).toBe('believed')
    expect(answer('https://api.acme.com/mcp/')).toBe('remote-mismatch')
    expect(answer('https://api.acme.com.evil.example/mcp')).toBe('remote-mismatch')
  })

  it('holds for no mixture of two versions (attack 4, N145): of all pairwise swaps only the two whole ones pass', () => {
    const versions = ['1.2.0', '1.3.0'].map((version, i) => {
      const purl = `pkg:npm/%40acme/weather@${version}`
      const json = serverJson({ version, packages: (JSON.parse(npm({ version }).toString()) as { packages: object[] }).packages })
      const surface = { ...SURFACE, instructions: sha256(`be kind ${i}`) }
      const own: ServerStatement = statement({
        server: { name: 'io.github.acme/weather', version, sequence: 7 + i },
        subjects: [
          { name: 'server.json', digest: { sha256: documentOf(json).digest } },
          { name: purl, digest: { sha512: sha512(version) } },
          { name: 'package-lock.json', digest: { sha256: sha256(version) } },
        ],
        surface,
      })
      return { json, tarball: sha512(version), lock: sha256(version), surface, statement: own }
    })
    const passed: string[] = []
    for (let mix = 0; mix < 32; mix += 1) {
      const [json, tarball, lock, surface, own] = [0, 1, 2, 3, 4].map(bit => versions[(mix >> bit) & 1])
      if (!json || !tarball || !lock || !surface || !own) throw new Error('two versions')
      const purl = documentOf(json.json).artifacts[0]?.purl ?? ''
      const here = {
        serverJson: json.json,
        artifacts: new Map([[purl, tarball.tarball]]),
        locks: new Map([['package-lock.json', lock.lock]]),
        surface: surface.surface,
      }
      if (whyNotSigned(own.statement, here, 'local') === undefined) passed.push(mix.toString(2))
    }
    expect(passed).toEqual(['0', '11111'])
  })
})

describe('what a reviewer signed', () => {
  const reviewed = (change = {}, here = {}) => ruleOf(whyNotReviewed(review(change), presented(here)))
  it('is what is here', () => expect(reviewed()).toBe('believed'))
  it.each([
    ['another tarball', { artifacts: new Map([[PURL, sha512('another')]]) }, 'artifact-mismatch'],
    ['another surface', { surface: { ...SURFACE, instructions: null } }, 'surface-mismatch'],
    ['another server.json', { serverJson: serverJson({ title: 'x' }) }, 'server-json-mismatch'],
    ['a server.json that is none', { serverJson: Buffer.from('[]') }, 'server-mismatch'],
  ])('admits no %s', (_what, here, rule) => expect(reviewed({}, here)).toBe(rule))
  it('admits no other version', () => {
    expect(reviewed({ server: { name: 'io.github.acme/weather', version: '1.1.0' } })).toBe('server-mismatch')
  })
})

describe('what counts today', () => {
  const current = (change: object, floor = 7, nowMs = NOW) => ruleOf(whyNotCurrent(statement(change), { nowMs, floor }))
  it('is at or above the floor, and before its end', () => {
    expect(current({})).toBe('believed')
    expect(current({}, 6)).toBe('believed')
  })
  it('N140, attack 5: is no genuine older version', () => expect(current({}, 8)).toBe('below-floor'))
  it('attack 6: is nothing past its end, to the millisecond', () => {
    const notAfter = '2026-11-26T21:00:00Z'
    expect(current({ notAfter }, 7, NOW - 1)).toBe('believed')
    expect(current({ notAfter }, 7, NOW)).toBe('not-after')
  })
  it('is nothing while the clock says nothing', () => expect(current({}, 7, Number.NaN)).toBe('not-after'))
})

describe('server.json', () => {
  const purls = (packages: object[]) => documentOf(serverJson({ packages })).artifacts
  it('names artifacts by package URLs', () => {
    const digest = sha256('x')
    expect(
      purls([
        { registryType: 'npm', identifier: 'weather', version: '1.2.0-rc.1' },
        { registryType: 'pypi', identifier: 'Acme_Weather.Server', version: '1.2.0' },
        { registryType: 'oci', identifier: `ghcr.io/acme/weather:1.2@sha256:${digest}` },
        { registryType: 'mcpb', identifier: 'https://github.com/acme/weather/releases/download/v1/weather.mcpb', fileSha256: digest },
      ]).map(({ purl, algorithm }) => [purl, algorithm]),
    ).toEqual([
      ['pkg:npm/weather@1.2.0-rc.1', 'sha512'],
      ['pkg:pypi/acme-weather-server@1.2.0', 'sha256'],
      [`pkg:oci/weather@sha256%3A${digest}?repository_url=ghcr.io%2Facme%2Fweather`, 'sha256'],
      ['pkg:generic/mcpb?download_url=https%3A%2F%2Fgithub.com%2Facme%2Fweather%2Freleases%2Fdownload%2Fv1%2Fweather.mcpb', 'sha256'],
    ])
  })

  it('binds the digest that an MCPB entry states to the bytes that are here', () => {
    const json = serverJson({
      packages: [{ registryType: 'mcpb', identifier: 'https://x.example/w.mcpb', fileSha256: sha256('what it says') }],
    })
    const { digest, artifacts } = documentOf(json)
    const purl = artifacts[0]?.purl ?? ''
    const own = [
      { name: 'server.json', digest: { sha256: digest } },
      { name: purl, digest: { sha256: sha256('what is here') } },
    ]
    expect(signed({ subjects: own }, { serverJson: json, artifacts: new Map([[purl, sha256('what is here')]]) })).toBe('artifact-mismatch')
  })

  it.each([
    ['N141: `latest`', { registryType: 'npm', identifier: 'weather', version: 'latest' }],
    ['a tag', { registryType: 'npm', identifier: 'weather', version: 'next' }],
    ['a caret range', { registryType: 'npm', identifier: 'weather', version: '^1.2.0' }],
    ['a partial version, which npm reads as a range', { registryType: 'npm', identifier: 'weather', version: '1.2' }],
    ['no version (N141: `npx -y pkg`)', { registryType: 'npm', identifier: 'weather' }],
    ['a wildcard', { registryType: 'pypi', identifier: 'weather', version: '1.*' }],
  ])('is not taken with %s', (_what, entry) => {
    expect(ruleOf(readServerJson(serverJson({ packages: [entry] })))).toBe('version-unpinned')
  })

  it.each([
    ['an image by a tag, which moves', { registryType: 'oci', identifier: 'ghcr.io/acme/weather:1.2' }],
    ['an MCPB file without its digest', { registryType: 'mcpb', identifier: 'https://x.example/w.mcpb' }],
    ['a package name that is a path', { registryType: 'npm', identifier: '../../evil', version: '1.0.0' }],
    ['a package name that is an option', { registryType: 'pypi', identifier: '--index-url', version: '1.0.0' }],
  ])('is not taken with %s', (_what, entry) => {
    expect(ruleOf(readServerJson(serverJson({ packages: [entry] })))).toBe('server-mismatch')
  })

  it('is not taken with artifacts nobody can verify, one twice, or too many bytes', () => {
    expect(ruleOf(readServerJson(serverJson({ packages: [{ registryType: 'nuget', identifier: 'x', version: '1.0.0' }] })))).toBe(
      'artifact-unsupported',
    )
    expect(ruleOf(readServerJson(serverJson({ packages: [{ registryType: { evil: 1 }, version: '1.0.0' }] })))).toBe('artifact-unsupported')
    const twice = { registryType: 'npm', identifier: 'weather', version: '1.0.0' }
    expect(ruleOf(readServerJson(serverJson({ packages: [twice, twice] })))).toBe('server-mismatch')
    expect(ruleOf(readServerJson(Buffer.alloc(256 * 1024 + 1)))).toBe('server-mismatch')
    expect(ruleOf(readServerJson(serverJson({ version: undefined })))).toBe('version-unpinned')
  })

  it('has another digest for every value, however hostile', () => {
    const digests = ['x', 'x ', '\u202ex', '<script>alert(1)</script>', '\u0000'].map(
      description => documentOf(serverJson({ description })).digest,
    )
    expect(new Set(digests).size).toBe(5)
    expect(isDenial(readServerJson(serverJson({ description: '\ud800' })))).toBe(true)
  })
})
