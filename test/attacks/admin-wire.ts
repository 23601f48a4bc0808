// Administration on the wire: acts with a token for /admin, and streams whose end a test waits for.

import { request, type IncomingMessage } from 'node:http'
import { eventsOf, send, type Answer } from './wire.ts'
import { legacyHeaders, modernBody, modernHeaders, type LegacyHost, type Over, type World } from './world.ts'

/** People administer with a client of their own, which is no host. */
const TERMINAL = { client_id: 'terminal' }

/** One act; `root` is the operator of the tests. */
export async function admin(
  world: Pick<World, 'port' | 'gateway'>,
  act: string,
  params?: object,
  over: { token?: string; claims?: object } = {},
): Promise<Answer> {
  const token = over.token ?? (await world.gateway.token('/admin', { sub: 'root', ...TERMINAL, ...over.claims }))
  const isRead = params === undefined
  return send(world.port, {
    method: isRead ? 'GET' : 'POST',
    path: `/admin/${act}`,
    headers: { authorization: `Bearer ${token}`, ...(!isRead && { 'content-type': 'application/json' }) },
    ...(!isRead && { body: JSON.stringify(params) }),
  })
}

export const block = (world: World, kind: string, target: string): Promise<Answer> =>
  admin(world, 'block', { kind, target, why: 'an incident' })
export const unblock = (world: World, kind: string, target: string): Promise<Answer> =>
  admin(world, 'unblock', { kind, target, why: 'it is over' })

export type OpenStream = { readonly status: number; readonly messages: () => any[]; readonly ended: Promise<void>; close(): void }

function open(world: World, options: { method: string; path: string; headers: object; body?: string }): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const { method, path, headers, body } = options
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
    const req = request(
      { host: '127.0.0.1', port: world.port, method, path, headers: given as Record<string, string>, agent: false },
      (res: IncomingMessage) => {
        let text = ''
        res.on('data', (chunk: Buffer) => (text += chunk.toString()))
        const ended = new Promise<void>(end => res.once('close', () => end()))
        resolve({
          status: res.statusCode ?? 0,
          messages: () => eventsOf(text).map(data => JSON.parse(data)),
          ended,
          close: () => req.destroy(),
        })
      },
    )
    req.on('error', reject)
    req.end(body)
  })
}

/** subscriptions/listen of a 2026 host, acknowledged. */
export const listen = (world: World, over: Over = {}): Promise<OpenStream> => {
  const params = { notifications: { toolsListChanged: true } }
  return open(world, {
    method: 'POST',
    path: over.path ?? world.path,
    headers: modernHeaders(world, 'subscriptions/listen', params, over),
    body: modernBody('subscriptions/listen', params, over),
  })
}
/** The GET stream of a 2025 session. */
export const standing = (host: LegacyHost): Promise<OpenStream> =>
  open(host.world, {
    method: 'GET',
    path: host.path,
    headers: { ...legacyHeaders(host.token), ...host.headers, accept: 'text/event-stream' },
  })

/** News of approvals for somebody. */
export const follow = async (world: World, claims: object): Promise<OpenStream> =>
  open(world, {
    method: 'GET',
    path: '/admin/approvals/events',
    headers: { authorization: `Bearer ${await world.gateway.token('/admin', { ...TERMINAL, ...claims })}`, accept: 'text/event-stream' },
  })
