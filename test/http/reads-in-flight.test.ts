// Reads of the registry that are being answered: how many, for whom, and how much waits for slow readers.

import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ReadsInFlight } from '../../src/http/control-plane/reads-in-flight.ts'

const MANY = 64 * 1024 * 1024
let server: Server
let responses: ServerResponse[]
let arrived: (() => void) | undefined
beforeEach(async () => {
  responses = []
  server = createServer((_req, res) => {
    responses.push(res)
    arrived?.()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => {
  server.close()
  server.closeAllConnections()
})

/** A response that nobody has answered yet, and the connection of who waits for it. */
async function waiting(): Promise<{ readonly res: ServerResponse; readonly socket: Socket }> {
  const come = new Promise<void>(resolve => (arrived = resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await come
  const res = responses.at(-1)
  if (!res) throw new Error('no response')
  return { res, socket }
}
const closed = (res: ServerResponse): Promise<void> => new Promise(resolve => void res.once('close', resolve))

it('one address has its share of places, and everybody together no more than there are (N050)', async () => {
  const reads = new ReadsInFlight({ address: 2, total: 3 })
  const [a, b, c, d] = [await waiting(), await waiting(), await waiting(), await waiting()]
  expect([reads.enter('x', a.res), reads.enter('x', b.res)]).toEqual([undefined, undefined])
  expect(reads.enter('x', c.res)).toMatchObject({ stop: 'gateway-overloaded', retryAfterSeconds: 1 })
  expect(reads.enter('y', c.res)).toBeUndefined()
  expect(reads.enter('z', d.res)).toMatchObject({ stop: 'gateway-overloaded' })
  // a place is free once its answer is over, or who waited went away
  const gone = closed(a.res)
  a.socket.destroy()
  await gone
  expect(reads.enter('z', d.res)).toBeUndefined()
  const over = closed(b.res)
  b.res.end('done')
  await over
  expect(reads.enter('x', (await waiting()).res)).toBeUndefined()
})
it('who went away before it began takes no place', async () => {
  const { res, socket } = await waiting()
  const gone = closed(res)
  socket.destroy()
  await gone
  expect(new ReadsInFlight().enter('x', res)).toMatchObject({ stop: 'gateway-overloaded' })
})
it('readers that take nothing hold a bounded number of bytes in memory, and one answer is always sent', async () => {
  const reads = new ReadsInFlight()
  const [a, b] = [await waiting(), await waiting()]
  expect(reads.hold(MANY * 2, a.res)).toBeUndefined()
  expect(reads.hold(1, b.res)).toMatchObject({ stop: 'gateway-overloaded' })
  const gone = closed(a.res)
  a.socket.destroy()
  await gone
  expect(reads.hold(MANY, b.res)).toBeUndefined()
})
