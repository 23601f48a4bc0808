// The settings of telemetry: where traces and metrics are sent (docs/telemetry.md). Part of the table in table.ts.

import { urlProblem } from './addresses.ts'
import { map, optional, record, type KeyRule } from './fields.ts'
import { duration, flag, integer, share, text } from './scalars.ts'
import { asSource } from './sources.ts'

/** RFC 9110 section 5.1, less what belongs to the connection or is said by the sender itself. */
const HEADER: KeyRule = {
  what: 'a header such as `authorization`',
  pattern:
    '^(?!(?:accept-encoding|connection|content-.*|cookie|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|__proto__)$)[a-z0-9!#$%&*+.^_|~-]+$',
  maxLength: 128,
}

const collector = (signal: 'traces' | 'metrics') => ({
  endpoint: text({
    what: 'a URL',
    maxLength: 2048,
    problem: urlProblem,
    doc: `where they are sent as OTLP over HTTP (protobuf), the whole URL, such as \`http://127.0.0.1:4318/v1/${signal}\``,
  }),
  headers: map(HEADER, asSource({ doc: 'its value; a secret: `{fromEnv: NAME}` or `{fromFile: path}`' }), {
    max: 32,
    fallback: {},
    doc: 'sent along, lower case',
  }),
  unsafeAllowHttp: flag({
    fallback: false,
    doc: 'plain http to another machine: everybody on the way reads what is sent, headers included',
  }),
})

export const telemetry = record(
  {
    traces: optional(
      record(
        {
          ...collector('traces'),
          sample: share({
            fallback: 0.01,
            doc: 'share of the requests without a decision of their caller that are traced; a caller that decided (sampled flag of `traceparent`) is followed',
          }),
          fromHosts: integer({
            min: 0,
            max: 100_000,
            fallback: 100,
            doc: 'traces a second that callers may ask for by that flag; beyond, `sample` decides',
          }),
        },
        { doc: 'spans of requests, of their stages and of exchanges with upstreams' },
      ),
    ),
    metrics: optional(
      record(
        {
          ...collector('metrics'),
          every: duration('ms', { min: '1s', max: '1h', fallback: '1m', doc: 'how often' }),
        },
        { doc: 'what `/metrics` shows, pushed' },
      ),
    ),
  },
  { fallback: {}, doc: 'what is sent to an OpenTelemetry collector; nothing by default (docs/telemetry.md)' },
)
