// Another registry: the reading half of the official API v0.1 as the real one answers (Go, huma), on loopback, and what a hostile one would answer instead.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hash } from 'node:crypto'

export type Published = {
  readonly server: { readonly name: string; readonly version: string; readonly [member: string]: unknown }
  status?: 'active' | 'deprecated' | 'deleted'
  statusMessage?: string
  updatedAt: string
  /** beside the official member */
  readonly meta?: Readonly<Record<string, unknown>>
}
export type OfficialRegistry = {
  readonly url: string
  readonly entries: Published[]
  /** query of each request for the list, oldest first */
  readonly asked: string[]
  readonly tokens: (string | undefined)[]
  /** answers instead; true = it did */
  instead: ((req: IncomingMessage, res: ServerResponse, query: URLSearchParams) => boolean) | undefined
  close(): Promise<void>
}

export const listed = (name: string, version: string, more: Partial<Published> & { readonly json?: object } = {}): Published => {
  const { json, ...rest } = more
  return {
    server: {
      $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
      name,
      description: 'A server.',
      version,
      ...json,
    },
    updatedAt: '2026-01-01T00:00:00Z',
    ...rest,
  }
}

export async function startOfficialRegistry(entries: readonly Published[] = []): Promise<OfficialRegistry> {
  const server = createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? '', 'http://x')
    if (pathname !== '/v0.1/servers')
      return void res.writeHead(404, { 'content-type': 'application/problem+json' }).end('{"title":"Not Found"}')
    registry.asked.push(searchParams.toString())
    registry.tokens.push(req.headers.authorization)
    if (registry.instead?.(req, res, searchParams)) return
    answer(req, res, searchParams)
  })
  const registry: OfficialRegistry = {
    url: '',
    entries: [...entries],
    asked: [],
    tokens: [],
    instead: undefined,
    close: () => new Promise(resolve => (server.closeAllConnections(), server.close(() => resolve()))),
  }
  /** By name and version, from behind the cursor (`name:version`, as the real one writes it). */
  const answer = (req: IncomingMessage, res: ServerResponse, query: URLSearchParams): void => {
    const limit = Number(query.get('limit') ?? 30)
    const since = Date.parse(query.get('updated_since') ?? '1970-01-01T00:00:00Z')
    const after = query.get('cursor') ?? ''
    const keyOf = ({ server: { name, version } }: Published): string => `${name}:${version}`
    const behind = registry.entries
      .filter(({ updatedAt, status }) => Date.parse(updatedAt) > since && (status !== 'deleted' || query.has('updated_since')))
      .filter(entry => keyOf(entry) > after)
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
    const page = behind.slice(0, limit)
    const last = page.at(-1)
    const body = JSON.stringify({
      servers: page.map(({ server: json, status = 'active', statusMessage, updatedAt, meta }) => ({
        server: json,
        _meta: {
          'io.modelcontextprotocol.registry/official': {
            status,
            ...(statusMessage !== undefined && { statusMessage }),
            statusChangedAt: updatedAt,
            publishedAt: updatedAt,
            updatedAt,
            isLatest: true,
          },
          ...meta,
        },
      })),
      metadata: { ...(behind.length > limit && last && { nextCursor: keyOf(last) }), count: page.length },
    })
    const etag = `"${hash('sha256', body).slice(0, 32)}"`
    if (req.headers['if-none-match'] === etag) return void res.writeHead(304, { etag }).end()
    res.writeHead(200, { 'content-type': 'application/json', etag }).end(body)
  }
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(registry, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}
