// Marks of what was read: whom they concern, how long they stand, what a full table, a restart and a store that fails do to them.

import { beforeEach, describe, expect, it } from 'vitest'
import { createWallClock } from '../../src/compose/wall-clock.ts'
import { Marks, RENEW_MS, type MarkLimits, type Running } from '../../src/flow/marks.ts'
import { labelsOf, type Label, type Reading } from '../../src/flow/reading.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { memoryMarks, type FailingMarks } from '../support/memory-marks.ts'

const MINUTE = 60_000
const DECAY = 30 * MINUTE
const who = (subject: string, client?: string) => ({
  key: `https://idp.example ${subject}` as PrincipalKey,
  ...(client !== undefined && { client }),
})
const ALICE = who('alice', 'claude')
const UNTRUSTED = { readUntrusted: true, readPrivate: false }
const NOTHING = { readUntrusted: false, readPrivate: false }

let now = 0
let failing: FailingMarks = {}
let store = memoryMarks(failing)
let marks: Marks
const open = async (limits: MarkLimits = {}, clock = () => now): Promise<Marks> => {
  marks = await Marks.open({ store, now: clock, decayMs: () => DECAY, limits })
  return marks
}
const reading = (more: Partial<Reading> = {}): Reading => ({
  principal: ALICE.key,
  client: 'claude',
  server: 'github',
  method: 'tools/call',
  name: 'get_issue',
  labels: ['untrusted'],
  ...more,
})
const begin = async (more: Partial<Reading> = {}): Promise<Running> => {
  const running = await marks.begin(reading(more))
  if (typeof running === 'string') throw new Error(running)
  return running
}
/** From its call to its answer. */
const read = async (more: Partial<Reading> = {}): Promise<void> => {
  await (await begin(more)).end()
}

beforeEach(async () => {
  now = 1_700_000_000_000
  failing = {}
  store = memoryMarks(failing)
  await open()
})

describe('a mark', () => {
  it('stands from the moment the call leaves until half an hour after the last read', async () => {
    expect(marks.of(ALICE)).toEqual(NOTHING)
    const running = marks.begin(reading())
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    await ((await running) as Running).end()
    now += DECAY - 1
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    await read()
    now += DECAY - 1
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    now += 1
    expect(marks.of(ALICE)).toEqual(NOTHING)
  })

  it('stands as long as the call runs, whatever its time', async () => {
    const running = await begin()
    now += 100 * DECAY
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    expect(await running.end()).toBe(true)
    now += DECAY - 1
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
  })

  it('says where it comes from, latest first, and of which kind', async () => {
    await read()
    now += MINUTE
    await read({ server: 'vault', method: 'resources/read', name: '', labels: ['private'] })
    expect(marks.of(ALICE)).toEqual({ readUntrusted: true, readPrivate: true })
    expect(marks.sourcesOf(ALICE)).toMatchObject([
      { server: 'vault', method: 'resources/read', atMs: now, untrustedUntilMs: 0, privateUntilMs: now + DECAY },
      { server: 'github', method: 'tools/call', name: 'get_issue', untrustedUntilMs: now + DECAY - MINUTE, privateUntilMs: 0 },
    ])
  })

  it('attack: a mark of one principal used against another, or read off at another', async () => {
    await read()
    expect(marks.of(who('bob', 'claude'))).toEqual(NOTHING)
    expect(marks.all(who('bob').key)).toEqual([])
    // The limit that the documentation names: another client of the same person is another reader.
    expect(marks.of(who('alice', 'cursor'))).toEqual(NOTHING)
    expect(marks.of(who('alice'))).toEqual(NOTHING)
  })

  it('attack: a burst of reads makes a write each; reads of the same minute share one', async () => {
    await Promise.all([read(), read(), read()])
    for (let i = 0; i < 50; i++) await read()
    expect(store.puts).toHaveLength(1)
    expect(marks.begin(reading())).not.toBeInstanceOf(Promise)
    now += MINUTE + 1
    await read()
    expect(store.puts).toHaveLength(2)
  })
})

