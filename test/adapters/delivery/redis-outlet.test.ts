import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOutlet } from '../../../src/adapters/delivery/redis-outlet.ts'
import type { RedisSink } from '../../../src/delivery/settings.ts'
import { upTo } from '../../delivery/world.ts'
import { entriesOf, hasRedis, TestRedis } from '../../support/redis.ts'
import { leafAt, parcel, shipment } from './parcels.ts'

const STREAM = 'gatehouse:audit:gw.example/1'
const sink = (url: string, more: Partial<RedisSink> = {}): RedisSink => ({
  name: 'r',
  kind: 'redis',
  form: 'event',
  from: 'start',
  recordBytes: 65_536,
  url,
  ...more,
})

describe.skipIf(!hasRedis)('Redis Streams, with a real Redis', () => {
  let redis: TestRedis
  let outlet: RedisOutlet
  const seqs = async (): Promise<number[]> => (await redis.entries(STREAM)).map(({ fields }) => Number(fields['seq']))

  beforeAll(async () => {
    redis = await TestRedis.start()
  })
  afterAll(() => redis.remove())
  beforeEach(async () => {
    await redis.run('FLUSHALL')
    outlet = new RedisOutlet(sink(redis.url))
  })
  afterEach(() => outlet.close())

  it('appends events in order, with their place beside', async () => {
    expect(await outlet.send(shipment(0, 300))).toEqual({ taken: 300 })
    expect(await outlet.send(shipment(300, 1))).toEqual({ taken: 1 })
    const entries = await redis.entries(STREAM)
    expect(entries.map(({ id }) => id)).toEqual(upTo(301).map(seq => `${seq}-1`))
    const { leaf, text } = parcel(7)
    expect(entries[7]?.fields).toEqual({ seq: '7', leaf, checkpoint: '1000000', origin: 'gw.example/1', event: text })
  })

  it('attack: what is sent again after a crash stands there once', async () => {
    await outlet.send(shipment(0, 10))
    const again = new RedisOutlet(sink(redis.url))
    expect(await again.send(shipment(4, 10, { after: 3 }))).toEqual({ taken: 10 })
    expect(await seqs()).toEqual(upTo(14))
    await again.close()
  })

  it('asks for everything again that Redis lost, and where the stream was removed', async () => {
    await outlet.send(shipment(0, 10))
    await redis.run('XTRIM', STREAM, 'MAXLEN', '3') // trimmed is not lost
    expect(await outlet.send(shipment(10, 1))).toEqual({ taken: 1 })
    await redis.run('DEL', STREAM)
    expect(await outlet.send(shipment(11, 1))).toMatchObject({ taken: 0, trouble: { is: 'behind', from: 0 } })
    await outlet.send(shipment(0, 5))
    expect(await outlet.send(shipment(11, 1))).toMatchObject({ trouble: { is: 'behind', from: 5 } })
  })

  it('attack: events of another log, or of somebody else, are neither mixed in nor taken for ours', async () => {
    await redis.run('XADD', STREAM, '*', 'a', 'b')
    expect(await outlet.send(shipment(0, 1))).toMatchObject({
      taken: 0,
      trouble: { is: 'later', why: expect.stringContaining('another log') as string },
    })
    await redis.run('XTRIM', STREAM, 'MAXLEN', '0') // its last id stays, and would swallow ours
    expect(await outlet.send(shipment(0, 1))).toMatchObject({ taken: 0, trouble: { is: 'later' } })
    await redis.run('DEL', STREAM)
    await outlet.send(shipment(0, 3))
    expect(
      await outlet.send({ parcels: [parcel(2, { event: '{"other":1}', leaf: 'x' })], after: 1, isReplay: false, leafAt }),
    ).toMatchObject({
      trouble: { is: 'later' },
    })
    await redis.run('SET', 'text', 'x')
    const other = new RedisOutlet(sink(redis.url, { stream: 'text' }))
    expect(await other.send(shipment(0, 1))).toMatchObject({ trouble: { why: 'Redis answered WRONGTYPE' } })
    await other.close()
  })

  it('attack: an id that somebody used up has every event taken for appended', async () => {
    const forged = ['seq', '9000000000000000', 'leaf', 'x', 'checkpoint', '1', 'origin', 'gw.example/1', 'event', '{}']
    const never = { taken: 0, trouble: { is: 'later', why: expect.stringContaining('never sent') as string } }
    await redis.run('XADD', STREAM, '9000000000000000-1', ...forged)
    expect(await outlet.send(shipment(0, 3))).toMatchObject(never)
    await redis.run('DEL', STREAM)
    await outlet.send(shipment(0, 3))
    await redis.run('XADD', STREAM, '5-1', ...forged)
    expect(await outlet.send(shipment(3, 1))).toMatchObject(never)
    await redis.run('XADD', STREAM, '18000000000000000000-1', ...forged)
    expect(await outlet.send(shipment(3, 1))).toMatchObject({ taken: 0, trouble: { is: 'later' } })
    expect(await redis.entries(STREAM)).toHaveLength(5)
  })

  it('believes what the log has too: the cursor was lost, and what was trimmed does not come again', async () => {
    await outlet.send(shipment(0, 10))
    await redis.run('XTRIM', STREAM, 'MAXLEN', '2')
    const again = new RedisOutlet(sink(redis.url))
    expect(await again.send(shipment(0, 4))).toEqual({ taken: 4 })
    expect(await again.send(shipment(4, 8))).toEqual({ taken: 8 })
    expect(await seqs()).toEqual(upTo(4, 8))
    await again.close()
  })

  it('puts dead letters that are sent again behind the last, by their own seq', async () => {
    await outlet.send({ parcels: [parcel(0), parcel(2)], after: -1, isReplay: false, leafAt })
    expect(await outlet.send({ parcels: [parcel(1)], after: 2, isReplay: true, leafAt })).toEqual({ taken: 1 })
    expect(await outlet.send(shipment(3, 1))).toEqual({ taken: 1 })
    expect((await redis.entries(STREAM)).map(({ id, fields }) => [id, fields['seq']])).toEqual([
      ['0-1', '0'],
      ['2-1', '2'],
      ['2-2', '1'],
      ['3-1', '3'],
    ])
    await redis.run('DEL', STREAM)
    expect(await outlet.send({ parcels: [parcel(1)], after: 3, isReplay: true, leafAt })).toMatchObject({
      trouble: { is: 'behind', from: 0 },
    })
  })

  it('keeps about as many entries as it is told to', async () => {
    const short = new RedisOutlet(sink(redis.url, { maxLength: 100 }))
    for (let n = 0; n < 10; n += 1) await short.send(shipment(n * 200, 200))
    const kept = await seqs()
    expect(kept.length).toBeLessThan(400)
    expect(kept.at(-1)).toBe(1999)
    await short.close()
  })

  it('attack: a Redis without memory takes nothing out of order', async () => {
    await outlet.send(shipment(0, 5))
    await redis.run('CONFIG', 'SET', 'maxmemory', '1')
    expect(await outlet.send(shipment(5, 5))).toMatchObject({ taken: 0, trouble: { is: 'later', why: 'Redis answered OOM' } })
    await redis.run('CONFIG', 'SET', 'maxmemory', '0')
    expect(await outlet.send(shipment(5, 5))).toEqual({ taken: 5 })
    expect(await seqs()).toEqual(upTo(10))
  })

  it('is stopped and started: what was taken is asked for again where it is gone, and the order is kept', async () => {
    await outlet.send(shipment(0, 5))
    await redis.stop()
    expect(await outlet.send(shipment(5, 1))).toMatchObject({ taken: 0, trouble: { is: 'later' } })
    expect(await outlet.send(shipment(5, 1))).toMatchObject({ trouble: { why: 'the connection failed (ECONNREFUSED)' } })
    await redis.start() // without persistence: everything is gone
    expect(await outlet.send(shipment(5, 1))).toMatchObject({ trouble: { is: 'behind', from: 0 } })
    expect(await outlet.send(shipment(0, 6))).toEqual({ taken: 6 })
    expect(await seqs()).toEqual(upTo(6))
  })

  it('attack: a Redis that hangs holds nothing up for longer than its time, and what it did meanwhile counts once', async () => {
    const short = new RedisOutlet(sink(redis.url), 200)
    await short.send(shipment(0, 5))
    redis.signal('SIGSTOP')
    expect(await short.send(shipment(5, 5))).toMatchObject({ taken: 0, trouble: { is: 'later', why: 'it did not answer in time' } })
    redis.signal('SIGCONT')
    expect(await short.send(shipment(5, 5))).toEqual({ taken: 5 })
    expect(await seqs()).toEqual(upTo(10))
    await short.close()
  })

  it('a consumer group gets each event, again until it is acknowledged, and knows by `seq` what it has', async () => {
    await redis.run('XGROUP', 'CREATE', STREAM, 'siem', '0', 'MKSTREAM')
    await outlet.send(shipment(0, 6))
    const read = async (id: string): Promise<ReturnType<typeof entriesOf>> => {
      const reply = (await redis.run('XREADGROUP', 'GROUP', 'siem', 'one', 'COUNT', '10', 'STREAMS', STREAM, id)) as
        [string, unknown][] | null
      return entriesOf(reply?.[0]?.[1] ?? [])
    }
    const kept = new Map<number, string>() // what the receiver keeps, by seq
    for (const { fields } of await read('>')) kept.set(Number(fields['seq']), fields['event'] ?? '')
    expect(kept.size).toBe(6) // and died before XACK
    const again = await read('0')
    expect(again).toHaveLength(6)
    for (const { id, fields } of again) {
      kept.set(Number(fields['seq']), fields['event'] ?? '')
      await redis.run('XACK', STREAM, 'siem', id)
    }
    expect([...kept.keys()]).toEqual(upTo(6))
    expect(await read('0')).toEqual([])
  })

  it('signs in, and says nothing of a password that is wrong', async () => {
    await redis.run('ACL', 'SETUSER', 'gate', 'on', '>pa:ss', '~*', '+@all')
    const good = new RedisOutlet(sink(`redis://gate:pa%3Ass@127.0.0.1:${redis.port}/1`))
    expect(await good.send(shipment(0, 1))).toEqual({ taken: 1 })
    await good.close()
    const bad = new RedisOutlet(sink(`redis://gate:hunter2@127.0.0.1:${redis.port}`))
    const sent = await bad.send(shipment(0, 1))
    expect(sent).toMatchObject({ trouble: { is: 'later', why: 'Redis answered WRONGPASS' } })
    await bad.close()
  })
})

