// What leaves a gateway as telemetry: the tree of spans of real calls, and nothing in it that an argument, a token or a stranger said.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startCollector, type Collector, type ReceivedSpan } from '../support/collector.ts'
import { callTool, LegacyHost, modern, startWorld, works, type World } from './world.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const wanted = (traceId = TRACE): string => `00-${traceId}-${SPAN}-01`
const CREDENTIAL = 'collector-key-0123456789'
const ATTRIBUTES = [
  'error.type',
  'gatehouse.endpoint.kind',
  'gatehouse.outcome',
  'gatehouse.request.id',
  'gatehouse.upstream',
  'gen_ai.operation.name',
  'gen_ai.prompt.name',
  'gen_ai.tool.name',
  'mcp.method.name',
  'mcp.protocol.version',
  'rpc.response.status_code',
]

let collector: Collector
let world: World
let n = 0
const newTrace = (): string => (n += 1).toString(16).padStart(32, 'c')
beforeAll(async () => {
  collector = await startCollector()
  world = await startWorld({
    tools: {
      fails: ({ res, message }) =>
        void res
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { resultType: 'complete', isError: true, content: [] } })),
      breaks: ({ res, message }) =>
        void res
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32000, message: 'the secret of carol' } })),
    },
    config: {
      telemetry: {
        traces: { endpoint: `${collector.url}/v1/traces`, headers: { 'x-key': CREDENTIAL }, sample: 0, fromHosts: 10_000 },
        metrics: { endpoint: `${collector.url}/v1/metrics`, every: '1s' },
      },
    },
  })
})
afterAll(async () => {
  await world.stop()
  await collector.close()
})

/** All spans of one trace, once its request has ended. */
async function spansOf(traceId: string): Promise<ReceivedSpan[]> {
  const of = (): ReceivedSpan[] => collector.spans.filter(span => span.traceId === traceId)
  await collector.until(`spans of ${traceId}`, () => of().some(({ kind }) => kind === 2))
  return of()
}

describe('a traced call', () => {
  it('is a tree: the host’s span, the request, its stages, the exchange, what the upstream does', async () => {
    const traceId = newTrace()
    const tracestate = 'vendor=opaque'
    await callTool(world, 'echo', { text: 'x' }, { headers: { traceparent: wanted(traceId), tracestate } })
    const { req, message } = world.up.seen.at(-1)!
    const { headers } = req
    const spans = await spansOf(traceId)
    const [server] = spans.filter(({ kind }) => kind === 2)
    expect(server).toMatchObject({
      name: 'tools/call echo',
      parentId: SPAN,
      tracestate,
      status: 0,
      attributes: {
        'mcp.method.name': 'tools/call',
        'gen_ai.tool.name': 'echo',
        'gen_ai.operation.name': 'execute_tool',
        'mcp.protocol.version': '2026-07-28',
        'gatehouse.upstream': 'up',
        'gatehouse.outcome': 'ok',
        'gatehouse.endpoint.kind': 'server',
      },
    })
    const stages = spans.filter(({ kind }) => kind === 1)
    expect(stages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['authenticate', 'evaluate-policy', 'audit-intent', 'call-upstream', 'audit-outcome']),
    )
    expect(new Set(stages.map(({ parentId }) => parentId))).toEqual(new Set([server!.spanId]))
    const [client] = spans.filter(({ kind }) => kind === 3)
    expect(client).toMatchObject({ name: 'tools/call echo', parentId: stages.find(({ name }) => name === 'call-upstream')!.spanId })
    // What the upstream does is below the exchange, whichever of the two it reads.
    expect(headers['traceparent']).toBe(`00-${traceId}-${client!.spanId}-01`)
    expect(message.params._meta.traceparent).toBe(headers['traceparent'])
    expect(headers['tracestate']).toBe(tracestate)
    for (const { startNano, endNano } of spans) expect(endNano >= startNano).toBe(true)
    expect(stages.every(({ startNano, endNano }) => startNano >= server!.startNano - 1_000_000n && endNano <= server!.endNano)).toBe(true)
    expect(Math.abs(Number(server!.endNano / 1_000_000n) - Date.now())).toBeLessThan(60_000)
    // Logs, audit events and spans name one request alike.
    const outcome = world.gateway.events().find(e => e['trace'] === traceId && e['type'] === 'outcome')
    expect(server!.attributes['gatehouse.request.id']).toBe(outcome!['request'])
    expect(collector.resource).toMatchObject({ 'service.name': 'gatehouse', 'service.version': '0.0.0-test' })
    expect(collector.headers.at(-1)).toMatchObject({ 'content-type': 'application/x-protobuf' })
  })

  it('the context in `_meta` counts before the header, which is linked; what else is in `_meta` travels as it came', async () => {
    const [traceId, below] = [newTrace(), newTrace()]
    await modern(
      world,
      'tools/call',
      { name: 'echo', arguments: {}, _meta: { 'com.example/x': { a: [1, '"'] }, traceparent: wanted(traceId), baggage: 'a=b' } },
      { headers: { traceparent: wanted(below) } },
    )
    const { message } = world.up.seen.at(-1)!
    const spans = await spansOf(traceId)
    const [server] = spans.filter(({ kind }) => kind === 2)
    expect(server).toMatchObject({ parentId: SPAN, links: [{ traceId: below, spanId: SPAN }] })
    expect(message.params._meta).toMatchObject({ 'com.example/x': { a: [1, '"'] }, baggage: 'a=b' })
    expect(message.params._meta.traceparent).toMatch(new RegExp(`^00-${traceId}-`))
  })

  it.each([
    ['a tool that says it failed', 'fails', 'tool_error', {}],
    ['an error of the upstream', 'breaks', '-32000', { 'rpc.response.status_code': '-32000' }],
    ['a refusal', 'forbidden', 'denied', { 'gatehouse.outcome': 'refused' }],
  ])('%s is an error of its kind, in nobody’s words', async (_what, tool, error, more) => {
    const traceId = newTrace()
    await callTool(world, tool, {}, { headers: { traceparent: wanted(traceId) } })
    const [server] = (await spansOf(traceId)).filter(({ kind }) => kind === 2)
    expect(server).toMatchObject({ status: 2, statusText: '', attributes: { 'error.type': error, ...more } })
  })

  it('a legacy host’s call is traced as well', async () => {
    const host = await LegacyHost.open(world)
    const traceId = newTrace()
    await host.request('tools/call', { name: 'echo', arguments: {} }, { traceparent: wanted(traceId) })
    const spans = await spansOf(traceId)
    expect(spans.map(({ kind }) => kind)).toEqual(expect.arrayContaining([1, 2, 3]))
  })
})

