// What the configuration holds as secrets stands in no log line and no error, whatever kind of upstream it is for.

import { expect, it } from 'vitest'
import { Redaction } from '../../src/compose/redaction.ts'
import type { Snapshot } from '../../src/config/schema.ts'

const configured = (transport: object): Snapshot =>
  ({
    issuers: [],
    approvals: { webhooks: [] },
    audit: { sinks: [] },
    registry: { artifacts: {} },
    telemetry: {},
    upstreams: new Map([['weather', { transport }]]),
  }) as unknown as Snapshot

it('attack: a pinned server says the variables and headers it was given in an error', () => {
  const { scrub } = new Redaction(
    configured({ kind: 'server', env: { WEATHER_KEY: 'wk-0123456789' }, headers: { authorization: 'Scheme hk-0123456789' } }),
  )
  expect(scrub('started with wk-0123456789 and hk-0123456789')).not.toMatch(/0123456789/)
})

it('takes the addresses of webhooks out: whoever knows one writes into its chat', () => {
  const url = 'https://hooks.example.com/services/T000/B000/wh-0123456789'
  const snapshot = configured({ kind: 'http', headers: {} })
  const { scrub } = new Redaction({
    ...snapshot,
    approvals: { ...snapshot.approvals, webhooks: [{ name: 'chat', format: 'slack', on: new Set(), url }] },
  })
  expect(scrub(`POST ${url} failed`)).not.toContain('wh-0123456789')
})

it('attack: a collector’s key in an error or a log line', () => {
  const snapshot = configured({ kind: 'http', headers: {} })
  const traces = { url: 'https://collector.example/v1/traces', headers: { authorization: 'Bearer ck-0123456789' }, sample: 1, fromHosts: 1 }
  const metrics = { url: 'https://collector.example/v1/metrics', headers: { 'x-key': 'mk-0123456789' }, everyMs: 1000 }
  const { scrub } = new Redaction({ ...snapshot, telemetry: { traces, metrics } })
  expect(scrub('sent with ck-0123456789 and mk-0123456789')).not.toMatch(/0123456789/)
})
