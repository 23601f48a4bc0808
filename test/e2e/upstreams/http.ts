// The HTTP side of the in-process upstreams: what arrives is told to the test, and when a stream opens or ends.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Control } from './control.ts'
import type { Json } from './surface.ts'

export type Served = { readonly url: string; close(): Promise<void> }

let last = 0

/** Reads the body of a POST and emits `received`, `stream` (the first bytes of an event stream left) and `closed` (with whether it was ended), all with the exchange's number. */
export async function observed(request: IncomingMessage, response: ServerResponse, control: Control): Promise<Json | undefined> {
  let body = ''
  if (request.method === 'POST') for await (const chunk of request.setEncoding('utf8')) body += chunk as string
  const message = body === '' ? undefined : (JSON.parse(body) as Json)
  const facts = { exchange: ++last, http: request.method, message, session: request.headers['mcp-session-id'] }
  control.emit('received', { ...facts, headers: request.headers })
  const write = response.write.bind(response) as (...args: unknown[]) => boolean
  let isStream = false
  response.write = (...args: unknown[]): boolean => {
    const sent = write(...args)
    if (!isStream) {
      isStream = true
      control.emit('stream', facts)
    }
    return sent
  }
  const flush = response.flushHeaders.bind(response)
  response.flushHeaders = () => {
    flush()
    control.emit('open', facts)
  }
  response.on('close', () => control.emit('closed', { ...facts, isEnded: response.writableFinished }))
  return message
}

export async function listening(http: Server): Promise<Served> {
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    close: () =>
      new Promise(resolve => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
}
