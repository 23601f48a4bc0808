// Marks on ways that no call takes: standing streams, and events that a session's host comes back for.

import { expect, it } from 'vitest'
import type { LegacySession } from '../../src/bridge/legacy-session.ts'
import { Marks } from '../../src/flow/marks.ts'
import { isStop } from '../../src/kernel/errors.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { UpstreamEntry } from '../../src/pipeline/entry.ts'
import { Marking } from '../../src/pipeline/marking.ts'
import { memoryMarks, type FailingMarks } from '../support/memory-marks.ts'

const DECAY = 1_800_000
const principal = { key: 'https://idp.example alice' as PrincipalKey, client: 'claude' } as any
const session = Object.create(null) as LegacySession
const entry = (reads?: object): UpstreamEntry =>
  ({ alias: 'github', ...(reads && { reads: { untrusted: false, private: false, openWorld: false, ...reads } }) }) as UpstreamEntry

let now = 1_700_000_000_000
async function world(failing: FailingMarks = {}) {
  const marks = await Marks.open({ store: memoryMarks(failing), now: () => now, decayMs: () => DECAY })
  return { marks, marking: new Marking(marks), failing, isMarked: () => marks.of(principal).readUntrusted }
}
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

it('attack: an update on a standing stream brings content to an unmarked host', async () => {
  const gate = Promise.withResolvers<undefined>()
  const { marking, isMarked } = await world({ gate: gate.promise })
  const told: string[] = []
  marking.heard({ principal }, entry({ untrusted: true }), 'notifications/resources/updated', () => told.push('first'))
  marking.heard({ principal }, entry({ openWorld: true }), 'notifications/tasks', () => told.push('second'))
  await turn()
  expect([told, isMarked()]).toEqual([[], true])
  gate.resolve(undefined)
  await turn()
  expect(told).toEqual(['first', 'second'])
  now += DECAY - 1
  expect(isMarked()).toBe(true)
})

it('attack: a stream that breaks while it is told something leaves a mark that never ends, or a rejection nobody hears', async () => {
  const gate = Promise.withResolvers<undefined>()
  const { marking, isMarked } = await world({ gate: gate.promise })
  const breaks = (): never => {
    throw new Error('the stream broke')
  }
  marking.heard({ principal }, entry({ untrusted: true }), 'notifications/tasks', breaks)
  gate.resolve(undefined)
  await turn()
  expect(isMarked()).toBe(true)
  // Written by now: this one is told at once, and whoever sends hears of it.
  expect(() => marking.heard({ principal }, entry({ untrusted: true }), 'notifications/tasks', breaks)).toThrow('the stream broke')
  await turn()
  now += DECAY
  expect(isMarked()).toBe(false)
})

it('what cannot be marked is not told; what has no label is told at once', async () => {
  const { marking, isMarked } = await world({ before: true })
  const told: string[] = []
  marking.heard({ principal }, entry({ untrusted: true }), 'notifications/tasks', () => told.push('labelled'))
  marking.heard({ principal }, entry(), 'notifications/tasks', () => told.push('plain'))
  marking.heard({ principal }, entry({}), 'notifications/tasks', () => told.push('nothing said'))
  await turn()
  expect([told, isMarked()]).toEqual([['plain', 'nothing said'], false])
})

it('attack: a host leaves before the answer, and fetches it from its session once the mark has ended', async () => {
  const { marking, isMarked } = await world()
  const running = await marking.begin({ principal, session }, { server: 'github', method: 'tools/call', name: 'x', labels: ['untrusted'] })
  if (isStop(running)) throw new Error(running.stop)
  await running.end()
  now += DECAY
  expect(isMarked()).toBe(false)
  expect(await marking.again(Object.create(null) as LegacySession, { principal })).toBeUndefined()
  expect(isMarked()).toBe(false)
  expect(await marking.again(session, { principal })).toBeUndefined()
  expect(isMarked()).toBe(true)
})

it('and gets nothing where that cannot be marked', async () => {
  const { marking, failing } = await world()
  await marking.begin({ principal, session }, { server: 'github', method: 'tools/call', name: 'x', labels: ['untrusted'] })
  now += DECAY
  failing.before = true
  expect(await marking.again(session, { principal })).toMatchObject({ stop: 'mark-unavailable' })
})