describe('attack: content is read before its mark would survive a crash', () => {
  it('nothing is answered until the mark is durable', async () => {
    const gate = Promise.withResolvers<undefined>()
    failing.gate = gate.promise
    let isRunning = false
    const begun = Promise.resolve(marks.begin(reading())).then(() => (isRunning = true))
    const second = Promise.resolve(marks.begin(reading()))
    await new Promise(resolve => setImmediate(resolve))
    expect(isRunning).toBe(false)
    gate.resolve(undefined)
    await begun
    expect(await second).toHaveProperty('end')
    expect(await store.alive(now + DECAY)).toHaveLength(1)
  })

  it('a store that cannot be written stops the read, and marks nobody', async () => {
    failing.before = true
    expect(await marks.begin(reading())).toBe('unwritable')
    expect(marks.of(ALICE)).toEqual(NOTHING)
    expect(marks.all()).toEqual([])
    failing.before = false
    await read()
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
  })

  it('a store that fails once it has written stops it too, and may mark after a restart', async () => {
    failing.after = true
    expect(await marks.begin(reading())).toBe('unwritable')
    expect((await open()).of(ALICE)).toEqual(UNTRUSTED)
  })

  it('what is read for long is marked anew on disk meanwhile, so a crash at any moment leaves the mark', async () => {
    await begin()
    for (let i = 0; i < 60; i++) {
      now += RENEW_MS
      await marks.renew()
    }
    now += RENEW_MS - 1
    const crashed = now
    await open()
    now = crashed + DECAY - 1
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
  })

  it('a long read whose mark could not be renewed is not answered', async () => {
    const running = await begin()
    now += DECAY
    failing.before = true
    await marks.renew()
    expect(await running.end()).toBe(false)
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
  })
})

describe('attack: a restart', () => {
  it('ends no mark', async () => {
    await read()
    await open()
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    now += DECAY - 1
    await open()
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    now += 2 * RENEW_MS + 1
    await open()
    expect(marks.of(ALICE)).toEqual(NOTHING)
    expect(marks.all()).toEqual([])
  })

  it('with the wall clock set back makes it stand longer, never shorter; set back while it runs it changes nothing', async () => {
    const machine = { wall: now, monotonic: 0 }
    const clock = createWallClock({ read: () => machine.wall, monotonic: () => machine.monotonic, setBack: () => {} })
    await open({}, clock.now)
    await read()
    machine.wall -= 10 * DECAY
    machine.monotonic += DECAY - 1
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    machine.monotonic += 1
    expect(marks.of(ALICE)).toEqual(NOTHING)
    now = machine.wall
    expect((await open()).of(ALICE)).toEqual(UNTRUSTED)
  })
})

describe('attack: a full table', () => {
  it('of servers: the mark stays, and where it is from is lost', async () => {
    await open({ servers: 2 })
    for (const server of ['a', 'b', 'c', 'd']) await read({ server })
    expect(
      marks
        .sourcesOf(ALICE)
        .map(({ server }) => server)
        .sort(),
    ).toEqual(['*', 'a', 'b'])
    now += DECAY - 1
    await read({ server: 'd' })
    now += 1
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    expect(marks.sourcesOf(ALICE).map(({ server }) => server)).toEqual(['*'])
  })

  it('of clients that somebody registers one after the other: they count for all clients of this one, and for nobody else', async () => {
    await open({ clients: 2 })
    for (const client of ['a', 'b', 'c']) await read({ client })
    expect(marks.of(who('alice', 'fresh'))).toEqual(UNTRUSTED)
    expect(marks.of(who('bob', 'fresh'))).toEqual(NOTHING)
    expect(marks.sourcesOf(who('alice', 'fresh'))).toMatchObject([{ client: '*' }])
    expect((await open({ clients: 2 })).of(who('alice', 'fresh'))).toEqual(UNTRUSTED)
  })

  it('in all: nothing more is read that would have to be marked; what stands, stands; what ended makes room', async () => {
    await open({ total: 2 })
    await read()
    await read({ principal: who('bob').key })
    expect(marks.begin(reading({ principal: who('carol').key }))).toBe('full')
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    now += DECAY - 1000
    await read()
    now += 1000
    await read({ principal: who('carol').key })
    expect(marks.all().map(({ principal }) => principal)).toHaveLength(2)
  })
})

