// Holds idle event streams open, in a process of its own: 2025 GET streams (each on a session of its own) or 2026 listen streams. Told over IPC.

import { connect, type Socket } from 'node:net'
import { Connection } from './lib/connection.ts'
import { ENVELOPE, headOf } from './lib/messages.ts'
import { openSession, type Request } from './lib/session.ts'

export type IdleJob = {
  readonly url: string
  readonly kind: 'legacy' | 'modern'
  readonly streams: number
  /** bearer headers, taken in turn */
  readonly headers: readonly Record<string, string>[]
  /** false for servers that know no sessions */
  readonly hasSessions: boolean
}
export type IdleReport = { readonly open: number; readonly closed: number }

const sockets: Socket[] = []
let closed = 0

async function open(job: IdleJob): Promise<void> {
  const { host, port, pathname } = new URL(job.url)
  let next = 0
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      const lane = job.hasSessions && job.kind === 'legacy' ? await Connection.open(Number(port)) : undefined
      while (next < job.streams) {
        const n = next
        next += 1
        const headers = job.headers[n % job.headers.length] ?? {}
        const request = { path: pathname, host, era: job.kind, headers } as const
        if (job.kind === 'modern') await stream(Number(port), listenRequest(request, n))
        else {
          const session = lane ? (await openSession(lane, request)).id : undefined
          const lines = [`GET ${pathname} HTTP/1.1`, `Host: ${host}`, 'Accept: text/event-stream', 'MCP-Protocol-Version: 2025-11-25']
          for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
          if (session !== undefined) lines.push(`Mcp-Session-Id: ${session}`)
          await stream(Number(port), `${lines.join('\r\n')}\r\n\r\n`)
        }
      }
      lane?.close()
    }),
  )
}

function listenRequest(request: Request, n: number): string {
  const method = 'subscriptions/listen'
  const body = JSON.stringify({ jsonrpc: '2.0', id: n, method, params: { notifications: { toolsListChanged: true }, _meta: ENVELOPE } })
  return headOf({ ...request, method, length: body.length }) + body
}

/** Resolves when the stream's head has come. */
function stream(port: number, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request, 'latin1'))
    sockets.push(socket)
    socket.once('data', (chunk: Buffer) => {
      const start = chunk.toString('latin1', 0, 400)
      if (start.startsWith('HTTP/1.1 200')) resolve()
      else reject(new Error(`expected a stream, got: ${start}`))
    })
    socket.on('data', () => {})
    socket.on('error', reject)
    socket.on('close', () => {
      closed += 1
      reject(new Error('closed'))
    })
  })
}

process.on('message', (message: IdleJob | 'report') => {
  if (message === 'report') process.send?.({ open: sockets.length - closed, closed } satisfies IdleReport)
  else {
    open(message).then(
      () => process.send?.('opened'),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
    )
  }
})
process.on('disconnect', () => process.exit(0))
