// A folder of policies that breaks, at a gateway that runs and at one that starts: the old rules stay, or nothing is served.

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waysToBreak } from '../support/broken-policies.ts'
import { callTool, startWorld, type World } from './world.ts'
import type { Answer } from './wire.ts'

const LOOK = { name: 'look', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true, openWorldHint: false } }
const EVERYTHING = '@id("everything") permit (principal, action, resource);'

let folder = ''
let world: World
const write = (file: string, text: string): void => {
  mkdirSync(join(folder, 'rules/authz'), { recursive: true })
  writeFileSync(join(folder, 'rules', file), text)
}
const config = (): Record<string, any> => ({
  limits: { principalPerSecond: 1_000_000, addressFailuresPerMinute: 1_000_000 },
  operators: ['root'],
  policies: { folder: join(folder, 'rules') },
  upstreams: { up: { http: { url: world.up.url }, allow: [] } },
})
/** These rules alone, in force. */
async function rules(text: string): Promise<void> {
  write('authz/test.cedar', text)
  expect(await world.gateway.reload(config())).toBeUndefined()
}
const reasonOf = (answer: Answer): string | undefined => answer.body?.error?.data?.reason

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-policies-'))
  write('authz/test.cedar', EVERYTHING)
  const policies = { folder: join(folder, 'rules') }
  world = await startWorld({ definitions: [LOOK], config: { policies, operators: ['root'] }, allow: [] })
})
afterAll(async () => {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

const BROKEN = waysToBreak(() => folder, EVERYTHING)

describe('N030, N148: what breaks leaves the old rules in force, and never becomes an allow', () => {
  const inForce = async (): Promise<string> => {
    const events = world.gateway.events()
    return String(events.findLast(e => e['type'] === 'lifecycle' && e['what'] === 'policies')!['detail'].digest)
  }
  const refusals = (): number => world.gateway.events().filter(e => e['what'] === 'policies-refused').length
  const CASES = `cases:
  - { case: nobody calls, principal: {}, action: tools/call, tool: up/x, expect: deny, rules: [no] }
  - { case: all list, principal: {}, action: tools/list, tool: up/x, expect: allow }
servers: { up: }\n`
  const GUARDED = `${EVERYTHING}\n@id("no") forbid (principal, action == MCP::Action::"tools/call", resource);\n`

  it('a change of the folder is taken over whole, by itself', async () => {
    await rules(EVERYTHING)
    const before = await inForce()
    write('authz/test.cedar', GUARDED)
    await expect.poll(inForce).not.toBe(before)
    // on record first, then in force
    await expect.poll(async () => reasonOf(await callTool(world, 'look'))).toBe('policy-denied')
  })
  it.each(BROKEN)('%s', async (_, breakIt) => {
    mkdirSync(join(folder, 'rules/tests'), { recursive: true })
    write('tests/test.yaml', CASES)
    await rules(GUARDED)
    const before = await inForce()
    const count = refusals()
    breakIt()
    await expect.poll(refusals).toBe(count + 1)
    expect(await inForce()).toBe(before)
    expect(reasonOf(await callTool(world, 'look'))).toBe('policy-denied')
    rmSync(join(folder, 'rules'), { recursive: true, force: true })
    rmSync(join(folder, 'away'), { recursive: true, force: true })
    expect(reasonOf(await callTool(world, 'look'))).toBe('policy-denied')
  })
  it('a link that is swapped to another folder', async () => {
    mkdirSync(join(folder, 'v1/authz'), { recursive: true })
    mkdirSync(join(folder, 'v2/authz'), { recursive: true })
    writeFileSync(join(folder, 'v1/authz/a.cedar'), EVERYTHING)
    writeFileSync(join(folder, 'v2/authz/a.cedar'), GUARDED)
    symlinkSync(join(folder, 'v1'), join(folder, 'linked'))
    const linked = { ...config(), policies: { folder: join(folder, 'linked') } }
    expect(await world.gateway.reload(linked)).toBeUndefined()
    expect((await callTool(world, 'look')).body).toHaveProperty('result')
    const before = await inForce()
    symlinkSync(join(folder, 'v2'), join(folder, 'next'))
    renameSync(join(folder, 'next'), join(folder, 'linked'))
    await expect.poll(inForce).not.toBe(before)
    // on record first, then in force
    await expect.poll(async () => reasonOf(await callTool(world, 'look'))).toBe('policy-denied')
  })
  it('a reload of the configuration is refused with them', async () => {
    await rules(GUARDED)
    write('authz/test.cedar', 'permit (')
    expect(await world.gateway.reload(config())).toMatch(/^policies do not load: .+authz\/test\.cedar:1:\d+ unexpected end of input/)
    expect(reasonOf(await callTool(world, 'look'))).toBe('policy-denied')
  })
  it('attack: a second issuer changes how groups are named, so that a forbid on one would be silent: the configuration is not taken over', async () => {
    const group = (name: string): string => `${EVERYTHING}\n@id("no") forbid (principal in MCP::Group::"${name}", action, resource);`
    await rules(group('contractors'))
    const issuer = (name: string): object => ({
      issuer: `https://${name}.test`,
      jwksFile: join(world.gateway.dataDir, '..', 'jwks.json'),
      grant: [{ everyone: true, scopes: ['*'] }],
    })
    const two = { ...config(), operators: ['https://issuer.test root'], identity: { issuers: [issuer('issuer'), issuer('other')] } }
    expect(await world.gateway.reload(two)).toMatch(/authz\/test\.cedar:2:1 no: nobody is in the group `contractors`: several issuers/)
    write('authz/test.cedar', group('https://issuer.test contractors'))
    expect(await world.gateway.reload(two)).toBeUndefined()
    // and back: the rule would be silent again
    expect(await world.gateway.reload(config())).toContain('one issuer is configured')
    await rules(group('contractors'))
  })
  it.each(BROKEN)('and a gateway that finds it at its start does not serve: %s', async (_, breakIt) => {
    rmSync(join(folder, 'rules'), { recursive: true, force: true })
    mkdirSync(join(folder, 'rules/tests'), { recursive: true })
    write('tests/test.yaml', CASES)
    write('authz/test.cedar', GUARDED)
    breakIt()
    await expect(startWorld({ config: { policies: { folder: join(folder, 'rules') } }, allow: [] })).rejects.toThrow('policies do not load')
    rmSync(join(folder, 'away'), { recursive: true, force: true })
  })
})
