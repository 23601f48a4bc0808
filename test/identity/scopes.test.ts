import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { grantedTo, type ScopeGrant } from '../../src/identity/scope-grants.ts'
import { heldOf, ScopeIndex, type Coverage } from '../../src/identity/scopes.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'

const covering = (change: Partial<Coverage>): Coverage => ({ tools: [], prompts: [], resources: [], ...change })
const index = (words: Readonly<Record<string, Partial<Coverage>>>): ScopeIndex =>
  new ScopeIndex('files', new Map(Object.entries(words).map(([word, covered]) => [word, covering(covered)])))
const holder = (scopes: readonly string[], wildcards: readonly string[] = []): Principal => ({
  key: keyOf('https://i', 'alice'), issuer: 'https://i', subject: 'alice', kind: 'person', groups: [], scopes, wildcards, expiresAtSeconds: 1,
}) // prettier-ignore

describe('what a person allowed before the server became another', () => {
  const words = new Map([['read', covering({ tools: ['read'] })]])
  const files = new ScopeIndex('files', words, 5_000)
  const allowed = (atSeconds: number, scopes = ['files:read', 'files:use']): Principal => ({ ...holder(['files:read', 'files:use']), consent: { scopes, atSeconds } }) // prettier-ignore
  it('counts no more: for tools, for what no word covers and for tasks', () => {
    expect(files.missing(allowed(5), 'tool', 'read')).toBe(undefined)
    expect(files.missing(allowed(5), 'task', 'x')).toBe(undefined)
    expect(files.missing(allowed(4), 'tool', 'read')).toEqual(['files:read'])
    expect(files.missing(allowed(4), 'tool', 'other')).toEqual(['files:use'])
    expect(files.missing(allowed(4), 'task', 'x')).toEqual(['files:use'])
    expect(files.missing(allowed(0), 'method', 'skills/list')).toEqual(['files:use'])
  })
  it('what an administrator gave, and what other issuers did, does', () => {
    expect(files.missing(allowed(4, ['files:use']), 'tool', 'read')).toBe(undefined)
    expect(files.missing(allowed(4, ['files:use']), 'task', 'x')).toBe(undefined)
    expect(files.missing({ ...allowed(4), wildcards: ['files:*'] }, 'tool', 'read')).toBe(undefined)
    expect(files.missing(holder(['files:read']), 'tool', 'read')).toBe(undefined)
  })
  it('other servers are not concerned', () => {
    expect(new ScopeIndex('files', words).missing(allowed(0), 'tool', 'read')).toBe(undefined)
  })
})

describe('what a primitive needs', () => {
  const files = index({
    read: { tools: ['read_*', 'copy'], resources: ['file:///*'] },
    write: { tools: ['write_file', 'copy'], prompts: ['edit'], resources: ['file:///inbox/{name}'] },
    audit: { tools: ['*'] },
    secret: { resources: ['file:///inbox/secret/*', 'mem://key'] },
  })
  it.each([
    ['tool', 'read_file', ['files:read', 'files:audit']],
    ['tool', 'copy', ['files:read', 'files:write', 'files:audit']],
    ['tool', 'other', ['files:audit']],
    ['tool', 'READ_FILE', ['files:audit']],
    ['tool', 'read_', ['files:read', 'files:audit']],
    ['prompt', 'edit', ['files:write']],
    ['prompt', 'other', ['files:use']],
    ['resource', 'file:///a', ['files:read']],
    ['resource', 'file:///inbox/a', ['files:write', 'files:read']],
    ['resource', 'file:///inbox/secret/a', ['files:secret', 'files:write', 'files:read']],
    ['resource', 'mem://key', ['files:secret']],
    ['resource', 'mem://other', ['files:use']],
    ['method', 'skills/list', ['files:use']],
  ] as const)('the %s %s needs %j', (kind, name, needed) => {
    expect([...files.neededFor(kind, name)].sort()).toEqual([...needed].sort())
  })
  it('without words everything needs `use`', () => {
    for (const kind of ['tool', 'prompt', 'resource', 'method'] as const) expect(index({}).neededFor(kind, 'x')).toEqual(['files:use'])
  })
  it.each(['file:///public/../inbox/secret/a', 'file:///%2e%2e/x', 'file:///a\\b', 'file:///a%5cb', 'file:///a/.', 'file:///a\u0000'])(
    'a name that may climb out of its prefix (%s) needs all that any prefix stands for',
    name => expect([...files.neededFor('resource', name)].sort()).toEqual(['files:read', 'files:secret', 'files:write']),
  )
  it('knows all its scopes, `use` first, each once', () => {
    expect(index({ write: { tools: ['a'] }, use: { tools: ['b'] } }).names).toEqual(['files:use', 'files:write'])
  })
  it('law: what an index says is what its words say, one by one', () => {
    const name = fc.stringMatching(/^[ab/]{0,4}$/)
    const pattern = fc.oneof(name.filter(text => text !== ''), name.map(text => `${text}*`)) // prettier-ignore
    const words = fc.dictionary(fc.constantFrom('r', 's', 't', 'u'), fc.array(pattern, { minLength: 1, maxLength: 5 }))
    fc.assert(
      fc.property(words, name, (spec, asked) => {
        const made = index(Object.fromEntries(Object.entries(spec).map(([word, tools]) => [word, { tools }])))
        const covers = (text: string): boolean => (text.endsWith('*') ? asked.startsWith(text.slice(0, -1)) : text === asked)
        const expected = Object.entries(spec).flatMap(([word, tools]) => (tools.some(covers) ? [`files:${word}`] : []))
        // What climbs is stricter; a tool of such a name is judged as one.
        fc.pre(!/(?:^|[/:])\.{1,2}(?:\/|$)/.test(asked))
        expect([...made.neededFor('tool', asked)].sort()).toEqual((expected.length > 0 ? expected : ['files:use']).sort())
      }),
    )
  })
})

