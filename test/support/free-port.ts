// Ports that a test may name before somebody listens on them.

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port of 127.0.0.1 on which nobody listens. It lies below those that systems hand out by themselves (from 32768 on Linux, 49152 elsewhere): until it
 * is used, no outgoing connection and no `listen(0)` of another test gets it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + randomInt(20_000)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
