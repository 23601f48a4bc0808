import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { SyslogOutlet } from '../../../src/adapters/delivery/syslog-outlet.ts'
import { envelopedAscii } from '../../../src/delivery/forms.ts'
import type { Exported } from '../../../src/delivery/outlet.ts'
import type { SyslogSink } from '../../../src/delivery/settings.ts'
import { syslogMessage } from '../../../src/delivery/syslog.ts'
import { eventLine, upTo } from '../../delivery/world.ts'
import { makeCertificate, type TestCertificate } from '../../support/certificates.ts'
import { parseSyslog, SyslogFrames } from '../../support/syslog.ts'
import { leafAt, parcel, shipment } from './parcels.ts'

const hasOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0
if (!hasOpenssl) console.warn('no openssl on this machine: tests with a TLS receiver are skipped')
const encode = (event: Exported): string => syslogMessage(event, { facility: 13, hostname: 'gw-1', body: envelopedAscii })

describe.skipIf(!hasOpenssl)('syslog, with a real TLS receiver', () => {
  let folder: string
  let certificate: TestCertificate
  let ca: string
  let server: Server | undefined
  const sockets = new Set<TLSSocket>()
  const outlets: SyslogOutlet[] = []

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-syslog-'))
    certificate = makeCertificate()
    ca = join(folder, 'ca.pem')
    writeFileSync(ca, certificate.cert)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  afterEach(async () => {
    for (const outlet of outlets.splice(0)) await outlet.close()
    stop()
  })
  const stop = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    server?.close()
    server = undefined
  }

  type Receiver = { readonly port: number; readonly seqs: number[]; readonly texts: string[]; heard(count: number): Promise<void> }
  async function receive(onSocket?: (socket: TLSSocket) => void, at = 0): Promise<Receiver> {
    const seqs: number[] = []
    const texts: string[] = []
    server = createServer({ key: certificate.key, cert: certificate.cert }, socket => {
      sockets.add(socket)
      socket.on('error', () => {})
      if (onSocket) {
        onSocket(socket)
        return
      }
      const frames = new SyslogFrames()
      socket.on('data', (bytes: Buffer) => {
        for (const text of frames.push(bytes)) {
          texts.push(text)
          seqs.push(Number(parseSyslog(text).data.get('gatehouse@32473')?.get('seq')))
        }
      })
    })
    server.listen(at, '127.0.0.1')
    await new Promise(resolve => server?.once('listening', resolve))
    const heard = (count: number): Promise<void> => expect.poll(() => seqs.length).toBeGreaterThanOrEqual(count)
    return { port: (server.address() as AddressInfo).port, seqs, texts, heard }
  }
  const outletTo = (port: number, more: Partial<SyslogSink> = {}, timeoutMs = 5000, monotonic?: () => number): SyslogOutlet => {
    const settings: SyslogSink = {
      name: 's',
      kind: 'syslog',
      form: 'event',
      from: 'start',
      recordBytes: 65_536,
      host: '127.0.0.1',
      port,
      facility: 13,
      ca,
      ...more,
    }
    const outlet = new SyslogOutlet(settings, { timeoutMs, ...(monotonic && { monotonic }) })
    outlets.push(outlet)
    return outlet
  }

  it('brings messages in order over one connection, each in its frame', async () => {
    const { port, seqs, texts, heard } = await receive()
    const outlet = outletTo(port)
    expect(await outlet.send(shipment(0, 256, {}, encode))).toEqual({ taken: 256 })
    expect(await outlet.send(shipment(256, 44, {}, encode))).toEqual({ taken: 44 })
    await heard(300)
    expect(seqs).toEqual(upTo(300))
    expect(sockets.size).toBe(1)
    expect(texts[7]).toBe(parcel(7, {}, encode).text)
  })

  it('attack: line breaks, forged messages and escape sequences in an event stay in its frame', async () => {
    const { port, texts, heard } = await receive()
    const evil = '\n14 <13>1 - - - - -\r\u001b]0;x\u0007 é\u2028'
    const event = eventLine(0, { subject: { name: evil }, type: evil })
    expect(
      await outletTo(port).send({ parcels: [parcel(0, { event }, encode), parcel(1, {}, encode)], after: -1, isReplay: false, leafAt }),
    ).toEqual({ taken: 2 })
    await heard(2)
    expect(texts).toHaveLength(2)
    expect(texts[0]).toMatch(/^[ -~]+$/)
    expect((JSON.parse(parseSyslog(texts[0] ?? '').message) as { event: unknown }).event).toEqual(JSON.parse(event))
  })

  it('sends again what a connection that broke may never have brought', async () => {
    const { port, seqs, heard } = await receive()
    const outlet = outletTo(port)
    await outlet.send(shipment(0, 3, {}, encode))
    await outlet.send(shipment(3, 2, {}, encode))
    await heard(5)
    stop()
    await expect.poll(() => outlet.send(shipment(5, 1, {}, encode))).toMatchObject({ taken: 0, trouble: { is: 'behind', from: 0 } })
    expect(await outlet.send(shipment(0, 6, {}, encode))).toMatchObject({ trouble: { is: 'later' } })
    const again = await receive(undefined, port)
    expect(await outlet.send(shipment(0, 6, {}, encode))).toEqual({ taken: 6 })
    await again.heard(6)
    expect([seqs, again.seqs]).toEqual([upTo(5), upTo(6)])
  })

  it('attack: a receiver that dies while nothing is sent: what it may not have read is asked for again, once', async () => {
    const { port, heard } = await receive()
    const outlet = outletTo(port)
    await outlet.send(shipment(0, 3, {}, encode))
    await heard(3)
    expect([outlet.unacknowledged.from(), outlet.unacknowledged.look()]).toEqual([0, undefined])
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => outlet.unacknowledged.look()).toMatchObject({ trouble: { is: 'behind', from: 0 } })
    expect([outlet.unacknowledged.from(), outlet.unacknowledged.look()]).toEqual([undefined, undefined])
  })

  it('a receiver that ends a connection in order has read what came long before, and is not sent it again and again', async () => {
    const { port, heard } = await receive()
    const clock = { ms: 0 }
    const outlet = outletTo(port, {}, 5000, () => clock.ms)
    await outlet.send(shipment(0, 3, {}, encode))
    clock.ms = 50_000
    await outlet.send(shipment(3, 1, {}, encode))
    await heard(4)
    clock.ms = 70_000
    for (const socket of sockets) socket.end()
    await expect.poll(() => outlet.unacknowledged.look()).toMatchObject({ trouble: { is: 'behind', from: 3 } })
  })

  it('knows what was read once both sides said goodbye; nothing is sent behind that', async () => {
    const { port, seqs } = await receive()
    const outlet = outletTo(port)
    await outlet.send(shipment(0, 3, {}, encode))
    await outlet.close()
    expect([seqs, outlet.unacknowledged.from()]).toEqual([upTo(3), undefined])
    expect(await outlet.send(shipment(3, 1, {}, encode))).toEqual({ taken: 0, trouble: { is: 'later', why: 'it is being ended' } })
  })

  it('attack: a receiver that reads nothing and says no goodbye: what is unsure stays so, and a stop takes its time and no more', async () => {
    const { port } = await receive(socket => socket.pause())
    const outlet = outletTo(port)
    await outlet.send(shipment(7, 3, {}, encode))
    const closing = outlet.close()
    expect(await outlet.send(shipment(0, 10, {}, encode))).toMatchObject({ trouble: { is: 'later' } })
    await closing
    expect([outlet.unacknowledged.from(), outlet.unacknowledged.look()]).toEqual([7, undefined])
  })

  it('attack: a receiver whose certificate nobody trusts gets nothing', async () => {
    const { port, seqs } = await receive()
    const other = join(folder, 'other.pem')
    writeFileSync(other, makeCertificate().cert)
    expect(await outletTo(port, { ca: other }).send(shipment(0, 1, {}, encode))).toMatchObject({
      taken: 0,
      trouble: { is: 'later', why: expect.stringMatching(/^the connection failed \([A-Z_]+\)$/) as string },
    })
    expect(await outletTo(port, { ca: join(folder, 'absent.pem') }).send(shipment(0, 1, {}, encode))).toMatchObject({
      trouble: { why: 'the connection failed (ENOENT)' },
    })
    expect(seqs).toEqual([])
  })

  it('attack: a receiver that does not read holds nothing up for longer than its time', async () => {
    const { port } = await receive(socket => socket.pause())
    const outlet = outletTo(port, {}, 300)
    const large = (event: Exported): string => encode(event) + 'x'.repeat(200_000)
    let sent
    for (let n = 0; n < 20 && sent?.trouble === undefined; n += 1) sent = await outlet.send(shipment(n * 10, 10, {}, large))
    expect(sent).toMatchObject({ taken: 0, trouble: { is: 'later', why: 'it did not take what was sent in time' } })
    expect(await outlet.send(shipment(900, 1, {}, encode))).toMatchObject({ trouble: { is: 'behind' } })
  })

  it('attack: a receiver that answers without end is not read', async () => {
    const { port } = await receive(socket => socket.write('HTTP/1.1 200 OK\r\n'.repeat(1000)))
    const outlet = outletTo(port)
    await expect
      .poll(async () => (await outlet.send(shipment(0, 1, {}, encode))).trouble?.why)
      .toBe('it answers, which no syslog receiver does')
  })

  it('attack: something that speaks no TLS gets nothing, in bounded time', async () => {
    const { createServer: plain } = await import('node:net')
    const silent = plain(() => {}).listen(0, '127.0.0.1')
    await new Promise(resolve => silent.once('listening', resolve))
    const sent = await outletTo((silent.address() as AddressInfo).port, {}, 200).send(shipment(0, 1, {}, encode))
    expect(sent).toMatchObject({ taken: 0, trouble: { is: 'later', why: 'it did not take what was sent in time' } })
    silent.close()
  })

  it('attack: metadata services are not dialled, not by name either', async () => {
    expect(await outletTo(6514, { host: '169.254.169.254' }).send(shipment(0, 1, {}, encode))).toMatchObject({
      trouble: { why: 'fetch-refused' },
    })
    const named = new SyslogOutlet(
      { name: 's', kind: 'syslog', form: 'event', from: 'start', recordBytes: 1, host: 'siem.example', port: 6514, facility: 13 },
      { resolve: () => Promise.resolve([{ address: '169.254.169.254', family: 4 }]) },
    )
    expect(await named.send(shipment(0, 1, {}, encode))).toMatchObject({ taken: 0, trouble: { is: 'later' } })
  })
})