describe('what a caller holds', () => {
  const files = index({ read: { tools: ['read'] }, write: { tools: ['write', 'copy'] }, all: { tools: ['copy'] } })
  it('all of it at once, or what is missing by name', () => {
    expect(files.missing(holder(['files:read']), 'tool', 'read')).toBeUndefined()
    expect(files.missing(holder(['files:read', 'files:all']), 'tool', 'copy')).toEqual(['files:write'])
    expect(files.missing(holder([]), 'tool', 'copy')).toEqual(['files:write', 'files:all'])
    expect(files.missing(holder(['files:write', 'files:all']), 'tool', 'copy')).toBeUndefined()
  })
  it.each([
    'files:*',
    '*',
    'FILES:READ',
    'files:readX',
    'files:read,files:write',
    'files',
    ':read',
    'files:',
    'other:read',
    'files:read\u00a0',
    '__proto__',
  ])('N022: a token with `%s` holds nothing of it', scope => {
    expect(files.missing(holder([scope]), 'tool', 'read')).toEqual(['files:read'])
    expect(files.missing(holder([scope]), 'method', 'x/y')).toEqual(['files:use'])
    expect(files.missing(holder([scope]), 'task', 't')).toEqual(['files:use'])
  })
  it('a given wildcard covers its own upstream, and `*` all of them', () => {
    for (const wildcards of [['files:*'], ['*']])
      for (const kind of ['tool', 'method', 'task'] as const) expect(files.missing(holder([], wildcards), kind, 'copy')).toBeUndefined()
    expect(files.missing(holder([], ['file:*', 'filesx:*']), 'tool', 'copy')).toEqual(['files:write', 'files:all'])
  })
  it('N034: a task needs any one scope of its upstream', () => {
    expect(files.missing(holder(['files:read']), 'task', 't')).toBeUndefined()
    expect(files.missing(holder(['other:read']), 'task', 't')).toEqual(['files:use'])
  })
  it('a new token should have again what the old one had of these upstreams, no more than fits', () => {
    const scopes = ['mcp', 'files:read', 'other:read', 'files:*', 'files:write']
    expect(heldOf(holder(scopes), ['files'], 10)).toEqual(['files:read', 'files:write'])
    expect(heldOf(holder(scopes), ['files', 'other'], 2)).toEqual(['files:read', 'other:read'])
    expect(heldOf(holder(scopes), ['files'], 0)).toEqual([])
  })
})

describe('what the configuration gives', () => {
  const to = (change: Partial<ScopeGrant>): ScopeGrant => ({
    everyone: false,
    groups: [],
    scopes: [],
    clients: [],
    subjects: [],
    give: ['files:read'],
    ...change,
  })
  const alice = { subject: 'alice', client: 'cli', groups: ['dev'], scopes: ['api.use', 'files:list'] }
  it.each([[{ everyone: true }], [{ groups: ['x', 'dev'] }], [{ scopes: ['api.use'] }], [{ clients: ['cli'] }], [{ subjects: ['alice'] }]])(
    'to whom %j names, besides what the token has',
    change =>
      expect(grantedTo([to(change)], alice)).toEqual({ scopes: ['api.use', 'files:list', 'files:read'], wildcards: [], own: alice.scopes }),
  )
  it.each([[{}], [{ groups: ['DEV'] }], [{ scopes: ['api.*'] }], [{ clients: ['dev'] }], [{ subjects: ['cli'] }], [{ groups: ['alice'] }]])(
    'and nobody else: %j',
    change => expect(grantedTo([to(change)], alice)).toEqual({ scopes: alice.scopes, wildcards: [], own: alice.scopes }),
  )
  it('wildcards come from the configuration alone', () => {
    const wild = { ...alice, scopes: ['*', 'files:*'] }
    expect(grantedTo([], wild)).toEqual({ scopes: ['*', 'files:*'], wildcards: [], own: ['*', 'files:*'] })
    expect(grantedTo([to({ everyone: true, give: ['files:*', '*', 'a:b'] })], alice)).toEqual({
      scopes: [...alice.scopes, 'a:b'],
      wildcards: ['files:*', '*'],
      own: alice.scopes,
    })
    // What both give does not hang on what the person allowed.
    expect(grantedTo([to({ everyone: true, give: ['files:list'] })], alice).own).toEqual(['api.use'])
  })
})
