import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyOf } from '../../src/kernel/principal.ts'
import type { Principal } from '../../src/kernel/principal.ts'
import { entitlementOf } from '../../src/policy/allow-list.ts'
import type { AllowRule, Primitive } from '../../src/policy/allow-list.ts'

const ISSUER = 'https://login.example.com'

const someone = (change: Partial<Principal> = {}): Principal => {
  const subject = change.subject ?? 'alice'
  const issuer = change.issuer ?? ISSUER
  return {
    key: keyOf(issuer, subject),
    issuer,
    subject,
    groups: [],
    scopes: [],
    wildcards: [],
    kind: 'person',
    expiresAtSeconds: 0,
    ...change,
  }
}
const rule = (change: Partial<AllowRule>): AllowRule => ({
  id: 'r',
  subjects: [],
  groups: [],
  clients: [],
  tools: [],
  prompts: [],
  resources: [],
  methods: [],
  serverRequests: [],
  ...change,
})

describe('who a rule applies to', () => {
  it.each([
    ['a subject', { subjects: ['alice'] }, {}, true],
    ['another subject', { subjects: ['bob'] }, {}, false],
    ['every authenticated principal', { subjects: ['*'] }, {}, true],
    ['a group', { groups: ['staff'] }, { groups: ['x', 'staff'] }, true],
    ['another group', { groups: ['staff'] }, { groups: ['Staff'] }, false],
    ['a client', { clients: ['cli'] }, { client: 'cli' }, true],
    ['no client in the token', { clients: ['cli'] }, {}, false],
    ['nobody', {}, { groups: ['staff'], client: 'cli' }, false],
    ['a star among groups is a literal', { groups: ['*'] }, { groups: ['staff'] }, false],
    ['a star among clients is a literal', { clients: ['*'] }, { client: 'cli' }, false],
    ['a subject of the named issuer', { subjects: ['alice'], issuers: [ISSUER] }, {}, true],
  ] as const)('%s', (_, of, who, applies) => {
    const entitlement = entitlementOf([rule({ ...of, tools: ['echo'] })], someone(who))
    expect(entitlement.isEmpty).toBe(!applies)
    expect(entitlement.permits('tool', 'echo')).toBe(applies ? 'r' : undefined)
  })

  it('attack: the same subject at another issuer gains nothing from a rule that names its issuer', () => {
    const rules = [rule({ subjects: ['alice', '*'], groups: ['staff'], clients: ['cli'], issuers: [ISSUER], tools: ['*'] })]
    const impostor = someone({ issuer: 'https://evil.example', groups: ['staff'], client: 'cli' })
    expect(entitlementOf(rules, impostor).isEmpty).toBe(true)
  })

  it('attack: a principal whose subject is `*` gains only what everybody has', () => {
    const rules = [rule({ id: 'all', subjects: ['*'], tools: ['echo'] }), rule({ id: 'one', subjects: ['alice'], tools: ['delete'] })]
    const star = entitlementOf(rules, someone({ subject: '*' }))
    expect(star.permits('tool', 'echo')).toBe('all')
    expect(star.permits('tool', 'delete')).toBeUndefined()
  })
})

describe('what rules permit', () => {
  const everybody = { subjects: ['*'] }

  it('denies by default, everything', () => {
    const none = entitlementOf([], someone())
    for (const kind of ['tool', 'prompt', 'resource', 'method'] as const) expect(none.permits(kind, 'echo')).toBeUndefined()
    expect(none.isEmpty).toBe(true)
    expect(none.serverRequests.size).toBe(0)
  })

  it('names the first rule in order, whatever its form', () => {
    const rules = [
      rule({ ...everybody, id: 'prefix', resources: ['file:///a/*'] }),
      rule({ ...everybody, id: 'exact', resources: ['file:///a/b'], tools: ['echo'] }),
      rule({ ...everybody, id: 'star', resources: ['*'], tools: ['*'] }),
    ]
    const all = entitlementOf(rules, someone())
    expect(all.permits('resource', 'file:///a/b')).toBe('prefix')
    expect(all.permits('resource', 'file:///c')).toBe('star')
    expect(all.permits('tool', 'echo')).toBe('exact')
    expect(all.permits('tool', 'other')).toBe('star')
  })

  it('keeps the kinds apart', () => {
    const tools = entitlementOf([rule({ ...everybody, tools: ['*'] })], someone())
    for (const kind of ['prompt', 'resource', 'method'] as const) expect(tools.permits(kind, 'echo')).toBeUndefined()
  })

  it('never opens every method with a star', () => {
    const all = entitlementOf([rule({ ...everybody, methods: ['*', 'skills/list'] })], someone())
    expect(all.permits('method', 'skills/list')).toBe('r')
    expect(all.permits('method', 'skills/get')).toBeUndefined()
    expect(all.permits('method', '*')).toBeUndefined()
  })

  it('reads a trailing star as a prefix for resources only', () => {
    const all = entitlementOf(
      [rule({ ...everybody, tools: ['get*'], prompts: ['get*'], methods: ['get*'], resources: ['get*'] })],
      someone(),
    )
    for (const kind of ['tool', 'prompt', 'method'] as const) {
      expect(all.permits(kind, 'get-env')).toBeUndefined()
      expect(all.permits(kind, 'get*')).toBe('r')
    }
    expect(all.permits('resource', 'get-env')).toBe('r')
  })

  it('attack: names that exist on every object are not permitted by accident', () => {
    const all = entitlementOf([rule({ ...everybody, tools: ['echo'] })], someone())
    for (const name of ['constructor', '__proto__', 'toString', '']) expect(all.permits('tool', name)).toBeUndefined()
  })

  it.each([
    'file:///public/../secret',
    'file:///public/..',
    'file:///public/..?x',
    'file:///public/./secret',
    'file:///public/%2e%2E/secret',
    'file:///public/.%2e/secret',
    'file:///public%2f..%2fsecret',
    'file:///public/..\\secret',
    'file:///public/..%5csecret',
    'file:///public/%252e%252e/secret',
    'file:///public/.\t./secret',
    'file:///public/..;/secret',
    'file:///public/%00',
  ])('attack: %s does not climb out of a permitted prefix', uri => {
    const prefix = entitlementOf([rule({ ...everybody, resources: ['file:///public/*', 'file:///public*'] })], someone())
    expect(prefix.permits('resource', uri)).toBeUndefined()
    expect(prefix.permits('resource', 'file:///public/..hidden/a.b...')).toBe('r')
    // What an administrator wrote out in full stays permitted.
    expect(entitlementOf([rule({ ...everybody, resources: [uri] })], someone()).permits('resource', uri)).toBe('r')
  })

  it('joins the server requests of every rule that applies', () => {
    const rules = [
      rule({ subjects: ['alice'], tools: ['a'], serverRequests: ['sampling'] }),
      rule({ ...everybody, id: 's', tools: ['b'], serverRequests: ['elicitation.form'] }),
      rule({ subjects: ['bob'], tools: ['c'], serverRequests: ['roots'] }),
    ]
    expect([...entitlementOf(rules, someone()).serverRequests].sort()).toEqual(['elicitation.form', 'sampling'])
  })
})

