import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { Ticker } from '../../../src/adapters/upstream/ticker.ts'
import type { ObservedUpstream } from '../../../src/adapters/upstream/upstream.ts'
import type { SubscriptionFilter } from '../../../src/bridge/upstream.ts'
import type { UpstreamTransport } from '../../../src/config/schema.ts'
import { Changes } from '../../support/upstreams/changes.ts'
import { HandClock } from '../../support/upstreams/hand-clock.ts'
import { event, events, json, startLegacy, startModern, type HttpUpstream } from '../../support/upstreams/http-upstream.ts'
import { hostile } from '../../support/upstreams/stdio.ts'
import {
  ALICE,
  answer,
  BOB,
  callerOf,
  callOf,
  echo,
  eventually,
  INTERACTIVE,
  upstreamOf,
  worldOf,
  type Overrides,
  type World,
} from '../../support/upstreams/world.ts'

const META = 'io.modelcontextprotocol/subscriptionId'
const TOOLS: SubscriptionFilter = { toolsListChanged: true }
const notification = (method: string, params: object, stamp?: unknown): object => ({
  jsonrpc: '2.0',
  method,
  params: { ...params, ...(stamp !== undefined && { _meta: { [META]: stamp } }) },
})
const textOf = (got: any): string => got.result.content[0].text as string

type Listen = { readonly id: number; readonly filter: any; readonly stream: ServerResponse; isOpen: boolean }

