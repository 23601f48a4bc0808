// `gatehouse policy`: what somebody who writes policies types, sees and gets.

import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { gatehouse, type Run } from './io.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-policy-'))
  cpSync(new URL('../../policies', import.meta.url), join(cwd, 'policies'), { recursive: true })
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const policy = (...argv: string[]): Promise<Run> => gatehouse(['policy', ...argv], { cwd })
const read = (file: string): string => readFileSync(join(cwd, 'policies', file), 'utf8')
const write = (file: string, text: string): void => writeFileSync(join(cwd, 'policies', file), text)
const edit = (file: string, from: string | RegExp, to: string): void => {
  const text = read(file)
  expect(text.replace(from, to)).not.toBe(text)
  write(file, text.replace(from, to))
}
const GUARDS = 'authz/00-guardrails.cedar'

describe('the shipped rules', () => {
  it('are valid, in form, and pass their cases', async () => {
    expect(await policy('validate')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^policies: 12 rules, 2 obligations, \d+ cases; digest [\w-]{43}\n$/),
    })
    expect(await policy('fmt', '--check')).toMatchObject({ code: 0, out: '', err: '' })
    expect(await policy('test')).toMatchObject({
      code: 0,
      out: expect.stringContaining('each of 14 rules decides one and would be missed'),
    })
    expect(JSON.parse((await policy('test', '--json')).out)).toMatchObject({ passed: true, failed: [], unused: [], unguarded: [] })
  })
})