describe('the digest', () => {
  const rules = [rule({ id: 'a', subjects: ['alice'], tools: ['x'] }), rule({ id: 'b', groups: ['staff'], tools: ['y'] })]

  it('is the same for everybody to whom the same rules apply, and the answer is shared', () => {
    const staff = someone({ subject: 'carol', groups: ['staff'] })
    expect(entitlementOf(rules, staff)).toBe(entitlementOf(rules, someone({ subject: 'dave', groups: ['staff'] })))
    expect(entitlementOf(rules, someone()).digest).not.toBe(entitlementOf(rules, staff).digest)
  })

  it('depends on content, not on where the rules were loaded from', () => {
    const copy = structuredClone(rules)
    expect(entitlementOf(copy, someone()).digest).toBe(entitlementOf(rules, someone()).digest)
  })

  it.each([
    { tools: ['x', 'z'] },
    { prompts: ['x'] },
    { resources: ['x'] },
    { methods: ['x'] },
    { serverRequests: ['roots' as const] },
    { issuers: [ISSUER] },
    { id: 'other' },
  ])('changes with %j', change => {
    const [first, second] = rules as [AllowRule, AllowRule]
    expect(entitlementOf([{ ...first, ...change }, second], someone()).digest).not.toBe(entitlementOf(rules, someone()).digest)
  })

  it('stays right when more combinations of groups exist than are shared', () => {
    const many = Array.from({ length: 12 }, (_, i) => rule({ id: `r${i}`, groups: [`g${i}`], tools: [`t${i}`] }))
    for (let set = 0; set < 1 << 12; set += 3) {
      const groups = many.flatMap((_, i) => (set & (1 << i) ? [`g${i}`] : []))
      const got = entitlementOf(many, someone({ groups }))
      expect(many.map((_, i) => got.permits('tool', `t${i}`) !== undefined)).toEqual(many.map((_, i) => (set & (1 << i)) !== 0))
    }
  })
})

describe('law: the answer equals a plain reading of the rules', () => {
  const word = fc.constantFrom('a', 'b', 'ab', 'abc', 'b/c', 'a/b', 'a/', '', '*', 'a*', 'ab*', 'a/*', 'b*')
  const names = fc.array(word, { maxLength: 4 })
  const who = fc.constantFrom('alice', 'bob', '*', 'staff')
  const people = fc.array(who, { maxLength: 2 })
  const anyRule = fc.record({
    id: fc.string(),
    subjects: people,
    groups: people,
    clients: people,
    tools: names,
    prompts: names,
    resources: names,
    methods: names,
    serverRequests: fc.subarray(['sampling', 'roots', 'elicitation.form'] as const),
  })
  const anyPrincipal = fc
    .record({ subject: who, groups: people, client: fc.option(who, { nil: undefined }) })
    .map(({ client, ...rest }) => someone(client === undefined ? rest : { ...rest, client }))

  const plain = (rules: readonly AllowRule[], principal: Principal, kind: Primitive, name: string): string | undefined =>
    rules
      .filter(
        r =>
          r.subjects.includes('*') ||
          r.subjects.includes(principal.subject) ||
          r.groups.some(g => principal.groups.includes(g)) ||
          (principal.client !== undefined && r.clients.includes(principal.client)),
      )
      .find(r => {
        const list = { tool: r.tools, prompt: r.prompts, resource: r.resources, method: r.methods }[kind]
        if (kind === 'method') return name !== '*' && list.includes(name)
        if (list.includes('*')) return true
        if (kind !== 'resource') return list.includes(name)
        return list.some(n => (n.endsWith('*') ? name.startsWith(n.slice(0, -1)) : n === name))
      })?.id

  it('for every principal, kind and name', () => {
    fc.assert(
      fc.property(
        fc.array(anyRule, { maxLength: 6 }),
        anyPrincipal,
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', '/') }), { minLength: 1 }),
        (rules, principal, asked) => {
          const got = entitlementOf(rules, principal)
          for (const name of asked)
            for (const kind of ['tool', 'prompt', 'resource', 'method'] as const)
              expect(got.permits(kind, name)).toBe(plain(rules, principal, kind, name))
        },
      ),
      { numRuns: 2000 },
    )
  })
})
