// Arguments against the schema of their definition and an administrator's rules, with genuine hosts and servers of both eras: what is refused never arrives.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { textOf, type Host } from './support/hosts.ts'
import { ALONE, TITLE } from './support/quadrants.ts'
import { postModern } from './support/raw.ts'
import { KINDS, startWorld, type World } from './support/world.ts'

const SETTINGS = {
  arguments: {
    validate: 'strict',
    rules: [
      { tools: ['region'], pointer: '/note', identifier: '/' },
      { id: 'who', prompts: ['*'], pointer: '/who', maxLength: 10 },
    ],
    resourceRoots: ['note://1'],
  },
}

let world: World
beforeAll(async () => {
  world = await startWorld(Object.fromEntries(KINDS.map(kind => [kind, { kind, settings: SETTINGS }])))
})
afterAll(() => world.stop())

const SECRET = 'sk-live-never-repeated'

describe.each(ALONE)(TITLE, q => {
  let host: Host
  let mark = 0
  beforeAll(async () => {
    host = await q.connect(world)
    await host.tools()
    mark = q.upstream(world).events.mark
  })
  afterAll(() => host.close())

  it('N093: arguments that break the schema are refused with all faults, without a value, and nothing arrives', async () => {
    const call = host.call('region', { region: { token: SECRET }, note: null })
    await expect(call).rejects.toMatchObject({ code: -32602 })
    const message = String(await call.catch((cause: unknown) => cause))
    expect(message).toContain('`/region` breaks `type` (string)')
    expect(message).toContain('`/note` breaks `type` (string)')
    expect(message).not.toContain(SECRET)
    expect(q.upstream(world).received('tools/call', mark)).toEqual([])
  })

  it('N138: an option where an identifier belongs is refused by rule and pointer, and nothing arrives', async () => {
    const message = String(await host.call('region', { note: `--${SECRET}` }).catch((cause: unknown) => cause))
    expect(message).toContain(`rule \`${q.kind}/arguments/1\`: the argument at \`/note\` does not start with a letter or digit`)
    expect(message).not.toContain(SECRET)
    expect(q.upstream(world).received('tools/call', mark)).toEqual([])
  })

  it('what fits arrives as it was sent', async () => {
    expect(JSON.parse(textOf(await host.call('region', { region: 'us', note: 'a/b' }))).argument).toBe('us')
  })
})

describe('at the door', () => {
  const path = '/servers/v2-http/mcp'
  const ask = async (method: string, params: object): Promise<any> => (await postModern(world, path, { method, params, headers: {} })).last
  const reason = async (method: string, params: object): Promise<unknown> => (await ask(method, params)).error?.data?.reason

  it('prompts: a missing, an unknown and a long argument, and completion of one that there is not', async () => {
    const mark = world.upstream('v2-http').events.mark
    expect(await reason('prompts/get', { name: 'greet', arguments: {} })).toBe('arguments-invalid')
    expect(await reason('prompts/get', { name: 'greet' })).toBe('arguments-invalid')
    const unknown = await ask('prompts/get', { name: 'greet', arguments: { who: 'ann', [SECRET]: 'x' } })
    expect(unknown.error.message).toContain('argument 2 is none of this prompt’s')
    expect(JSON.stringify(unknown)).not.toContain(SECRET)
    expect(await reason('prompts/get', { name: 'greet', arguments: { who: 'a'.repeat(11) } })).toBe('arguments-forbidden')
    const ref = { type: 'ref/prompt', name: 'greet' }
    expect(await reason('completion/complete', { ref, argument: { name: 'other', value: '' } })).toBe('arguments-invalid')
    for (const method of ['prompts/get', 'completion/complete']) expect(world.upstream('v2-http').received(method, mark)).toEqual([])
    expect((await ask('prompts/get', { name: 'greet', arguments: { who: 'ann' } })).result.messages[0].content.text).toBe('greet ann')
  })

  it('N135: resources outside of their roots are not read, subscribed to or listened for', async () => {
    const mark = world.upstream('v2-http').events.mark
    for (const uri of ['note://2', 'note://1/%2e%2e/2', 'file:///etc/passwd', 'NOTE://1/..%255c', 'note://1\\2'])
      expect([uri, await reason('resources/read', { uri })]).toEqual([uri, 'arguments-forbidden'])
    expect(world.upstream('v2-http').received('resources/read', mark)).toEqual([])
    expect((await ask('resources/read', { uri: 'note://1' })).result.contents[0].uri).toBe('note://1')
  })

  it('every refusal is on record, and no argument is', async () => {
    const refusals = world.events().filter(e => e['type'] === 'refusal' && String(e['reason']).startsWith('arguments-'))
    expect(refusals.length).toBeGreaterThan(10)
    expect(JSON.stringify(refusals)).not.toContain(SECRET)
  })
})
