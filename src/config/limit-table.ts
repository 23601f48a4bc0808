// The settings of limits: `limits` for hosts, and what an upstream may have of its own. Part of the table in table.ts.

import { optional, record } from './fields.ts'
import { duration, integer, parsed, size } from './scalars.ts'

/** At most `count` in that time. */
export type Rate = { readonly count: number; readonly seconds: number }

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/** As `@rate` in policies has it, of a day at most. */
function parseRate(text: string): Rate | { readonly problem: string } {
  const [, count, number = '1', unit = ''] = /^([1-9]\d{0,8})\/([1-9]\d{0,3})?([smh])$/.exec(text) ?? []
  const seconds = Number(number) * (SECONDS[unit] ?? 0)
  if (count === undefined) return { problem: 'expected a count from 1 and a time in s, m or h, such as `120/1m`' }
  return seconds > 86_400 ? { problem: 'expected a time of at most a day' } : { count: Number(count), seconds }
}
export const RATE = { what: 'a count and a time such as `120/1m`', maxLength: 16, parse: parseRate }
const rate = (doc: string, fallback: string): ReturnType<typeof parsed<Rate>> => parsed<Rate>({ ...RATE, fallback, doc })

const count = (doc: string, fallback: number, max = 10_000_000): ReturnType<typeof integer> => integer({ min: 1, max, fallback, doc })
export const limits = record(
  {
    bodySize: size({ min: '1KiB', max: '1GiB', fallback: '4MiB', doc: 'body of one request' }),
    bodyTotalSize: size({
      min: '1KiB',
      max: '64GiB',
      fallback: '256MiB',
      doc: 'bodies over 16 KiB of all requests under way together, a quarter of it for one principal; such a body is read only with a valid token',
    }),
    depth: integer({ min: 4, max: 256, fallback: 64, doc: 'nesting of JSON' }),
    connections: count('open connections; more are cut at once', 25_000),
    connectionsPerAddress: count('the same, of one remote address that is no trusted proxy', 4096),
    addressFailuresPerMinute: count('failed requests of strangers per remote address', 600),
    principalPerSecond: count('requests of one principal per second, sustained; twice that at once', 200, 1_000_000),
    rates: record(
      {
        address: rate(
          'requests of one address, before anything of them is looked at; an IPv6 /64 is one address. What comes through a proxy counts as its client only where `trustedProxies` names the proxy',
          '5000/1s',
        ),
        visitor: rate(
          'requests of one address to everything but MCP endpoints, the registry and administration: sign-in, registration, tokens, pages, metadata',
          '2400/1m',
        ),
        visitors: rate('the same, of all addresses together; `/healthz`, `/readyz` and `/metrics` are left out', '24000/1m'),
        client: rate('requests of one OAuth client, all its users together', '2000/1s'),
        server: rate('calls to one upstream, of everybody together; `upstreams.<alias>.limits.rate` counts instead', '2000/1s'),
        tool: rate('calls to one tool or prompt, of everybody together; `upstreams.<alias>.limits.toolRate` counts instead', '1000/1s'),
      },
      { fallback: {}, doc: 'how often, besides `principalPerSecond`; a count and a time, such as `120/1m`' },
    ),
    concurrency: record(
      {
        principal: count('calls of one principal', 512, 1_000_000),
        client: count('calls of one OAuth client, all its users together', 4096, 1_000_000),
        server: count(
          'calls to one upstream, those that wait for a host’s answer included; `upstreams.<alias>.limits.atOnce` counts instead',
          1024,
          1_000_000,
        ),
      },
      { fallback: {}, doc: 'calls at once; further ones are refused' },
    ),
    payload: record(
      {
        principal: size({ min: '64KiB', max: '1024GiB', fallback: '1GiB', doc: 'of one principal' }),
        client: size({ min: '64KiB', max: '1024GiB', fallback: '16GiB', doc: 'of one OAuth client, all its users together' }),
      },
      {
        fallback: {},
        doc: 'bytes in a minute, of requests and of what is sent back together; what is over is owed, and the next request refused until it is paid',
      },
    ),
    sessions: count('sessions of 2025 hosts', 20_000),
    sessionsPerPrincipal: count('the same, of one principal', 64),
    sessionIdle: duration('seconds', { min: '10s', max: '30d', fallback: '1h', doc: 'a session without traffic ends after this' }),
    streams: count('open streams', 20_000),
    streamsPerPrincipal: count('the same, of one principal', 64),
    replayEvents: integer({ min: 0, max: 1_000_000, fallback: 256, doc: 'events kept to resume one stream' }),
    replaySize: size({ min: '0B', max: '1GiB', fallback: '1MiB', doc: 'bytes kept to resume one stream' }),
    replayTotalSize: size({ min: '0B', max: '64GiB', fallback: '256MiB', doc: 'the same, of all streams together' }),
    parked: count('calls of 2025 upstreams that wait for a host’s answer', 1000),
    parkedPerPrincipal: count('the same, of one principal', 16),
    headersTimeout: duration('ms', { min: '100ms', max: '10m', fallback: '10s', doc: 'time to send the headers of a request' }),
    bodyTimeout: duration('ms', { min: '100ms', max: '1h', fallback: '30s', doc: 'time to send the body of a request' }),
    drainTimeout: duration('ms', { min: '0ms', max: '1h', fallback: '10s', doc: 'time for calls to finish on SIGTERM' }),
  },
  { fallback: {}, doc: 'how much hosts may use' },
)

/** Of `upstreams.<alias>.limits`. */
export const UPSTREAM_LIMITS = {
  rate: optional(parsed<Rate>({ ...RATE, doc: 'calls to it, of everybody together; default: `limits.rates.server`' })),
  toolRate: optional(parsed<Rate>({ ...RATE, doc: 'calls to each of its tools and prompts; default: `limits.rates.tool`' })),
  atOnce: optional(
    integer({
      min: 1,
      max: 1_000_000,
      doc: 'calls that run, queue or wait for a host’s answer; further ones are refused; default: `limits.concurrency.server`',
    }),
  ),
}