it('attack: arguments, results, tokens, URIs, sessions, people and names that nobody admitted stand in no byte that is sent', async () => {
  const secrets = ['argument-9f8e7d6c', 'uri-5b4a3c2d', 'method-1a2b3c4d', 'made-up-tool-77', 'id-0b1c2d3e', 'carol-in-state']
  const traceId = newTrace()
  const over = { headers: { traceparent: wanted(traceId) } }
  await callTool(world, 'echo', { key: secrets[0], [secrets[0]!]: 1 }, { ...over, id: secrets[4] })
  await modern(world, 'resources/read', { uri: `mem://items/${secrets[1]}` }, over)
  await modern(world, secrets[2]!, {}, over)
  await callTool(world, secrets[3]!, {}, over)
  await callTool(world, 'breaks', {}, over)
  await works(world, 'alice')
  await collector.until('all of them', () => collector.spans.filter(s => s.traceId === traceId && s.kind === 2).length >= 5)
  const spans = collector.spans.filter(span => span.traceId === traceId)
  for (const span of collector.spans) for (const name of Object.keys(span.attributes)) expect(ATTRIBUTES).toContain(name)
  expect(spans.filter(({ kind }) => kind === 2).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['tools/call echo', 'resources/read', 'other', 'tools/call']),
  )
  const sent = Buffer.concat(collector.bodies).toString('latin1')
  expect(sent).toContain('tools/call echo')
  for (const secret of [...secrets.slice(0, 5), 'carol', world.tokens.alice.slice(-20), 'alice', '127.0.0.1'])
    expect(sent).not.toContain(secret)
})

it('attack: a host that makes up traces without a right to anything is turned away at the door, untraced', async () => {
  const traceId = newTrace()
  await callTool(world, 'echo', {}, { headers: { traceparent: wanted(traceId), 'content-type': 'text/plain' } })
  const later = newTrace()
  await callTool(world, 'echo', {}, { headers: { traceparent: wanted(later) } })
  await spansOf(later)
  expect(collector.spans.filter(span => span.traceId === traceId)).toEqual([])
})

it('untraced calls send nothing, and what the host said of its trace travels as it came', async () => {
  const before = collector.spans.length
  const unwanted = `00-${newTrace()}-${SPAN}-00`
  await modern(world, 'tools/call', { name: 'echo', arguments: {}, _meta: { traceparent: unwanted } })
  const { message, req } = world.up.seen.at(-1)!
  expect(message.params._meta.traceparent).toBe(unwanted)
  expect(req.headers['traceparent']).toMatch(/-00$/)
  const traceId = newTrace()
  await callTool(world, 'echo', {}, { headers: { traceparent: wanted(traceId) } })
  await spansOf(traceId)
  expect(collector.spans.slice(before).every(span => span.traceId === traceId)).toBe(true)
})