describe('clearing', () => {
  it('takes away what stands, of one client or all, durably', async () => {
    await read()
    await read({ client: 'cursor' })
    expect(await marks.clear(ALICE.key, 'claude')).toMatchObject({ cleared: [{ client: 'claude', server: 'github' }], running: 0 })
    expect(marks.of(ALICE)).toEqual(NOTHING)
    expect(marks.of(who('alice', 'cursor'))).toEqual(UNTRUSTED)
    await marks.clear(ALICE.key)
    expect((await open()).all()).toEqual([])
    expect(await marks.clear(ALICE.key)).toEqual({ cleared: [], running: 0 })
  })

  it('attack: a read that runs while somebody clears loses its mark', async () => {
    const running = await begin()
    expect(await marks.clear(ALICE.key)).toEqual({ cleared: [], running: 1 })
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    await running.end()
    expect((await open()).of(ALICE)).toEqual(UNTRUSTED)
  })

  it('attack: a read that begins while the removal is on its way loses its mark', async () => {
    await read()
    const gate = Promise.withResolvers<undefined>()
    failing.gate = gate.promise
    const cleared = marks.clear(ALICE.key)
    const begun = marks.begin(reading())
    expect(begun).toBeInstanceOf(Promise)
    gate.resolve(undefined)
    await cleared
    await ((await begun) as Running).end()
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
    expect((await open()).of(ALICE)).toEqual(UNTRUSTED)
  })

  it('attack: so does one that begins while the read before it is still being written down, as it is removed', async () => {
    const long = await begin()
    now += 2 * DECAY
    const gate = Promise.withResolvers<undefined>()
    failing.gate = gate.promise
    const ended = long.end()
    expect(ended).toBeInstanceOf(Promise)
    const cleared = marks.clear(ALICE.key)
    const begun = marks.begin(reading())
    gate.resolve(undefined)
    await Promise.all([ended, cleared])
    expect(typeof (await begun)).toBe('object')
    // The process is killed now.
    expect((await open()).of(ALICE)).toEqual(UNTRUSTED)
  })

  it('that cannot be kept clears nothing', async () => {
    await read()
    failing.before = true
    expect(await marks.clear(ALICE.key)).toBeUndefined()
    expect(marks.of(ALICE)).toEqual(UNTRUSTED)
  })
})

it('forgets what has ended, in memory and in the store', async () => {
  await read()
  await read({ principal: who('bob').key, labels: ['private'] })
  now += DECAY + 2 * RENEW_MS
  await marks.sweep()
  expect([marks.all(), await store.alive(0)]).toEqual([[], []])
})

it.each<[string, object, boolean | undefined, Label[]]>([
  ['nothing said', {}, true, []],
  ['untrusted', { untrusted: true }, false, ['untrusted']],
  ['private', { private: true }, undefined, ['private']],
  ['both', { untrusted: true, private: true }, undefined, ['untrusted', 'private']],
  ['tools of an open world', { openWorld: true }, true, ['untrusted']],
  ['tools of a closed world', { openWorld: true, private: true }, false, ['private']],
  ['no tool', { openWorld: true }, undefined, []],
])('labels contents: %s', (_, reads, isOpenWorld, labels) => {
  const said = { untrusted: false, private: false, openWorld: false, ...reads }
  expect(labelsOf(said, isOpenWorld === undefined ? undefined : { isOpenWorld })).toEqual(labels)
})
