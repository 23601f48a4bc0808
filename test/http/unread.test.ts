// Answers that are not read: their connection is cut; those that are read keep theirs.

import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { cutUnread } from '../../src/http/unread.ts'

const BODY = Buffer.alloc(64 * 1024 * 1024)
let close = (): void => {}
afterEach(() => close())

async function serve(unreadMs: number): Promise<{ port: number; answered: Promise<ServerResponse> }> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>()
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'Content-Length': BODY.length }).end(BODY)
    cutUnread(res, unreadMs)
    resolve(res)
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { port: (server.address() as AddressInfo).port, answered: promise }
}

it('cuts the connection of a host that does not read its answer', async () => {
  const { port, answered } = await serve(100)
  const client = connect(port, '127.0.0.1').pause()
  client.on('error', () => {})
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const res = await answered
  await new Promise(resolve => res.once('close', resolve))
  expect(res.writableFinished).toBe(false)
  client.destroy()
})

it('leaves a host that reads slowly its answer and its connection', async () => {
  const { port } = await serve(30_000)
  const read = async (): Promise<number> => (await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer()).byteLength
  expect(await read()).toBe(BODY.length)
  expect(await read()).toBe(BODY.length)
})
