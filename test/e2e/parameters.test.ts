// Arguments mirrored into headers (SEP-2243) and structured content that is no object (SEP-2106), wherever they start and end.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { textOf, type Host } from './support/hosts.ts'
import { QUADRANTS, TITLE } from './support/quadrants.ts'
import { postModern } from './support/raw.ts'
import { startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

describe.each(QUADRANTS)(TITLE, q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world)
    await host.tools()
  })
  afterAll(() => host.close())
  const region = async (args: object): Promise<unknown> => JSON.parse(textOf(await host.call(q.tool('region'), args)))
  const hasHeaders = q.kind === 'v2-http'

  it.each([
    ['us west', 'us west'],
    ['münchen', `=?base64?${Buffer.from('münchen').toString('base64')}?=`],
    [' padded ', `=?base64?${Buffer.from(' padded ').toString('base64')}?=`],
    ['a\r\nX-Injected: 1', `=?base64?${Buffer.from('a\r\nX-Injected: 1').toString('base64')}?=`],
  ])('the argument %j reaches the server, and its header where there are headers', async (argument, header) => {
    expect(await region({ region: argument })).toEqual({ argument, header: hasHeaders ? header : null })
  })

  it('without the argument there is no header', async () => {
    expect(await region({ note: 'x' })).toEqual({ argument: null, header: null })
  })

  it.runIf(q.upstreamEra === 'modern')(
    'an array as structured content comes whole, or as the `result` that the schema announced',
    async () => {
      const tool = (await host.tools()).find(t => t.name === q.tool('numbers'))
      const { structuredContent, content } = await host.call(q.tool('numbers'))
      const schema = { type: 'array', items: { type: 'number' } }
      if (q.hostEra === 'modern') {
        expect(tool.outputSchema).toEqual(schema)
        expect([structuredContent, content]).toEqual([[1, 2, 3], []])
        return
      }
      expect(tool.outputSchema).toEqual({ type: 'object', properties: { result: schema }, required: ['result'] })
      expect([structuredContent, content]).toEqual([{ result: [1, 2, 3] }, [{ type: 'text', text: '[1,2,3]' }]])
    },
  )

  it.runIf(q.hostEra === 'modern')(
    'a header that says something else than the body is refused, and the server never hears of it',
    async () => {
      const mark = q.upstream(world).events.mark
      const call = { method: 'tools/call', params: { name: q.tool('region'), arguments: { region: 'eu' } } }
      for (const headers of [{ 'mcp-param-region': 'us' }, {}, { 'mcp-param-region': '=?base64?!!?=' }]) {
        const { status, last } = await postModern(world, q.path, { ...call, headers: headers })
        expect([status, last.error.code]).toEqual([400, -32020])
      }
      expect(q.upstream(world).received('tools/call', mark)).toEqual([])
    },
  )
})