describe('something that is no Redis', () => {
  const serve = async (onSocket: (socket: Socket) => void): Promise<{ url: string; close: () => void }> => {
    const sockets = new Set<Socket>()
    const server = createServer(socket => {
      sockets.add(socket)
      socket.on('error', () => {})
      onSocket(socket)
    }).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const close = (): void => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
    return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
  }

  it('attack: garbage, silence and endings acknowledge nothing', async () => {
    for (const answer of [
      'HTTP/1.1 200 OK\r\n\r\n',
      '+OK\r\n+OK\r\n+OK\r\n+OK\r\n',
      '*1000000\r\n',
      '-ERR secret words\r\n'.repeat(4),
      undefined,
    ]) {
      const { url, close } = await serve(socket =>
        socket.on('data', () => (answer === undefined ? socket.destroy() : socket.write(answer))),
      )
      const outlet = new RedisOutlet(sink(url), 300)
      const sent = await outlet.send(shipment(0, 2))
      expect(sent).toMatchObject({ taken: 0, trouble: { is: 'later' } })
      expect(JSON.stringify(sent)).not.toContain('secret')
      await outlet.close()
      close()
    }
  })

  it('attack: plain text leaves this machine for nobody, and metadata services are not dialled', async () => {
    for (const url of ['redis://10.0.0.1', 'redis://93.184.215.14', 'redis://169.254.169.254', 'rediss://169.254.169.254']) {
      const outlet = new RedisOutlet(sink(url), 300)
      expect(await outlet.send(shipment(0, 1))).toMatchObject({ trouble: { why: 'the connection failed (fetch-refused)' } })
    }
  })
})
