import { describe, expect, it } from 'vitest'
import type { Caller, CallEvents, Upstream, UpstreamCall, UpstreamChanges } from '../../src/bridge/upstream.ts'
import type { Stop } from '../../src/kernel/errors.ts'
import { HeldUpstream } from '../../src/pipeline/held-upstream.ts'

const CALLER: Caller = { principal: '*', capabilities: '{}', affinity: '' }
const CALL: UpstreamCall = { caller: CALLER, method: 'tools/call', traceparent: '' }
const EVENTS: CallEvents = { notification() {}, request() {} }
const HELD: Stop = { stop: 'launch-changed', detail: '`files`: it would be started otherwise' }

function world(held: Stop | undefined) {
  let why = held
  const asked: string[] = []
  const ends: string[] = []
  const changes: UpstreamChanges = { listChanged() {}, resourceUpdated() {}, other() {}, interrupted() {}, ended: why => ends.push(why) }
  const inner: Upstream = {
    alias: 'files',
    face: () => (asked.push('face'), Promise.resolve({ stop: 'upstream-lost', detail: 'inner' })),
    call: () => (asked.push('call'), { done: Promise.resolve({ kind: 'stop', stop: 'upstream-lost', detail: 'inner' }), cancel() {} }),
    subscribe: (_, filter) => (
      asked.push(`subscribe ${JSON.stringify(filter)}`),
      { update: next => void asked.push(`update ${JSON.stringify(next)}`), close: () => void asked.push('close subscription') }
    ),
    status: () => ({ state: 'idle', inFlight: 0, queued: 0, connections: asked.length }),
    release: () => void asked.push('release'),
    close: () => (asked.push('close'), Promise.resolve()),
  }
  const upstream = new HeldUpstream(inner, () => why)
  return { upstream, asked, ends, changes, decide: (next: Stop | undefined) => (why = next) }
}

describe('an upstream whose launch is not admitted', () => {
  it('attack: is asked for nothing, whatever way is tried (N141)', async () => {
    const { upstream, asked, changes } = world(HELD)
    expect(await upstream.face(CALLER)).toEqual(HELD)
    const running = upstream.call(CALL, EVENTS)
    running.cancel('x')
    expect(await running.done).toEqual({ kind: 'stop', ...HELD })
    upstream.subscribe(CALLER, {}, changes).update({ toolsListChanged: true })
    upstream.wake()
    expect([asked, upstream.isHeld, upstream.isBusy]).toEqual([[], true, false])
  })

  it('opens what waited once it is admitted, as it is wanted by then', async () => {
    const { upstream, asked, changes, decide } = world(HELD)
    const [first, second] = [upstream.subscribe(CALLER, {}, changes), upstream.subscribe(CALLER, {}, changes)]
    first.update({ toolsListChanged: true })
    second.close()
    decide(undefined)
    upstream.wake()
    upstream.wake()
    first.update({ promptsListChanged: true })
    first.close()
    expect(asked).toEqual(['subscribe {"toolsListChanged":true}', 'update {"promptsListChanged":true}', 'close subscription'])
  })

  it('tells whoever waited that it ended when it is closed', async () => {
    const { upstream, asked, changes, ends } = world(HELD)
    upstream.subscribe(CALLER, {}, changes)
    await upstream.close(1)
    expect([ends, asked]).toEqual([['the upstream was closed'], ['close']])
  })

  it('is itself while it is admitted', async () => {
    const { upstream, asked, changes } = world(undefined)
    expect(upstream.alias).toBe('files')
    await upstream.face(CALLER)
    await upstream.call(CALL, EVENTS).done
    upstream.subscribe(CALLER, {}, changes).close()
    upstream.release(CALLER)
    expect([asked, upstream.isHeld, upstream.isBusy]).toEqual([
      ['face', 'call', 'subscribe {}', 'close subscription', 'release'],
      false,
      true,
    ])
  })
})
