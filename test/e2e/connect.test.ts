// First things in every quadrant: connect, lists, calls, prompts, reads, completion, and what does not exist.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failureOf, textOf, type Host, type Revision } from './support/hosts.ts'
import { quadrant, QUADRANTS, TITLE } from './support/quadrants.ts'
import { KINDS, startWorld, type World } from './support/world.ts'
import { CAPABILITIES, MODERN_TOOLS, PROMPTS, RESOURCES, TEMPLATES, TOOLS } from './upstreams/surface.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

describe.each(QUADRANTS)(TITLE, q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world)
  })
  afterAll(() => host.close())

  /** What of a list of the place belongs to this upstream. */
  const own = <T extends Record<string, any>>(list: T[], key: string): T[] =>
    q.place === 'alone' ? list : list.filter(item => (item[key] as string).startsWith(key === 'name' ? q.tool('') : q.uri('')))

  it('connects in its own revision and hears what the server says of itself', () => {
    const { version, instructions, capabilities, serverInfo } = host.about
    expect(version).toBe(q.revision)
    expect(serverInfo['name']).toBe('gatehouse')
    expect(capabilities).toMatchObject({ tools: {}, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {} })
    expect(capabilities['tasks']).toBeUndefined()
    if (q.place === 'together') {
      expect(instructions).toContain(q.kind)
      return
    }
    expect(instructions).toBe(q.upstreamEra === 'legacy' ? 'a 2025 server' : 'a 2026 server')
    expect(capabilities).toEqual(CAPABILITIES)
  })

  it('lists tools, prompts, resources and templates under the names of the place, in one order', async () => {
    const defined = [...TOOLS, ...(q.upstreamEra === 'modern' ? MODERN_TOOLS : [])].map(t => t.definition['name'] as string)
    const tools = await host.tools()
    expect(own(tools, 'name').map(t => t.name)).toEqual(defined.map(q.tool))
    expect(await host.tools()).toEqual(tools)
    expect(own(tools, 'name').find(t => t.name === q.tool('echo'))).toMatchObject({ description: 'the tool echo' })
    expect(own(await host.prompts(), 'name').map(p => p.name)).toEqual(PROMPTS.map(p => q.tool(p.definition['name'])))
    expect(own(await host.resources(), 'uri').map(r => r.uri)).toEqual(RESOURCES.map(r => q.uri(r['uri'])))
    expect(own(await host.templates(), 'uriTemplate').map(t => t.uriTemplate)).toEqual(TEMPLATES.map(t => q.uri(t['uriTemplate'])))
  })

  it('calls a tool, and hears of its failure', async () => {
    expect(textOf(await host.call(q.tool('echo'), { text: 'héllo \u2028 {"}' }))).toBe('héllo \u2028 {"}')
    expect(await host.call(q.tool('fail'))).toMatchObject({ isError: true, content: [{ text: 'it went wrong' }] })
  })

  it('answers -32602 for a tool or prompt that does not exist', async () => {
    expect(await failureOf(host.call(q.tool('nope')))).toMatchObject({ code: -32602 })
    expect(await failureOf(host.call('nobody__nope'))).toMatchObject({ code: -32602 })
    expect(await failureOf(host.prompt(q.tool('nope')))).toMatchObject({ code: -32602 })
  })

  it('gets a prompt, reads a resource and one that only a template names', async () => {
    expect(await host.prompt(q.tool('greet'), { who: 'Ada' })).toMatchObject({ messages: [{ content: { text: 'greet Ada' } }] })
    expect(await host.read(q.uri('note://1'))).toMatchObject({ contents: [{ uri: q.uri('note://1'), text: 'note 1' }] })
    expect(await host.read(q.uri('note://77'))).toMatchObject({ contents: [{ text: 'note 77' }] })
  })

  it('says that a resource does not exist with the code of the host’s era', async () => {
    const { code } = await failureOf(host.read(q.uri('note://none')))
    expect(code).toBe(q.hostEra === 'legacy' && q.upstreamEra === 'legacy' ? -32002 : -32602)
  })

  it('completes arguments of prompts and templates', async () => {
    expect(await host.complete({ type: 'ref/prompt', name: q.tool('greet') }, { name: 'who', value: 'A' })).toEqual(['Ada', 'Alan'])
    expect(await host.complete({ type: 'ref/resource', uri: q.uri('note://{id}') }, { name: 'id', value: 'G' })).toEqual(['Grace'])
  })

  it('lets a host follow the links of a result', async () => {
    const { content } = await host.call(q.tool('link'))
    expect(content[0].uri).toBe(q.uri('note://2'))
    expect(content[1].resource.uri).toBe(q.uri('note://1'))
    expect((await host.read(content[0].uri as string)).contents[0].text).toBe('note 2')
  })
})

const OLDER = (['2025-06-18', '2025-03-26'] as const satisfies readonly Revision[]).flatMap(revision =>
  KINDS.map(kind => quadrant(revision, kind)),
)
describe.each(OLDER)('host of an older revision: $revision, upstream $kind', q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world)
  })
  afterAll(() => host.close())

  it('negotiates its revision, lists and calls', async () => {
    expect(host.about.version).toBe(q.revision)
    expect((await host.tools()).map(t => t.name)).toContain('echo')
    expect(textOf(await host.call('echo', { text: 'old' }))).toBe('old')
    expect(await failureOf(host.call('nope'))).toMatchObject({ code: -32602 })
    expect(await host.prompt('greet', { who: 'Ada' })).toMatchObject({ messages: [{ content: { text: 'greet Ada' } }] })
    expect(await host.read('note://1')).toMatchObject({ contents: [{ text: 'note 1' }] })
  })

  it('is asked what its revision knows, and nothing else', async () => {
    const asked = await host.call('ask-twice')
    const visited = await host.call('visit')
    const sampledWithTools = await host.call('sample-tools')
    expect(textOf(await host.call('sample'))).toContain('Paris')
    if (q.revision === '2025-06-18') expect(textOf(asked)).toBe('Ada and Bob')
    else expect(asked.isError).toBe(true)
    expect([visited.isError, sampledWithTools.isError]).toEqual([true, true])
    const forms = host.asked.all.filter(({ method }) => method === 'elicitation/create')
    expect(forms).toHaveLength(q.revision === '2025-06-18' ? 2 : 0)
  })
})
