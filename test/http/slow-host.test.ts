// A host that reads slowly loses notifications, never its result (pipeline/path.ts, HostLink).

import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { PostExchange } from '../../src/http/post-exchange.ts'

it('gets its result behind more notifications than are buffered', async () => {
  const { promise: told, resolve } = Promise.withResolvers<boolean[]>()
  const server = createServer((_req, res) => {
    const exchange = new PostExchange(res)
    const note = Buffer.from(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x'.repeat(1_000_000) } }))
    const sent = Array.from({ length: 30 }, () => exchange.notify(note))
    exchange.finish(200, '{"jsonrpc":"2.0","id":1,"result":', Buffer.from('{"is":"here"}'))
    resolve(sent)
  })
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  client.write('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  const sent = await told
  expect(sent[0]).toBe(true)
  expect(sent.at(-1)).toBe(false)
  let text = ''
  for await (const chunk of client) text = (text + String(chunk)).slice(-200)
  expect(text).toContain('"result":{"is":"here"}')
  server.close()
})
