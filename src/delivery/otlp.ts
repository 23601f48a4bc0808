// OTLP/HTTP in its JSON form (OpenTelemetry protocol 1.x, logs): one log record an event, and what the collector's answer means.

import { fieldsOf, objectIn, severityOf, textIn, timeIn, type Fields, type Severity } from './forms.ts'
import { later, refused, taken, type Exported, type Parcel, type Sent } from './outlet.ts'

/** logs data model, SeverityNumber: INFO, INFO2, WARN, ERROR */
const SEVERITY: Readonly<Record<Severity, number>> = { info: 9, notice: 10, warning: 13, error: 17 }
const NANOSECONDS = '000000'

/** One LogRecord as JSON text. `body`: what stands in it, as one string: events keep their bytes. */
export function logRecord(event: Exported, body: string): string {
  const fields = fieldsOf(event.event)
  const severity = severityOf(fields)
  const time = timeIn(fields)
  // 64-bit integers are texts in protobuf's JSON form.
  const nanoseconds = time === undefined ? '0' : `${Date.parse(time)}${NANOSECONDS}`
  const trace = hex(textIn(fields, 'trace'), 32)
  const span = hex(textIn(fields, 'span'), 16)
  return JSON.stringify({
    timeUnixNano: nanoseconds,
    observedTimeUnixNano: nanoseconds,
    severityNumber: SEVERITY[severity],
    severityText: severity.toUpperCase(),
    eventName: `gatehouse.audit.${textIn(fields, 'type') ?? 'event'}`,
    body: { stringValue: body },
    attributes: [
      { key: 'gatehouse.audit.seq', value: { intValue: String(event.seq) } },
      { key: 'gatehouse.audit.leaf', value: { stringValue: event.leaf } },
      { key: 'gatehouse.audit.checkpoint', value: { intValue: String(event.checkpoint) } },
      ...[...named(fields)].map(([key, stringValue]) => ({ key, value: { stringValue } })),
    ],
    ...(trace !== undefined && { traceId: trace }),
    ...(trace !== undefined && span !== undefined && { spanId: span }),
  })
}

function* named(fields: Fields): Generator<readonly [string, string]> {
  const subject = objectIn(fields, 'subject')
  const texts: readonly (readonly [string, string | undefined])[] = [
    ['gatehouse.type', textIn(fields, 'type')],
    ['gatehouse.outcome', textIn(fields, 'outcome')],
    ['gatehouse.reason', textIn(fields, 'reason')],
    ['gatehouse.server', textIn(subject, 'server') ?? textIn(fields, 'server')],
    ['gatehouse.call', textIn(fields, 'call')],
    ['mcp.method.name', textIn(subject, 'method') ?? textIn(fields, 'method')],
  ]
  for (const [key, text] of texts) if (text !== undefined) yield [key, text]
}

/** An id that is not hexadecimal of this length, or all zeros, is none (W3C Trace Context). */
const hex = (text: string | undefined, length: number): string | undefined =>
  text?.length === length && /^[0-9a-f]+$/.test(text) && !/^0+$/.test(text) ? text : undefined

/** The body of an ExportLogsServiceRequest. INVARIANT: all parcels are of one log. `version`: this build's. */
export function logsRequest(parcels: readonly Parcel[], version: string): string {
  const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } })
  const resource = JSON.stringify({
    attributes: [
      text('service.name', 'gatehouse'),
      text('service.version', version),
      text('service.instance.id', parcels[0]?.origin ?? ''),
    ],
  })
  const scope = JSON.stringify({ name: 'gatehouse.audit', version })
  return `{"resourceLogs":[{"resource":${resource},"scopeLogs":[{"scope":${scope},"logRecords":[${parcels.map(parcel => parcel.text).join(',')}]}]}]}`
}

/**
 * What a 200 with this body means. Success is an ExportLogsServiceResponse: an empty body or a JSON object. Anything else comes from something that is no
 * collector, and acknowledges nothing. attacker-controlled: bounded by the fetch, and none of its words go further.
 */
export function logsAnswer(body: Buffer, parcels: number): Sent {
  if (body.length === 0) return taken(parcels)
  let answer: unknown
  try {
    answer = JSON.parse(body.toString('utf8'))
  } catch {
    return later('it answered with status 200 and no JSON: this is no collector')
  }
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer))
    return later('it answered with status 200 and no object: this is no collector')
  const rejected = Number(objectIn(answer as Fields, 'partialSuccess')['rejectedLogRecords'] ?? 0)
  return rejected > 0 ? refused('it rejects the log record') : taken(parcels)
}
