// `gatehouse policy`: what somebody who writes policies types, sees and gets.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
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
      out: expect.stringMatching(/^policies: 11 rules, 2 obligations, \d+ cases; digest [\w-]{43}\n$/),
    })
    expect(await policy('fmt', '--check')).toMatchObject({ code: 0, out: '', err: '' })
    expect(await policy('test')).toMatchObject({
      code: 0,
      out: expect.stringContaining('each of 13 rules decides one and would be missed'),
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
