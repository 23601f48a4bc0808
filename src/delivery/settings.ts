// A sink as its outlet and its encoder get it: what the configuration says of it, resolved.

import type { Form } from './forms.ts'

type Common = {
  /** of the form of an alias, unique among sinks */
  readonly name: string
  readonly form: Form
  readonly from: 'start' | 'now'
  /** largest text of one event */
  readonly recordBytes: number
}

export type FileSink = Common & {
  readonly kind: 'file'
  readonly path: string
  /** a file that would grow beyond is followed by another */
  readonly rotateBytes: number
  /** and one whose first event is that much older than the next; seconds */
  readonly rotateSeconds: number
  /** rotated files that are kept; absent = all */
  readonly keep?: number
}

/** Paths of PEM files. `cert` and `key` together, or neither. */
type TlsFiles = { readonly ca?: string; readonly cert?: string; readonly key?: string }

export type SyslogSink = Common &
  TlsFiles & { readonly kind: 'syslog'; readonly host: string; readonly port: number; readonly facility: number }

export type OtlpSink = Common & { readonly kind: 'otlp'; readonly url: string; readonly headers: Readonly<Record<string, string>> }

export type WebhookSink = Common & {
  readonly kind: 'webhook'
  readonly url: string
  /** the file with its key, made when there is none */
  readonly keyFile: string
}

export type RedisSink = Common &
  TlsFiles & {
    readonly kind: 'redis'
    /** `redis[s]://[user:password@]host[:port][/database]`; `redis:` to this machine alone */
    readonly url: string
    /** default: `gatehouse:audit:` and the origin */
    readonly stream?: string
    /** about how many entries the stream keeps; absent = all */
    readonly maxLength?: number
  }

export type SinkSettings = FileSink | SyslogSink | OtlpSink | WebhookSink | RedisSink
