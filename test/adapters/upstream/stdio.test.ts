import { afterEach, describe, expect, it } from 'vitest'
import { Ticker } from '../../../src/adapters/upstream/ticker.ts'
import type { ObservedUpstream } from '../../../src/adapters/upstream/upstream.ts'
import type { UpstreamCall } from '../../../src/bridge/upstream.ts'
import type { UpstreamTransport } from '../../../src/config/schema.ts'
import { HandClock, ToldTicker } from '../../support/upstreams/hand-clock.ts'
import { hostile, isAlive } from '../../support/upstreams/stdio.ts'
import {
  ALICE,
  answer,
  BOB,
  callerOf,
  callOf,
  echo,
  eventually,
  Heard,
  INTERACTIVE,
  upstreamOf,
  worldOf,
  type Overrides,
  type World,
} from '../../support/upstreams/world.ts'

const tool = (name: string, args: object = {}, more: Partial<UpstreamCall> = {}): UpstreamCall =>
  callOf('tools/call', { name, arguments: args }, more)
const textOf = (got: any): string => got.result.content[0].text as string
const dataOf = (got: any): any => JSON.parse(textOf(got))

describe('stdio upstream', () => {
  const open: ObservedUpstream[] = []
  const start = (transport: UpstreamTransport, overrides: Overrides = {}, world?: World): ObservedUpstream => {
    const upstream = upstreamOf(transport, overrides, world)
    open.push(upstream)
    return upstream
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map(upstream => upstream.close(2000)))
  })

  it('R41, R33: finds the era in the process that then serves, without a second one', async () => {
    for (const era of ['legacy', 'modern'] as const) {
      const world = worldOf()
      const upstream = start(hostile(era), {}, world)
      expect(upstream.status()).toMatchObject({ state: 'idle', connections: 0 })
      const face = await upstream.face(callerOf())
      expect(face).toMatchObject({ era, serverInfo: { name: 'hostile' } })
      const pid = textOf(await answer(upstream, tool('pid')))
      expect(textOf(await answer(upstream, tool('pid')))).toBe(pid)
      expect(upstream.status()).toMatchObject({ state: 'ready', era, connections: 1 })
      expect(world.pins.get('up')?.era).toBe(era)
    }
  })

  it('R33: a server that exits on a request before initialize is legacy, and is started again', async () => {
    const upstream = start(hostile('legacy', 'exit-on-discover'))
    expect(await upstream.face(callerOf())).toMatchObject({ era: 'legacy' })
    expect(textOf(await answer(upstream, echo('hi')))).toBe('hi')
  })

  it('R33: a server that does not answer server/discover in time is legacy', async () => {
    const clock = new HandClock()
    const ticker = new ToldTicker(clock)
    const face = start(hostile('legacy', 'silent-on-discover'), { timeouts: { connectMs: 8_000 } }, worldOf({ ticker })).face(callerOf())
    await eventually(() => ticker.waits.includes(4_000))
    clock.advance(4_100)
    expect(await face).toMatchObject({ era: 'legacy' })
  })

  it('R33: a slow 2026 server that refuses initialize before it answers server/discover is modern', async () => {
    const clock = new HandClock()
    const ticker = new ToldTicker(clock)
    const world = worldOf({ ticker })
    const face = start(hostile('modern', 'late-discover'), { timeouts: { connectMs: 8_000 } }, world).face(callerOf())
    await eventually(() => ticker.waits.includes(4_000))
    clock.advance(4_100)
    expect(await face).toMatchObject({ era: 'modern' })
    expect(world.pins.get('up')?.era).toBe('modern')
  })

  it('R34: an upstream once seen modern is never spoken to as legacy', async () => {
    const world = worldOf()
    world.pins.set('up', { era: 'modern', at: '2026-08-01T00:00:00.000Z' })
    for (const mode of [['legacy'], ['legacy', 'exit-on-discover']]) {
      const upstream = start(hostile(...mode), {}, world)
      const face = await upstream.face(callerOf())
      expect(face).toMatchObject({ stop: 'upstream-invalid' })
      expect((face as { detail: string }).detail).toMatch(/2026-08-01.*downgrade is refused.*era-pins/)
      expect(await answer(upstream, echo('x'))).toMatchObject({ stop: 'upstream-invalid' })
    }
    expect(world.pins.get('up')?.era).toBe('modern')
  })

  it('a legacy pin does not lock out an upstream that became modern', async () => {
    const world = worldOf()
    world.pins.set('up', { era: 'legacy', at: new Date().toISOString() })
    const upstream = start(hostile('modern'), {}, world)
    expect(await upstream.face(callerOf())).toMatchObject({ era: 'modern' })
    expect(world.pins.get('up')?.era).toBe('modern')
  })

  it('refuses an upstream of the other era than configured, and one of an unknown revision', async () => {
    expect(await start(hostile('legacy'), { era: 'modern' }).face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
    expect(await start(hostile('modern'), { era: 'legacy' }).face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
    expect(await start(hostile('legacy', 'old-version')).face(callerOf())).toMatchObject({ stop: 'upstream-invalid' })
  })

  it('keeps a process for each principal and each set of capabilities', async () => {
    const upstream = start(hostile('legacy'))
    const pid = async (caller: ReturnType<typeof callerOf>): Promise<string> => textOf(await answer(upstream, tool('pid', {}, { caller })))
    const pids = await Promise.all(
      [callerOf(ALICE), callerOf(BOB), callerOf(ALICE, INTERACTIVE), callerOf(ALICE, '{}', 'another host session')].map(pid),
    )
    expect(new Set(pids).size).toBe(3)
    expect(pids[3]).toBe(pids[0])
  })

  it('shares one process between principals only where the administrator says so, and then shows no capabilities', async () => {
    const upstream = start(hostile('legacy'), { share: 'all' })
    const pids = await Promise.all(
      [callerOf(ALICE, INTERACTIVE), callerOf(BOB)].map(async caller => textOf(await answer(upstream, tool('pid', {}, { caller })))),
    )
    expect(new Set(pids).size).toBe(1)
    expect(await upstream.face(callerOf(ALICE, INTERACTIVE))).toMatchObject({ instructions: '{}' })
    const modern = start(hostile('modern'), { share: 'all' })
    const meta = dataOf(await answer(modern, tool('meta', {}, { caller: callerOf(ALICE, INTERACTIVE) })))
    expect(meta['io.modelcontextprotocol/clientCapabilities']).toEqual({})
  })

  it('stops the least recently used idle process when another caller needs one, and waits while all are busy', async () => {
    const upstream = start(hostile('legacy'), { limits: { connections: 1 } })
    const first = Number(textOf(await answer(upstream, tool('pid'))))
    const busy = upstream.call(tool('silent'), new Heard())
    const waiting = answer(upstream, tool('pid', {}, { caller: callerOf(BOB) }))
    expect(isAlive(first)).toBe(true)
    busy.cancel('enough')
    const second = Number(textOf(await waiting))
    expect(second).not.toBe(first)
    expect(isAlive(first)).toBe(false)
    expect(upstream.status().connections).toBe(1)
  })

  it('stops an idle process, and starts it again when it is needed', async () => {
    const clock = new HandClock()
    const upstream = start(hostile('legacy'), { timeouts: { idleMs: 60_000 } }, worldOf({ ticker: new Ticker(clock) }))
    const pid = Number(textOf(await answer(upstream, tool('pid'))))
    clock.advance(50_000)
    await answer(upstream, echo('still used'))
    clock.advance(50_000)
    expect(isAlive(pid)).toBe(true)
    clock.advance(30_000)
    await eventually(() => !isAlive(pid))
    await eventually(() => upstream.status().connections === 0)
    expect(Number(textOf(await answer(upstream, tool('pid'))))).not.toBe(pid)
  })

  it('R85: gives a silent call up, tells the upstream, and progress keeps a slow one alive', async () => {
    const clock = new HandClock()
    const upstream = start(hostile('legacy'), { timeouts: { callMs: 10_000, hardMs: 25_000 } }, worldOf({ ticker: new Ticker(clock) }))
    await upstream.face(callerOf())
    const silent = answer(upstream, tool('silent'))
    const heard = new Heard()
    const slow = answer(upstream, tool('endless-progress', {}, { meta: Buffer.from('{"progressToken":"t"}') }), heard)
    await heard.until('notifications', 1)
    clock.advance(9_000)
    await heard.until('notifications', heard.notifications.length + 2)
    clock.advance(2_000)
    expect(await silent).toMatchObject({ stop: 'upstream-timeout' })
    await heard.until('notifications', heard.notifications.length + 2)
    clock.advance(9_000)
    await heard.until('notifications', heard.notifications.length + 2)
    clock.advance(9_000)
    expect(await slow).toEqual({ stop: 'upstream-timeout', detail: 'ran longer than `timeouts.hard`' })
    expect(dataOf(await answer(upstream, tool('seen'))).cancelled).toHaveLength(2)
  })

  it('R40: cancels with a notification and settles at once', async () => {
    const upstream = start(hostile('modern'))
    await upstream.face(callerOf())
    const running = upstream.call(tool('silent'), new Heard())
    running.cancel('changed my mind')
    running.cancel('twice')
    expect(await running.done).toMatchObject({ kind: 'stop', stop: 'cancelled' })
    expect(dataOf(await answer(upstream, tool('seen'))).cancelled).toHaveLength(1)
  })

  it('R84: hands on progress with the exact token of the host, in order, and nothing after the answer', async () => {
    for (const era of ['legacy', 'modern']) {
      const upstream = start(hostile(era))
      const heard = new Heard()
      const got = await answer(
        upstream,
        tool('progress', { values: [1, 2, 2, 1.5, 3] }, { meta: Buffer.from('{"progressToken":"hö\\u0073t"}') }),
        heard,
      )
      expect(textOf(got)).toBe('progressed')
      await answer(upstream, echo('fence'))
      expect(heard.notifications.map(n => n.json.params)).toEqual(
        [1, 2, 3].map(progress => ({ progressToken: 'höst', progress, total: 10 })),
      )
      expect(upstream.drops.get('progress-stale')).toBe(2)
      expect(upstream.drops.get('progress-unknown')).toBe(1)
    }
  })

  it('R86: delivers log messages at the level asked for, none without a level, and sets the lowest level once', async () => {
    const upstream = start(hostile('legacy'))
    const levels = async (logLevel?: string): Promise<string[]> => {
      const heard = new Heard()
      await answer(upstream, tool('log', {}, logLevel === undefined ? {} : { logLevel }), heard)
      return heard.notifications.map(n => n.json.params.level as string)
    }
    expect(await levels()).toEqual([])
    expect(await levels('info')).toEqual(['info', 'error'])
    expect(await levels('error')).toEqual(['error'])
    expect(await levels('debug')).toEqual(['debug', 'info', 'error'])
    expect(dataOf(await answer(upstream, tool('seen'))).levels).toEqual(['info', 'debug'])
  })

  it('R43: drops log messages that could belong to two calls', async () => {
    const upstream = start(hostile('legacy'))
    await upstream.face(callerOf())
    const other = upstream.call(tool('silent'), new Heard())
    const heard = new Heard()
    await answer(upstream, tool('log', {}, { logLevel: 'debug' }), heard)
    expect(heard.notifications).toEqual([])
    expect(upstream.drops.get('notification-unattributed')).toBe(3)
    other.cancel('')
    const list = upstream.call(callOf('tools/silent-list'), new Heard())
    await answer(upstream, tool('log', {}, { logLevel: 'debug' }), heard)
    expect(heard.notifications).toHaveLength(3)
    list.cancel('')
  })

  it('R43: a process that principals share delivers no log messages at all, whosever call is running', async () => {
    const upstream = start(hostile('legacy'), { share: 'all' })
    const heard = new Heard()
    await answer(upstream, tool('log', {}, { logLevel: 'debug' }), heard)
    expect(heard.notifications).toEqual([])
    expect(dataOf(await answer(upstream, tool('seen'))).levels).toEqual([])
  })

  it('asks the host within a call, one interactive call at a time, lists in between', async () => {
    const caller = callerOf(ALICE, INTERACTIVE)
    const upstream = start(hostile('legacy'))
    const [first, second] = [new Heard(), new Heard()]
    const one = answer(upstream, tool('ask', { tag: 'one' }, { caller }), first)
    const two = answer(upstream, tool('ask', { tag: 'two' }, { caller }), second)
    await first.until('requests', 1)
    expect((await answer(upstream, callOf('tools/list', {}, { caller }))).result.tools.length).toBeGreaterThan(5)
    expect(second.requests).toEqual([])
    const [request] = first.requests
    expect(request?.method).toBe('elicitation/create')
    request?.answer(Buffer.from('{"action":"accept","content":{"n":1}}'))
    request?.answer(Buffer.from('{"action":"decline"}'))
    request?.refuse(-1, 'no')
    expect(dataOf(await one)).toEqual({ action: 'accept', content: { n: 1 } })
    await second.until('requests', 1)
    second.requests[0]?.refuse(-1, 'User rejected')
    expect(dataOf(await two)).toEqual({ code: -1, message: 'User rejected' })
    const seen = dataOf(await answer(upstream, tool('seen', {}, { caller })))
    expect(seen.order).toEqual(['ask:one', 'ask:two'])
    expect(seen.replies).toHaveLength(2)
  })

  it('runs calls at the same time where nobody can be asked, and refuses the question', async () => {
    const upstream = start(hostile('legacy'))
    await upstream.face(callerOf())
    const silent = upstream.call(tool('silent'), new Heard())
    const heard = new Heard()
    expect(dataOf(await answer(upstream, tool('ask'), heard))).toMatchObject({ code: -32601 })
    expect(heard.requests).toEqual([])
    silent.cancel('')
  })

  it('R100: refuses questions outside a call, and answers ping', async () => {
    const caller = callerOf(ALICE, INTERACTIVE)
    const upstream = start(hostile('legacy'))
    await answer(upstream, tool('ask-outside', {}, { caller }), new Heard())
    await eventually(() => upstream.drops.get('request-unattributed') === 1)
    let replies: unknown[] = []
    while (replies.length < 2) replies = dataOf(await answer(upstream, tool('seen', {}, { caller }))).replies
    expect(replies).toEqual([
      { jsonrpc: '2.0', id: 'outside', error: { code: -32601, message: 'Method not found' } },
      { jsonrpc: '2.0', id: 'ping-1', result: {} },
    ])
  })

  it('a call that waits for its host is not given up as silent, but not kept for ever either', async () => {
    const clock = new HandClock()
    const upstream = start(
      hostile('legacy'),
      { timeouts: { callMs: 10_000, parkMs: 100_000, hardMs: 500_000 } },
      worldOf({ ticker: new Ticker(clock) }),
    )
    const caller = callerOf(ALICE, INTERACTIVE)
    const heard = new Heard()
    const asked = answer(upstream, tool('ask', {}, { caller }), heard)
    await heard.until('requests', 1)
    clock.advance(99_000)
    heard.requests[0]?.answer(Buffer.from('{"action":"accept"}'))
    expect(dataOf(await asked)).toEqual({ action: 'accept' })
    const again = new Heard()
    const never = answer(upstream, tool('ask', {}, { caller }), again)
    await again.until('requests', 1)
    clock.advance(106_000)
    expect(await never).toMatchObject({ stop: 'upstream-timeout' })
  })

  it('says at once when the command does not exist, and opens the circuit after a few tries', async () => {
    const upstream = start({ kind: 'stdio', command: '/nonexistent/mcp-server', args: [], env: {} })
    expect(await answer(upstream, echo('x'))).toEqual({ stop: 'upstream-unavailable', detail: 'could not be started (ENOENT)' })
    for (let i = 0; i < 8; i++) await answer(upstream, echo('x', { caller: callerOf(`https://idp user-${i}` as typeof ALICE) }))
    expect(upstream.status().state).toBe('open-circuit')
    expect(await answer(upstream, echo('x'))).toMatchObject({
      stop: 'upstream-unavailable',
      detail: 'repeated failures to reach it',
      retryAfterSeconds: 1,
    })
  })

  it('ends its processes politely, and by force where one ignores that', async () => {
    const upstream = start(hostile('legacy', 'ignore-end'))
    const pid = Number(textOf(await answer(upstream, tool('pid'))))
    await upstream.close(600)
    expect(isAlive(pid)).toBe(false)
    expect(await answer(upstream, echo('x'))).toMatchObject({ stop: 'draining' })
  })
})