it('metrics are pushed: the same names and numbers as on the page, with the collector’s header on traces alone', async () => {
  const page = await (await fetch(`${world.gateway.url}/metrics`)).text()
  await collector.until('metrics', () => collector.metrics.length > 0)
  const names = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type])
  const kinds: Record<string, number> = { counter: 7, gauge: 5, histogram: 9 }
  for (const { name, kind } of collector.metrics) expect(names.map(([known, type]) => [known, kinds[type!]])).toContainEqual([name, kind])
  const calls = collector.metrics.find(({ name }) => name === 'gatehouse_call_seconds')!
  expect(calls.temporality).toBe(2)
  const of = calls.points.find(({ attributes }) => attributes['upstream'] === 'up')!
  expect(of.count).toBeGreaterThan(0)
  expect(of.buckets!.reduce((sum, each) => sum + each, 0)).toBe(of.count)
  expect(of.bounds).toContain(0.005)
  expect(of.buckets).toHaveLength(of.bounds!.length + 1)
  expect(collector.metrics.find(({ name }) => name === 'gatehouse_calls_total')).toMatchObject({ isMonotonic: true, temporality: 2 })
  expect(collector.metrics.map(({ name }) => name)).toEqual(expect.arrayContaining(['gatehouse_upstream_seconds', 'gatehouse_sessions']))
  expect(collector.headers.filter(headers => headers['x-key'] === undefined).length).toBeGreaterThan(0)
  expect(collector.headers.some(headers => headers['x-key'] === CREDENTIAL)).toBe(true)
})

it('exemplars lead from a slow call to its trace, where OpenMetrics is asked for', async () => {
  const traceId = newTrace()
  await callTool(world, 'echo', {}, { headers: { traceparent: wanted(traceId) } })
  const accept =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
  const answer = await fetch(`${world.gateway.url}/metrics`, { headers: { accept } })
  expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  const text = await answer.text()
  expect(text.endsWith('# EOF\n')).toBe(true)
  expect(text).toMatch(
    new RegExp(`^gatehouse_call_seconds_bucket\\{upstream="up",le="[0-9.]+"\\} \\d+ # \\{trace_id="${traceId}"\\} [0-9.e-]+ [0-9.]+$`, 'm'),
  )
  expect(text).toContain('# TYPE gatehouse_calls counter\ngatehouse_calls_total{')
  const plain = await fetch(`${world.gateway.url}/metrics`)
  expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const page = await plain.text()
  expect(page).not.toContain('trace_id')
  expect(page).toContain('# TYPE gatehouse_calls_total counter\n')
})

describe('attack: a collector that is gone, refuses or says nothing', () => {
  let other: Collector
  let alone: World
  beforeEach(async () => {
    other = await startCollector()
    alone = await startWorld({
      config: {
        telemetry: {
          traces: { endpoint: `${other.url}/v1/traces`, sample: 1 },
          metrics: { endpoint: `${other.url}/v1/metrics`, every: '1s' },
        },
      },
    })
  })
  afterEach(async () => {
    await alone.stop()
    await other.close()
  })
  const count = async (name: string): Promise<number> => {
    const page = await (await fetch(`${alone.gateway.url}/metrics`)).text()
    return Number(
      page
        .split('\n')
        .find(line => line.startsWith(`${name} `))
        ?.split(' ')[1] ?? 0,
    )
  }

  it('changes nothing but counters', async () => {
    other.status = 400
    await callTool(alone, 'echo')
    await other.until('an attempt', () => other.bodies.length > 0)
    await expect.poll(() => count('gatehouse_trace_spans_total{outcome="dropped"}')).toBeGreaterThan(0)
    expect(await count('gatehouse_telemetry_exports_total{signal="traces",outcome="refused"}')).toBeGreaterThan(0)
    await other.close()
    for (let i = 0; i < 20; i += 1) expect((await callTool(alone, 'echo', { i })).status).toBe(200)
    await expect
      .poll(() => count('gatehouse_telemetry_exports_total{signal="traces",outcome="later"}'), { timeout: 10_000 })
      .toBeGreaterThan(0)
  })
})

describe('configuration', () => {
  it.each([
    [{ traces: { endpoint: 'http://collector.example:4318/v1/traces' } }, 'expected https for another machine'],
    [{ traces: { endpoint: 'http://127.0.0.1:1/', sample: 1.5 } }, 'expected a number from 0 to 1'],
    [{ traces: { endpoint: 'http://user:pw@127.0.0.1:1/' } }, 'without a user name or password'],
    [{ metrics: { endpoint: 'http://127.0.0.1:1/', headers: { Host: 'x' } } }, 'header'],
    [{ metrics: { endpoint: 'http://127.0.0.1:1/', headers: { 'x-key': 'a\r\nb: c' } } }, 'without line breaks'],
    [{ traces: { endpoint: 'http://127.0.0.1:1/', smaple: 1 } }, 'no setting `smaple` here'],
  ])('refuses %j', async (telemetry, message) => {
    await expect(world.gateway.load({ telemetry })).rejects.toThrow(message)
  })
})