describe('gatehouse policy validate', () => {
  it('shows every fault with its place, in files and cases alike', async () => {
    edit(GUARDS, 'resource.hints.destructive', 'resource.hints.destructiv')
    edit('obligations/rates.cedar', '120/1m', 'often')
    edit('tests/starter.yaml', 'principal: visitor', 'principal: visitr')
    edit('tests/starter.yaml', 'expect: allow', 'expects: allow')
    const { code, err } = await policy('validate')
    expect(code).toBe(1)
    expect(err).toMatch(
      /^policies\/authz\/00-guardrails\.cedar:\d+:8 guard\.destructive: attribute `hints\.destructiv` .+; did you mean `destructive`\?$/m,
    )
    expect(err).toMatch(/^policies\/obligations\/rates\.cedar:\d+:1 expected a count and a time such as `120\/1m`$/m)
    expect(err).toMatch(/^policies\/tests\/starter\.yaml:\d+:\d+ cases\[0\]\.principal: no such name `visitr`; did you mean `visitor`\?$/m)
    expect(err).toMatch(/^policies\/tests\/starter\.yaml:\d+:\d+ cases\[0\]\.expects: no such name `expects`; did you mean `expect`\?$/m)
    expect(err).toContain('5 faults; nothing was loaded')
    expect(JSON.parse((await policy('validate', '--json')).out)).toMatchObject({ valid: false, faults: { length: 5 } })
  })
  it('N148: ten faults in three files are all told at once, each with its place and what was probably meant', async () => {
    const call = 'action == MCP::Action::"tools/call"'
    write(
      'authz/30-new.cedar',
      [
        `permit (principal, ${call}, resource);`,
        `@id("a") permit (principal, action == MCP::Action::"tools/cal", resource);`,
        `@id("b") forbid (principal, ${call}, resource) when { resource.hints.destructiv };`,
        `@id("c") @advise("ask") forbid (principal, ${call}, resource);`,
        `@id("guard.climbing") forbid (principal, ${call}, resource);`,
        `@id("d") forbid (principal, ${call}, resource) when { context.era == MCP::Era::"modernn" };`,
        `@id("e") forbid (principal, ${call}, resource is MCP::Prompt);`,
      ].join('\n'),
    )
    write('obligations/more.cedar', `@id("f") @rate("often") permit (principal, ${call}, resource);`)
    edit('tests/starter.yaml', 'principal: visitor', 'principal: visitr')
    edit('tests/starter.yaml', 'expect: approval', 'expect: aproval')
    const { code, err } = await policy('validate')
    expect(code).toBe(1)
    const lines = err.trimEnd().split('\n')
    const at = (place: string): string | undefined => lines.find(line => line.startsWith(`policies/${place}`))
    expect(at('authz/30-new.cedar:1:')).toContain('@id')
    expect(at('authz/30-new.cedar:2:')).toContain('did you mean `MCP::Action::"tools/call"`?')
    expect(at('authz/30-new.cedar:3:')).toContain('did you mean `destructive`?')
    expect(at('authz/30-new.cedar:4:')).toContain('did you mean `@advice`?')
    expect(at('authz/30-new.cedar:5:')).toMatch(/a second rule `guard\.climbing`; the first stands in authz\/00-guardrails\.cedar:\d+/)
    expect(at('authz/30-new.cedar:6:')).toContain('modern')
    expect(at('authz/30-new.cedar:7:')).toContain('e: ')
    expect(at('obligations/more.cedar:1:')).toContain('120/1m')
    const cases = lines.filter(line => line.startsWith('policies/tests/starter.yaml:'))
    expect(cases.map(line => /did you mean `(\w+)`/.exec(line)?.[1])).toEqual(['visitor', 'approval'])
    expect(lines.at(-1)).toBe('10 faults; nothing was loaded')
  })
  it('attack: a forbid where no rule counts is not passed over', async () => {
    write('90-forbid.cedar', '@id("x") forbid (principal, action, resource);')
    mkdirSync(join(cwd, 'policies/authz/more'))
    write('authz/more/x.cedar', '@id("y") forbid (principal, action, resource);')
    write('authz/forbid.cedar.bak', '')
    const { err } = await policy('validate')
    expect(err).toContain('policies/90-forbid.cedar a rule that does not count here; move it to authz/ or obligations/')
    expect(err).toContain('policies/authz/more is no file of policies')
    expect(err).toContain('policies/authz/forbid.cedar.bak is no file of policies')
  })
  it('says when files are not text, or not there', async () => {
    writeFileSync(join(cwd, 'policies/authz/bad.cedar'), Buffer.from([0x40, 0xff, 0xfe]))
    mkdirSync(join(cwd, 'policies/authz/folder.cedar'))
    write('authz/huge.cedar', `// ${'x'.repeat(1_100_000)}`)
    const { err } = await policy('validate')
    expect(err).toContain('policies/authz/bad.cedar is not valid UTF-8')
    expect(err).toContain('policies/authz/folder.cedar is a folder')
    expect(err).toContain('policies/authz/huge.cedar expected at most 1048576 bytes')
    expect(await policy('validate', 'elsewhere')).toMatchObject({
      code: 1,
      err: expect.stringContaining('elsewhere the folder cannot be read'),
    })
  })
  it('says when the folder has another schema than this gateway', async () => {
    edit('mcp.cedarschema', '"hour": Long', '"hour": String')
    expect(await policy('validate')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is not the schema of this gateway; `gatehouse policy fmt` replaces it'),
    })
    await policy('fmt')
    expect(await policy('validate')).toMatchObject({ code: 0 })
  })
})

