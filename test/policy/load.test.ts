import { describe, expect, it } from 'vitest'
import { loadBundle } from '../../src/policy/load.ts'
import { bundleOf, faultsOf, load, tools } from '../support/policies.ts'

const PERMIT = '@id("base") permit (principal, action, resource);\n'

describe('a folder of policies', () => {
  it('loads with every rule, its place and what it demands', () => {
    const { policies, digest } = bundleOf(
      `// head\n\n${PERMIT}`,
      '@id("rate") @rate("5/1m") permit (principal, action in MCP::Action::"use", resource);',
    )
    expect(digest).toMatch(/^[\w-]{43}$/)
    expect(policies).toMatchObject([
      { id: 'base', set: 'authz', file: 'authz/test.cedar', line: 3 },
      { id: 'rate', set: 'obligations', obligations: { rates: [{ count: 5, seconds: 60, per: ['principal', 'tool'] }] } },
    ])
  })
  it('attack: a limit over more days than a timer holds, which would let everything pass, does not load', () => {
    const rate = (text: string): string => `@id("rate") @rate("${text}") permit (principal, action in MCP::Action::"use", resource);`
    expect(bundleOf(PERMIT, rate('1/24d')).policies[1]).toMatchObject({ obligations: { rates: [{ seconds: 2_073_600 }] } })
    for (const text of ['1/25d', '1/577h', '1/9999d'])
      expect(faultsOf(PERMIT, rate(text))).toMatchObject([{ message: 'expected a time of at most 24 days' }])
  })
  it('attack: a code that nothing finds, by which a forbid would be silent, does not load', () => {
    const rule = (asks: string): string =>
      `@id("secrets") forbid (principal, action == MCP::Action::"tools/call", resource) when { ${asks} };`
    expect(faultsOf(PERMIT + rule('context.findings.contains("secret-token") || context.findings.containsAny(["private-key"])'))).toEqual(
      [],
    )
    for (const asks of ['.contains("privat-key")', '.containsAny(["secret-token", "privat-key"])', '.containsAll(["privat-key"])'])
      expect(faultsOf(PERMIT + rule(`resource.hints.openWorld && !(context.findings${asks})`))).toMatchObject([
        { id: 'secrets', line: 2, message: 'nothing is found under the code `privat-key`', fix: 'did you mean `private-key`?' },
      ])
    expect(faultsOf(PERMIT + rule('context["findings"].contains("frogs")'))).toMatchObject([{ fix: 'docs/detection.md has all codes' }])
  })
  it('reports all that is wrong with it at once: file, line, column, and what was meant', () => {
    const faults = faultsOf(
      [
        '@id("no.such.action")',
        'permit (principal, action == MCP::Action::"tols/call", resource);',
        '@id("ü") // not a name',
        'permit (principal, action, resource);',
        '  permit (principal, action, resource);',
        '@id("broken") permit (principal, action resource);',
        '@id("typo") @tittle("x") permit (principal, action, resource);',
        '@id("comment") permit (principal, action, resource) when { /* */ true };',
        '@id("enum") permit (principal, action, resource is MCP::Tool) when { resource.server.signature == MCP::Signature::"verifed" };',
        '@id("optional") permit (principal, action, resource) when { context.approval.count > 1 };',
        '@id("never") permit (principal, action, resource is MCP::Tool) when { false };',
        '@id("twice") permit (principal, action, resource);',
        '@id("twice") forbid (principal, action, resource);',
        '@id("homoglyph") permit (principal in MCP::Group::"аdmins", action, resource);',
        '@id("slot") permit (principal in ?principal, action, resource);',
        '@id("rated") @rate("5/1m") permit (principal, action in MCP::Action::"use", resource);',
        '@id("attribute") permit (principal, action, resource is MCP::Tool) when { resource.nmae == "x" };',
      ].join('\n'),
      '@id("nothing") permit (principal, action in MCP::Action::"use", resource);\n@id("bad.rate") @rate("often") permit (principal, action in MCP::Action::"use", resource);\n@id("forbids") @rate("1/s") forbid (principal, action in MCP::Action::"use", resource);',
    )
    const told = faults.map(({ file, line, column, id, message, fix }) => `${file}:${line}:${column} ${id ?? ''} ${message} / ${fix ?? ''}`)
    expect(told).toMatchInlineSnapshot(`
      [
        "authz/test.cedar:2:30 no.such.action unrecognized action \`MCP::Action::"tols/call"\` / did you mean \`MCP::Action::"tools/call"\`?",
        "authz/test.cedar:3:1  expected a name of letters, digits and \`._/-\` in \`@id\` / ",
        "authz/test.cedar:5:3  a rule without a name / put \`@id("some.name")\` in front of it",
        "authz/test.cedar:6:41  unexpected token \`resource\`: expected \`!=\`, \`)\`, \`,\`, \`:\`, \`<\`, \`<=\`, \`==\`, \`>\`, \`>=\`, \`in\`, or \`is\` / ",
        "authz/test.cedar:7:13  no annotation \`@tittle\` / did you mean \`@title\`?",
        "authz/test.cedar:8:60  unexpected token \`/\`: expected \`!\`, \`(\`, \`-\`, \`[\`, \`{\`, \`}\`, \`false\`, identifier, \`if\`, number, \`?principal\`, \`?resource\`, string literal, or \`true\` / ",
        "authz/test.cedar:9:99 enum entity \`MCP::Signature::"verifed"\` is of an enumerated entity type, but \`"verifed"\` is not declared as a valid eid / valid entity eids: "verified", "unsigned"",
        "authz/test.cedar:10:61 optional unable to guarantee safety of access to optional attribute \`approval\` in the context / try testing for the attribute's presence with \`context has approval && ..\`",
        "authz/test.cedar:11:1 never policy is impossible: the policy expression evaluates to false for all valid requests / ",
        "authz/test.cedar:13:1 twice a second rule \`twice\` / the first stands in authz/test.cedar:12",
        "authz/test.cedar:14:1 homoglyph identifier \`аdmins\` contains mixed scripts / ",
        "authz/test.cedar:15:34  expected a static policy, got a template containing the slot ?principal / try removing the template slot(s) from this policy",
        "authz/test.cedar:16:14  \`@rate\` means nothing in authz/ / move the rule to obligations/",
        "authz/test.cedar:17:75 attribute attribute \`nmae\` on entity type \`MCP::Tool\` not found / did you mean \`name\`?",
        "obligations/test.cedar:1:1  demands nothing / give it one of @rate, @concurrency, @max_result, @redact, @stop_on, @record",
        "obligations/test.cedar:2:17  expected a count and a time such as \`120/1m\` / ",
        "obligations/test.cedar:3:1  a forbid in obligations/ / rules there are permits: each that applies adds what it demands",
      ]
    `)
  })
  it('needs a rule that permits something: an empty folder would be a gateway that refuses everybody', () => {
    expect(faultsOf('')).toMatchObject([{ file: 'authz', message: 'no rule permits anything' }])
    expect(faultsOf('@id("x") forbid (principal, action, resource);')).toMatchObject([{ message: 'no rule permits anything' }])
  })
  it.each([
    ['U+202E in a comment', `// \u202e\n${PERMIT}`],
    ['U+200B in a string', '@id("x") permit (principal in MCP::Group::"a\u200b", action, resource);'],
    ['tags', `${PERMIT}// \u{e0041}`],
    ['a byte order mark', `\ufeff${PERMIT}`],
  ])('attack: what a reviewer cannot see does not load: %s', (_, text) => {
    expect(faultsOf(text).map(({ message }) => message)).toContain('a hidden character')
  })
  it('attack: a rule nested without end is a fault of the file, and the next file loads', () => {
    const deep = `@id("deep") permit (principal, action, resource) when { ${'('.repeat(20_000)}true${')'.repeat(20_000)} };`
    expect(faultsOf(deep)).toHaveLength(1)
    expect(faultsOf(`@id("deep") permit (principal, action, resource) when { ${'!'.repeat(5000)}true };`)).toHaveLength(1)
    expect(faultsOf(PERMIT)).toEqual([])
  })
  it('attack: a policy cannot compare an argument with a text longer than arguments are read', () => {
    const long = 'a'.repeat(5000)
    expect(faultsOf(`@id("x") permit (principal, action, resource) when { context.endpoint == "${long}" };`)).toMatchObject([
      { message: 'a text of more than 4096 characters' },
    ])
  })

  describe('approval', () => {
    const forbid = (words: string, rest = ' unless { context has approval }'): string =>
      `${PERMIT}@id("x") ${words} forbid (principal, action, resource)${rest};`
    it('says who may give it, and how long it counts', () => {
      const { policies } = bundleOf(forbid('@obligation("approval") @approvers("a, b") @approval_ttl("2h")'))
      expect(policies[1]).toMatchObject({ approval: { approvers: ['a', 'b'], ttlSeconds: 7200 } })
      const later = forbid('@obligation("approval") @approvers("a") @escalate_after("5m") @escalate_to("b, c") @standing("8h")')
      expect(bundleOf(later).policies[1]).toMatchObject({
        approval: { escalation: { afterSeconds: 300, approvers: ['b', 'c'] }, standingSeconds: 28_800 },
      })
      expect(bundleOf(forbid('@obligation("approval") @approvers("a")')).policies[1]).toMatchObject({ approval: { ttlSeconds: 900 } })
    })
    it.each([
      ['nobody may approve', forbid('@obligation("approval")')],
      ['no obligation `aproval`', forbid('@obligation("aproval") @approvers("a")')],
      ['no approval would lift it', forbid('@obligation("approval") @approvers("a")', ' when { context.readUntrusted }')],
      ['`@approvers` without `@obligation("approval")`', forbid('@approvers("a")')],
      ['expected a time such as `15m`', forbid('@obligation("approval") @approvers("a") @approval_ttl("soon")')],
      ['`@standing` without `@obligation("approval")`', forbid('@standing("8h")')],
      ['expected at most `30d`', forbid('@obligation("approval") @approvers("a") @standing("31d")')],
      ['expected a time such as `5m`', forbid('@obligation("approval") @approvers("a") @escalate_to("b")')],
      ['nobody to ask besides', forbid('@obligation("approval") @approvers("a") @escalate_after("5m") @escalate_to("self")')],
      ['it would have ended by then', forbid('@obligation("approval") @approvers("a") @escalate_after("15m") @escalate_to("b")')],
      [
        'approval on a permit',
        '@id("x") @obligation("approval") @approvers("a") permit (principal, action, resource) unless { context has approval };',
      ],
    ])('%s', (message, text) => {
      expect(faultsOf(text)).toMatchObject([{ message }])
    })
  })

  describe('has a digest', () => {
    const digest = (text: string, obligations?: string): string => bundleOf(text, obligations).digest
    const OTHER = '@id("other") forbid (principal, action, resource);\n'
    it('that is the same whatever the order and the comments between rules', () => {
      expect(digest(`${PERMIT}// here\n${OTHER}`)).toBe(digest(OTHER + PERMIT))
    })
    it('that differs with every rule, the set it is in, and the schema', () => {
      const rate = '@id("r") @rate("5/1m") permit (principal, action in MCP::Action::"use", resource);'
      const all = [digest(PERMIT), digest(PERMIT + OTHER), digest(PERMIT, rate), digest(PERMIT, rate.replace('5', '6'))]
      const loaded = loadBundle([{ set: 'authz', name: 'a', text: PERMIT }], { ...tools, schema: `${tools.schema}\n` })
      expect(new Set([...all, 'bundle' in loaded ? loaded.bundle.digest : '']).size).toBe(5)
    })
  })
  it('is bounded in rules and faults', () => {
    const many = Array.from({ length: 20_050 }, () => ';').join('')
    const { faults } = load(many) as { faults: readonly { message: string }[] }
    expect(faults).toHaveLength(200)
  })
})
