import { afterEach, describe, expect, it } from 'vitest'
import type { ObservedUpstream } from '../../../src/adapters/upstream/upstream.ts'
import type { SubscriptionFilter } from '../../../src/bridge/upstream.ts'
import type { UpstreamTransport } from '../../../src/config/schema.ts'
import { Changes } from '../../support/upstreams/changes.ts'
import { startV1, startV1Sse, type V1 } from '../../support/upstreams/sdk-v1.ts'
import { seenV2, startV2 } from '../../support/upstreams/sdk-v2.ts'
import { nodeServer } from '../../support/upstreams/stdio.ts'
import {
  ALICE,
  answer,
  callerOf,
  callOf,
  echo,
  eventually,
  Heard,
  INTERACTIVE,
  SILENT,
  upstreamOf,
  worldOf,
} from '../../support/upstreams/world.ts'

const textOf = (got: any): string => got.result.content[0].text as string
const CALLER = callerOf(ALICE, INTERACTIVE)
const tool = (name: string, more = {}): ReturnType<typeof callOf> => callOf('tools/call', { name }, { caller: CALLER, ...more })

const FILTER: SubscriptionFilter = { toolsListChanged: true, resourceSubscriptions: ['r://1'] }

type Started = {
  transport: UpstreamTransport
  era: 'legacy' | 'modern'
  close(): Promise<void>
  change?: () => void
  sessions?: Map<string, V1>
}
const SERVERS: Record<string, () => Promise<Started>> = {
  'v1 stdio': async () => ({ transport: nodeServer('v1'), era: 'legacy', close: async () => {} }),
  'v1 HTTP': async () => {
    const { url, sessions, close } = await startV1()
    return { transport: { kind: 'http', url, headers: {} }, era: 'legacy', close, sessions }
  },
  'v1 HTTP+SSE': async () => {
    const { url, sessions, close } = await startV1Sse()
    return { transport: { kind: 'sse', url, headers: {} }, era: 'legacy', close, sessions }
  },
  'v2 stdio': async () => ({ transport: nodeServer('v2'), era: 'modern', close: async () => {} }),
  'v2 HTTP': async () => {
    const { url, touch, close } = await startV2()
    return { transport: { kind: 'http', url, headers: {} }, era: 'modern', close, change: touch }
  },
}

