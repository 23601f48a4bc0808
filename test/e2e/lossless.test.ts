// What is relayed is what was sent, byte for byte: unknown members and blocks, spelling of numbers and strings, in every direction.
// Hosts and upstreams of this file have no SDK; what a bridge must change is named beside each expectation.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventsOf, nextEvent, openRaw, postModern, type RawAnswer, answerOf } from './support/raw.ts'
import { ALONE, type Quadrant } from './support/quadrants.ts'
import { KINDS, startWorld, type World } from './support/world.ts'
import { EXACT } from './upstreams/raw.ts'

let world: World
beforeAll(async () => {
  world = await startWorld(Object.fromEntries(KINDS.map(kind => [kind, { kind, program: 'raw' as const }])))
})
afterAll(() => world.stop())

const FORM = { elicitation: { form: {} } }
/** Params as a host might write them, members of the hop left out. */
const ARGUMENTS = '{"n":1.0,"big":98765432109876543210,"s":"\\u0041 \\u00e9","nested":[ {"b":1,"a":2} ]}'
const FOREIGN = '"example.com/k":{"v":2.50}'
const ANSWER = '{"action":"accept","content":{"name":"\\u0041da","n":1.0},"x-vendor":[ 1.0 ]}'

/** One request with exactly these bytes as params (without the braces), in the host's era; the body as text. */
async function request(q: Quadrant, method: string, { params, meta = '' }: { params: string; meta?: string }): Promise<RawAnswer> {
  const name = (JSON.parse(`{${params}}`) as { name?: string; uri?: string }).name ?? (JSON.parse(`{${params}}`) as { uri?: string }).uri
  if (q.hostEra === 'legacy') {
    const session = await openRaw(world, q.path, { capabilities: FORM })
    return answerOf(
      await session.post(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${params}${meta === '' ? '' : `,"_meta":{${meta}}`}}}`),
    )
  }
  const envelope = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":${JSON.stringify(FORM)}`
  const response = await fetch(world.url + q.path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${await world.token(q.path)}`,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(name !== undefined && { 'mcp-name': name }),
    },
    body: `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${params},"_meta":{${envelope}${meta === '' ? '' : `,${meta}`}}}}`,
  })
  return answerOf(response)
}
/** What reached the upstream, as text. */
const reached = (q: Quadrant, part: string): Promise<unknown> =>
  q.upstream(world).until(part, e => e.kind === 'raw' && (e['text'] as string).includes(part))

describe.each(ALONE)('host $revision, upstream $kind', q => {
  const isSame = q.hostEra === q.upstreamEra

  it('a result of tools/call', async () => {
    const { text } = await request(q, 'tools/call', { params: '"name":"exact","arguments":{}' })
    if (isSame) {
      const type = q.upstreamEra === 'modern' ? '"resultType":"complete",' : ''
      expect(text).toBe(`{"jsonrpc":"2.0","id":1,"result":{${type}${EXACT.result}}}`)
      return
    }
    // across the eras: resultType, and the server's name within _meta for a modern host
    for (const part of [EXACT.content, EXACT.structured, EXACT.top]) expect(text).toContain(part)
    expect(text).toContain(EXACT.meta.slice(0, -1))
    expect(text.includes('resultType')).toBe(q.hostEra === 'modern')
    expect(text.includes('io.modelcontextprotocol/serverInfo')).toBe(q.hostEra === 'modern')
  })

  it('arguments and foreign _meta of a request', async () => {
    await request(q, 'tools/call', { params: `"name":"exact","arguments":${ARGUMENTS},"x-vendor":{"f":1.0}`, meta: FOREIGN })
    await reached(q, ARGUMENTS)
    await reached(q, '"x-vendor":{"f":1.0}')
    await reached(q, FOREIGN)
  })

  it('the contents of a resource, a tool definition and an error', async () => {
    expect((await request(q, 'resources/read', { params: '"uri":"raw://1"' })).text).toContain(`"contents":${EXACT.read}`)
    expect((await request(q, 'tools/list', { params: '"x":1' })).text).toContain(EXACT.tool)
    expect((await request(q, 'tools/call', { params: '"name":"refuse"' })).text).toContain(`"error":${EXACT.error}`)
  })

  it('a progress notification, under the host’s own token', async () => {
    const token = '"tok\\u0065n"'
    const { text } = await request(q, 'tools/call', { params: '"name":"exact"', meta: `"progressToken":${token}` })
    expect(text).toContain(`{"jsonrpc":"2.0","method":"notifications/progress","params":{${EXACT.progress},"progressToken":${token}}}`)
  })

  it('a question and its answer', async () => {
    if (q.hostEra === 'legacy') {
      const session = await openRaw(world, q.path, { capabilities: FORM })
      const events = eventsOf(await session.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'ask' } }))
      const { data } = await nextEvent(events)
      expect(data).toContain(`who?",${EXACT.form}`)
      const { id } = JSON.parse(data) as { id: string }
      await session.post(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${ANSWER}}`)
      expect(JSON.parse((await nextEvent(events)).data)).toMatchObject({ id: 1, result: { content: [] } })
    } else {
      const asked = await postModern(world, q.path, { method: 'tools/call', params: { name: 'ask' }, capabilities: FORM })
      expect(asked.text).toContain(`who?",${EXACT.form}`)
      const { inputRequests, requestState } = asked.last.result
      // the upstream's own key where it chose one
      expect(Object.keys(inputRequests as object)).toEqual([q.upstreamEra === 'modern' ? 'q1' : 'request-1'])
      const [key] = Object.keys(inputRequests as object)
      const retry = await request(q, 'tools/call', {
        params: `"name":"ask","requestState":${JSON.stringify(requestState)},"inputResponses":{"${key}":${ANSWER}}`,
      })
      expect(retry.last).toMatchObject({ result: { resultType: 'complete', content: [] } })
      if (q.upstreamEra === 'modern') await reached(q, '"requestState":"state"')
    }
    await reached(q, ANSWER)
  })
})
