// What changes under running hosts: rules and upstreams by a reload, processes that die, sessions that are forgotten, the gateway that stops.

import { connect as dial } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ALLOW_ALL } from '../support/gateway.ts'
import { connect, failureOf, REVISIONS, textOf, type Host } from './support/hosts.ts'
import { ALONE, quadrant, TITLE } from './support/quadrants.ts'
import { answerOf, openRaw, postModern } from './support/raw.ts'
import { startWorld, type UpstreamSpec, type World } from './support/world.ts'

const HTTP: Record<string, UpstreamSpec> = { 'v1-http': { kind: 'v1-http' }, 'v2-http': { kind: 'v2-http' } }
const UPDATED = 'notifications/resources/updated'
const updated = (host: Host, uri: string, mark = 0): Promise<unknown> =>
  host.heard.until(`update of ${uri}`, n => n.method === UPDATED && n.params['uri'] === uri, mark)

describe('processes and sessions of upstreams', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world.stop())

  it.each(ALONE.filter(q => q.kind.endsWith('stdio')))('two principals never share a process: host $revision, upstream $kind', async q => {
    const [alice, bob] = [await q.connect(world), await q.connect(world, { sub: 'bob' })]
    const pidOf = async (host: Host): Promise<string> => textOf(await host.call('pid'))
    const [hers, his] = await Promise.all([pidOf(alice), pidOf(bob)])
    expect(hers).not.toBe(his)
    expect([await pidOf(alice), await pidOf(bob)]).toEqual([hers, his])
    await alice.close()
    await bob.close()
  })

  it.each(ALONE.filter(q => q.kind.endsWith('stdio')))(
    'a process that dies costs the call it was in; the next one works and subscriptions come back: host $revision, upstream $kind',
    async q => {
      // a process of its own: a second crash of the same one would have to wait
      const host = await q.connect(world, { sub: `carol-${q.hostEra}` })
      const upstream = q.upstream(world)
      const note = `note://${q.revision === '2025-11-25' ? 301 : 302}`
      await host.listen()
      await host.subscribe(note)
      await upstream.announces(note)
      const pid = textOf(await host.call('pid'))
      const [since, mark] = [world.events().length, upstream.events.mark]
      expect(await failureOf(host.call('crash'))).toMatchObject({ code: -32603, data: { reason: 'upstream-lost' } })
      expect(
        world
          .events()
          .slice(since)
          // what the gateway itself asks of the next process may have begun
          .filter(e => !String(e['type']).startsWith('upstream-contact'))
          .map(e => [e['type'], e['outcome'], e['reason']]),
      ).toEqual([
        ['intent', undefined, undefined],
        ['outcome', 'stopped', 'upstream-lost'],
      ])
      expect(textOf(await host.call('pid'))).not.toBe(pid)
      await upstream.until('crash', e => e['message']?.params?.name === 'crash', mark)
      expect(upstream.received('tools/call', mark).filter(m => m.params.name === 'crash')).toHaveLength(1)
      await upstream.announces(note, mark)
      upstream.command({ updated: note })
      await updated(host, note)
      await host.close()
    },
  )

  it.each(REVISIONS.map(revision => quadrant(revision, 'v1-http')))(
    'a server that forgot its sessions is met anew: host $revision',
    async q => {
      const host = await q.connect(world, { sub: `dave-${q.hostEra}` })
      expect(textOf(await host.call('echo', { text: 'before' }))).toBe('before')
      q.upstream(world).command({ forget: true })
      expect(await host.read('note://1')).toMatchObject({ contents: [{ text: 'note 1' }] })
      expect(textOf(await host.call('echo', { text: 'after' }))).toBe('after')
      await host.close()
    },
  )
})

