// A sink as it is delivered to, from what the configuration says of it.

import { join } from 'node:path'
import type { SinkSettings } from '../delivery/settings.ts'
import { urlOf } from './addresses.ts'
import type { SinkDocument } from './audit-table.ts'
import type { ValueSource } from './fields.ts'

/** INVARIANT: the document has no fault left: what a kind needs is there. */
export function sinkOf(sink: SinkDocument, dataDir: string, valueOf: (source: ValueSource) => string): SinkSettings {
  const { name, format, from, recordSize } = sink
  const common = { name, form: format, from, recordBytes: recordSize }
  const url = sink.url ? valueOf(sink.url) : ''
  const files = { ...given('ca', sink.ca), ...given('cert', sink.cert), ...given('key', sink.key) }
  switch (sink.kind) {
    case 'file':
      return {
        ...common,
        kind: 'file',
        path: sink.path ?? '',
        rotateBytes: sink.rotateSize,
        rotateSeconds: sink.rotateAge,
        ...given('keep', sink.keep),
      }
    case 'syslog':
      return { ...common, kind: 'syslog', ...addressOf(sink.address ?? ''), facility: sink.facility, ...files }
    case 'otlp':
      return {
        ...common,
        kind: 'otlp',
        url,
        headers: Object.fromEntries([...sink.headers].map(([header, source]) => [header, valueOf(source)])),
      }
    case 'webhook':
      return { ...common, kind: 'webhook', url, keyFile: join(dataDir, 'keys', `sink-${name}.secret`) }
    case 'redis':
      return { ...common, kind: 'redis', url, ...given('stream', sink.stream), ...given('maxLength', sink.maxLength), ...files }
  }
}

/** The member, where there is a value. */
const given = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  value === undefined ? {} : ({ [key]: value } as Record<K, V>)

function addressOf(address: string): { readonly host: string; readonly port: number } {
  const url = urlOf(`https://${address}`)
  return { host: url?.hostname.replace(/^\[|\]$/g, '') ?? '', port: url?.port === '' ? 443 : Number(url?.port) }
}
