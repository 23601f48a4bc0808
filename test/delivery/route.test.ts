import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { enveloped } from '../../src/delivery/forms.ts'
import { later, refused } from '../../src/delivery/outlet.ts'
import { MAX_DEAD } from '../../src/delivery/route.ts'
import { eventLine, leafOf, upTo, world } from './world.ts'

describe('the way to a sink', () => {
  it('brings every covered event once and in order, and keeps how far it is', async () => {
    const { log, outlet, ledger, route, run } = world()
    log.grow(1000)
    expect(await run()).toBe(250)
    expect(outlet.got).toEqual(upTo(1000))
    expect(ledger.standings.get('siem')).toEqual({ origin: 'gw.example/1', began: 0, cursor: 1000, last: 999 })
    expect(route.level()).toMatchObject({ state: 'ready', lagEvents: 0, lagSeconds: 0, taken: 1000, failures: 0 })
  })

  it('gives out nothing that no checkpoint covers', async () => {
    const { log, outlet, run } = world()
    log.grow(10).covered = 4
    await run()
    expect(outlet.got).toEqual(upTo(4))
    expect(JSON.parse(outlet.texts[3] ?? '')).toMatchObject({ seq: 3, checkpoint: 4, origin: 'gw.example/1', leaf: leafOf(eventLine(3)) })
    log.covered = 10
    await run()
    expect(outlet.got).toEqual(upTo(10))
  })

  it('attack: a backlog of any size is read a shipment at a time', async () => {
    const { log, outlet, run } = world()
    log.grow(5000)
    let most = 0
    outlet.answer = ({ parcels }) => {
      most = Math.max(most, parcels.length)
      return { taken: parcels.length }
    }
    await run()
    expect(most).toBeLessThanOrEqual(256)
    expect(log.mostRead).toBeLessThanOrEqual(256)
    const large = world({ recordBytes: 1_000_000 })
    large.log.add(...upTo(6).map(n => eventLine(n, { detail: 'x'.repeat(400_000) })))
    let bytes = 0
    large.outlet.answer = ({ parcels }) => {
      bytes = Math.max(
        bytes,
        parcels.reduce((sum, { text }) => sum + text.length, 0),
      )
      return { taken: parcels.length }
    }
    await large.run()
    expect(bytes).toBeLessThanOrEqual(1024 * 1024)
    expect(large.outlet.got).toEqual(upTo(6))
  })

  it('waits longer and longer while a sink is away, says so once, and loses nothing', async () => {
    const { log, outlet, route, run, told, clock } = world()
    log.grow(300)
    outlet.answer = () => later('it could not be reached')
    const waits: number[] = []
    for (let n = 0; n < 9; n += 1) {
      waits.push(await run())
      expect(await route.step()).toBe(waits.at(-1))
      clock.ms += waits.at(-1) ?? 0
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
    expect(told.filter(line => line.startsWith('a sink does not take events'))).toHaveLength(1)
    expect(route.level()).toMatchObject({ state: 'waiting', lagEvents: 300, failures: 9, why: 'it could not be reached' })
    expect(route.level().lagSeconds).toBeGreaterThan(60)
    outlet.answer = ({ parcels }) => ({ taken: parcels.length })
    await run()
    expect(outlet.got).toEqual(upTo(300))
    expect(route.level()).toMatchObject({ state: 'ready', lagEvents: 0, lagSeconds: 0 })
    expect(told.at(-1)).toContain('a sink takes events again')
  })

  it('waits as long as a sink asks, but not for good', async () => {
    const { log, outlet, run } = world()
    log.grow(1)
    outlet.answer = () => later('it answered with status 429', 120)
    expect(await run()).toBe(120_000)
    const greedy = world()
    greedy.log.grow(1)
    greedy.outlet.answer = () => later('it answered with status 429', 999_999)
    expect(await greedy.run()).toBe(3_600_000)
  })

  it('goes on with the first that was not taken', async () => {
    const { log, outlet, run, clock } = world()
    log.grow(10)
    outlet.answer = ({ parcels }) => ({
      taken: Math.min(3, parcels.length),
      ...(parcels.length > 3 && { trouble: { is: 'later', why: 'slow' } }),
    })
    for (let n = 0; n < 4; n += 1) clock.ms += await run()
    expect(outlet.got).toEqual(upTo(10))
  })

  it('sends what is taken again when the courier dies before the cursor is kept, and nothing else twice', async () => {
    const { log, outlet, ledger, run, restart, clock } = world()
    log.grow(20)
    await run()
    log.grow(5)
    ledger.failNext = 'before'
    await run() // taken by the sink, not kept
    expect(outlet.got).toEqual(upTo(25))
    const after = restart()
    clock.ms += 60_000
    await run(after)
    expect(outlet.got).toEqual([...upTo(25), ...upTo(5, 20)])
    expect(ledger.standings.get('siem')?.cursor).toBe(25)
  })

  it('law: whatever a sink does and whenever the courier dies, everything arrives, first times in order', async () => {
    const act = fc.oneof(
      fc.record({ is: fc.constant('take' as const), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ is: fc.constant('crash' as const), when: fc.constantFrom('before' as const, 'after' as const) }),
      fc.record({ is: fc.constant('grow' as const), by: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ is: fc.constant('lose' as const), last: fc.integer({ min: 0, max: 30 }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), async acts => {
        const { log, outlet, ledger, route, restart, run, clock } = world()
        let now = route
        let has = -1 // what the sink really has, without gaps
        outlet.answer = () => later('away')
        for (const each of acts) {
          clock.ms += 3_600_000
          if (each.is === 'grow') log.grow(each.by)
          else if (each.is === 'lose') has = Math.max(-1, has - each.last)
          else if (each.is === 'crash') {
            ledger.failNext = each.when
            await now.step()
            ledger.failNext = undefined
            now = restart()
          } else {
            outlet.answer = ({ parcels, after }) => {
              if (has < after) return { taken: 0, trouble: { is: 'behind', from: has + 1, why: 'lost' } }
              const taken = Math.floor(parcels.length * each.part)
              for (const { seq } of parcels.slice(0, taken)) {
                expect(seq).toBeLessThanOrEqual(has + 1) // never a gap
                has = Math.max(has, seq)
              }
              return taken < parcels.length ? { taken, trouble: { is: 'later', why: 'slow' } } : { taken }
            }
            await now.step()
          }
        }
        outlet.answer = ({ parcels, after }) => {
          if (has < after) return { taken: 0, trouble: { is: 'behind', from: has + 1, why: 'lost' } }
          for (const { seq } of parcels) {
            expect(seq).toBeLessThanOrEqual(has + 1)
            has = Math.max(has, seq)
          }
          return { taken: parcels.length }
        }
        log.grow(1) // a sink that lost something hears of it with the next event
        for (let n = 0; n < 4; n += 1) {
          clock.ms += 3_600_000
          await run(now)
        }
        expect(has).toBe(log.lines.length - 1)
      }),
      { numRuns: 200 },
    )
  })

  it('begins with what comes from now on, where that is wanted', async () => {
    const { log, outlet, run } = world({ from: 'now' })
    log.grow(50)
    await run()
    log.grow(2)
    await run()
    expect(outlet.got).toEqual([50, 51])
  })

  it('counts anew in another log, and says so', async () => {
    const { log, outlet, run, told } = world({ from: 'now' })
    log.grow(3)
    await run()
    log.origin = 'gw.example/2'
    await run()
    expect(outlet.got).toEqual(upTo(3))
    expect(told).toEqual(['a sink goes on with another log {"sink":"siem","before":"gw.example/1","origin":"gw.example/2"}'])
  })

  it('says which events were pruned before a sink took them', async () => {
    const { run, told, outlet, log } = world()
    log.grow(10)
    log.covered = 2
    await run()
    log.covered = 10
    log.prunedTo = 4
    await run()
    expect(outlet.got).toEqual([0, 1, ...upTo(6, 4)])
    expect(told).toEqual(['events were pruned before a sink took them {"sink":"siem","from":2,"to":4}'])
  })

  it('attack: a sink that has nothing again and again is left alone for a while', async () => {
    const { log, outlet, run, route } = world()
    log.grow(10)
    await run()
    log.grow(1)
    outlet.answer = () => ({ taken: 0, trouble: { is: 'behind', from: 0, why: 'it is empty' } })
    expect(await run(route, 5)).toBe(250)
    expect(route.level()).toMatchObject({ state: 'waiting', why: 'it is empty' })
  })

  it('attack: a sink that takes and loses, again and again, gets no endless flood, and does not pass for well', async () => {
    const { log, outlet, run, route, clock } = world()
    log.grow(2000)
    const waits: number[] = []
    const at: string[] = []
    outlet.answer = ({ parcels, after }) =>
      after >= 255 ? { taken: 0, trouble: { is: 'behind', from: 0, why: 'it is empty' } } : { taken: parcels.length }
    for (let n = 0; n < 6; n += 1) {
      waits.push(await run(route, 5))
      at.push(route.level().state)
      clock.ms += waits.at(-1) ?? 0
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000])
    expect([new Set(at), route.level()]).toMatchObject([new Set(['waiting']), { failures: 6, why: 'it is empty' }])
    outlet.answer = ({ parcels }) => ({ taken: parcels.length })
    await run()
    expect(route.level()).toMatchObject({ state: 'ready', lagEvents: 0 })
  })

  it('attack: a receiver that acknowledges nothing dies while nothing happens: what it may not have read goes again, at once and after a start', async () => {
    const { log, outlet, ledger, run, restart, clock, told } = world()
    let [unsure, isLost]: [number | undefined, boolean] = [undefined, false]
    const unacknowledged = {
      from: () => unsure,
      look: () => (isLost ? { taken: 0, trouble: { is: 'behind' as const, from: unsure ?? 0, why: 'the connection ended' } } : undefined),
    }
    const quiet = Object.assign(outlet, { unacknowledged })
    outlet.answer = ({ parcels }) => {
      isLost = false
      unsure ??= parcels[0]?.seq
      return { taken: parcels.length }
    }
    log.grow(10)
    await run()
    expect(ledger.standings.get('siem')).toMatchObject({ cursor: 10, unsure: 0 })
    unsure = 6 // what was before is read
    isLost = true
    const wait = await run()
    clock.ms += wait
    await run()
    expect([wait, outlet.got]).toEqual([250, [...upTo(10), ...upTo(4, 6)]])
    const killed = restart(quiet)
    await run(killed)
    expect(outlet.got).toEqual([...upTo(10), ...upTo(4, 6), ...upTo(4, 6)])
    expect(told.filter(line => line.startsWith('a sink gets events again'))).toHaveLength(2)
    unsure = undefined // it said goodbye
    await killed.close()
    expect(ledger.standings.get('siem')).toEqual({ origin: 'gw.example/1', began: 0, cursor: 10, last: 9 })
    await run(restart(quiet))
    expect(outlet.got).toHaveLength(18)
  })

  it('attack: the disk is full while a sink wants events again that nothing acknowledged: they are not forgotten', async () => {
    const { log, outlet, ledger, run, route, clock } = world()
    let isLost = false
    const look = () => {
      const lost = isLost
      isLost = false
      return lost ? { taken: 0, trouble: { is: 'behind' as const, from: 3, why: 'the connection ended' } } : undefined
    }
    Object.assign(outlet, { unacknowledged: { from: () => 3, look } })
    log.grow(5)
    await run()
    isLost = true
    ledger.failNext = 'before'
    clock.ms += await run()
    log.grow(1)
    clock.ms += await run(route)
    expect(outlet.got).toEqual([...upTo(5), ...upTo(3, 3)])
  })

  it('attack: a sink that says what it has is held against the log, as far as a checkpoint covers it', async () => {
    const { log, outlet, run } = world()
    log.grow(10).covered = 8
    const leaves: unknown[] = []
    outlet.answer = async ({ parcels, leafAt }) => {
      for (const seq of [7, 8, 9, 10, 5e15]) leaves.push(await leafAt(seq))
      return { taken: parcels.length }
    }
    await run()
    expect(leaves).toEqual([leafOf(eventLine(7)), undefined, undefined, undefined, undefined])
  })

  it('attack: a sink that says nothing of what it was sent took nothing', async () => {
    const { log, outlet, run, ledger } = world()
    log.grow(10)
    outlet.answer = () => ({ taken: 0 })
    expect(await run()).toBe(250)
    expect(ledger.standings.get('siem')?.cursor).toBe(0)
  })

  it('waits when the log cannot be read or the cursor not be kept', async () => {
    const { log, run, route, outlet } = world()
    log.grow(1)
    log.read = () => Promise.reject(new TypeError('secret words'))
    expect(await run()).toBe(250)
    expect(route.level().why).toBe('it failed in a way that is a fault of the gateway')
    expect(outlet.sends).toBe(0)
  })
})

describe('dead letters', () => {
  const refuse = (bad: readonly number[]) => (shipment: { readonly parcels: readonly { readonly seq: number }[] }) =>
    shipment.parcels.some(({ seq }) => bad.includes(seq)) ? refused('it answered with status 400') : { taken: shipment.parcels.length }

  it('finds the record that a sink refuses among many, and the others pass', async () => {
    const { log, outlet, ledger, run, route } = world()
    log.grow(600)
    outlet.answer = refuse([0, 77, 78, 599])
    await run()
    expect(outlet.got).toEqual(upTo(600).filter(seq => ![0, 77, 78, 599].includes(seq)))
    expect(ledger.letters).toMatchObject(
      [0, 77, 78, 599].map(seq => ({ seq, why: 'it answered with status 400', leaf: leafOf(eventLine(seq)) })),
    )
    expect(route.level()).toMatchObject({ state: 'ready', dead: 4, lagEvents: 0 })
  })

  it('attack: a record that crashes an encoder is a dead letter of that sink, and nothing of it is said', async () => {
    const crashing = world({
      encode: event => {
        if (event.event.includes('poison')) throw new Error(`cannot encode ${event.event}`)
        return enveloped(event)
      },
    })
    crashing.log
      .grow(2)
      .add(eventLine(2, { detail: 'poison' }))
      .grow(2)
    await crashing.run()
    expect(crashing.outlet.got).toEqual([0, 1, 3, 4])
    expect(crashing.ledger.letters).toMatchObject([{ seq: 2, why: 'it cannot be encoded for this sink' }])
    expect(crashing.told.join()).not.toContain('poison')
    const other = world()
    other.log.lines = crashing.log.lines
    await other.run()
    expect(other.outlet.got).toEqual(upTo(5))
  })

  it('attack: a record that is larger than a sink takes is no reason to stop', async () => {
    const { log, outlet, ledger, run } = world({ recordBytes: 1000 })
    log.add(eventLine(0, { detail: 'x'.repeat(2000) })).grow(1)
    await run()
    expect(outlet.got).toEqual([1])
    expect(ledger.letters).toMatchObject([{ seq: 0, why: 'it is larger than 1000 bytes' }])
  })

  it('attack: a sink that refuses everything does not bury the log: delivery holds, and goes on after somebody looked', async () => {
    const { log, outlet, ledger, run, route } = world()
    log.grow(MAX_DEAD + 50)
    outlet.answer = () => refused('it answered with status 400')
    expect(await run()).toBe(2000)
    expect(ledger.letters).toHaveLength(MAX_DEAD)
    expect(route.level()).toMatchObject({ state: 'held', lagEvents: 50, why: '1000 dead letters wait for an administrator' })
    outlet.answer = ({ parcels }) => ({ taken: parcels.length })
    await ledger.replay({ sink: 'siem' })
    await run()
    expect(outlet.got).toEqual(upTo(MAX_DEAD + 50))
    expect(route.level()).toMatchObject({ state: 'ready', dead: 0 })
  })

  it('sends a dead letter again when it is asked for, and drops what is dropped', async () => {
    const { log, outlet, ledger, run, clock } = world()
    log.grow(10)
    outlet.answer = refuse([3, 4])
    await run()
    await ledger.drop({ sink: 'siem', seq: 3 })
    await ledger.replay({ sink: 'siem', seq: 4 })
    await run()
    expect(ledger.letters).toMatchObject([{ seq: 4, isReplayed: false }])
    await ledger.replay({ sink: 'siem', seq: 4 })
    outlet.answer = () => later('away')
    clock.ms += await run()
    expect(ledger.letters).toMatchObject([{ seq: 4, isReplayed: true }])
    const replays: boolean[] = []
    outlet.answer = ({ parcels, isReplay }) => {
      replays.push(isReplay)
      return { taken: parcels.length }
    }
    await run()
    expect(ledger.letters).toEqual([])
    expect(outlet.got.at(-1)).toBe(4)
    expect(replays).toEqual([true])
  })

  it('says so where the event of a dead letter is gone, is another, or cannot be encoded', async () => {
    const { log, outlet, ledger, run } = world({ recordBytes: 1000 })
    log.add(eventLine(0, { detail: 'x'.repeat(2000) })).grow(3)
    outlet.answer = refuse([1, 2])
    await run()
    log.lines[1] = eventLine(99)
    await ledger.replay({ sink: 'siem' })
    outlet.answer = ({ parcels }) => ({ taken: parcels.length })
    await run()
    expect(ledger.letters.map(({ seq, why }) => [seq, why])).toEqual([
      [0, 'it is larger than 1000 bytes'],
      [1, 'its event is not in the log any more'],
    ])
    expect(outlet.got).toEqual([3, 2])
  })
})
