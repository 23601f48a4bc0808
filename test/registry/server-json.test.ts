import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadServerJsonSchema } from '../../src/adapters/registry-schema.ts'
import { compileSchema } from '../../src/registry/json-schema.ts'
import { readServerJson } from '../../src/registry/server-json.ts'

const checkSchema = loadServerJsonSchema()
const SHA = 'f'.repeat(64)
const npm = {
  registryType: 'npm',
  registryBaseUrl: 'https://registry.npmjs.org',
  identifier: '@example/weather',
  version: '1.0.2',
  transport: { type: 'stdio' },
}
const minimal = { name: 'com.example/weather', description: 'Weather.', version: '1.0.2' }
const full = {
  ...minimal,
  $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
  title: 'Weather',
  websiteUrl: 'https://example.com/weather',
  repository: { url: 'https://github.com/example/weather', source: 'github', id: '1', subfolder: 'src/weather' },
  icons: [{ src: 'https://example.com/icon.png', mimeType: 'image/png', sizes: ['48x48', 'any'], theme: 'dark' }],
  packages: [
    {
      ...npm,
      runtimeHint: 'npx',
      runtimeArguments: [{ type: 'named', name: '--yes' }],
      packageArguments: [
        { type: 'positional', valueHint: 'city', isRepeated: true, variables: { city: { format: 'string', choices: ['Bern'] } } },
      ],
      environmentVariables: [{ name: 'TOKEN', isSecret: true, isRequired: true }],
    },
    { registryType: 'oci', identifier: 'ghcr.io/example/weather:1.0.2', transport: { type: 'stdio' } },
    {
      registryType: 'mcpb',
      identifier: 'https://github.com/example/weather/releases/download/v1/weather-mcp.mcpb',
      fileSha256: SHA,
      transport: { type: 'stdio' },
    },
    {
      ...npm,
      registryType: 'pypi',
      transport: { type: 'streamable-http', url: 'http://127.0.0.1:{port}/mcp', headers: [{ name: 'X-Key', value: '{key}' }] },
    },
  ],
  remotes: [
    { type: 'streamable-http', url: 'https://api.example.com/{tenant}/mcp', variables: { tenant: { isRequired: true } } },
    { type: 'sse', url: 'https://api.example.com:8443/sse' },
  ],
  _meta: {
    'io.modelcontextprotocol.registry/publisher-provided': { tool: 'publisher-cli', buildInfo: { commit: 'abc123' } },
    'com.example': { category: ['weather'] },
  },
}
const faultsOf = (value: unknown): string[] => {
  const read = readServerJson(value, checkSchema)
  return 'name' in read ? [] : read.map(({ at, problem }) => `${at}: ${problem}`)
}
const places = (value: unknown): string[] => [...new Set(faultsOf(value).map(fault => fault.slice(0, fault.indexOf(':'))))]