describe('gatehouse policy test', () => {
  it('attack: a forbid that was taken away fails a case, whichever it is', async () => {
    const guards = read(GUARDS)
    for (const id of guards.matchAll(/@id\("([^"]+)"\)/g)) {
      write(
        GUARDS,
        guards
          .split(/(?=^@id)/m)
          .filter(part => !part.startsWith(`@id("${id[1]!}")`))
          .join(''),
      )
      expect(await policy('test')).toMatchObject({ code: 1, err: expect.stringMatching(/expected (deny|approval)/) })
    }
  })
  it('says what a case got instead, and from which rules', async () => {
    edit('authz/10-everyone.cedar', 'when { resource.hints.readOnly }', 'when { resource.hints.idempotent }')
    const { code, err } = await policy('test')
    expect(code).toBe(1)
    expect(err).toMatch(
      /^policies\/tests\/starter\.yaml:\d+ anybody calls a tool that only reads: expected allow, got deny \(not-permitted\) by no rule$/m,
    )
  })
  it('says which rules decide no case, and which nobody would miss', async () => {
    edit(
      'authz/20-teams.cedar',
      /$/,
      '\n@id("sales.lists")\npermit (\n  principal in MCP::Group::"sales",\n  action in MCP::Action::"list",\n  resource\n);\n',
    )
    expect((await policy('test')).err).toMatch(
      /^policies\/authz\/20-teams\.cedar:\d+ sales\.lists: decides no case; write one that it decides$/m,
    )
    edit('authz/20-teams.cedar', 'in MCP::Group::"sales"', 'is MCP::User')
    edit('tests/starter.yaml', /rules: \[everyone\.lists\]/, 'rules: [everyone.lists, sales.lists]')
    expect(await policy('test')).toMatchObject({ code: 0 })
    edit('tests/starter.yaml', /rules: \[everyone\.lists, sales\.lists\]/, '')
    expect((await policy('test')).err).toMatch(/sales\.lists: nobody would notice that it is gone; write a case that fails without it$/m)
  })
  it('reports what it expects of rules and what they demand', async () => {
    edit('tests/starter.yaml', 'rules: [everyone.read-only]', 'rules: [everyone.read]')
    edit('tests/starter.yaml', 'obligations: [rate.calls, rate.destructive]', 'obligations: [rate.calls]')
    const { err } = await policy('test')
    expect(err).toContain('expected allow by `everyone.read`, got it by `everyone.read-only`')
    expect(err).toContain('expected demands of `rate.calls`, got those of `rate.calls`, `rate.destructive`')
  })
  it.each([
    ['cases: []', 'expected cases'],
    ['cases: 1', 'cases: expected a list'],
    ['[]', 'expected named values'],
    ['cases: [{ case: x, principal: { groups: 1 }, action: ping, tool: a, expect: maybe }]', 'cases[0].principal.groups: expected a list'],
    [
      'cases: [{ case: x, principal: {}, action: pong, endpoint: /mcp, expect: allow }]',
      'cases[0].action: no such name `pong`; did you mean `ping`?',
    ],
    ['cases: [{ case: x, principal: {}, action: ping, expect: allow }]', 'expected one of tool, prompt, resource'],
    [
      'cases: [{ case: x, principal: {}, action: ping, endpoint: /mcp, tool: a/b, expect: allow }]',
      'expected one of tool, prompt, resource',
    ],
    ['cases: [{ case: x, principal: {}, action: ping, tool: a/b, expect: allow }]', 'cases[0].tool: no such name `a`'],
    ['cases: [{ case: x, principal: {}, action: ping, tool: a, expect: allow }]', 'expected `<server>/<tool>`'],
    ['{ servers: { a: }, cases: [{ case: x, principal: {}, action: ping, tool: a/b, expect: allow }] }', '`ping` is about one endpoint'],
    ['{ servers: { a: { signature: valid } }, cases: [] }', 'servers.a.signature: no such name `valid`'],
    [
      '{ servers: { a: }, cases: [{ case: x, principal: {}, action: tools/call, tool: a/b, hints: { readOnlyHint: 1 }, expect: allow }] }',
      'hints.readOnlyHint: expected true or false',
    ],
    [
      'cases: [{ case: x, principal: {}, action: ping, endpoint: /mcp, context: { hour: noon }, expect: allow }]',
      'context.hour: expected a whole number',
    ],
    [
      'cases: [{ case: x, principal: {}, action: ping, endpoint: /mcp, context: { scopes: [1] }, expect: allow }]',
      'context.scopes[0]: expected a text',
    ],
    ['cases: [', 'tests/other.yaml:'],
  ])('reports what is wrong with cases: %s', async (text, message) => {
    write('tests/other.yaml', text)
    expect(await policy('test')).toMatchObject({ code: 1, err: expect.stringContaining(message) })
  })
})

