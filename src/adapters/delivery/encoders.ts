// What each sink gets of an event: its form, in what its protocol carries.

import { ocsfOf } from '../../audit/ocsf.ts'
import { cefOf } from '../../delivery/cef.ts'
import { enveloped, envelopedAscii } from '../../delivery/forms.ts'
import { logRecord } from '../../delivery/otlp.ts'
import type { Exported } from '../../delivery/outlet.ts'
import type { SinkSettings } from '../../delivery/settings.ts'
import { syslogMessage } from '../../delivery/syslog.ts'
import { asciiJson } from '../../kernel/json-string.ts'

export type EncoderParts = {
  /** this build's */
  readonly version: string
  /** of this machine, for syslog */
  readonly hostname: string
}

/** May throw, for an event that cannot be put so. */
export function encoderOf(sink: SinkSettings, { version, hostname }: EncoderParts): (event: Exported) => string {
  const cef = (event: Exported): string => cefOf(event, version)
  const ocsf = ({ event, checkpoint, ...place }: Exported): string =>
    JSON.stringify(ocsfOf(event, { ...place, checkpointSize: checkpoint, version }))
  switch (sink.kind) {
    case 'file':
      return { event: enveloped, ocsf, cef }[sink.form]
    case 'syslog': {
      const body = { event: envelopedAscii, ocsf: (event: Exported) => asciiJson(ocsf(event)), cef }[sink.form]
      return event => syslogMessage(event, { facility: sink.facility, hostname, body })
    }
    case 'otlp':
      return event => logRecord(event, sink.form === 'ocsf' ? ocsf(event) : event.event)
    case 'webhook':
      return sink.form === 'ocsf' ? ocsf : enveloped
    case 'redis':
      // Its place stands in fields of its own.
      return sink.form === 'ocsf' ? ocsf : event => event.event
  }
}
