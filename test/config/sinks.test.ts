import { describe, expect, it } from 'vitest'
import { Redaction } from '../../src/compose/redaction.ts'
import { restartNeeded } from '../../src/config/reload.ts'
import { faults, load, MINIMAL, snapshot } from './configs.ts'

const sinks = (...lines: readonly string[]): string =>
  `${MINIMAL}dataDir: /data\naudit:\n  sinks:\n${lines.map(line => `    - { ${line} }\n`).join('')}`
const problems = async (...lines: readonly string[]): Promise<string[]> =>
  (await faults(sinks(...lines))).map(fault => fault.replace(/^\S+ /, ''))

describe('sinks in the configuration', () => {
  it('are read with defaults, values of the environment and addresses', async () => {
    const text = sinks(
      'name: disk, kind: file, path: out/audit.jsonl',
      'name: siem, kind: syslog, address: "siem.corp.example:6514", format: cef, facility: 16',
      'name: otel, kind: otlp, url: "http://127.0.0.1:4318/v1/logs", headers: { authorization: { fromEnv: OTLP } }',
      'name: hook, kind: webhook, url: { fromEnv: HOOK }, from: now',
      'name: redis, kind: redis, url: { fromEnv: REDIS }, stream: "audit", maxLength: 100000',
    )
    const env = { OTLP: 'Bearer otlp-token', HOOK: 'https://hooks.example.com/x', REDIS: 'rediss://gate:p%40ssword@redis.corp:6380/2' }
    const loaded = await snapshot(text, { env })
    const common = { form: 'event', from: 'start', recordBytes: 262_144 }
    expect(loaded.audit.sinks).toEqual([
      { ...common, name: 'disk', kind: 'file', path: '/etc/gatehouse/out/audit.jsonl', rotateBytes: 67_108_864, rotateSeconds: 86_400 },
      { ...common, name: 'siem', kind: 'syslog', form: 'cef', host: 'siem.corp.example', port: 6514, facility: 16 },
      { ...common, name: 'otel', kind: 'otlp', url: 'http://127.0.0.1:4318/v1/logs', headers: { authorization: 'Bearer otlp-token' } },
      { ...common, name: 'hook', kind: 'webhook', from: 'now', url: 'https://hooks.example.com/x', keyFile: '/data/keys/sink-hook.secret' },
      { ...common, name: 'redis', kind: 'redis', url: env.REDIS, stream: 'audit', maxLength: 100_000 },
    ])
    expect(restartNeeded(await snapshot(sinks('name: disk, kind: file, path: x')), loaded)).toEqual([])
    const { scrub } = new Redaction(loaded)
    const said = scrub(`Bearer otlp-token; ${env.HOOK}; ${env.REDIS}; p@ssword; p%40ssword`)
    expect(said).not.toMatch(/otlp-token|hooks\.example|p@ssword|p%40ssword|gate:/)
    expect(scrub('the Redis at redis://127.0.0.1:6379')).toContain('redis://127.0.0.1:6379')
  })

  it('have what their kind needs and nothing of another’s', async () => {
    expect(await problems('name: a, kind: file')).toEqual(['audit.sinks[0].path missing'])
    expect(await problems('name: a, kind: syslog, path: x')).toEqual(['audit.sinks[0].address missing', 'audit.sinks[0].path conflict'])
    expect(await problems('name: a, kind: redis, url: "redis://127.0.0.1", facility: 1, rotateAge: 1h')).toEqual([
      'audit.sinks[0].facility conflict',
      'audit.sinks[0].rotateAge conflict',
    ])
    expect(await problems('name: a, kind: otlp, url: "https://x.example/v1/logs", format: cef')).toEqual(['audit.sinks[0].format conflict'])
    expect(await problems('name: a, kind: otlp, url: "https://x.example/", headers: { Content-Type: x }')).toEqual([
      'audit.sinks[0].headers.Content-Type value',
    ])
    expect(await problems('name: a, kind: file, path: x', 'name: a, kind: file, path: y')).toEqual(['audit.sinks[1].name value'])
    expect(await problems('name: a, kind: syslog, address: "10.0.0.0/8"')).toEqual(['audit.sinks[0].address value'])
    expect(await problems('name: a, kind: syslog, address: "siem:6514", cert: c.pem')).toContain('audit.sinks[0] conflict')
    expect(await problems('name: a, kind: fax')).toEqual(['audit.sinks[0].kind value'])
  })

  it('attack: nothing leaves this machine in plain text, and what is wrong with a URL is said without it', async () => {
    for (const line of [
      'kind: otlp, url: "http://collector.corp/v1/logs"',
      'kind: webhook, url: "http://10.0.0.1/"',
      'kind: webhook, url: "ftp://x.example"',
      'kind: webhook, url: "https://user:hunter2@x.example/"',
      'kind: redis, url: "redis://:hunter2@redis.corp:6379"',
      'kind: redis, url: "https://hunter2.example"',
      'kind: redis, url: "rediss://redis.corp/x"',
      'kind: redis, url: "rediss://redis.corp/1?a=hunter2"',
      'kind: redis, url: "rediss://:%zzhunter2@redis.corp"',
      'kind: redis, url: "hunter2"',
    ]) {
      const result = await load(sinks(`name: a, ${line}`))
      expect(result.ok).toBe(false)
      if (!result.ok) {
        expect(result.faults.map(({ path }) => path)).toEqual(['audit.sinks[0].url'])
        expect(JSON.stringify(result.faults)).not.toContain('hunter2')
      }
    }
  })

  it('warns of secrets that are written out', async () => {
    const result = await load(
      sinks(
        'name: a, kind: otlp, url: "https://x.example/", headers: { authorization: Bearer abcdefghijk }',
        'name: b, kind: redis, url: "rediss://u:hunter2@redis.corp"',
      ),
    )
    expect(result.warnings.filter(({ code }) => code === 'literal-secret').map(({ code, path }) => `${code} ${path}`)).toEqual([
      'literal-secret audit.sinks[0].headers.authorization',
      'literal-secret audit.sinks[1].url',
    ])
    expect(result.ok).toBe(true)
  })
})