describe('changes of an upstream', () => {
  const closing: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    await Promise.all(closing.splice(0).map(close => close()))
  })
  const start = (transport: UpstreamTransport, overrides: Overrides = {}, world?: World): ObservedUpstream => {
    const upstream = upstreamOf(transport, overrides, world)
    closing.push(() => upstream.close(500))
    return upstream
  }
  const ticking = (): { clock: HandClock; world: World; tick: (condition: () => boolean) => Promise<void> } => {
    const clock = new HandClock()
    const tick = (condition: () => boolean): Promise<void> =>
      eventually(() => {
        clock.advance(10)
        return condition()
      })
    return { clock, world: worldOf({ ticker: new Ticker(clock) }), tick }
  }

  describe('subscriptions/listen over HTTP', () => {
    /** A modern server; `acknowledge` false leaves that to the test. */
    const listening = async (acknowledge = true): Promise<{ server: HttpUpstream; listens: Listen[] }> => {
      const listens: Listen[] = []
      const server = await startModern(({ res, message }) => {
        if (message?.method !== 'subscriptions/listen') return false
        const listen: Listen = { id: message.id as number, filter: message.params.notifications, stream: events(res), isOpen: true }
        res.on('close', () => (listen.isOpen = false))
        listens.push(listen)
        listen.stream.write(': open\n\n')
        if (acknowledge)
          listen.stream.write(event(notification('notifications/subscriptions/acknowledged', { notifications: listen.filter }, listen.id)))
        return true
      })
      closing.push(() => server.close())
      return { server, listens }
    }
    const http = (server: HttpUpstream): UpstreamTransport => ({ kind: 'http', url: server.url, headers: {} })

    it('R79, R80: one stream for all subscribers of a caller; each hears what he asked for, without our stamp', async () => {
      const { server, listens } = await listening()
      const { world, tick } = ticking()
      const upstream = start(http(server), {}, world)
      await upstream.face(callerOf())
      const [a, b, bob] = [new Changes(), new Changes(), new Changes()]
      upstream.subscribe(callerOf(), TOOLS, a)
      upstream.subscribe(
        callerOf(ALICE, '{}', 'another host session'),
        { promptsListChanged: true, resourceSubscriptions: ['r://1', 'dir://a'] },
        b,
      )
      upstream.subscribe(callerOf(BOB), TOOLS, bob)
      await tick(() => listens.length === 2)
      const alice = listens.find(listen => listen.filter.promptsListChanged === true)!
      expect(alice.filter).toEqual({ toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['dir://a', 'r://1'] })
      const say = (method: string, params: object): void => void alice.stream.write(event(notification(method, params, alice.id)))
      say('notifications/tools/list_changed', {})
      say('notifications/prompts/list_changed', {})
      say('notifications/resources/updated', { uri: 'r://1', extra: 1 })
      say('notifications/resources/updated', { uri: 'dir://a/child' })
      say('notifications/resources/updated', { uri: 'dir://ab' })
      say('notifications/tasks', { taskId: 'not asked for' })
      say('notifications/resources/list_changed', {})
      await tick(() => b.seen.length === 3)
      expect(a.seen).toEqual(['list tools'])
      expect(b.seen).toEqual(['list prompts', 'updated r://1', 'updated dir://a/child'])
      expect(b.messages[0]).toEqual({
        jsonrpc: '2.0',
        method: 'notifications/resources/updated',
        params: { uri: 'r://1', extra: 1, _meta: {} },
      })
      expect(bob.seen).toEqual([])
    })

    it('a change that repeats the credential the upstream was given is heard by nobody, the next one is', async () => {
      const { server, listens } = await listening()
      const { world, tick } = ticking()
      const upstream = start({ kind: 'http', url: server.url, headers: { 'x-api-key': 'the-key-of-the-gateway' } }, {}, world)
      await upstream.face(callerOf())
      const a = new Changes()
      upstream.subscribe(callerOf(), { resourceSubscriptions: ['r://1'] }, a)
      await tick(() => listens.length === 1)
      const { stream, id } = listens[0]!
      for (const params of [{ uri: 'r://1', with: 'the-key-of-the-gateway' }, { uri: 'r://1' }])
        stream.write(event(notification('notifications/resources/updated', params, id)))
      await tick(() => a.seen.length > 0)
      expect(a.messages.map(({ params }) => params.with)).toEqual([undefined])
      expect(world.drops).toContain('credential-shown')
    })

    it('R79: nothing counts before the acknowledgement, and nothing with another id', async () => {
      const { server, listens } = await listening(false)
      const { world, tick } = ticking()
      const upstream = start(http(server), {}, world)
      await upstream.face(callerOf())
      const heard = new Changes()
      upstream.subscribe(callerOf(), TOOLS, heard)
      await tick(() => listens.length === 1)
      const { stream, id } = listens[0]!
      const changed = (stamp?: unknown): void => void stream.write(event(notification('notifications/tools/list_changed', {}, stamp)))
      changed(id)
      stream.write(event(notification('notifications/subscriptions/acknowledged', { notifications: {} }, String(id))))
      changed(id)
      stream.write(event(notification('notifications/subscriptions/acknowledged', { notifications: {} }, id)))
      for (const stamp of [undefined, id + 1, String(id), null]) changed(stamp)
      stream.write(event({ jsonrpc: '2.0', id: 5, method: 'roots/list' }))
      changed(id)
      await tick(() => heard.seen.length === 1)
      expect(heard.seen).toEqual(['list tools'])
      expect(upstream.drops.get('subscription-unknown')).toBe(7)
      expect(upstream.drops.get('request-era')).toBe(1)
    })

    it('a new filter opens a new stream before the old one closes', async () => {
      const { server, listens } = await listening(false)
      const { world, tick } = ticking()
      const upstream = start(http(server), {}, world)
      await upstream.face(callerOf())
      const heard = new Changes()
      const subscription = upstream.subscribe(callerOf(), TOOLS, heard)
      const acknowledge = ({ stream, id }: Listen): void =>
        void stream.write(event(notification('notifications/subscriptions/acknowledged', { notifications: {} }, id)))
      await tick(() => listens.length === 1)
      acknowledge(listens[0]!)
      subscription.update({ ...TOOLS, resourceSubscriptions: ['r://1'] })
      subscription.update({ ...TOOLS, resourceSubscriptions: ['r://2'] })
      await tick(() => listens.length === 2)
      expect(listens[0]!.isOpen).toBe(true)
      listens[0]!.stream.write(event(notification('notifications/tools/list_changed', {}, listens[0]!.id)))
      await tick(() => heard.seen.length === 1)
      acknowledge(listens[1]!)
      await tick(() => !listens[0]!.isOpen)
      expect(listens[1]!.filter.resourceSubscriptions).toEqual(['r://2'])
      listens[1]!.stream.write(event(notification('notifications/resources/updated', { uri: 'r://2' }, listens[1]!.id)))
      await tick(() => heard.seen.length === 2)
      subscription.close()
      await tick(() => !listens[1]!.isOpen)
      expect(heard.seen).toEqual(['list tools', 'updated r://2'])
    })

    it('opens a broken stream again with growing pauses, and says that changes may have been missed', async () => {
      const { server, listens } = await listening()
      const { clock, world, tick } = ticking()
      const upstream = start(http(server), {}, world)
      await upstream.face(callerOf())
      const heard = new Changes()
      upstream.subscribe(callerOf(), TOOLS, heard)
      const pauses: number[] = []
      for (let i = 1; i <= 8; i++) {
        const before = clock.now()
        await tick(() => listens.length === i)
        pauses.push(clock.now() - before)
        listens[i - 1]!.stream.destroy()
        await eventually(() => heard.seen.length === i)
      }
      expect(heard.seen).toEqual(Array(8).fill('interrupted'))
      expect(pauses[7]!).toBeGreaterThan(4 * pauses[2]!)
      expect(pauses[7]!).toBeLessThan(60_000)
    })

    it('a stream that is never acknowledged is opened anew', async () => {
      const { server, listens } = await listening(false)
      const { clock, world, tick } = ticking()
      const upstream = start(http(server), {}, world)
      await upstream.face(callerOf())
      const heard = new Changes()
      upstream.subscribe(callerOf(), TOOLS, heard)
      await tick(() => listens.length === 1)
      clock.advance(29_000)
      await tick(() => listens[0]!.isOpen)
      clock.advance(1_100)
      await tick(() => listens.length === 2 && !listens[0]!.isOpen)
      expect(heard.seen).toEqual([])
    })

    it('standing streams of hundreds of principals take no connection from a call', async () => {
      const { server, listens } = await listening()
      const upstream = start(http(server), { limits: { concurrency: 4 } })
      await upstream.face(callerOf())
      for (let i = 0; i < 300; i++) upstream.subscribe(callerOf(`https://idp.example user-${i}` as typeof ALICE), TOOLS, new Changes())
      await eventually(() => listens.length === 300)
      for (let i = 0; i < 10; i++) expect(textOf(await answer(upstream, echo('still quick')))).toBe('still quick')
    })

    it('gives a stream up for good only where the upstream does not know the method', async () => {
      const server = await startModern()
      closing.push(() => server.close())
      const { world, tick } = ticking()
      const upstream = start(http(server), {}, world)
      const heard = new Changes()
      upstream.subscribe(callerOf(), TOOLS, heard)
      await tick(() => heard.seen.length === 1)
      expect(heard.seen[0]).toMatch(/^ended /)
      expect(server.of('subscriptions/listen')).toHaveLength(1)
    })

    it('N130: 10,000 changes a second reach subscribers at the capped rate, followed by a hint that some were missed', async () => {
      const { server, listens } = await listening()
      const { clock, world, tick } = ticking()
      const upstream = start(http(server), { limits: { notificationsPerSecond: 50 } }, world)
      await upstream.face(callerOf())
      const heard = new Changes()
      upstream.subscribe(callerOf(), TOOLS, heard)
      await tick(() => listens.length === 1)
      const { stream, id } = listens[0]!
      stream.write(event(notification('notifications/tools/list_changed', {}, id)).repeat(1500))
      await eventually(() => upstream.drops.get('notification-rate') === 1450)
      expect(heard.seen).toHaveLength(50)
      clock.advance(1_100)
      expect(heard.seen.slice(50)).toEqual(['interrupted'])
    })
  })

  describe('in legacy sessions', () => {
    it('R49, R100: one GET stream only while somebody listens, resources counted, questions refused', async () => {
      let stream: ServerResponse | undefined
      const replies: any[] = []
      const server = await startLegacy(({ req, res, message }) => {
        if (req.method === 'GET') {
          stream = events(res)
          stream.write(': open\n\n')
          return true
        }
        if (message === undefined || message.method !== undefined) return false
        replies.push(message)
        res.writeHead(202).end()
        return true
      })
      closing.push(() => server.close())
      const { world, tick } = ticking()
      const upstream = start({ kind: 'http', url: server.url, headers: {} }, {}, world)
      await answer(upstream, echo('x'))
      expect(server.seen.filter(({ req }) => req.method === 'GET')).toEqual([])
      const [a, b] = [new Changes(), new Changes()]
      const first = upstream.subscribe(callerOf(), { toolsListChanged: true, resourceSubscriptions: ['r://1', 'r://2'] }, a)
      const second = upstream.subscribe(callerOf(), { resourceSubscriptions: ['r://1'] }, b)
      await tick(() => stream !== undefined && server.of('resources/subscribe').length === 2)
      expect(server.of('initialize')).toHaveLength(1)
      const say = (value: object): void => void stream?.write(event(value))
      say(notification('notifications/message', { level: 'error', data: 'whose?' }))
      say(notification('notifications/progress', { progressToken: 1, progress: 1 }))
      say({ jsonrpc: '2.0', id: 'q', method: 'sampling/createMessage', params: {} })
      say({ jsonrpc: '2.0', id: 2, result: { content: [{ type: 'text', text: 'spoofed' }] } })
      say(notification('notifications/resources/updated', { uri: 'r://1' }))
      say(notification('notifications/tools/list_changed', {}))
      await tick(() => a.seen.length === 2 && replies.length === 1)
      expect(a.seen).toEqual(['updated r://1', 'list tools'])
      expect(b.seen).toEqual(['updated r://1'])
      expect(replies[0]).toMatchObject({ id: 'q', error: { code: -32601 } })
      first.close()
      await tick(() => server.of('resources/unsubscribe').length === 1)
      expect(server.of('resources/unsubscribe')[0].params).toEqual({ uri: 'r://2' })
      const closed = new Promise<void>(resolve => stream?.on('close', () => resolve()))
      second.close()
      await closed
      await tick(() => server.of('resources/unsubscribe').length === 2)
    })

    it('subscribes to resources only once the GET stream stands: an update between the two would reach nobody', async () => {
      const pending: ServerResponse[] = []
      const server = await startLegacy(({ req, res }) => req.method === 'GET' && pending.push(res) > 0)
      closing.push(() => server.close())
      const { world, clock } = ticking()
      const upstream = start({ kind: 'http', url: server.url, headers: {} }, {}, world)
      await upstream.face(callerOf())
      const first = upstream.subscribe(callerOf(), { resourceSubscriptions: ['r://1'] }, new Changes())
      clock.advance(100)
      await eventually(() => pending.length === 1)
      // calls are answered meanwhile, so a subscription would have arrived as well
      expect(textOf(await answer(upstream, echo('x')))).toBe('x')
      expect(server.of('resources/subscribe')).toEqual([])
      events(pending[0]!).write(': open\n\n')
      await eventually(() => server.of('resources/subscribe').length === 1)
      // The next one in the same session waits as well: the stream before says nothing about this one.
      const closed = new Promise<void>(resolve => pending[0]?.on('close', () => resolve()))
      first.close()
      await closed
      upstream.subscribe(callerOf(), { resourceSubscriptions: ['r://2'] }, new Changes())
      clock.advance(100)
      await eventually(() => pending.length === 2)
      expect(textOf(await answer(upstream, echo('y')))).toBe('y')
      expect(server.of('resources/subscribe')).toHaveLength(1)
      // A server that sends no head before its first event is not waited for for ever.
      clock.advance(2_000)
      await eventually(() => server.of('resources/subscribe').length === 2)
      expect(server.of('initialize')).toHaveLength(1)
    })

    it('a refused GET whose body ends late takes the stream that came after it not down', async () => {
      const gets: ServerResponse[] = []
      const server = await startLegacy(({ req, res }) => {
        if (req.method !== 'GET') return false
        if (gets.push(res) === 1) res.writeHead(503).write('busy')
        else events(res).write(': open\n\n')
        return true
      })
      closing.push(() => server.close())
      const { world, tick } = ticking()
      const upstream = start({ kind: 'http', url: server.url, headers: {} }, {}, world)
      await upstream.face(callerOf())
      const heard = new Changes()
      upstream.subscribe(callerOf(), TOOLS, heard)
      await tick(() => gets.length === 2)
      gets[0]!.end('no longer')
      await answer(upstream, echo('x'))
      gets[1]!.write(event(notification('notifications/tools/list_changed', {})))
      await eventually(() => heard.seen.includes('list tools'))
      expect(heard.seen).toEqual(['interrupted', 'list tools'])
      expect(gets).toHaveLength(2)
    })

    it('R50: a call that needs the stream takes a broken one up after its last event', async () => {
      const streams: { readonly after: unknown; readonly res: ServerResponse }[] = []
      const server = await startLegacy(({ req, res }) => {
        if (req.method !== 'GET') return false
        streams.push({ after: req.headers['last-event-id'], res: events(res) })
        res.write(': open\n\n')
        return true
      })
      closing.push(() => server.close())
      const { world, tick } = ticking()
      const upstream = start({ kind: 'http', url: server.url, headers: {} }, {}, world)
      const caller = callerOf(ALICE, INTERACTIVE)
      await upstream.face(caller)
      const heard = new Changes()
      upstream.subscribe(caller, TOOLS, heard)
      await tick(() => streams.length === 1)
      streams[0]!.res.end(event(notification('notifications/tools/list_changed', {}), 'seven'))
      await eventually(() => heard.seen.length === 1)
      // the clock stands: the pause before the stream is taken up again is not over
      while (streams.length < 2) expect(textOf(await answer(upstream, echo('x', { caller })))).toBe('x')
      expect(streams[1]!.after).toBe('seven')
    })

    it('405 to GET is no failure: resource subscriptions work without the stream', async () => {
      const server = await startLegacy()
      closing.push(() => server.close())
      const { world, tick } = ticking()
      const upstream = start({ kind: 'http', url: server.url, headers: {} }, {}, world)
      await upstream.face(callerOf())
      const heard = new Changes()
      upstream.subscribe(callerOf(), { resourceSubscriptions: ['r://1'] }, heard)
      await tick(() => server.of('resources/subscribe').length === 1)
      for (let i = 0; i < 200; i++) await tick(() => true)
      expect(heard.seen).toEqual([])
      expect(server.seen.filter(({ req }) => req.method === 'GET')).toHaveLength(1)
    })

    it('404 ends the session: a new one is subscribed again', async () => {
      const streams: ServerResponse[] = []
      const server = await startLegacy(({ req, res }) => {
        if (req.method !== 'GET' || !server.sessions.has(req.headers['mcp-session-id'] as string)) return false
        streams.push(events(res))
        streams.at(-1)?.write(': open\n\n')
        return true
      })
      closing.push(() => server.close())
      const { world, tick } = ticking()
      const upstream = start({ kind: 'http', url: server.url, headers: {} }, {}, world)
      await upstream.face(callerOf())
      const heard = new Changes()
      upstream.subscribe(callerOf(), { resourceSubscriptions: ['r://1'] }, heard)
      await tick(() => streams.length === 1 && server.of('resources/subscribe').length === 1)
      server.sessions.clear()
      await answer(upstream, echo('notices'))
      expect(heard.seen).toEqual(['interrupted'])
      await tick(() => streams.length === 2 && server.of('resources/subscribe').length === 2)
    })

    it('who only listens takes no session from who calls', async () => {
      const server = await startLegacy(({ req, res }) => req.method === 'GET' && (events(res).write(': open\n\n'), true))
      closing.push(() => server.close())
      const { world, tick } = ticking()
      const upstream = start({ kind: 'http', url: server.url, headers: {} }, { limits: { connections: 2 } }, world)
      await upstream.face(callerOf())
      const listeners = Array.from({ length: 5 }, (_, i) => {
        const heard = new Changes()
        upstream.subscribe(callerOf(ALICE, '{}', `host ${i}`), TOOLS, heard)
        return heard
      })
      await tick(() => server.seen.filter(({ req }) => req.method === 'GET').length === 2)
      for (let i = 0; i < 300; i++) await tick(() => true)
      expect(server.of('initialize').length).toBeLessThanOrEqual(3)
      expect(listeners.every(heard => heard.seen.length === 0)).toBe(true)
      const called = answer(upstream, echo('bob', { caller: callerOf(BOB) }))
      let got: any
      void called.then(value => (got = value))
      await tick(() => got !== undefined)
      expect(textOf(got)).toBe('bob')
    })
  })

  describe('over stdio', () => {
    it('routes listen streams by their id on the shared pipe, and opens them again after a restart', async () => {
      const upstream = start(hostile('modern'))
      const [alice, bob] = [new Changes(), new Changes()]
      await upstream.face(callerOf())
      upstream.subscribe(callerOf(), { toolsListChanged: true, resourceSubscriptions: ['r://1'] }, alice)
      upstream.subscribe(callerOf(BOB), TOOLS, bob)
      const change = callOf('tools/call', { name: 'change' })
      const listensOf = async (caller = callerOf()): Promise<number> => {
        const got = await answer(upstream, callOf('tools/call', { name: 'seen' }, { caller }))
        return got.result ? JSON.parse(textOf(got)).listens.length : 0
      }
      while ((await listensOf()) === 0);
      await answer(upstream, change)
      expect(alice.seen).toEqual(['list tools', 'updated r://1'])
      expect(alice.messages[0].params._meta).toEqual({ kept: 1 })
      expect(bob.seen).toEqual([])
      expect(upstream.drops.get('subscription-unknown')).toBe(1)
      await answer(upstream, callOf('tools/call', { name: 'exit' }))
      expect(alice.seen).toContain('interrupted')
      while ((await listensOf()) === 0);
      await answer(upstream, change)
      expect(alice.seen.slice(-2)).toEqual(['list tools', 'updated r://1'])
    })

    it('a listen that is never acknowledged delivers nothing', async () => {
      const upstream = start(hostile('modern', 'no-ack'))
      const heard = new Changes()
      await upstream.face(callerOf())
      upstream.subscribe(callerOf(), TOOLS, heard)
      let listens = 0
      while (listens === 0) listens = JSON.parse(textOf(await answer(upstream, callOf('tools/call', { name: 'seen' })))).listens.length
      await answer(upstream, callOf('tools/call', { name: 'change' }))
      expect(heard.seen).toEqual([])
    })

    it('legacy: subscribes to what is wanted, hands on what was asked for', async () => {
      const upstream = start(hostile('legacy'))
      const heard = new Changes()
      await upstream.face(callerOf())
      const subscription = upstream.subscribe(callerOf(), { toolsListChanged: true, resourceSubscriptions: ['r://1'] }, heard)
      const seen = async (): Promise<any> => JSON.parse(textOf(await answer(upstream, callOf('tools/call', { name: 'seen' }))))
      while ((await seen()).subscribed.length === 0);
      await answer(upstream, callOf('tools/call', { name: 'change' }))
      // the last list_changed carries a stamp no legacy server has
      expect(heard.seen).toEqual(['list tools', 'updated r://1'])
      subscription.update({ resourceSubscriptions: ['r://other'] })
      while ((await seen()).subscribed.length < 3);
      expect((await seen()).subscribed).toEqual(['r://1', 'r://other', '-r://1'])
      subscription.close()
      while ((await seen()).subscribed.length < 4);
      await answer(upstream, callOf('tools/call', { name: 'change' }))
      expect(heard.seen).toEqual(['list tools', 'updated r://1'])
    })
  })

  it('a subscriber of a closed upstream hears that it ended', async () => {
    const server = await startModern(({ res, message }) => message?.method === 'subscriptions/listen' && (json(res, {}, 503), true))
    closing.push(() => server.close())
    const upstream = start({ kind: 'http', url: server.url, headers: {} })
    const heard = new Changes()
    upstream.subscribe(callerOf(), TOOLS, heard)
    await upstream.close(100)
    upstream.subscribe(callerOf(), TOOLS, heard)
    expect(heard.seen).toEqual(['ended the gateway is stopping', 'ended the gateway is stopping'])
  })
})