describe('gatehouse policy fmt', () => {
  it('brings files into form, and changes nothing that is', async () => {
    const before = read('authz/20-teams.cedar')
    write('authz/20-teams.cedar', before.replaceAll(/\n {2}/g, ' ').replaceAll('\n', '\r\n'))
    expect(await policy('fmt', '--check')).toMatchObject({ code: 1, err: expect.stringContaining('authz/20-teams.cedar: not in form') })
    expect(read('authz/20-teams.cedar')).not.toBe(before)
    expect(await policy('fmt')).toMatchObject({ code: 0, out: 'policies/authz/20-teams.cedar\n' })
    expect(read('authz/20-teams.cedar')).toBe(before)
    expect(JSON.parse((await policy('fmt', '--json')).out)).toEqual({ changed: [], faults: [] })
  })
  it('keeps comments, and writes nothing where a file does not parse', async () => {
    write(
      'authz/30-more.cedar',
      '// head\n// second line\n\n// of the rule\n@id("x") permit (principal, action, resource) // tail\nwhen { true /* no */ };',
    )
    write('authz/31-form.cedar', '@id("y") permit(principal,action,resource);')
    expect(await policy('fmt')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/policies\/authz\/30-more\.cedar:6:14 unexpected token/),
    })
    expect(read('authz/31-form.cedar')).toContain('permit(principal')
    edit('authz/30-more.cedar', ' /* no */', '')
    await policy('fmt')
    expect(read('authz/30-more.cedar')).toBe(
      '// head\n// second line\n\n// of the rule\n@id("x")\npermit (principal, action, resource) // tail\nwhen { true };\n',
    )
  })
})

describe('gatehouse policy lint', () => {
  it('finds nothing in the shipped rules', async () => {
    expect(await policy('lint')).toMatchObject({ code: 0, out: 'policies: each of 14 rules can matter\n' })
  })
  it('names the rule and the other one', async () => {
    edit(
      'authz/20-teams.cedar',
      /$/,
      '\n@id("again") permit (principal in MCP::Group::"engineering", action == MCP::Action::"tools/call", resource) when { resource.hints.readOnly };',
    )
    const { code, out } = await policy('lint')
    expect(code).toBe(1)
    expect(out).toMatch(
      /^policies\/authz\/20-teams\.cedar:\d+ again: `everyone\.read-only` says as much already \[covered\] \(authz\/10-everyone\.cedar:\d+\)$/m,
    )
    expect(JSON.parse((await policy('lint', '--json')).out)).toMatchObject({
      findings: [{ code: 'covered', id: 'again', by: 'everyone.read-only' }],
    })
  })
  it('and needs rules that load', async () => {
    edit(GUARDS, 'forbid (', 'forbidden (')
    for (const verb of ['lint', 'test', 'explain', 'replay --recorded x'])
      expect(await policy(...verb.split(' '))).toMatchObject({ code: 1, err: expect.stringContaining('nothing was loaded') })
  })
})

