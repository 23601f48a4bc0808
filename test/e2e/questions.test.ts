// Sampling, roots and several questions at once in every quadrant, and what a host that cannot be asked gets instead
// (research/protocol.md section 2, "Impossible", 1, 2 and 7).

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { agreeable, failureOf, REVISIONS, textOf, type Host } from './support/hosts.ts'
import { ALONE, quadrant, QUADRANTS, TITLE } from './support/quadrants.ts'
import { answerOf, openRaw, postModern } from './support/raw.ts'
import { KINDS, startWorld, type Kind, type World } from './support/world.ts'

const few = (kind: Kind): string => `${kind}-few`
let world: World
beforeAll(async () => {
  const limited = KINDS.map(kind => [few(kind), { kind, settings: { limits: { rounds: 3 } } }])
  world = await startWorld({ ...Object.fromEntries(KINDS.map(kind => [kind, { kind }])), ...Object.fromEntries(limited) })
})
afterAll(() => world.stop())

describe.each(QUADRANTS)(TITLE, q => {
  let host: Host
  let mark = 0
  beforeAll(async () => {
    host = await q.connect(world)
  })
  afterAll(() => host.close())
  beforeEach(() => {
    host.person = agreeable()
    mark = host.asked.mark
  })

  it('asks the model, with tools too', async () => {
    expect(JSON.parse(textOf(await host.call(q.tool('sample'))))).toMatchObject({
      role: 'assistant',
      model: 'test-model',
      content: { text: 'Paris' },
    })
    expect(host.asked.since(mark)).toMatchObject([{ method: 'sampling/createMessage', params: { maxTokens: 50 } }])
    expect(JSON.parse(textOf(await host.call(q.tool('sample-tools'))))).toMatchObject({
      stopReason: 'toolUse',
      content: [{ type: 'tool_use' }],
    })
    expect(host.asked.since(mark)[1]?.params).toMatchObject({ tools: [{ name: 'look-up' }], toolChoice: { mode: 'required' } })
  })

  it('asks for the roots', async () => {
    expect(JSON.parse(textOf(await host.call(q.tool('roots'))))).toMatchObject({ roots: [{ uri: 'file:///home/ada/project' }] })
  })

  it('asks person, model and roots in one call', async () => {
    expect(textOf(await host.call(q.tool('several')))).toBe('Ada | Paris | file:///home/ada/project')
    expect(
      host.asked
        .since(mark)
        .map(({ method }) => method)
        .sort(),
    ).toEqual(['elicitation/create', 'roots/list', 'sampling/createMessage'])
  })

  it('hears what the server cannot work without only where the host lacks it', async () => {
    // The server of this test fails whatever the host declares; only a 2026 server has a code for it.
    if (q.upstreamEra === 'legacy' || q.hostEra === 'legacy')
      expect(await host.call(q.tool('needs-sampling'))).toMatchObject({ isError: true })
    else
      expect(await failureOf(host.call(q.tool('needs-sampling')))).toMatchObject({
        code: -32021,
        data: { requiredCapabilities: { sampling: {} } },
      })
  })
})

describe.each(QUADRANTS.filter(q => q.upstreamEra === 'modern'))(`a server that only wants to be called again: ${TITLE}`, q => {
  it('is, with its state, and the host is asked nothing', async () => {
    const host = await q.connect(world)
    const mark = q.upstream(world).events.mark
    expect(textOf(await host.call(q.tool('two-steps')))).toBe('second step')
    // what a process sees is told on a way of its own, not before its answer
    await expect.poll(() => q.upstream(world).received('tools/call', mark).length).toBe(2)
    expect(host.asked.all).toEqual([])
    await host.close()
  })
})

describe.each(REVISIONS.flatMap(revision => KINDS.map(kind => quadrant(revision, kind, 'alone', few(kind)))))(
  'a server that never stops asking: host $revision, upstream $kind',
  q => {
    it('is stopped after as many rounds as its settings allow', async () => {
      const host = await q.connect(world)
      const { message } = await failureOf(host.call('ask-forever'))
      expect(message).toContain('Too many input rounds')
      expect(host.asked.all).toHaveLength(3)
      await host.close()
    })
  },
)

