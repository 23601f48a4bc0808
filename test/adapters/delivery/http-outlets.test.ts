import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { otlpOutlet, webhookOutlet } from '../../../src/adapters/delivery/http-outlets.ts'
import { webhookSecret } from '../../../src/adapters/webhook-sender.ts'
import { enveloped } from '../../../src/delivery/forms.ts'
import { logRecord } from '../../../src/delivery/otlp.ts'
import type { Outlet } from '../../../src/delivery/outlet.ts'
import type { OtlpSink, WebhookSink } from '../../../src/delivery/settings.ts'
import { shipment } from './parcels.ts'

const NOW = 1_700_000_000_000
const servers: Server[] = []
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-hook-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})
type Asked = { readonly url: string | undefined; readonly headers: IncomingMessage['headers']; readonly body: string }
async function serve(answer: (res: ServerResponse, asked: Asked) => void): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = []
  const listener: RequestListener = (req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      const one = { url: req.url, headers: req.headers, body: Buffer.concat(chunks).toString() }
      asked.push(one)
      answer(res, one)
    })
  }
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`, asked }
}
const common = { name: 'h', form: 'event', from: 'start', recordBytes: 65_536 } as const
const otlp = (url: string, timeoutMs?: number, headers: OtlpSink['headers'] = {}): Outlet =>
  otlpOutlet({ ...common, kind: 'otlp', url, headers }, '0.1.0', timeoutMs)
const hook = (url: string): Outlet =>
  webhookOutlet({ ...common, kind: 'webhook', url, keyFile: join(folder, 'sink-h.secret') } satisfies WebhookSink, () => NOW)
const record = (event: Parameters<typeof logRecord>[0]): string => logRecord(event, event.event)
const answering =
  (status: number, headers: Record<string, string> = {}, body = '') =>
  (res: ServerResponse): void =>
    void res.writeHead(status, headers).end(body)

describe('OTLP logs', () => {
  it('posts log records as a collector takes them', async () => {
    const { url, asked } = await serve(answering(200, { 'content-type': 'application/json' }, '{}'))
    expect(await otlp(url, undefined, { authorization: 'Bearer t' }).send(shipment(0, 3, {}, record))).toEqual({ taken: 3 })
    expect(asked[0]).toMatchObject({ url: '/v1/logs', headers: { 'content-type': 'application/json', authorization: 'Bearer t' } })
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({
      resourceLogs: [
        {
          resource: {
            attributes: [
              { key: 'service.name' },
              { value: { stringValue: '0.1.0' } },
              { key: 'service.instance.id', value: { stringValue: 'gw.example/1' } },
            ],
          },
          scopeLogs: [
            {
              logRecords: [0, 1, 2].map(seq => ({
                attributes: [{ key: 'gatehouse.audit.seq', value: { intValue: String(seq) } }, {}, {}, {}],
              })),
            },
          ],
        },
      ],
    })
  })

  it('attack: statuses, garbage and redirects acknowledge nothing', async () => {
    const elsewhere = await serve(answering(200, {}, '{}'))
    const answers: readonly [(res: ServerResponse) => void, object][] = [
      [answering(200, {}, '<html>'), { is: 'later' }],
      [answering(204), { is: 'later' }],
      [answering(307, { location: elsewhere.url }), { is: 'later', why: 'it redirects (status 307), which is not followed' }],
      [answering(400, {}, 'secret words'), { is: 'refused', why: 'it answered with status 400' }],
      [answering(413), { is: 'refused' }],
      [answering(401), { is: 'later' }],
      [answering(503, { 'retry-after': '7' }), { is: 'later', afterSeconds: 7 }],
      [
        answering(200, {}, '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"secret words"}}'),
        { is: 'refused', why: 'it rejects the log record' },
      ],
      [res => void res.destroy(), { is: 'later', why: 'fetch-failed' }],
      [answering(200, {}, 'x'.repeat(100_000)), { is: 'later', why: 'fetch-too-large' }],
    ]
    for (const [answer, trouble] of answers) {
      const { url } = await serve(answer)
      const sent = await otlp(url).send(shipment(0, 2, {}, record))
      expect(sent).toMatchObject({ taken: 0, trouble })
      expect(JSON.stringify(sent)).not.toContain('secret')
    }
    expect(elsewhere.asked).toEqual([])
  })

  it('attack: a sink that answers byte by byte, or never ends, is given up in time', async () => {
    const slow = await serve(res => {
      res.writeHead(200)
      const timer = setInterval(() => res.write(' '), 5)
      res.on('close', () => clearInterval(timer))
    })
    expect(await otlp(slow.url, 150).send(shipment(0, 1, {}, record))).toMatchObject({ trouble: { is: 'later', why: 'fetch-timeout' } })
    const silent = await serve(() => {})
    expect(await otlp(silent.url, 150).send(shipment(0, 1, {}, record))).toMatchObject({ trouble: { is: 'later', why: 'fetch-timeout' } })
  })

  it('attack: http beyond this machine and metadata services are not reached, though an administrator wrote them', async () => {
    for (const url of ['http://10.0.0.1/v1/logs', 'http://169.254.169.254/v1/logs', 'https://169.254.169.254/v1/logs'])
      expect(await otlp(url).send(shipment(0, 1, {}, record))).toMatchObject({ trouble: { is: 'later', why: 'fetch-refused' } })
  })
})

describe('webhooks of events', () => {
  it('are signed as Standard Webhooks says, with the same id for the same events', async () => {
    const { url, asked } = await serve(answering(200))
    expect(await hook(url).send(shipment(0, 2, {}, enveloped))).toEqual({ taken: 2 })
    await hook(url).send(shipment(0, 2, {}, enveloped))
    const [first, second] = asked
    const key = await webhookSecret(join(folder, 'sink-h.secret'))
    const id = String(first?.headers['webhook-id'])
    expect(first?.headers['webhook-signature']).toBe(
      `v1,${createHmac('sha256', key)
        .update(`${id}.1700000000.${first?.body ?? ''}`)
        .digest('base64')}`,
    )
    expect(second?.headers['webhook-id']).toBe(id)
    expect(JSON.parse(first?.body ?? '')).toMatchObject({
      type: 'audit.events',
      data: { events: [{ seq: 0, checkpoint: 1_000_000 }, { seq: 1 }] },
    })
  })

  it('attack: what does not answer 2xx did not take them', async () => {
    for (const [status, trouble] of [
      [302, { is: 'later' }],
      [400, { is: 'refused' }],
      [410, { is: 'later', afterSeconds: 3600 }],
      [500, { is: 'later' }],
    ] as const) {
      const { url } = await serve(answering(status, { location: 'http://127.0.0.1:1/' }))
      expect(await hook(url).send(shipment(0, 1, {}, enveloped))).toMatchObject({ taken: 0, trouble })
    }
    expect(await hook('https://127.0.0.1:1/').send(shipment(0, 1, {}, enveloped))).toMatchObject({
      trouble: { is: 'later', why: 'fetch-failed' },
    })
  })

  it('waits where its key cannot be used', async () => {
    const { url, asked } = await serve(answering(200))
    const broken = webhookOutlet({ ...common, kind: 'webhook', url, keyFile: folder }, () => NOW)
    expect(await broken.send(shipment(0, 1, {}, enveloped))).toMatchObject({
      taken: 0,
      trouble: { is: 'later', why: 'its key cannot be used' },
    })
    expect(asked).toEqual([])
  })
})
