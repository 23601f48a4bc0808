import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { afterEach, describe, expect, it } from 'vitest'
import { createMetrics, type Metrics } from '../../../src/adapters/telemetry/metrics.ts'
import { Distribution, histogramOf, Labelled } from '../../../src/adapters/telemetry/series.ts'
import { REPLIES } from '../../../src/mcp/replies.ts'
import type { Reason } from '../../../src/kernel/errors.ts'

let open: Metrics[] = []
afterEach(() => {
  for (const metrics of open) metrics.close()
  open = []
})
function setUp(aliases: readonly string[] = ['files', 'everything']): Metrics {
  const metrics = createMetrics(() => aliases)
  open.push(metrics)
  return metrics
}
/** The page as `name{labels}` -> value. */
async function page(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.page()).text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map(line => {
      expect(line).toMatch(/^[a-z_]+(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? [-+0-9.eEInf]+$/)
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

describe('createMetrics', () => {
  it('shows stages, calls, upstreams, refusals, drops, groups and levels', async () => {
    const metrics = setUp()
    metrics.stage('authenticate', 0.00002)
    metrics.stage('authenticate', 0.3)
    metrics.call('files', 'ok', 0.004)
    metrics.call('files', 'ok', 0.006)
    metrics.call('none', 'refused', 0.0001)
    metrics.upstream('files', 0.003)
    metrics.refusal('token-invalid')
    for (let i = 0; i < 7; i += 1) metrics.dropped('everything', 'response-unknown')
    metrics.auditGroup(3, 2000, 0.0004)
    metrics.gauge('sessions', () => 12)
    const shown = await page(metrics)
    expect(Object.fromEntries(shown)).toMatchObject({
      'gatehouse_stage_seconds_bucket{stage="authenticate",le="0.00001"}': 0,
      'gatehouse_stage_seconds_bucket{stage="authenticate",le="0.000025"}': 1,
      'gatehouse_stage_seconds_bucket{stage="authenticate",le="+Inf"}': 2,
      'gatehouse_stage_seconds_count{stage="authenticate"}': 2,
      'gatehouse_call_seconds_bucket{upstream="files",le="0.005"}': 1,
      'gatehouse_call_seconds_count{upstream="files"}': 2,
      'gatehouse_calls_total{upstream="files",outcome="ok"}': 2,
      'gatehouse_calls_total{upstream="none",outcome="refused"}': 1,
      'gatehouse_upstream_seconds_count{upstream="files"}': 1,
      'gatehouse_refusals_total{reason="token-invalid"}': 1,
      'gatehouse_upstream_messages_dropped_total{upstream="everything",kind="response-unknown"}': 7,
      gatehouse_audit_group_rows_sum: 3,
      gatehouse_audit_sync_seconds_count: 1,
      gatehouse_audit_bytes_total: 2000,
      gatehouse_sessions: 12,
    })
    for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'process_start_time_seconds'])
      expect(shown.get(name)).toBeGreaterThan(0)
    expect(shown.get('gatehouse_event_loop_delay_seconds{quantile="0.99"}')).toBeGreaterThanOrEqual(0)
    // Asking twice does not count twice.
    expect((await page(metrics)).get('gatehouse_calls_total{upstream="files",outcome="ok"}')).toBe(2)
  })

  it('N107: a million label values from outside become one, and none of them is shown', async () => {
    const metrics = setUp()
    for (let i = 0; i < 100_000; i += 1) {
      metrics.call(`attacker-${i}`, 'ok', 1)
      metrics.upstream(`x"} 1\nevil{a="${i}`, 1)
      metrics.dropped(`u${i}`, `forged ${i}`)
      metrics.refusal(`forged\n${i}` as Reason)
      metrics.stage(`stage ${i}`, 1)
    }
    const shown = await page(metrics)
    expect(shown.get('gatehouse_calls_total{upstream="other",outcome="ok"}')).toBe(100_000)
    expect(shown.get('gatehouse_upstream_seconds_count{upstream="other"}')).toBe(100_000)
    expect(shown.get('gatehouse_upstream_messages_dropped_total{upstream="other",kind="other"}')).toBe(100_000)
    expect(shown.get('gatehouse_refusals_total{reason="other"}')).toBe(100_000)
    expect(shown.get('gatehouse_stage_seconds_count{stage="other"}')).toBe(100_000)
    expect([...shown.keys()].filter(key => /attacker|evil|forged|stage \d/.test(key))).toEqual([])
  })

  it('attack: whoever is refused for a hundred reasons first hides the one that an alert looks for', async () => {
    const metrics = setUp()
    const reasons = Object.keys(REPLIES) as Reason[]
    for (const reason of reasons) metrics.refusal(reason)
    const shown = await page(metrics)
    expect(reasons.filter(reason => shown.get(`gatehouse_refusals_total{reason="${reason}"}`) !== 1)).toEqual([])
    expect(shown.has('gatehouse_refusals_total{reason="other"}')).toBe(false)
  })

  it('knows an upstream that a reload added', async () => {
    const aliases = ['files']
    const metrics = setUp(aliases)
    metrics.call('late', 'ok', 1)
    aliases.push('late')
    metrics.call('late', 'ok', 1)
    const shown = await page(metrics)
    expect(shown.get('gatehouse_call_seconds_count{upstream="other"}')).toBe(1)
    expect(shown.get('gatehouse_call_seconds_count{upstream="late"}')).toBe(1)
  })

  it('a clock that jumped breaks no page', async () => {
    const metrics = setUp()
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, -5]) metrics.call('files', 'ok', odd)
    const shown = await page(metrics)
    expect(shown.get('gatehouse_calls_total{upstream="files",outcome="ok"}')).toBe(3)
    expect(shown.get('gatehouse_call_seconds_count{upstream="files"}')).toBe(1)
  })
})

describe('Labelled', () => {
  it('takes no more values than it has room for', () => {
    const labelled = new Labelled(
      () => ({ n: 0 }),
      () => true,
      3,
    )
    for (let i = 0; i < 10; i += 1) labelled.of(`v${i}`).n += 1
    expect([...labelled.entries()].map(([value, { n }]) => [value, n])).toEqual([
      ['v0', 1],
      ['v1', 1],
      ['v2', 1],
      ['other', 7],
    ])
  })
})

describe('histogramOf', () => {
  it('is shown exactly as prom-client’s own histogram fed with the same values', async () => {
    const bounds = [0.1, 0.5, 1, 5]
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom(0, 0.1, 0.10001, 0.5, 0.7, 1, 4, 5, 6, 100))),
        async observed => {
          const [ours, theirs] = [new Registry(), new Registry()]
          const own = new Labelled(
            () => new Distribution(bounds),
            () => true,
            10,
          )
          const reference = new Histogram({ name: 'h', help: 'help', labelNames: ['l'], buckets: [...bounds], registers: [theirs] })
          ours.registerMetric(histogramOf({ name: 'h', help: 'help', label: 'l' }, () => own.entries()))
          for (const [label, value] of observed) {
            own.of(label).observe(value)
            reference.labels(label).observe(value)
          }
          const sorted = (text: string) => text.replace(/\{([^}]*)\}/g, (_, labels: string) => `{${labels.split(',').sort().join(',')}}`)
          expect(sorted(await ours.metrics())).toBe(sorted(await theirs.metrics()))
        },
      ),
    )
  })
})