describe.each(REVISIONS.flatMap(revision => [quadrant(revision, 'v1-http'), quadrant(revision, 'v2-http')]))(`reload: ${TITLE}`, q => {
  let world: World
  let host: Host
  const rule = (more: object): object => ({ ...ALLOW_ALL, ...more })
  const configured = (allow: object[]): Record<string, unknown> => ({
    upstreams: { ...structuredClone(world.upstreams), [q.kind]: { ...structuredClone(world.upstreams[q.kind]), allow } },
  })
  beforeEach(async () => {
    world = await startWorld(HTTP)
    host = await q.connect(world)
  })
  afterEach(async () => {
    await host.close().catch(() => {})
    await world.stop()
  })

  it('a tool whose rule is gone vanishes from lists and is unknown; one that a rule names appears', async () => {
    expect((await host.tools()).length).toBeGreaterThan(10)
    expect(await world.reload(configured([rule({ tools: ['echo', 'fail'] })]))).toBeUndefined()
    expect((await host.tools()).map(t => t.name)).toEqual(['echo', 'fail'])
    const mark = q.upstream(world).events.mark
    const unknown = await failureOf(host.call('pid'))
    expect(unknown.code).toBe(-32602)
    expect(unknown).toEqual(await failureOf(host.call('no-such-tool')))
    expect(q.upstream(world).received('tools/call', mark)).toEqual([])
    expect(textOf(await host.call('echo', { text: 'still' }))).toBe('still')
    await world.reload(configured([rule({ tools: ['echo', 'pid'] })]))
    expect((await host.tools()).map(t => t.name)).toEqual(['echo', 'pid'])
    expect(textOf(await host.call('pid'))).toMatch(/^\d+$/)
  })

  it('an open stream stops hearing of a resource whose rule is gone, and goes on with the others', async () => {
    await host.listen()
    for (const note of ['note://1', 'note://2']) {
      await host.subscribe(note)
      await q.upstream(world).announces(note)
    }
    q.upstream(world).command({ updated: 'note://1' })
    await updated(host, 'note://1')
    await world.reload(configured([rule({ resources: ['note://2'] })]))
    const mark = host.heard.mark
    q.upstream(world).command({ updated: 'note://1' })
    q.upstream(world).command({ updated: 'note://2' })
    await updated(host, 'note://2', mark)
    expect(host.heard.since(mark)).toHaveLength(1)
  })

  it('when the rules are gone altogether, an open stream hears nothing more, not even that lists change', async () => {
    await host.listen()
    await host.subscribe('note://1')
    await q.upstream(world).announces('note://1')
    await world.reload(configured([]))
    const mark = host.heard.mark
    q.upstream(world).command({ change: 'tools' })
    q.upstream(world).command({ updated: 'note://1' })
    await world.reload(configured([rule({})]))
    q.upstream(world).command({ updated: 'note://1' })
    await updated(host, 'note://1', mark)
    expect(host.heard.since(mark)).toHaveLength(1)
  })

  it('an upstream that is removed: its endpoint is gone, the aggregate goes on without it, a call in flight ends well', async () => {
    const all = await connect(world, '/mcp', q.revision)
    const other = q.kind === 'v1-http' ? 'v2-http' : 'v1-http'
    await host.listen()
    const call = host.call('wait', { tag: 'removed' })
    call.catch(() => {})
    await q.upstream(world).waiting('removed')
    const upstreams = structuredClone({ [other]: world.upstreams[other] })
    expect(await world.reload({ upstreams })).toBeUndefined()
    const { status } = await postModern(world, q.path, { method: 'tools/list' })
    expect(status).toBe(404)
    expect((await all.tools()).every(t => (t.name as string).startsWith(other))).toBe(true)
    expect(textOf(await all.call(`${other}__echo`, { text: 'on' }))).toBe('on')
    expect((await failureOf(all.call(`${q.kind}__echo`, { text: 'off' }))).code).toBe(-32602)
    q.upstream(world).command({ release: 'removed' })
    expect(textOf(await call)).toBe('released removed')
    await all.close()
  })

  it('an upstream that is replaced: an open stream of a 2025 session hears of the new one, a 2026 host is told to listen anew', async () => {
    await host.listen()
    await host.subscribe('note://1')
    await q.upstream(world).announces('note://1')
    const [mark, upstreamMark] = [host.heard.mark, q.upstream(world).events.mark]
    const settings = { ...structuredClone(world.upstreams[q.kind]), timeouts: { connect: '59s' } }
    expect(await world.reload({ upstreams: { ...structuredClone(world.upstreams), [q.kind]: settings } })).toBeUndefined()
    if (q.hostEra === 'modern') {
      await host.ended()
      return
    }
    await host.heard.until('that the tools are others', n => n.method === 'notifications/tools/list_changed', mark)
    await q.upstream(world).announces('note://1', upstreamMark)
    q.upstream(world).command({ updated: 'note://1' })
    await updated(host, 'note://1', mark)
  })

  it('a reload that needs a restart is refused whole', async () => {
    const refused = await world.reload({ ...configured([]), listen: '127.0.0.1:1' })
    expect(refused).toContain('listen')
    expect(textOf(await host.call('echo', { text: 'as before' }))).toBe('as before')
  })
})

