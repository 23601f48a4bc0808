// Syslog: one message of RFC 5424, and its frame for TLS (RFC 5425 section 4.3, octet counting as of RFC 6587 section 3.4.1).

import { fieldsOf, severityOf, textIn, timeIn, type Severity } from './forms.ts'
import type { Exported } from './outlet.ts'

/** RFC 5424 section 6.2.1. */
const SEVERITY: Readonly<Record<Severity, number>> = { error: 3, warning: 4, notice: 5, info: 6 }
/** The number is the one that RFC 5612 sets aside for examples: Gatehouse has none of its own. */
const SD_ID = 'gatehouse@32473'

export type SyslogSettings = {
  /** 0 to 23 */
  readonly facility: number
  readonly hostname: string
  /** what follows the header: printable ASCII */
  readonly body: (event: Exported) => string
}

/** One message. attacker-controlled: texts of the event stand in MSG alone, which is printable ASCII; header and structured data are made of checked words. */
export function syslogMessage(event: Exported, { facility, hostname, body }: SyslogSettings): string {
  const fields = fieldsOf(event.event)
  const priority = facility * 8 + SEVERITY[severityOf(fields)]
  const header = `<${priority}>1 ${timeIn(fields) ?? '-'} ${word(hostname, 255)} gatehouse - ${word(textIn(fields, 'type') ?? '', 32)}`
  const parameters = { seq: event.seq, leaf: event.leaf, checkpoint: event.checkpoint, origin: event.origin }
  const data = Object.entries(parameters).map(([name, value]) => ` ${name}="${quoted(String(value))}"`)
  return `${header} [${SD_ID}${data.join('')}] ${body(event)}`
}

/** `LEN SP MSG`; LEN counts octets. */
export const framed = (message: string): string => `${Buffer.byteLength(message)} ${message}`

/** PRINTUSASCII of bounded length, or the nil value. */
const word = (text: string, maxLength: number): string =>
  text.length > 0 && text.length <= maxLength && /^[!-~]+$/.test(text) ? text : '-'
/** RFC 5424 section 6.3.3. Only printable ASCII is carried, though a value could be any UTF-8: relays are not all as strict. */
const quoted = (text: string): string => text.replace(/[^ -~]/g, '?').replace(/["\\\]]/g, '\\$&')
