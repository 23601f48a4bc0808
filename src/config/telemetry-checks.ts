// What `telemetry` must satisfy: what is sent stays between gateway and collector.

import { isLoopback, urlOf } from './addresses.ts'
import type { Reading } from './reading.ts'
import { isSecretName, isSecretValue } from './sources.ts'
import type { ConfigDocument } from './table.ts'

export function checkTelemetry({ telemetry: { traces, metrics } }: ConfigDocument, reading: Reading): void {
  for (const [name, sent] of Object.entries({ traces, metrics })) {
    if (!sent) continue
    const at = `telemetry.${name}`
    const url = reading.isFaulty(`${at}.endpoint`) ? undefined : urlOf(sent.endpoint)
    if (url?.protocol === 'http:' && !isLoopback(url.hostname)) {
      if (sent.unsafeAllowHttp) reading.warn('plain-http', `${at}.endpoint`, 'plain http: everybody on the way can read what is sent')
      else
        reading.fault(
          'value',
          `${at}.endpoint`,
          'expected https for another machine',
          'use https://, or a collector on this machine; `unsafeAllowHttp: true` accepts that everybody on the way can read what is sent',
        )
    }
    for (const [header, source] of sent.headers) {
      if (source.from !== 'literal') continue
      if (/[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(source.text))
        reading.fault('value', `${at}.headers.${header}`, 'expected a header value without line breaks and control characters')
      else if (isSecretName(header) || isSecretValue(source.text))
        reading.warn('literal-secret', source.path, 'a secret seems to be written out here', 'use `{fromEnv: NAME}` or `{fromFile: path}`')
    }
  }
}