describe.each(REVISIONS)('stop: host %s', revision => {
  it('streams end, calls in flight finish, new ones are told to come back', async () => {
    const world = await startWorld(HTTP)
    const hosts = [await connect(world, '/servers/v1-http/mcp', revision), await connect(world, '/servers/v2-http/mcp', revision)]
    const calls = hosts.map(host => host.call('wait', { tag: 'drain' }))
    for (const host of hosts) await host.listen()
    for (const kind of ['v1-http', 'v2-http']) await world.upstream(kind).waiting('drain')
    const late = await halfRequest(world)
    let isStopped = false
    const stopped = world.gateway.stop().then(() => (isStopped = true))
    const answer = await late.finish()
    expect(answer).toMatch(/^HTTP\/1.1 503 /)
    expect(answer).toMatch(/retry-after: 1/i)
    expect(answer).toContain('"reason":"draining"')
    for (const host of hosts) await host.ended()
    expect(isStopped).toBe(false)
    for (const kind of ['v1-http', 'v2-http']) world.upstream(kind).command({ release: 'drain' })
    for (const call of calls) expect(textOf(await call)).toBe('released drain')
    await stopped
    const events = world.events()
    expect(events.at(-1)).toMatchObject({ type: 'lifecycle', what: 'stop' })
    expect(events.filter(e => e['type'] === 'outcome' && e['subject'].name === 'wait')).toHaveLength(2)
    await world.stop()
  })
})

/** A request whose last byte is still missing: its connection is open before the gateway stops. */
async function halfRequest(world: World): Promise<{ finish(): Promise<string> }> {
  const { hostname, port, host } = new URL(world.url)
  const token = await world.token('/mcp')
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  const head = `POST /mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n`
  const socket = dial(Number(port), hostname)
  await new Promise(resolve => socket.once('connect', resolve))
  socket.write(head + body.slice(0, -1))
  // the gateway has it once it has answered somebody who came later
  await fetch(`${world.url}/healthz`)
  return {
    async finish() {
      socket.write(body.slice(-1))
      let text = ''
      for await (const chunk of socket.setEncoding('latin1')) {
        text += chunk as string
        if (text.includes('draining')) break
      }
      return text
    },
  }
}

describe('names that are kept as long as a stream', () => {
  const long = `note://${'x'.repeat(9_000)}`
  it('a host that subscribes to a name longer than any URI is refused, in either era: it would be held for hours', async () => {
    const world = await startWorld(HTTP)
    const session = await openRaw(world, '/servers/v1-http/mcp')
    const subscribe = await answerOf(await session.post({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: long } }))
    expect(subscribe.last.error).toMatchObject({ code: -32602, message: expect.stringContaining('8192') })
    const notifications = { resourceSubscriptions: [long] }
    const listen = await postModern(world, '/servers/v1-http/mcp', { method: 'subscriptions/listen', params: { notifications } })
    expect(listen.last.error).toMatchObject({ code: -32602, message: expect.stringContaining('8192') })
    await world.stop()
  })
})
