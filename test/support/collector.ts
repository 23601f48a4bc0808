// A collector for tests: takes OTLP over HTTP and reads its protobuf by the field numbers of opentelemetry-proto 1.x, with a reader of its own.

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

type Field = { readonly field: number; readonly value: bigint | Uint8Array }

/** The wire of protobuf: varints, fixed numbers, and bytes. Throws where it is none. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const key = Number(varint())
    const field = key >> 3
    switch (key & 7) {
      case 0:
        yield { field, value: varint() }
        break
      case 1:
        yield { field, value: view.getBigUint64(at, true) }
        at += 8
        break
      case 2: {
        const length = Number(varint())
        if (at + length > bytes.length) throw new RangeError('a field ends behind its message')
        yield { field, value: bytes.subarray(at, at + length) }
        at += length
        break
      }
      case 5:
        yield { field, value: BigInt(view.getUint32(at, true)) }
        at += 4
        break
      default:
        throw new TypeError(`wire type ${key & 7}`)
    }
  }
}

const all = (bytes: Uint8Array, field: number): Uint8Array[] =>
  [...fieldsOf(bytes)].filter(f => f.field === field).map(f => f.value as Uint8Array)
const one = (bytes: Uint8Array, field: number): Uint8Array => all(bytes, field)[0] ?? new Uint8Array()
const number = (bytes: Uint8Array, field: number): bigint =>
  ([...fieldsOf(bytes)].find(f => f.field === field)?.value as bigint | undefined) ?? 0n
const text = (bytes: Uint8Array, field: number): string => Buffer.from(one(bytes, field)).toString('utf8')
const hex = (bytes: Uint8Array, field: number): string => Buffer.from(one(bytes, field)).toString('hex')
const double = (bits: bigint): number => new DataView(BigUint64Array.of(bits).buffer).getFloat64(0, true)

/** KeyValue: 1 key, 2 AnyValue (1 string, 2 bool, 3 int, 4 double). */
function attributes(bytes: Uint8Array, field: number): Record<string, string | number> {
  return Object.fromEntries(
    all(bytes, field).map(pair => {
      const [any] = fieldsOf(one(pair, 2))
      const value =
        any?.field === 1
          ? Buffer.from(any.value as Uint8Array).toString()
          : any?.field === 4
            ? double(any.value as bigint)
            : Number(any?.value)
      return [text(pair, 1), value]
    }),
  )
}

export type ReceivedSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string
  readonly tracestate: string
  readonly name: string
  /** 1 internal, 2 server, 3 client */
  readonly kind: number
  readonly startNano: bigint
  readonly endNano: bigint
  readonly attributes: Record<string, string | number>
  /** 0 unset, 1 ok, 2 error */
  readonly status: number
  readonly statusText: string
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
}

const spanOf = (bytes: Uint8Array): ReceivedSpan => ({
  traceId: hex(bytes, 1),
  spanId: hex(bytes, 2),
  tracestate: text(bytes, 3),
  parentId: hex(bytes, 4),
  name: text(bytes, 5),
  kind: Number(number(bytes, 6)),
  startNano: number(bytes, 7),
  endNano: number(bytes, 8),
  attributes: attributes(bytes, 9),
  links: all(bytes, 13).map(link => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
  status: Number(number(one(bytes, 15), 3)),
  statusText: text(one(bytes, 15), 2),
})

type ReceivedMetric = {
  readonly name: string
  /** 5 gauge, 7 sum, 9 histogram */
  readonly kind: number
  readonly points: readonly {
    readonly attributes: Record<string, string | number>
    readonly value: number
    readonly count?: number
    readonly buckets?: readonly number[]
    readonly bounds?: readonly number[]
  }[]
  /** 2 cumulative */
  readonly temporality: number
  readonly isMonotonic: boolean
}

const fixed64s = (bytes: Uint8Array): bigint[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / 8 }, (_, i) => view.getBigUint64(i * 8, true))
}

function metricOf(bytes: Uint8Array): ReceivedMetric {
  const kind = [5, 7, 9].find(field => all(bytes, field).length > 0) ?? 0
  const data = one(bytes, kind)
  const points = all(data, 1).map(point =>
    kind === 9
      ? {
          attributes: attributes(point, 9),
          value: double(number(point, 5)),
          count: Number(number(point, 4)),
          buckets: fixed64s(one(point, 6)).map(Number),
          bounds: fixed64s(one(point, 7)).map(double),
        }
      : { attributes: attributes(point, 7), value: double(number(point, 4)) },
  )
  return { name: text(bytes, 1), kind, points, temporality: Number(number(data, 2)), isMonotonic: number(data, 3) === 1n }
}

export type Collector = {
  readonly url: string
  readonly spans: ReceivedSpan[]
  /** of the last push */
  metrics: ReceivedMetric[]
  /** attributes of the resource that sent last */
  resource: Record<string, string | number>
  /** of each request */
  readonly headers: IncomingMessage['headers'][]
  /** bodies as they came */
  readonly bodies: Buffer[]
  /** what it answers; 200 by default */
  status: number
  /** until this holds; asked at each request */
  until(what: string, holds: () => boolean): Promise<void>
  close(): Promise<void>
}

export async function startCollector(): Promise<Collector> {
  const waiting = new Set<() => void>()
  const collector: Omit<Collector, 'url' | 'until' | 'close'> = {
    spans: [],
    metrics: [],
    resource: {},
    headers: [],
    bodies: [],
    status: 200,
  }
  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const body = Buffer.concat(chunks)
      collector.headers.push(req.headers)
      collector.bodies.push(body)
      if (collector.status === 200) take(collector, req.url ?? '', body)
      res.writeHead(collector.status, { 'content-type': 'application/x-protobuf' }).end()
      for (const look of waiting) look()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(collector, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    until: (what: string, holds: () => boolean) =>
      new Promise<void>((resolve, reject) => {
        const alarm = setTimeout(() => reject(new Error(`not within 20 s: ${what}`)), 20_000)
        const look = (): void => {
          if (!holds()) return
          waiting.delete(look)
          clearTimeout(alarm)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
}

/** ExportTraceServiceRequest and ExportMetricsServiceRequest: 1 resource (1 resource, 2 scope (2 span or metric)). */
function take(collector: Pick<Collector, 'spans' | 'metrics' | 'resource'>, url: string, body: Buffer): void {
  for (const of of all(body, 1)) {
    collector.resource = attributes(one(of, 1), 1)
    const items = all(of, 2).flatMap(scope => all(scope, 2))
    if (url === '/v1/traces') collector.spans.push(...items.map(spanOf))
    else collector.metrics = items.map(metricOf)
  }
}
