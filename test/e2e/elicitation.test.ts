// Elicitation in every quadrant: forms of two rounds, every answer a person can give, URLs in all their shapes.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { agreeable, failureOf, textOf, type Host } from './support/hosts.ts'
import { QUADRANTS, TITLE } from './support/quadrants.ts'
import { startWorld, type World } from './support/world.ts'
import { VISIT } from './upstreams/surface.ts'

/** The server's words behind the gateway's label. */
const own = (message: unknown): string => /^\[[a-z0-9-]+ asks through Gatehouse\] (.*)$/s.exec(message as string)?.[1] ?? ''

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
  let mark = 0
  beforeEach(() => {
    host.person = agreeable()
    mark = host.asked.mark
  })

  it('asks twice in one call, with the questions as the server wrote them, and its name in front', async () => {
    expect(textOf(await host.call(q.tool('ask-twice'), { tag: 'A' }))).toBe('Ada and Bob')
    const questions = host.asked.since(mark)
    expect(questions.map(({ method, params }) => [method, params['message']])).toEqual([
      ['elicitation/create', `[${q.kind} asks through Gatehouse] first A`],
      ['elicitation/create', `[${q.kind} asks through Gatehouse] second A`],
    ])
    expect(questions[0]?.params['requestedSchema']).toEqual({
      type: 'object',
      properties: { name: { type: 'string' } },
      required: ['name'],
    })
  })

  it.each(['decline', 'cancel'])('hands on that a person says %s, in the first round and in the second', async action => {
    host.person = () => ({ action })
    expect(textOf(await host.call(q.tool('ask-twice')))).toBe(`first: ${action}`)
    const yes = agreeable()
    host.person = (method, params) => (own(params['message']).startsWith('first') ? yes(method, params) : { action })
    expect(textOf(await host.call(q.tool('ask-twice')))).toBe(`Ada and ${action}`)
  })

  it('asks within prompts/get and resources/read', async () => {
    expect(await host.prompt(q.tool('ask-first'))).toMatchObject({ messages: [{ content: { text: 'greet Ada' } }] })
    expect(await host.read(q.uri('note://ask'))).toMatchObject({ contents: [{ text: 'the note of Bob' }] })
  })

  it('keeps the questions of calls that run at once apart', async () => {
    host.person = async (_method, params) => ({ action: 'accept', content: { name: own(params['message']) } })
    const tags = ['A', 'B', 'C']
    const answers = await Promise.all(tags.map(tag => host.call(q.tool('ask-twice'), { tag })))
    expect(answers.map(textOf)).toEqual(tags.map(tag => `first ${tag} and second ${tag}`))
  })

  it('sends a person to a URL, with an id where the host’s revision wants one', async () => {
    const answer = JSON.parse(textOf(await host.call(q.tool('visit')))) as unknown
    expect(answer).toMatchObject({ action: 'accept' })
    const [question] = host.asked.since(mark)
    const shown = { ...VISIT, message: `[${q.kind} asks through Gatehouse] ${VISIT.message}` }
    expect(question?.params).toMatchObject(shown)
    if (q.hostEra === 'legacy') expect(question?.params['_meta']).toMatchObject({ 'io.gatehouse/server': q.kind })
    // R97: required in 2025-11-25, where the gateway makes one for a 2026 upstream; unknown to 2026-07-28.
    if (q.hostEra === 'modern') expect(question?.params).toEqual(shown)
    else if (q.upstreamEra === 'legacy') expect(question?.params['elicitationId']).toMatch(/^id-/)
    else expect(question?.params['elicitationId']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('sends a person to sign in before the call, by -32042 or by a question, and the call then succeeds', async () => {
    const shown = { ...VISIT, message: `[${q.kind} asks through Gatehouse] ${VISIT.message}` }
    const args = { tag: `${q.revision} ${q.kind} ${q.place}` }
    if (q.hostEra === 'legacy' && q.upstreamEra === 'legacy') {
      const { code, data } = await failureOf(host.call(q.tool('sign-in'), args))
      expect(code).toBe(-32042)
      expect(data.elicitations).toEqual([{ ...shown, elicitationId: `id-${args.tag}` }])
      expect(host.asked.since(mark)).toEqual([])
    }
    expect(textOf(await host.call(q.tool('sign-in'), args))).toBe('signed in')
    if (q.hostEra === 'legacy' && q.upstreamEra === 'legacy') return
    expect(host.asked.since(mark)).toHaveLength(1)
    expect(host.asked.since(mark)[0]?.params).toMatchObject(shown)
  })
})
