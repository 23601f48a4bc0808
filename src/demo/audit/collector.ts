// The collector of the audit demo: takes OTLP logs over HTTP as an OpenTelemetry collector does, and remembers what came.

import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** One log record: the event's place in the log, its leaf, the checkpoint that covers it, and the event. */
export type Collected = { readonly seq: number; readonly leaf: string; readonly checkpoint: number; readonly body: string }

export type Collector = { readonly port: number; readonly records: readonly Collected[]; close(): Promise<void> }

type Attribute = { readonly key: string; readonly value: { readonly intValue?: string; readonly stringValue?: string } }
type LogRecord = { readonly body: { readonly stringValue: string }; readonly attributes: readonly Attribute[] }
type Logs = { readonly resourceLogs: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[] }[] }

export async function startCollector(): Promise<Collector> {
  const records: Collected[] = []
  const server = createServer((request, response) => {
    void received(request).then(
      found => {
        records.push(...found)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      },
      () => response.writeHead(400).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    records,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function received(request: IncomingMessage): Promise<Collected[]> {
  const logs = JSON.parse(await text(request)) as Logs
  return logs.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords.map(recordOf)))
}

function recordOf({ body, attributes }: LogRecord): Collected {
  const valueOf = (key: string): string => {
    const value = attributes.find(attribute => attribute.key === `gatehouse.audit.${key}`)?.value
    return value?.intValue ?? value?.stringValue ?? ''
  }
  return { seq: Number(valueOf('seq')), leaf: valueOf('leaf'), checkpoint: Number(valueOf('checkpoint')), body: body.stringValue }
}
