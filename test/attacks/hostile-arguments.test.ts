// Arguments of every JSON shape, over HTTP, under rules in Cedar, an administrator's rule and a strict schema: each is refused clearly or arrives byte for byte, nothing
// leaks into an answer, and the decision about an honest call is the same before and after.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { matchesTemplate } from '../../src/catalog/uri-template.ts'
import { cpuTimer } from '../support/cpu.ts'
import { callTool, LegacyHost, modern, modernBody, startWorld, type World } from './world.ts'

const RULES = `@id("all") permit (principal, action, resource);
@id("secret") forbid (principal, action == MCP::Action::"tools/call", resource) when { context.arguments.hasTag("/path") && context.arguments.getTag("/path").contains("secret") };`
const STRICT = {
  type: 'object',
  properties: { path: { type: 'string' }, n: { type: 'integer' } },
  required: ['path'],
  additionalProperties: false,
}

let folder = ''
let world: World
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-arguments-'))
  mkdirSync(join(folder, 'rules/authz'), { recursive: true })
  writeFileSync(join(folder, 'rules/authz/test.cedar'), RULES)
  world = await startWorld({
    definitions: [
      { name: 'anything', inputSchema: { type: 'object' } },
      { name: 'strictly', inputSchema: STRICT },
      { name: 'broken', inputSchema: { type: 'object', properties: { a: { type: 'text' } } } },
    ],
    allow: [],
    settings: {
      arguments: { validate: 'strict', rules: [{ id: 'short', tools: ['*'], pointer: '/short', maxLength: 5 }] },
    },
    config: { policies: { folder: join(folder, 'rules') }, operators: ['root'] },
  })
})
afterAll(async () => {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

const reasonOf = (answer: Awaited<ReturnType<typeof modern>>): unknown => answer.body?.error?.data?.reason
/** What honest callers are told: permitted, refused by a rule of Cedar's, by an administrator's, by the schema. */
async function decisions(): Promise<unknown[]> {
  const answers = [
    await callTool(world, 'strictly', { path: 'a' }),
    await callTool(world, 'strictly', { path: 'secret' }),
    await callTool(world, 'anything', { short: 'too long' }),
    await callTool(world, 'strictly', { path: 7 }),
    await callTool(world, 'broken', {}),
  ]
  return answers.map(answer => reasonOf(answer) ?? 'passed')
}
const HONEST = ['passed', 'policy-denied', 'arguments-forbidden', 'arguments-invalid', 'arguments-invalid']

const MARK = 'marked-value-of-the-caller'
const nested = (depth: number, open: string, close: string): string => `{"path":${open.repeat(depth)}1${close.repeat(depth)}}`
const wide = (count: number): string => JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])))
/** What `anything` answers, and `strictly`: a reason, or that it passed. */
const SHAPES: readonly (readonly [title: string, json: string, anything: string, strictly: string])[] = [
  ['100,000 objects in each other', nested(100_000, '{"a":', '}'), 'json-invalid', 'json-invalid'],
  ['100,000 lists in each other', nested(100_000, '[', ']'), 'json-invalid', 'json-invalid'],
  ['as deep as may be', nested(58, '{"a":', '}'), 'passed', 'arguments-invalid'],
  ['a lone high surrogate', String.raw`{"path":"\ud800"}`, 'json-invalid', 'json-invalid'],
  ['a lone low surrogate in a name', String.raw`{"\udc00":1}`, 'json-invalid', 'json-invalid'],
  ['an entity of Cedar', `{"path":{"__entity":{"type":"MCP::User","id":"${MARK}"}}}`, 'passed', 'arguments-invalid'],
  ['an extension of Cedar', `{"path":{"__extn":{"fn":"ip","arg":"${MARK}"}}}`, 'passed', 'arguments-invalid'],
  ['an expression of Cedar', `{"path":{"__expr":"principal"}}`, 'passed', 'arguments-invalid'],
  ['a prototype', `{"__proto__":{"path":"${MARK}"}}`, 'passed', 'arguments-invalid'],
  ['a prototype beside a path', `{"path":"a","__proto__":{"n":1}}`, 'passed', 'arguments-invalid'],
  ['a constructor', `{"constructor":{"prototype":{"path":"a"}}}`, 'passed', 'arguments-invalid'],
  ['floats', '{"path":1.5}', 'passed', 'arguments-invalid'],
  ['minus zero', '{"path":"a","n":-0}', 'passed', 'passed'],
  ['what no double holds', '{"path":"a","n":1e999}', 'passed', 'passed'],
  ['an integer that a double rounds', '{"path":"a","n":9007199254740993}', 'passed', 'passed'],
  ['10,000 digits', `{"path":"a","n":${'9'.repeat(10_000)}}`, 'passed', 'arguments-invalid'],
  ['100,000 names', wide(100_000), 'passed', 'arguments-invalid'],
  ['200,000 items', `{"path":[${'1,'.repeat(199_999)}1]}`, 'passed', 'arguments-invalid'],
  ['an empty name', '{"":1,"path":"a"}', 'passed', 'arguments-invalid'],
  ['a name with a NUL', String.raw`{"path\u0000":"secret","path":"a"}`, 'passed', 'arguments-invalid'],
  ['a name twice', '{"path":"a","path":"secret"}', 'json-invalid', 'json-invalid'],
  ['a name twice, once escaped', String.raw`{"path":"a","p\u0061th":"secret"}`, 'json-invalid', 'json-invalid'],
  ['an escaped name', String.raw`{"p\u0061th":"s\u0065cret"}`, 'policy-denied', 'policy-denied'],
  ['a text of a megabyte', `{"path":"${'a'.repeat(1_000_000)}"}`, 'passed', 'passed'],
  ['a list for an object', `["${MARK}"]`, 'params-invalid', 'params-invalid'],
  ['a text for an object', `"${MARK}"`, 'params-invalid', 'params-invalid'],
  ['null for an object', 'null', 'params-invalid', 'params-invalid'],
  ['an administrator’s rule, escaped', String.raw`{"sh\u006frt":"${MARK}"}`, 'arguments-forbidden', 'arguments-forbidden'],
]

