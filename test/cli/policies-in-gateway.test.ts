// What `gatehouse config check` and `gatehouse doctor` say of the policies that a configuration names: as its gateway would take them.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { checkPolicies } from '../../src/cli/doctor/policies.ts'
import { loadConfig } from '../../src/config/load.ts'
import { gatehouse, type Run } from './io.ts'

let cwd = ''
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gatehouse-policies-'))
  for (const name of ['policies', 'next']) cpSync(new URL('../../policies', import.meta.url), join(cwd, name), { recursive: true })
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const configure = (policies: string, issuers = ['https://a.example']): void =>
  writeFileSync(
    join(cwd, 'gatehouse.yaml'),
    `version: 1
listen: 127.0.0.1:8400
operators: [${JSON.stringify(issuers.length > 1 ? `${issuers[0]!} olga` : 'olga')}]
identity: { issuers: [${issuers.map(issuer => `{ issuer: ${JSON.stringify(issuer)} }`).join(', ')}] }
${policies}
`,
    { mode: 0o600 },
  )
const edit = (file: string, from: string, to: string): void => {
  const text = readFileSync(join(cwd, file), 'utf8')
  expect(text).toContain(from)
  writeFileSync(join(cwd, file), text.replace(from, to))
}
const check = (...more: string[]): Promise<Run> => gatehouse(['config', 'check', ...more], { cwd })
const doctor = async (): Promise<string[]> => {
  const loaded = await loadConfig(join(cwd, 'gatehouse.yaml'), { env: {} })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return (await checkPolicies(undefined as never, loaded.snapshot, cwd)).map(({ status, name, what }) => `${status} ${name}: ${what}`)
}
const BOTH = 'policies: { folder: policies, shadow: next }'
const GUARDS = 'authz/00-guardrails.cedar'

it('without a folder the doctor says where to begin', async () => {
  configure('')
  expect(await doctor()).toEqual([expect.stringMatching(/^ok policies: no `policies\.folder`/)])
  expect((await check()).out).not.toContain('policies:')
})
it('says that rules load and pass', async () => {
  configure(BOTH)
  const said = await doctor()
  expect(said).toContainEqual(expect.stringMatching(/^ok policies: \d+ rules of policies load and pass their tests; digest [\w-]{43}$/))
  expect(said).toContainEqual(expect.stringMatching(/^ok policies, shadow: \d+ rules of next/))
  expect(await check()).toMatchObject({ code: 0, out: expect.stringMatching(/policies: \d+ rules of policies load and pass their tests/) })
})
it('shows every fault with its place and what was meant: the gateway would not start', async () => {
  edit(`policies/${GUARDS}`, 'resource.hints.destructive', 'resource.hints.destructiv')
  configure(BOTH)
  const { code, out } = await check()
  expect(code).toBe(3)
  expect(out).toMatch(/^fault: policies\/authz\/00-guardrails\.cedar:\d+:8 guard\.destructive: .+; did you mean `destructive`\?$/m)
  expect(out).toMatch(/^shadow: \d+ rules of next/m)
  expect(JSON.parse((await check('--json')).out)).toMatchObject({
    ok: false,
    policies: [{ role: 'folder', faults: [expect.any(String)] }, {}],
  })
  expect(await doctor()).toContainEqual(
    expect.stringMatching(/^fail policies: policies\/authz\/00-guardrails\.cedar:\d+:8 guard\.destructive/),
  )
})
it('runs the tests of the folder', async () => {
  edit('policies/tests/starter.yaml', 'expect: allow', 'expect: deny')
  configure(BOTH)
  expect(await check()).toMatchObject({ code: 3, out: expect.stringContaining('expected deny, got allow') })
})
it('a shadow that does not load is a warning', async () => {
  edit(`next/${GUARDS}`, 'forbid (', 'forbidd (')
  configure(BOTH)
  const { code, out } = await check()
  expect(code).toBe(0)
  expect(out).toMatch(/^warning: next\/authz\/00-guardrails\.cedar:\d+:\d+ /m)
  expect(out).toContain('shadow: the shadow is not asked')
  expect(await doctor()).toContainEqual(expect.stringMatching(/^warn policies, shadow: next\/authz/))
})
it('groups that nobody can be in, as issuers are configured', async () => {
  configure(BOTH, ['https://a.example', 'https://b.example'])
  const { code, out } = await check()
  expect(code).toBe(3)
  expect(out).toContain(
    'nobody is in the group `production-operators`: several issuers are configured; name it as `<issuer> production-operators`',
  )
})
it('rules that do nothing', async () => {
  writeFileSync(
    join(cwd, 'policies/authz/90-more.cedar'),
    '@id("never") forbid (principal in MCP::Group::"x", action, resource) unless { principal in MCP::Group::"x" };\n',
  )
  configure(BOTH)
  expect(await doctor()).toContainEqual('warn policies: 1 rules of policies do nothing, or too much')
})
