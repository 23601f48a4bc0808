import { describe, expect, it } from 'vitest'
import { keyOf } from '../../src/kernel/principal.ts'
import type { Principal } from '../../src/kernel/principal.ts'
import {
  contextFacts,
  definitionEntity,
  endpointEntity,
  principalEntity,
  serverEntity,
  type ServerFacts,
  type ToolHints,
} from '../../src/policy/facts.ts'

const ISSUER = 'https://login.example.com'
const someone = (change: Partial<Principal> = {}): Principal => ({
  key: keyOf(ISSUER, change.subject ?? 'alice'),
  issuer: ISSUER,
  subject: 'alice',
  groups: ['staff'],
  scopes: [],
  wildcards: [],
  kind: 'person',
  expiresAtSeconds: 0,
  ...change,
})
const SIGNED: ServerFacts = {
  alias: 'files',
  registryName: 'io.github.acme/files',
  version: '1.0.0',
  publisher: 'io.github.acme',
  signature: 'verified',
  standing: 'admitted',
  reviewer: 'security',
  labels: ['production'],
}

describe('the facts of a principal', () => {
  it('come from the token: issuer and subject, client, groups', () => {
    expect(principalEntity(someone({ client: 'cli' }))).toEqual({
      type: 'User',
      id: `${ISSUER} alice`,
      within: new Set([`User ${ISSUER} alice`, 'Group staff']),
      attributes: { issuer: ISSUER, subject: 'alice', client: 'cli' },
    })
    expect(principalEntity(someone({ kind: 'workload' }))).toMatchObject({ type: 'Workload', attributes: { client: '' } })
  })
  it('name the issuer of a group where several could hold it', () => {
    expect(principalEntity(someone(), `${ISSUER} `)?.within).toContain(`Group ${ISSUER} staff`)
  })
  it.each([{ subject: '\ud800' }, { groups: ['\udc00'] }, { client: '\ud800' }])(
    'attack: a name that is not well-formed has no facts: %j',
    change => {
      expect(principalEntity(someone(change))).toBe(undefined)
    },
  )
})

describe('the facts of a server', () => {
  it('are what was verified, and groups of servers to name it by', () => {
    expect(serverEntity(SIGNED)).toMatchObject({
      type: 'Server',
      id: 'files',
      within: new Set(['Server files', 'Label production', 'Publisher io.github.acme', 'Registered io.github.acme/files']),
      attributes: {
        server: { publisher: 'io.github.acme', version: '1.0.0', signature: 'verified', standing: 'admitted', reviewer: 'security' },
      },
    })
  })
  it('attack: names it only claims are no facts: without a verified signature there is neither publisher nor registry name', () => {
    const claimed = serverEntity({ ...SIGNED, signature: 'unsigned' })
    expect([...claimed!.within]).toEqual(['Server files', 'Label production'])
    expect(claimed!.attributes['server']).toMatchObject({ registryName: '', version: '', publisher: '', signature: 'unsigned' })
  })
})

describe('the facts of a definition', () => {
  const hints = (given: ToolHints): unknown => definitionEntity(SIGNED, { kind: 'tool', name: 't', hints: given })?.attributes['hints']
  it.each<[ToolHints, object]>([
    [{}, { readOnly: false, destructive: true, idempotent: false, openWorld: true }],
    [{ readOnlyHint: true }, { readOnly: true, destructive: false }],
    [
      { readOnlyHint: true, destructiveHint: true },
      { readOnly: true, destructive: true },
    ],
    [
      { destructiveHint: false, openWorldHint: false, idempotentHint: true },
      { readOnly: false, destructive: false, idempotent: true, openWorld: false },
    ],
  ])('hints %j', (given, expected) => {
    expect(hints(given)).toMatchObject(expected)
  })
  it('name it within its server, and carry its digest', () => {
    expect(definitionEntity(SIGNED, { kind: 'tool', name: 'read', digest: 'abc', hints: {} })).toMatchObject({
      type: 'Tool',
      id: 'files/read',
      attributes: { name: 'read', digest: 'abc' },
    })
    expect(definitionEntity(SIGNED, { kind: 'prompt', name: 'p' })).toMatchObject({
      type: 'Prompt',
      id: 'files/p',
      attributes: { digest: '' },
    })
    expect(definitionEntity(SIGNED, { kind: 'template', uriTemplate: 'x:{a}' })).toMatchObject({
      type: 'Template',
      attributes: { uriTemplate: 'x:{a}' },
    })
  })
  it.each([
    ['file:///srv/a', false],
    ['file:///srv/../etc', true],
    ['file:///srv/%2e%2e/etc', true],
    ['file:///srv\\..', true],
  ])('say whether a URI may climb: %s', (uri, climbs) => {
    expect(definitionEntity(SIGNED, { kind: 'resource', uri })).toMatchObject({ attributes: { uri, climbs } })
  })
  it('attack: a name that is not well-formed has no facts', () => {
    expect(definitionEntity(SIGNED, { kind: 'tool', name: 'a\ud800', hints: {} })).toBe(undefined)
    expect(endpointEntity('/\ud800')).toBe(undefined)
  })
})

describe('the facts of a moment', () => {
  it.each([
    ['2026-11-21T00:00:00Z', 0, 6],
    ['2026-11-22T23:59:59Z', 23, 7],
    ['2026-11-23T12:00:00Z', 12, 1],
  ])('%s', (time, hour, weekday) => {
    expect(contextFacts(Date.parse(time), { endpoint: '/mcp', era: 'legacy' })).toMatchObject({
      hour,
      weekday,
      era: 'legacy',
      readUntrusted: false,
    })
  })
})
