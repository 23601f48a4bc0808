// The walk: order by types, stops, faults, and the audit bracket around every effect.

import { describe, expect, it, vi } from 'vitest'
import { Cancellation } from '../../src/kernel/cancellation.ts'
import { Fault } from '../../src/kernel/errors.ts'
import type { Measure } from '../../src/kernel/measure.ts'
import { keyOf, type Principal } from '../../src/kernel/principal.ts'
import {
  Path,
  walk,
  type Answer,
  type Answered,
  type Authenticated,
  type Classified,
  type Received,
  type Recorder,
  type Stage,
} from '../../src/pipeline/path.ts'

const principal: Principal = {
  key: keyOf('https://i', 'a'),
  issuer: 'https://i',
  subject: 'a',
  groups: [],
  scopes: [],
  wildcards: [],
  kind: 'person',
  expiresAtSeconds: 1,
}
const NO_MEASURE: Measure = {
  stage() {},
  call() {},
  upstream() {},
  refusal() {},
  auditGroup() {},
}
const received = (): Received => ({
  requestId: 'r1',
  traceId: 't1',
  traceparent: '00-t-s-01',
  receivedMs: performance.now(),
  endpoint: { kind: 'all', path: '/mcp', resource: 'http://g/mcp', aliases: [] },
  headers: { params: [] },
  authorization: undefined,
  address: '127.0.0.1',
  method: 'tools/call',
  isRequest: true,
  host: { cancellation: new Cancellation(), notify: () => true },
  relayed: { count: 0, bytes: 0, digest: '' },
})
const ok: Answer = { kind: 'result', result: Buffer.from('{}'), outcome: 'ok' }
const classify: Stage<Received, Classified> = { name: 'classify', run: () => ({ era: 'modern', envelope: { capabilities: '{}' } }) }
const authenticate: Stage<Received & Classified, Authenticated> = { name: 'authenticate', run: async () => ({ principal }) }
const permit: Stage<Authenticated, { readonly permit: true }> = { name: 'permit', run: () => ({ permit: true }) }
const call = (run = vi.fn(() => ({ answer: ok }))): Stage<{ readonly permit: true }, Answered> & { run: typeof run } => ({
  name: 'call-upstream',
  effect: true,
  run,
})
const recorder = (over: Partial<Recorder> = {}) => ({
  intent: vi.fn(async () => {}),
  outcome: vi.fn(async () => {}),
  refusal: vi.fn(async () => {}),
  decision: vi.fn(async () => {}),
  count: vi.fn(),
  traced: () => ({ method: 'tools/call' }),
  fault: vi.fn(),
  ...over,
})
const whole = (upstream = call()) => Path.start().step(classify).step(authenticate).step(permit).step(upstream)
const unavailable = () => Promise.reject(new Fault('audit-unavailable', 'disk full'))

describe('a path', () => {
  it('does not compile in a wrong order', () => {
    // @ts-expect-error: permit needs a principal
    Path.start().step(classify).step(permit)
    const upstream: Stage<{ readonly permit: true }, Answered> = call()
    // @ts-expect-error: call-upstream needs a permit
    Path.start().step(classify).step(authenticate).step(upstream)
    // @ts-expect-error: a path that never answers cannot be walked
    const bad = () => walk(Path.start().step(classify), received(), recorder(), NO_MEASURE)
    expect(bad).toBeTypeOf('function')
  })

  it('brackets the effect: intent first, outcome before the answer is handed over', async () => {
    const order: string[] = []
    const r = recorder({ intent: async () => void order.push('intent'), outcome: async () => void order.push('outcome') })
    const upstream = call(vi.fn(() => (order.push('upstream'), { answer: ok })))
    expect(await walk(whole(upstream), received(), r, NO_MEASURE)).toEqual(ok)
    expect(order).toEqual(['intent', 'upstream', 'outcome'])
  })

  it('records a refusal of a known caller singly and never calls the upstream', async () => {
    const deny: Stage<Authenticated, { readonly permit: true }> = { name: 'permit', run: () => ({ stop: 'denied' }) }
    const upstream = call()
    const r = recorder()
    const end = await walk(Path.start().step(classify).step(authenticate).step(deny).step(upstream), received(), r, NO_MEASURE)
    expect(end).toEqual({ stop: 'denied' })
    expect(upstream.run).not.toHaveBeenCalled()
    expect(r.refusal).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ principal }), 'permit', { stop: 'denied' })
    expect(r.intent).not.toHaveBeenCalled()
  })

  it('only counts refusals of strangers, so that a flood cannot fill the log', async () => {
    const strange: Stage<Received & Classified, Authenticated> = { name: 'authenticate', run: () => ({ stop: 'token-missing' }) }
    const r = recorder()
    await walk(Path.start().step(classify).step(strange).step(permit).step(call()), received(), r, NO_MEASURE)
    expect(r.count).toHaveBeenCalledOnce()
    expect(r.refusal).not.toHaveBeenCalled()
  })

  it('turns a throw into a denial that tells the caller nothing', async () => {
    const boom = new Error('secret in message')
    const bad: Stage<Authenticated, { readonly permit: true }> = { name: 'permit', run: () => Promise.reject(boom) }
    const r = recorder()
    const end = await walk(Path.start().step(classify).step(authenticate).step(bad).step(call()), received(), r, NO_MEASURE)
    expect(end).toEqual({ stop: 'internal-fault' })
    expect(r.fault).toHaveBeenCalledWith(expect.anything(), 'permit', boom)
  })

  it('never calls the upstream when the intent cannot be made durable', async () => {
    const upstream = call()
    expect(await walk(whole(upstream), received(), recorder({ intent: unavailable }), NO_MEASURE)).toEqual({ stop: 'audit-unavailable' })
    expect(upstream.run).not.toHaveBeenCalled()
  })

  it('withholds the answer when the outcome cannot be made durable', async () => {
    expect(await walk(whole(), received(), recorder({ outcome: unavailable }), NO_MEASURE)).toEqual({ stop: 'audit-unavailable' })
  })

  it('withholds a refusal that cannot be recorded behind audit-unavailable', async () => {
    const deny: Stage<Authenticated, { readonly permit: true }> = { name: 'permit', run: () => ({ stop: 'denied' }) }
    const path = Path.start().step(classify).step(authenticate).step(deny).step(call())
    expect(await walk(path, received(), recorder({ refusal: unavailable }), NO_MEASURE)).toEqual({ stop: 'audit-unavailable' })
  })
})