describe('hostile arguments', () => {
  it.each(SHAPES)('%s', async (_, json, anything, strictly) => {
    for (const [tool, expected] of [
      ['anything', anything],
      ['strictly', strictly],
    ] as const) {
      const before = world.up.seen.filter(({ message }) => message?.method === 'tools/call').length
      const body = modernBody('tools/call', { name: tool, arguments: 'HERE' }).replace('"HERE"', () => json)
      const answer = await modern(world, 'tools/call', { name: tool }, { body })
      const calls = world.up.seen.filter(({ message }) => message?.method === 'tools/call').slice(before)
      expect([tool, reasonOf(answer) ?? (answer.body?.error ? `status ${answer.status}` : 'passed')]).toEqual([tool, expected])
      expect(calls).toHaveLength(expected === 'passed' ? 1 : 0)
      if (expected === 'passed') expect(calls[0]?.body.includes(`"arguments":${json}`)).toBe(true)
      else expect(answer.text).not.toContain(MARK)
    }
    expect(({} as Record<string, unknown>)['path']).toBe(undefined)
  })

  it('leave every decision as it was, for hosts of both eras', async () => {
    expect(await decisions()).toEqual(HONEST)
    const legacy = await LegacyHost.open(world)
    const refused = await legacy.call('strictly', { path: MARK, [MARK]: 1 })
    expect([refused.body.error.code, reasonOf(refused)]).toEqual([-32602, 'arguments-invalid'])
    expect(refused.text).not.toContain(MARK)
    expect((await legacy.call('strictly', { path: 'a' })).body.result.content[0].text).toBe('{"path":"a"}')
  })
  it('say which part of a schema nobody can judge by', async () => {
    expect((await callTool(world, 'broken', { a: 1 })).body.error.message).toContain('its `type` is not written correctly')
  })
})

describe('N137, CVE-2026-0621: URI templates and 100,000 commas', () => {
  it.each(['mem://items{/id*}', 'mem://{a}{b}{c}{d}', `mem://${'{a},'.repeat(800)}`, 'mem://{/id*}/x{?q*}'])('%s', template => {
    const spent = cpuTimer()
    for (const uri of [`mem://items/${','.repeat(100_000)}`, `mem://items/${','.repeat(8_000)}`, `mem://${'a,'.repeat(4_000)}`])
      matchesTemplate(template, uri)
    expect(spent()).toBeLessThan(50)
  })
  it('are answered over HTTP', async () => {
    expect((await modern(world, 'resources/read', { uri: `mem://items/${','.repeat(8_000)}` })).status).toBeLessThan(500)
  })
})