describe.each(ALONE)('methods of the other era: $revision, upstream $kind', q => {
  it.each(['ping', 'logging/setLevel', 'resources/subscribe', 'tasks/list', 'server/discover', 'subscriptions/listen'])(
    '%s',
    async method => {
      const isOwn =
        q.hostEra === 'legacy'
          ? !['tasks/list', 'server/discover', 'subscriptions/listen'].includes(method)
          : method.includes('er') && method !== 'logging/setLevel'
      const params = { level: 'info', uri: 'note://1', notifications: {} }
      if (q.hostEra === 'modern') {
        const { status, last } = await postModern(world, q.path, { method, params: method === 'subscriptions/listen' ? {} : params })
        if (method === 'server/discover') expect([status, last.result.supportedVersions]).toEqual([200, ['2026-07-28']])
        else if (method === 'subscriptions/listen') expect([status, last.error.code]).toEqual([400, -32602])
        else expect([status, last.error.code]).toEqual([404, -32601])
        return
      }
      const session = await openRaw(world, q.path)
      const { status, last } = await answerOf(await session.post({ jsonrpc: '2.0', id: 1, method, params }))
      expect([status, last.error?.code]).toEqual([200, isOwn ? undefined : -32601])
    },
  )
})

describe.each(ALONE)('a host that declares nothing: $revision, upstream $kind', q => {
  let host: Host
  beforeAll(async () => {
    host = await q.connect(world, { capabilities: {} })
  })
  afterAll(() => host.close())

  it.each(['ask-twice', 'visit', 'sample', 'sample-tools', 'roots'])(
    '%s fails as documented, and the host is asked nothing',
    async name => {
      const upstream = q.upstream(world)
      const mark = upstream.events.mark
      if (q.hostEra === 'modern' && q.upstreamEra === 'modern') {
        const { code, data } = await failureOf(host.call(name))
        expect(code).toBe(-32021)
        const capability = {
          'ask-twice': 'elicitation',
          visit: 'elicitation',
          sample: 'sampling',
          'sample-tools': 'sampling',
          roots: 'roots',
        }[name]
        expect(Object.keys(data.requiredCapabilities as object)).toEqual([capability])
      } else {
        // A: text the model can read. B: the upstream hears that there is no such method and says what it makes of that.
        expect(await host.call(name)).toMatchObject({ isError: true })
        if (q.upstreamEra === 'legacy')
          expect(await upstream.until('refusal', e => e.kind === 'refused', mark)).toMatchObject({ code: -32601 })
      }
      expect(host.asked.all).toEqual([])
    },
  )

  it('prompts/get and resources/read fail with an error', async () => {
    for (const failing of [() => host.prompt('ask-first'), () => host.read('note://ask')]) {
      const { code, message } = await failureOf(failing())
      // B: what the upstream makes of the refusal it got; its -32601 travels with status 404 (R14), for which the v2 client has a code of its own.
      if (q.upstreamEra === 'legacy') expect(message).toContain('Method not found')
      else expect(code).toBe(q.hostEra === 'legacy' ? -32603 : -32021)
    }
  })
})

describe.each(ALONE.filter(q => q.upstreamEra === 'legacy'))('a question outside any call: $revision, upstream $kind', q => {
  it('is refused with -32601, and the host is not asked', async () => {
    const host = await q.connect(world)
    const upstream = q.upstream(world)
    await host.listen()
    const before = upstream.events.mark
    await host.subscribe('note://99')
    await upstream.announces('note://99', before)
    const mark = upstream.events.mark
    upstream.command({ unsolicited: true })
    expect(await upstream.until('refusal', e => e.kind === 'refused', mark)).toMatchObject({ code: -32601 })
    expect(host.asked.all).toEqual([])
    await host.close()
  })
})
