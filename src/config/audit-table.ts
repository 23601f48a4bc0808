// The settings of the audit log: its name, its witnesses and how long events are kept (docs/audit.md), and where its events are delivered (docs/delivery.md). Part of the table in table.ts.

import { FORMS } from '../delivery/forms.ts'
import { outboundProblem } from './addresses.ts'
import { list, map, optional, record, type ValueOf } from './fields.ts'
import { choice, duration, integer, path, size, text } from './scalars.ts'
import { asSource } from './sources.ts'
import { ALIAS } from './upstream-table.ts'
import { origin, witnesses } from './witness-table.ts'

const SINK_KINDS = ['file', 'syslog', 'otlp', 'webhook', 'redis'] as const

const HEADER = { what: 'a header name', pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", maxLength: 128 }

const sink = record(
  {
    name: text({
      what: 'a name such as `siem`',
      maxLength: ALIAS.maxLength,
      pattern: new RegExp(ALIAS.pattern),
      doc: 'names it in commands, metrics and `delivery.db`; another name is another sink, which begins anew',
    }),
    kind: choice(SINK_KINDS, {
      doc: '`file`: lines of JSON; `syslog`: RFC 5424 over TLS; `otlp`: OpenTelemetry logs over HTTP, as JSON; `webhook`: signed, as of Standard Webhooks; `redis`: a Redis stream',
    }),
    format: choice(FORMS, {
      fallback: 'event',
      doc: '`event`: as the log has it, with its place beside; `ocsf`: API Activity of OCSF, which has the place in it; `cef`: Common Event Format, for `file` and `syslog`',
    }),
    from: choice(['start', 'now'], {
      fallback: 'start',
      doc: 'where a sink begins that is new: with the first event there is, or with the next',
    }),
    recordSize: size({
      min: '1KiB',
      max: '1MiB',
      fallback: '256KiB',
      doc: 'largest text of one event: set it to what the receiver takes. What is larger becomes a dead letter, and is never cut',
    }),
    path: optional(path({ doc: '`file`: the file; its folder must be there' })),
    rotateSize: size({
      min: '64KiB',
      max: '64GiB',
      fallback: '64MiB',
      doc: '`file`: one that would grow beyond is renamed to `<path>.<seq of its first event>`, and another begun',
    }),
    rotateAge: duration('seconds', {
      min: '1m',
      max: '366d',
      fallback: '1d',
      doc: '`file`: the same where its first event is this much older than the next',
    }),
    keep: optional(integer({ min: 1, max: 100_000, doc: '`file`: renamed files that are kept, the newest; default: all' })),
    address: optional(
      text({
        what: 'a host and a port',
        maxLength: 300,
        problem: addressProblem,
        doc: '`syslog`: the receiver, `host:port`; often port 6514',
      }),
    ),
    facility: integer({ min: 0, max: 23, fallback: 13, doc: '`syslog`: 13 is “log audit”, 10 security, 16 to 23 local use' }),
    url: optional(
      asSource({
        doc: '`otlp`: the whole URL, often ending in `/v1/logs`; `webhook`: where to post; `redis`: `rediss://user:password@host:port/database`, or `redis://` to this machine. Https beyond this machine. With a secret in it: `{fromEnv: NAME}` or `{fromFile: path}`',
      }),
    ),
    headers: map(HEADER, asSource({ doc: 'a value' }), { max: 32, fallback: {}, doc: '`otlp`: further headers, such as `authorization`' }),
    stream: optional(
      text({
        what: 'a key',
        maxLength: 512,
        pattern: /^[!-~]+$/,
        doc: '`redis`: key of the stream; default `gatehouse:audit:` and the log’s name',
      }),
    ),
    maxLength: optional(
      integer({ min: 1000, max: 1_000_000_000_000, doc: '`redis`: about how many entries the stream keeps (`MAXLEN ~`); default: all' }),
    ),
    ca: optional(path({ doc: '`syslog`, `redis`: certificates of authorities (PEM) to trust instead of the system’s' })),
    cert: optional(path({ doc: '`syslog`, `redis`: the gateway’s own certificate (PEM), where the receiver asks for one' })),
    key: optional(path({ doc: 'with `cert`: its private key (PEM)' })),
  },
  { doc: 'a sink of events' },
)

function addressProblem(value: string): string | undefined {
  return value.includes('/') ? 'expected a host in lower case with its port, such as `siem.corp.example:6514`' : outboundProblem(value)
}

export type SinkDocument = ValueOf<typeof sink>

export const audit = record(
  {
    origin,
    witnesses,
    retention: optional(
      duration('seconds', {
        min: '1d',
        max: '36500d',
        doc: 'events that are older are removed, whole files of 16 MiB at a time; their hashes stay, so proofs still verify. Never what a sink has not got, or no checkpoint covers. Default: all are kept. Counts from a reload on',
      }),
    ),
    sinks: list(sink, {
      max: 32,
      fallback: [],
      doc: 'where every event of the audit log is delivered, in order and at least once (docs/delivery.md). Counts from a reload on',
    }),
  },
  { fallback: {}, doc: 'the audit log' },
)