describe('server.json', () => {
  it.each([
    ['the least there can be', minimal],
    ['everything at once', full],
    ['members nobody knows', { ...minimal, vendor: { x: 1 } }],
  ])('may say %s', (_what, value) => {
    expect(faultsOf(value)).toEqual([])
    expect(readServerJson(value, checkSchema)).toMatchObject({ name: { key: 'com.example/weather' }, version: '1.0.2', value })
  })

  // The official API's own examples (OpenAPI 2025-12-01): their packages lack the transport that its schema demands.
  const official = {
    name: 'io.modelcontextprotocol/filesystem',
    description: 'Node.js server implementing Model Context Protocol (MCP) for filesystem operations.',
    title: 'Filesystem',
    repository: { url: 'https://github.com/modelcontextprotocol/servers', source: 'github' },
    version: '1.0.2',
    packages: [
      {
        registryType: 'npm',
        registryBaseUrl: 'https://registry.npmjs.org',
        identifier: '@modelcontextprotocol/server-filesystem',
        version: '1.0.2',
      },
    ],
  }
  it('is the official example once its package says how it is spoken to, as the official schema demands', () => {
    expect(places(official)).toEqual(['packages[0]'])
    expect(faultsOf({ ...official, packages: [{ ...official.packages[0], transport: { type: 'stdio' } }] })).toEqual([])
  })

  it.each([
    ['a list', [], ''],
    ['null', null, ''],
    ['no name', { description: 'x', version: '1' }, 'name'],
    ['a name of two slashes', { ...minimal, name: 'a/b/c' }, 'name'],
    ['no description', { ...minimal, description: '' }, 'description'],
    ['a long description', { ...minimal, description: 'x'.repeat(101) }, 'description'],
    ['a number as description', { ...minimal, description: 5 }, 'description'],
    ['a range as version', { ...minimal, version: '^1.0.0' }, 'version'],
    ['`latest` as version', { ...minimal, version: 'latest' }, 'version'],
    ['an empty title', { ...minimal, title: '' }, 'title'],
    ['a repository without source', { ...minimal, repository: { url: 'https://github.com/a/b' } }, 'repository'],
    ['a folder outside the repository', { ...minimal, repository: { ...full.repository, subfolder: '../x' } }, 'repository.subfolder'],
    ['an icon of another type', { ...minimal, icons: [{ src: 'https://a.example/i', mimeType: 'text/html' }] }, 'icons[0].mimeType'],
    ['a package of an unknown kind', { ...minimal, packages: [{ ...npm, registryType: 'curl' }] }, 'packages[0].registryType'],
    ['a package without version', { ...minimal, packages: [{ ...npm, version: undefined }] }, 'packages[0].version'],
    ['a package of the latest version', { ...minimal, packages: [{ ...npm, version: 'latest' }] }, 'packages[0].version'],
    ['a package without transport', { ...minimal, packages: [{ ...npm, transport: undefined }] }, 'packages[0]'],
    ['a transport that does not exist', { ...minimal, packages: [{ ...npm, transport: { type: 'shell' } }] }, 'packages[0].transport.type'],
    [
      'an MCPB file without digest',
      { ...minimal, packages: [{ registryType: 'mcpb', identifier: 'https://a.example/x', transport: { type: 'stdio' } }] },
      'packages[0].fileSha256',
    ],
    [
      'an OCI version beside the reference',
      { ...minimal, packages: [{ ...npm, registryType: 'oci', registryBaseUrl: undefined }] },
      'packages[0].version',
    ],
    ['a digest in capitals', { ...minimal, packages: [{ ...npm, fileSha256: SHA.toUpperCase() }] }, 'packages[0].fileSha256'],
    [
      'a positional argument without a value',
      { ...minimal, packages: [{ ...npm, packageArguments: [{ type: 'positional' }] }] },
      'packages[0].packageArguments[0]',
    ],
    [
      'a variable of the wrong form',
      { ...minimal, remotes: [{ type: 'sse', url: 'https://a.example/', variables: { x: 1 } }] },
      'remotes[0].variables{}',
    ],
    [
      'too much of the publisher',
      { ...minimal, _meta: { 'io.modelcontextprotocol.registry/publisher-provided': { x: 'y'.repeat(5000) } } },
      '_meta.io.modelcontextprotocol.registry/publisher-provided',
    ],
    [
      'what only the registry says (attack 10)',
      { ...minimal, _meta: { 'io.modelcontextprotocol.registry/official': { status: 'active' } } },
      '_meta',
    ],
    ['that it is signed (attack 10)', { ...minimal, _meta: { 'gatehouse/trust': { signed: true } } }, '_meta'],
  ])('may not say %s', (_what, value, at) => {
    const clean: unknown = JSON.parse(JSON.stringify(value))
    expect(places(clean)).toContain(at)
  })

  it.each([
    ['websiteUrl', 'javascript:alert(1)'],
    ['websiteUrl', 'http://example.com/'],
    ['websiteUrl', 'https://user:pass@example.com/'],
    ['websiteUrl', 'https:\\\\evil.example/'],
    ['websiteUrl', ' https://example.com/'],
    ['websiteUrl', 'https:///example.com'],
    ['websiteUrl', 'data:text/html,<script>alert(1)</script>'],
    ['websiteUrl', 'https://example.com/"><script>'],
  ])('has no link that runs or leads astray: %s %s', (member, url) => {
    expect(places({ ...minimal, [member]: url })).toEqual(['websiteUrl'])
    expect(places({ ...minimal, icons: [{ src: url }] })).toEqual(['icons[0].src'])
    expect(places({ ...minimal, repository: { url, source: 'github' } })).toEqual(['repository.url'])
  })
  it.each([
    'http://api.example.com/mcp',
    'https://{host}/mcp',
    '{baseUrl}/mcp',
    'https://api.example.com:{port}/mcp',
    'https://a@b.example/',
    'ftp://x.example/',
    '//x.example/',
    'https://',
  ])('has no remote whose origin is open or unprotected: %s', url => {
    expect(places({ ...minimal, remotes: [{ type: 'streamable-http', url }] })).toEqual(['remotes[0].url'])
  })

  it.each(['\u202e', '\u200b', '\u{e0041}', '\u{e0100}', '\u0007', '\u2066', '\ufeff'])('hides nothing in its texts (%j)', character => {
    expect(places({ ...minimal, description: `Weather${character}` })).toEqual(['description'])
    expect(places({ ...full, packages: [{ ...npm, environmentVariables: [{ name: 'X', description: character }] }] })).toEqual([
      'packages[0].environmentVariables[0].description',
    ])
    expect(faultsOf({ ...minimal, [`x${character}`]: 1 })).toEqual([': has a member whose name is not visible'])
  })
  it('is told all its faults at once, and none of its values', () => {
    const faults = faultsOf({
      name: 'SECRET',
      description: '',
      version: 'latest',
      websiteUrl: 'SECRET',
      packages: [{ registryType: 'SECRET' }],
    })
    expect(faults.length).toBeGreaterThan(6)
    expect(faults.join()).not.toContain('SECRET')
  })
  it('is answered for whatever it is, and never by a throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(full)), (value, member) => {
        for (const hostile of [value, { ...full, [member]: value }, { ...minimal, packages: [value], remotes: [value], icons: [value] }]) {
          const read = readServerJson(hostile, checkSchema)
          expect('name' in read || read.length > 0).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })
  it('takes nothing from a prototype', () => {
    const value: unknown = JSON.parse('{"__proto__":{"name":"com.example/a","description":"x","version":"1"}}')
    expect(places(value)).toContain('name')
  })
})

describe('a schema', () => {
  it.each([
    ['an unknown keyword', { type: 'object', patternProperties: {} }],
    ['an unknown type', { type: 'decimal' }],
    ['an unknown format', { type: 'string', format: 'ipv4' }],
    ['a schema that is none', { properties: { a: true } }],
    ['a list that is none', { enum: 'a' }],
    ['a name that is none', { required: [1] }],
    ['properties that are none', { properties: 1 }],
  ])('is refused for %s, never skipped over', (_what, schema) => {
    expect(() => compileSchema(schema)).toThrow(expect.objectContaining({ code: 'schema-invalid' }))
  })
  it('is refused for a reference that leads nowhere', () => {
    const check = compileSchema({ $ref: '#/definitions/gone', definitions: {} })
    expect(() => check({})).toThrow(expect.objectContaining({ code: 'schema-invalid' }))
  })
  it('may allow other members, and constants', () => {
    expect(compileSchema({ additionalProperties: true })({ a: 1 })).toEqual([])
    expect(compileSchema({ properties: { a: {} }, additionalProperties: { const: 1 } })({ a: 2, b: 1 })).toEqual([])
    expect(compileSchema({ additionalProperties: { const: 1 } })({ b: 2 })).toHaveLength(1)
  })
})