describe.each(Object.keys(SERVERS))('genuine SDK server, %s', name => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })
  const start = async (): Promise<Started & { upstream: ObservedUpstream }> => {
    const server = await SERVERS[name]!()
    const upstream = upstreamOf(server.transport, {}, worldOf())
    closing.push(
      () => upstream.close(1000),
      () => server.close(),
    )
    return { ...server, upstream }
  }

  it('connects in its own era, lists and calls, and hands errors over', async () => {
    const { upstream, era } = await start()
    expect(await upstream.face(CALLER)).toMatchObject({
      era,
      instructions: `${name.slice(0, 2)} upstream`,
      serverInfo: { name: name.slice(0, 2) },
    })
    expect((await answer(upstream, callOf('tools/list', {}, { caller: CALLER }))).result.tools).toHaveLength(1)
    expect(textOf(await answer(upstream, echo('héllo \u2028', { caller: CALLER })))).toBe('héllo \u2028')
    expect(await answer(upstream, tool('nope'))).toMatchObject({ error: { code: -32602 } })
    if (era === 'legacy')
      expect(await answer(upstream, callOf('resources/read', { uri: 'r://x' }, { caller: CALLER }))).toMatchObject({
        error: { code: -32002 },
      })
  })

  it("relays progress under the host's token, and logs at the level asked for", async () => {
    const { upstream } = await start()
    const heard = new Heard()
    expect(textOf(await answer(upstream, tool('slow', { meta: Buffer.from('{"progressToken":"t-1"}'), logLevel: 'info' }), heard))).toBe(
      'done',
    )
    const of = (method: string): any[] => heard.notifications.filter(n => n.method === method).map(n => n.json.params)
    expect(of('notifications/progress')).toEqual([1, 2, 3].map(progress => ({ progressToken: 't-1', progress, total: 3 })))
    expect(of('notifications/message').map(params => params.data)).toEqual(['step 1', 'step 2', 'step 3'])
    const quiet = new Heard()
    await answer(upstream, tool('slow'), quiet)
    expect(quiet.notifications).toEqual([])
  })

  it('asks twice in one call', async () => {
    const { upstream, era } = await start()
    if (era === 'legacy') {
      const heard = new Heard()
      const got = answer(upstream, tool('ask'), heard)
      for (const [i, who] of ['Ada', 'Bob'].entries()) {
        await heard.until('requests', i + 1)
        heard.requests[i]?.answer(Buffer.from(`{"action":"accept","content":{"name":"${who}"}}`))
      }
      expect(textOf(await got)).toBe('Ada and Bob')
      return
    }
    const retry = (requestState: string | undefined, who: string): object => ({
      retry: {
        inputResponses: Buffer.from(`{"name":{"action":"accept","content":{"name":"${who}"}}}`),
        ...(requestState !== undefined && { requestState }),
      },
    })
    const first = await answer(upstream, tool('ask'))
    expect(first.result).toMatchObject({ resultType: 'input_required', inputRequests: { name: { method: 'elicitation/create' } } })
    const second = await answer(upstream, tool('ask', retry(undefined, 'Ada')))
    expect(second.result.requestState).toEqual(expect.any(String))
    expect(textOf(await answer(upstream, tool('ask', retry(second.result.requestState as string, 'Bob'))))).toBe('Ada and Bob')
  })

  it('cancels all the way to the handler', async () => {
    const { upstream, sessions, era } = await start()
    const before = seenV2.aborted
    await upstream.face(CALLER)
    const running = upstream.call(tool('wait'), SILENT)
    await answer(upstream, callOf('tools/list', {}, { caller: CALLER }))
    if (sessions) await eventually(() => [...sessions.values()].some(session => session.waiting === 1))
    running.cancel('enough')
    expect(await running.done).toMatchObject({ stop: 'cancelled' })
    if (sessions) await eventually(() => [...sessions.values()].some(session => session.cancelled === 1))
    else if (era === 'modern' && name === 'v2 HTTP') await eventually(() => seenV2.aborted === before + 1)
    expect(textOf(await answer(upstream, echo('next', { caller: CALLER })))).toBe('next')
  })

  it('delivers changes that were asked for, and only those', async () => {
    const { upstream, change, era, sessions } = await start()
    const [all, tools] = [new Changes(), new Changes()]
    await upstream.face(CALLER)
    const subscription = upstream.subscribe(CALLER, FILTER, all)
    upstream.subscribe(CALLER, { toolsListChanged: true }, tools)
    const wanted = ['list tools', 'updated r://1']
    // A stream takes a moment to open: changes go on until the first one arrives.
    while (!wanted.every(what => all.seen.includes(what))) {
      if (change) change()
      else await answer(upstream, tool('change'))
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(new Set(all.seen)).toEqual(new Set(wanted))
    expect(JSON.stringify(all.messages)).not.toContain('subscriptionId')
    expect(new Set(tools.seen)).toEqual(new Set(['list tools']))
    subscription.close()
    if (era === 'legacy' && sessions) await eventually(() => [...sessions.values()].every(session => session.subscribed.size === 0))
    await upstream.close(1000)
    expect(tools.seen.at(-1)).toBe('ended the gateway is stopping')
    expect(all.seen.at(-1)).not.toContain('ended')
  })

  it.runIf(name === 'v1 HTTP')('R50: comes back for the rest of a stream that the server closed', async () => {
    const { upstream } = await start()
    expect(textOf(await answer(upstream, tool('poll')))).toBe('polled')
  })
})
