// A page of somebody else on this machine: same site, so cookies go along, and nothing but what the page's own headers say keeps it out.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Attacker = { readonly url: string; html: string; readonly asked: string[]; close(): Promise<void> }

export async function startAttacker(): Promise<Attacker> {
  const server: Server = createServer((req, res) => {
    attacker.asked.push(req.url ?? '')
    res.writeHead(200, { 'content-type': 'text/html' }).end(attacker.html)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const attacker: Attacker = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    html: '',
    asked: [],
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return attacker
}
