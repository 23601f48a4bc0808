import { afterEach, describe, expect, it } from 'vitest'
import { childEnvironment } from '../../../src/adapters/upstream/child-environment.ts'
import { Ticker } from '../../../src/adapters/upstream/ticker.ts'
import type { ObservedUpstream } from '../../../src/adapters/upstream/upstream.ts'
import type { UpstreamCall } from '../../../src/bridge/upstream.ts'
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
  SILENT,
  upstreamOf,
  worldOf,
  type Overrides,
  type World,
} from '../../support/upstreams/world.ts'

const tool = (name: string, args: object = {}, more: Partial<UpstreamCall> = {}): UpstreamCall =>
  callOf('tools/call', { name, arguments: args }, more)
const textOf = (got: any): string => got.result.content[0].text as string
const withToken = (token: string): Partial<UpstreamCall> => ({ meta: Buffer.from(`{"progressToken":${token}}`) })

describe('hostile stdio upstream: costs its own caller an error and nobody else anything', () => {
  const open: ObservedUpstream[] = []
  const start = (mode: string[] = ['legacy'], overrides: Overrides = {}, world?: World): ObservedUpstream => {
    const upstream = upstreamOf(hostile(...mode), overrides, world)
    open.push(upstream)
    return upstream
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map(upstream => upstream.close(2000)))
  })

  /** The attack runs for Alice; meanwhile Bob works on the same upstream and Alice on another one. */
  async function attack(upstream: ObservedUpstream, call: UpstreamCall): Promise<any> {
    const neighbour = start()
    const bob = { caller: callerOf(BOB) }
    await Promise.all([upstream.face(callerOf(ALICE)), upstream.face(callerOf(BOB)), neighbour.face(callerOf(ALICE))])
    const attacked = answer(upstream, call)
    const meanwhile = await Promise.all(
      Array.from({ length: 20 }, (_, i) => Promise.all([answer(upstream, echo(`bob ${i}`, bob)), answer(neighbour, echo(`alice ${i}`))])),
    )
    for (const [i, [b, a]] of meanwhile.entries()) expect([textOf(b), textOf(a)]).toEqual([`bob ${i}`, `alice ${i}`])
    const got = await attacked
    expect(textOf(await answer(upstream, echo('bob after', bob)))).toBe('bob after')
    expect(textOf(await answer(neighbour, echo('alice after')))).toBe('alice after')
    return got
  }

  it('N142: a few garbage lines are ignored, many end the process', async () => {
    const upstream = start()
    expect(textOf(await attack(upstream, tool('garbage', { lines: 50 })))).toBe('after garbage')
    expect(upstream.drops.get('line-invalid')).toBe(50)
    expect(await attack(start(), tool('garbage', { lines: 5000 }))).toEqual({
      stop: 'upstream-invalid',
      detail: 'wrote too many lines that are not JSON to stdout',
    })
  })

  it('N098: answers with ids never issued, of other types, null or twice reach nobody', async () => {
    const upstream = start()
    expect(textOf(await attack(upstream, tool('unknown-id')))).toBe('mine')
    expect(textOf(await attack(upstream, tool('wrong-types')))).toBe('mine')
    expect(textOf(await attack(upstream, tool('duplicate')))).toBe('first')
    await answer(upstream, echo('fence'))
    expect(upstream.drops.get('response-unknown')).toBe(2) // id + 1000, "id"
    expect(upstream.drops.get('response-duplicate')).toBe(1)
    expect(upstream.drops.get('message-invalid')).toBe(3) // null, 1.0, [id]
  })

  it('N099: an answer after the caller gave up is dropped, and its id is never used again', async () => {
    const upstream = start()
    await upstream.face(callerOf())
    const given = upstream.call(tool('silent'), SILENT)
    given.cancel('gave up')
    await given.done
    const others = [answer(upstream, tool('silent')), answer(upstream, tool('silent'))]
    await answer(upstream, tool('release-silent'))
    expect((await Promise.all(others)).map(textOf)).toEqual(['late', 'late'])
    expect(upstream.drops.get('response-duplicate')).toBe(1)
  })

  it('N098: an unusable answer is an error at once, not a timeout', async () => {
    for (const name of ['bad-result', 'case-variant'])
      expect(await attack(start(), tool(name))).toMatchObject({
        stop: 'upstream-invalid',
        detail: expect.stringMatching(/^unusable answer/),
      })
  })

  it('N085, N142: lines with duplicate keys or broken in two are no messages', async () => {
    const world = worldOf({ ticker: new Ticker(new HandClock()) })
    const upstream = start(['legacy'], {}, world)
    const calls = [upstream.call(tool('duplicate-keys'), SILENT), upstream.call(tool('newline'), SILENT)]
    await answer(upstream, echo('fence'))
    expect(world.drops).toContain('message-invalid')
    for (const call of calls) call.cancel('')
  })

  it('N142: a line of 100 MB ends the process without being held', async () => {
    const before = process.memoryUsage().rss
    const upstream = start(['legacy'], { limits: { messageBytes: 4 * 1024 * 1024 } })
    expect(await attack(upstream, tool('huge-line', { megabytes: 100 }))).toEqual({
      stop: 'upstream-invalid',
      detail: 'wrote a line longer than `limits.messageSize`',
    })
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 1024 * 1024)
    expect(textOf(await answer(upstream, echo('again')))).toBe('again')
  })

  it('a process that ends under a call is lost, started again for the next one, and never asked twice', async () => {
    const upstream = start()
    expect(await attack(upstream, tool('exit'))).toEqual({ stop: 'upstream-lost', detail: 'the process exited with code 3' })
    expect(textOf(await answer(upstream, echo('again')))).toBe('again')
  })

  it('a process that crashes again and again is started with growing pauses, for its own caller only', async () => {
    const clock = new HandClock()
    const upstream = start(['legacy'], {}, worldOf({ ticker: new Ticker(clock) }))
    for (let i = 0; i < 2; i++) expect(await answer(upstream, tool('exit'))).toMatchObject({ stop: 'upstream-lost' })
    expect(await answer(upstream, echo('x'))).toMatchObject({ stop: 'upstream-unavailable', retryAfterSeconds: 1 })
    expect(textOf(await answer(upstream, echo('bob', { caller: callerOf(BOB) })))).toBe('bob')
    clock.advance(300)
    expect(textOf(await answer(upstream, echo('alice')))).toBe('alice')
  })

  it('a process that dies at once is an error, and its circuit opens only when several callers saw it', async () => {
    const upstream = start(['legacy', 'exit-at-start'])
    for (let i = 0; i < 12; i++)
      expect(await answer(upstream, echo('x'))).toMatchObject({ stop: expect.stringMatching(/^upstream-(lost|unavailable)$/) })
    expect(upstream.status().state).not.toBe('open-circuit')
  })

  it('N142: floods of stderr are drained, logged in bounded printable lines, and reach no host', async () => {
    const world = worldOf()
    const upstream = start(['legacy'], {}, world)
    expect(textOf(await attack(upstream, tool('stderr-flood', { megabytes: 30 })))).toBe('after stderr')
    const lines = world.logs.filter(({ event }) => event === 'upstream-stderr').map(({ fields }) => fields['line'] as string)
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.length).toBeLessThan(200)
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]{1,512}$/)
  })

  it('N142: a forked child that keeps stdout is killed with its group and blocks nothing', async () => {
    const upstream = start()
    const child = Number(textOf(await attack(upstream, tool('fork'))))
    await eventually(() => !isAlive(child))
    expect(textOf(await answer(upstream, echo('again')))).toBe('again')
  })

  it('N104: progress for tokens of others, or in other types, reaches nobody', async () => {
    const upstream = start()
    const [mine, other] = [new Heard(), new Heard()]
    await upstream.face(callerOf())
    const waiting = upstream.call(tool('silent', {}, withToken('"other"')), other)
    const own = await answer(
      upstream,
      tool('spoof-progress', { tokens: ['other', 'mine', 0, -1, 99999, '3', null, 1.5, [3]] }, withToken('"mine"')),
      mine,
    )
    expect(textOf(own)).toMatch(/^[0-9]+$/)
    expect([...mine.notifications, ...other.notifications]).toEqual([])
    waiting.cancel('')
  })

  it('N104: a flood of progress is capped per call and second, and does not slow anybody else', async () => {
    const clock = new HandClock()
    const upstream = start(['legacy'], { limits: { notificationsPerSecond: 50 } }, worldOf({ ticker: new Ticker(clock) }))
    const heard = new Heard()
    await upstream.face(callerOf())
    const flooded = upstream.call(tool('progress-flood', { count: 200_000 }, withToken('1')), heard)
    await heard.until('notifications', 50)
    // Reading pauses until the second is over: what it sends stays in its own pipe.
    await eventually(() => (upstream.drops.get('notification-rate') ?? 0) > 1000)
    const dropped = upstream.drops.get('notification-rate') ?? 0
    for (let i = 0; i < 50; i++) expect(textOf(await answer(upstream, echo('bob', { caller: callerOf(BOB) })))).toBe('bob')
    expect((upstream.drops.get('notification-rate') ?? 0) - dropped).toBeLessThan(2100)
    expect(heard.notifications.length).toBe(50)
    flooded.cancel('')
  })

  it('a process that stops reading cannot make the gateway hold more than its buffer', async () => {
    const clock = new HandClock()
    const overrides = { limits: { bufferBytes: 1024 * 1024 }, timeouts: { callMs: 10_000 } }
    const upstream = start(['legacy'], overrides, worldOf({ ticker: new Ticker(clock) }))
    await answer(upstream, tool('stop-reading'))
    const big = 'x'.repeat(300_000)
    const calls = Array.from({ length: 10 }, () => answer(upstream, tool('echo', { text: big })))
    for (let i = 0; i < 5; i++) expect(textOf(await answer(upstream, echo('bob', { caller: callerOf(BOB) })))).toBe('bob')
    clock.advance(10_100)
    for (const got of await Promise.all(calls)) expect(got).toMatchObject({ stop: expect.stringMatching(/^upstream-(timeout|lost)$/) })
    // It was ended, so that the next call finds one that reads.
    expect(textOf(await answer(upstream, echo('again')))).toBe('again')
  })

  it('large calls at the same time wait for room instead of failing', async () => {
    const upstream = start(['legacy'], { limits: { bufferBytes: 1024 * 1024 } })
    const texts = await Promise.all(
      Array.from({ length: 16 }, async (_, i) => textOf(await answer(upstream, echo(String(i % 10).repeat(600_000))))),
    )
    expect(texts.map(text => [text.length, text[0]])).toEqual(texts.map((_, i) => [600_000, String(i % 10)]))
  })

  it('a process that hangs is ended once it gives no sign of life, one that only takes its time is not', async () => {
    const clock = new HandClock()
    const upstream = start(['legacy'], { timeouts: { callMs: 10_000, connectMs: 5_000 } }, worldOf({ ticker: new Ticker(clock) }))
    const pid = async (): Promise<string> => textOf(await answer(upstream, tool('pid')))
    // Whether it is still there is asked once that is recorded.
    const asked = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
    const before = await pid()
    const slow = answer(upstream, tool('silent'))
    clock.advance(10_100)
    expect(await slow).toMatchObject({ stop: 'upstream-timeout' })
    await asked()
    expect(await pid()).toBe(before)
    clock.advance(6_000)
    expect(await pid()).toBe(before)
    const hung = answer(upstream, tool('hang'))
    await eventually(() => upstream.drops.get('line-invalid') === 1)
    clock.advance(10_100)
    expect(await hung).toMatchObject({ stop: 'upstream-timeout' })
    await asked()
    clock.advance(5_100)
    await eventually(() => upstream.status().connections === 0)
    expect(await pid()).not.toBe(before)
  })

  it('a banner without an end costs the line it runs into, a server that never initializes its own caller some time', async () => {
    const upstream = start(['legacy', 'never-initialize'], { timeouts: { connectMs: 1500 } })
    expect(await upstream.face(callerOf())).toMatchObject({ stop: 'upstream-timeout' })
    const clock = new HandClock()
    const ticker = new ToldTicker(clock)
    const babbling = start(['legacy', 'huge-banner'], { timeouts: { connectMs: 8_000 } }, worldOf({ ticker })).face(callerOf())
    // The answer to the probe runs into the banner: half of the time to connect goes by before initialize.
    await eventually(() => ticker.waits.includes(4_000))
    clock.advance(4_100)
    expect(await babbling).toMatchObject({ era: 'legacy' })
  })

  it('N143: a child sees a few basics and its own settings, no secret of the gateway', async () => {
    const world = worldOf({
      environment: {
        ...process.env,
        GATEHOUSE_SEALING_KEY: 'secret',
        NODE_OPTIONS: '--inspect',
        AWS_SECRET_ACCESS_KEY: 'secret',
        HOME: '/home/gate',
      },
    })
    const upstream = upstreamOf({ ...hostile('legacy'), env: { OWN_SETTING: 'yes' } }, {}, world)
    open.push(upstream)
    const environment = JSON.parse(textOf(await answer(upstream, tool('env')))) as Record<string, string>
    expect(environment).toMatchObject({ OWN_SETTING: 'yes', HOME: '/home/gate' })
    for (const name of Object.keys(environment))
      expect(['HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'TZ', 'USER', 'OWN_SETTING']).toContain(name)
  })

  it('N143: a shell function smuggled into a basic variable is left out', () => {
    expect(childEnvironment({ PATH: '/bin', SHELL: '() { :; }; evil', TERM: 'x' }, {}, 'linux')).toEqual({ PATH: '/bin' })
  })

  it("N097: 10,000 pairs of calls of two callers at the same time: nobody gets the other one's answer", async () => {
    for (const share of ['principal', 'all'] as const) {
      const upstream = start(['legacy'], { share, limits: { queue: 1000 } })
      const one = async (caller: ReturnType<typeof callerOf>, who: string): Promise<number> => {
        let wrong = 0
        for (let i = 0; i < 625; i++)
          if (textOf(await answer(upstream, echo(`${who} ${i}`, { caller, owner: caller.principal as typeof ALICE }))) !== `${who} ${i}`)
            wrong++
        return wrong
      }
      const callers = Array.from({ length: 16 }, (_, i) => one(callerOf(i % 2 === 0 ? ALICE : BOB), `caller ${i}`))
      expect((await Promise.all(callers)).reduce((a, b) => a + b)).toBe(0)
    }
  })
})