describe('gatehouse policy explain', () => {
  const explain = (...argv: string[]): Promise<Run> => policy('explain', ...argv)
  it('says which rule refuses, what would help, and from which facts it was told', async () => {
    const { code, out } = await explain('--group', 'engineering', '--tool', 'stray/delete', '--hint', 'destructiveHint=false')
    expect(code).toBe(0)
    expect(out).toMatch(/^denied \(forbidden\)$/m)
    expect(out).toMatch(
      /^ {2}guard\.publisher: Only servers whose publisher's signature is verified \(policies\/authz\/00-guardrails\.cedar:3\)$/m,
    )
    expect(out).toContain('advice: ask the publisher to sign this version')
    expect(out).toContain('resource.server.signature = "unsigned"')
    expect(out).not.toContain('no permit applies')
  })
  it('says what the nearest permits would need', async () => {
    const { out } = await explain('--tool', 'files/append', '--publisher', 'a', '--hint', 'destructiveHint=false')
    expect(out).toContain('denied (not-permitted)\nno permit applies; these come nearest')
    expect(out).toMatch(/engineering\.tools: .+\n {4}would need principal in MCP::Group::"engineering"$/m)
    expect(out).toMatch(/everyone\.read-only: .+\n {4}would need resource\.hints\.readOnly$/m)
  })
  it('says who has to approve, and what comes with a permit', async () => {
    const of = ['--group', 'engineering', '--tool', 'files/delete', '--publisher', 'a']
    expect((await explain(...of)).out).toContain('needs approval (approval-required)')
    expect((await explain(...of)).out).toContain('approval by one of approvers counts for 900 s')
    expect((await explain(...of, '--approved')).out).toMatch(
      /^allowed[\s\S]+with what these demand\n {2}rate\.calls[\s\S]+rate\.destructive/m,
    )
    expect((await explain(...of, '--approved', '--read-untrusted')).out).toContain('guard.untrusted')
    expect(JSON.parse((await explain(...of, '--json')).out)).toMatchObject({
      outcome: 'approval',
      decidedBy: [{ id: 'guard.destructive', file: GUARDS }],
      approvals: [{ approvers: ['approvers'], ttlSeconds: 900 }],
      facts: { resource: { attributes: { 'hints.destructive': true } } },
    })
  })
  it('takes a case, or a file', async () => {
    expect((await explain('--case', 'approval makes nobody an engineer')).out).toContain(
      'would need principal in MCP::Group::"engineering"',
    )
    expect(await explain('--case', 'approval makes nobody an enginer')).toMatchObject({ code: 2 })
    const request = {
      servers: { a: { labels: ['production'], signature: 'verified' } },
      request: { principal: {}, action: 'tools/list', tool: 'a/b' },
    }
    writeFileSync(join(cwd, 'request.json'), JSON.stringify(request))
    expect((await explain('--request', 'request.json')).out).toContain('guard.production')
    writeFileSync(join(cwd, 'request.json'), JSON.stringify({ ...request, request: { ...request.request, tool: 'x/b' } }))
    expect(await explain('--request', 'request.json')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^request\.json:1:\d+ request\.tool: no such name `x`/),
    })
    expect(await explain('--request', 'nowhere.yaml')).toMatchObject({ code: 2, err: '`nowhere.yaml` cannot be read\n' })
  })
  it.each([
    [['--prompt', 'files/p', '--publisher', 'a'], 'allowed'],
    [['--resource', 'files/file:///a', '--publisher', 'a', '--user', 'sam', '--client', 'cli'], 'allowed'],
    [['--template', 'files/x:{a}', '--publisher', 'a', '--label', 'production'], 'guard.production'],
    [['--server', 'files', '--publisher', 'a'], 'allowed'],
    [['--endpoint', '/admin', '--action', 'admin/whoami'], 'everyone.administer'],
    [['--tool', 'files/x', '--publisher', 'a', '--arg', 'path=/srv', '--hint', 'readOnlyHint'], 'allowed'],
  ])('knows every kind of thing: %j', async (argv, text) => {
    expect(await explain(...argv)).toMatchObject({ code: 0, out: expect.stringContaining(text) })
  })
  it.each([
    [[], 'expected --recorded, --request, --case, or one of --tool'],
    [['--tool', 'a/b', '--prompt', 'a/b'], 'expected --recorded, --request, --case, or one of --tool'],
    [['--tool', 'a'], 'expected `<server>/<tool>`'],
    [['--tool', 'a/b', '--action', 'tools/cal'], 'did you mean `tools/call`?'],
    [['--tool', 'a/b', '--hint', 'readOnly'], 'no such name `readOnly`'],
  ])('says what is missing: %j', async (argv, text) => {
    expect(await explain(...argv)).toMatchObject({ code: 2, err: expect.stringContaining(text) })
  })
  it('says which argument cannot be judged', async () => {
    edit(
      'authz/20-teams.cedar',
      /$/,
      '\n@id("args") forbid (principal, action == MCP::Action::"tools/call", resource) when { context.arguments.hasTag("/a/*") };',
    )
    writeFileSync(
      join(cwd, 'r.yaml'),
      `servers: { a: { signature: verified } }\nrequest: { principal: {}, action: tools/call, tool: a/b, arguments: { a: [${'1,'.repeat(1100)}1] } }`,
    )
    expect((await explain('--request', 'r.yaml')).out).toContain('denied (bad-request): the argument `/a/*` cannot be judged')
  })
})

describe('gatehouse policy replay and diff', () => {
  const facts = async (...argv: string[]): Promise<string> => (await policy('explain', ...argv, '--json')).out
  let lines: string[]
  beforeEach(async () => {
    lines = [
      await facts('--tool', 'files/read', '--publisher', 'a', '--hint', 'readOnlyHint'),
      await facts('--group', 'engineering', '--tool', 'files/append', '--publisher', 'a', '--hint', 'destructiveHint=false'),
      await facts('--tool', 'files/append', '--publisher', 'a', '--hint', 'destructiveHint=false'),
    ]
    writeFileSync(join(cwd, 'recorded.jsonl'), `${lines.join('')}{"type":"lifecycle","what":"start"}\n\n`)
    cpSync(join(cwd, 'policies'), join(cwd, 'next'), { recursive: true })
  })
  const next = (from: string | RegExp, to: string): void => {
    const file = join(cwd, 'next/authz/20-teams.cedar')
    writeFileSync(file, readFileSync(file, 'utf8').replace(from, to))
  }

  it('finds nothing changed under the same rules', async () => {
    expect(await policy('replay', '--recorded', 'recorded.jsonl')).toMatchObject({ code: 0, out: '3 same, 0 changed, 0 undecidable\n' })
    expect(await policy('diff', 'policies', 'next')).toMatchObject({ code: 0, out: '0 rules differ, 0 of 64 cases come out otherwise\n' })
  })
  it('shows which decisions change, and which cannot be told', async () => {
    next('"engineering"', '"platform"')
    const { code, out } = await policy('replay', 'next', '--recorded', 'recorded.jsonl')
    expect(code).toBe(1)
    expect(out).toMatch(/^recorded\.jsonl:2 undecidable: tools\/call: not recorded: principal in Group platform$/m)
    expect(out).toMatch(/^1 same, 0 changed, 2 undecidable$/m)
    next(/[\s\S]+/, '@id("engineering.tools") permit (principal, action == MCP::Action::"tools/call", resource);')
    expect((await policy('replay', 'next', '--recorded', 'recorded.jsonl')).out).toMatch(
      /^recorded\.jsonl:3 deny -> allow by engineering\.tools: User \S+ somebody tools\/call Tool files\/append\n2 same, 1 changed, 0 undecidable$/m,
    )
    const told = JSON.parse((await policy('replay', 'next', '--recorded', 'recorded.jsonl', '--json')).out)
    expect(told).toMatchObject({ same: 2, changed: [{ line: 3, before: 'deny', after: 'allow' }], undecidable: [], unreadable: [] })
  })
  it('explains an event of the audit log, by its id, its request or its line', async () => {
    const event = JSON.stringify({ v: 1, type: 'refusal', id: 'e-1', request: 'r-1', policy: JSON.parse(lines[2]!) })
    writeFileSync(join(cwd, 'recorded.jsonl'), `{"type":"lifecycle"}\n${event}\n`)
    const of = (id: string, ...more: string[]): Promise<Run> => policy('explain', '--recorded', 'recorded.jsonl', '--event', id, ...more)
    for (const id of ['e-1', 'r-1', '2'])
      expect(await of(id)).toMatchObject({ code: 0, out: expect.stringContaining('would need principal in MCP::Group::"engineering"') })
    expect(await of('e-2')).toMatchObject({ code: 2, err: 'no event, request or line `e-2` in recorded.jsonl\n' })
    expect(await policy('explain', '--recorded', 'recorded.jsonl')).toMatchObject({
      code: 2,
      err: expect.stringContaining('expected --event'),
    })
    const bare = JSON.stringify({
      v: 1,
      type: 'refusal',
      id: 'e-3',
      request: 'r-3',
      reason: 'unknown',
      stage: 'resolve-route',
      detail: 'n\u001b',
    })
    appendFileSync(join(cwd, 'recorded.jsonl'), `${bare}\n`)
    for (const id of ['e-3', 'r-3'])
      expect(await of(id)).toMatchObject({
        code: 2,
        err: 'recorded.jsonl:3 holds no decision of rules: refusal unknown at resolve-route: n?\n',
      })
    const permitted = JSON.stringify({ v: 1, type: 'intent', id: 'e-4', request: 'r-4', policy: JSON.parse(lines[0]!) })
    const ended = JSON.stringify({ v: 1, type: 'outcome', id: 'e-5', request: 'r-4', outcome: 'refused', reason: 'response-blocked' })
    appendFileSync(join(cwd, 'recorded.jsonl'), `${permitted}\n${ended}\n`)
    expect(await of('r-4')).toMatchObject({
      out: expect.stringContaining('allowed (permitted)'),
      err: 'the rules permitted it; it was refused all the same: outcome response-blocked (recorded.jsonl:5)\n',
    })
    edit('authz/20-teams.cedar', '"engineering"', '"platform"')
    expect(await of('e-1')).toMatchObject({
      code: 2,
      err: 'recorded.jsonl:2 decided then: deny (not-permitted); these rules ask for what was not recorded: principal in Group platform\n',
    })
    edit('authz/20-teams.cedar', /@id\("engineering[\s\S]+/, '')
    expect(await of('e-1')).toMatchObject({ code: 0, err: 'recorded.jsonl:2 decided then: deny (not-permitted), under other rules\n' })
  })
  it('reads lines of the audit log, and says which are no decisions', async () => {
    const event = JSON.stringify({ v: 1, type: 'intent', policy: JSON.parse(lines[0]!) })
    writeFileSync(join(cwd, 'recorded.jsonl'), `${event}\n{"policy":{"outcome":"yes"}}\nnot json\n`)
    const { code, out } = await policy('replay', '--recorded', 'recorded.jsonl')
    expect(code).toBe(1)
    expect(out).toContain(
      'recorded.jsonl:2 is no recorded decision\nrecorded.jsonl:3 is no recorded decision\n1 same, 0 changed, 0 undecidable, 2 unreadable',
    )
  })
  it('reads all segments of an audit log, and leaves out what the gateway is writing at this moment', async () => {
    const event = (id: string, line: number): string => JSON.stringify({ v: 1, id, type: 'intent', policy: JSON.parse(lines[line]!) })
    mkdirSync(join(cwd, 'audit'))
    // how a call ended is no decision
    const end = JSON.stringify({ v: 1, id: 'e-0', type: 'outcome', outcome: 'ok' })
    writeFileSync(join(cwd, 'audit/events-000001.jsonl'), `${event('e-1', 0)}\n${end}\n`)
    writeFileSync(join(cwd, 'audit/open-000002.jsonl'), 'not for us\n')
    writeFileSync(join(cwd, 'audit/events-000002.jsonl'), `${event('e-2', 2)}\n${event('e-3', 1).slice(0, 200)}`)
    expect(await policy('replay', '--recorded', 'audit')).toMatchObject({ code: 0, out: '2 same, 0 changed, 0 undecidable\n' })
    next(/[\s\S]+/, '@id("engineering.tools") permit (principal, action == MCP::Action::"tools/call", resource);')
    expect((await policy('replay', 'next', '--recorded', 'audit')).out).toMatch(/^audit\/events-000002\.jsonl:1 deny -> allow/)
    expect((await policy('explain', '--recorded', 'audit', '--event', 'e-2')).code).toBe(0)
    // what a person wrote needs no end of its last line
    writeFileSync(join(cwd, 'recorded.jsonl'), `${lines[0]!}${lines[1]!.trimEnd()}`)
    expect(await policy('replay', '--recorded', 'recorded.jsonl')).toMatchObject({ code: 0, out: '2 same, 0 changed, 0 undecidable\n' })
  })
  it('says that there is nothing to decide: no decisions at all are no green light', async () => {
    writeFileSync(join(cwd, 'recorded.jsonl'), '{"type":"lifecycle"}\n')
    expect(await policy('replay', '--recorded', 'recorded.jsonl')).toMatchObject({ code: 1, out: 'no decisions are recorded there\n' })
    mkdirSync(join(cwd, 'empty'))
    expect(await policy('replay', '--recorded', 'empty')).toMatchObject({
      code: 2,
      err: 'gatehouse policy replay: empty holds no segments of an audit log\n',
    })
    expect(await policy('diff', 'policies', 'next', '--recorded', 'gone')).toMatchObject({
      code: 2,
      err: 'gatehouse policy diff: gone cannot be read\n',
    })
    expect(await policy('explain', '--recorded', 'gone', '--event', 'e')).toMatchObject({ code: 2, err: 'gone cannot be read\n' })
  })
  it('compares rules and what cases of both folders come to', async () => {
    next(
      /@id\("engineering[\s\S]+/,
      '@id("platform.tools") permit (principal in MCP::Group::"platform", action == MCP::Action::"tools/call", resource);',
    )
    writeFileSync(
      join(cwd, 'next/authz/10-everyone.cedar'),
      read('authz/10-everyone.cedar').replace('Open sessions, and', 'Open sessions and').replaceAll('\n  principal', '\n     principal'),
    )
    const { code, out } = await policy('diff', 'policies', 'next', '--recorded', 'recorded.jsonl')
    expect(code).toBe(1)
    expect(out).toMatch(/^- engineering\.tools \(policies\/authz\/20-teams\.cedar:3\)$/m)
    expect(out).toMatch(/^\+ platform\.tools \(next\/authz\/20-teams\.cedar:3\)$/m)
    expect(out).toMatch(/^~ everyone\.sessions /m)
    expect(out).not.toContain('~ everyone.read ')
    expect(out).toMatch(/^policies\/tests\/starter\.yaml:\d+ an engineer calls a tool that writes: allow -> deny$/m)
    expect(out).toMatch(/^3 rules differ, \d+ of 64 cases come out otherwise$/m)
    expect(out).toMatch(/^recorded\.jsonl:2 undecidable/m)
    expect(JSON.parse((await policy('diff', 'policies', 'next', '--json')).out)).toMatchObject({
      added: ['platform.tools'],
      removed: ['engineering.tools'],
      changed: ['everyone.sessions'],
    })
  })
  it('need what they compare', async () => {
    expect(await policy('diff', 'policies')).toMatchObject({ code: 2, err: 'gatehouse policy diff: expected two folders\n' })
    expect(await policy('replay')).toMatchObject({ code: 2, err: expect.stringContaining('expected --recorded') })
    next('permit', 'allow')
    expect(await policy('diff', 'policies', 'next')).toMatchObject({ code: 1, err: expect.stringContaining('next/authz/20-teams.cedar:') })
  })
})
