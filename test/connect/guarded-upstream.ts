// An MCP server over HTTP that answers nobody without an access token of its authorization server, and says in which name it acted.

import type { IncomingMessage } from 'node:http'
import { greet, json, notFound, result, startHttp, type HttpExchange, type HttpUpstream } from '../support/upstreams/http-upstream.ts'

type Holder = { readonly account: string | undefined; readonly scopes: readonly string[] }
export type GuardedOptions = {
  readonly era?: 'modern' | 'legacy'
  /** who holds a token that is good now */
  readonly check: (token: string) => Promise<Holder | undefined>
  readonly issuers: () => readonly string[]
  /** scopes a method needs; the challenge names them */
  readonly needs?: (method: string) => readonly string[]
  /** members of the protected resource metadata to replace */
  readonly metadata?: () => object
  /** scopes of the first challenge */
  readonly challenge?: string
  readonly more?: (exchange: HttpExchange) => boolean
}

export const bearerOf = (req: IncomingMessage): string | undefined => /^Bearer (\S+)$/.exec(req.headers.authorization ?? '')?.[1]

/** Tools: `whoami` says the account of the token and the session it came in. */
export async function startGuarded(options: GuardedOptions): Promise<HttpUpstream> {
  const { era = 'modern', check, issuers, needs = () => [] } = options
  let sessions = 0
  const up = await startHttp(exchange => void serve(exchange))
  const metadataUrl = (): string => up.url.replace('/mcp', '/.well-known/oauth-protected-resource/mcp')
  return up

  async function serve(exchange: HttpExchange): Promise<void> {
    const { req, res, message } = exchange
    if (req.url?.startsWith('/.well-known/oauth-protected-resource')) {
      if (req.url !== '/.well-known/oauth-protected-resource/mcp') return void res.writeHead(404).end()
      json(res, { resource: up.url, authorization_servers: issuers(), ...options.metadata?.() })
      return
    }
    if (options.more?.(exchange)) return
    const token = bearerOf(req)
    const holder = token === undefined ? undefined : await check(token)
    if (!holder) {
      const scope = options.challenge === undefined ? '' : `, scope="${options.challenge}"`
      json(res, {}, 401, { 'www-authenticate': `Bearer resource_metadata="${metadataUrl()}"${scope}` })
      return
    }
    const missing = message?.method === undefined ? [] : needs(message.method).filter(scope => !holder.scopes.includes(scope))
    if (missing.length > 0) {
      json(res, {}, 403, {
        'www-authenticate': `Bearer error="insufficient_scope", scope="${missing.join(' ')}", resource_metadata="${metadataUrl()}"`,
      })
      return
    }
    const greeting = {
      era,
      session: () => `session-${++sessions}-of-${holder.account}`,
      ...(era === 'modern' && { capabilities: { tools: {} } }),
    }
    if (greet(exchange, greeting)) return
    const session = String(req.headers['mcp-session-id'] ?? '')
    const reply = (value: object): void => json(res, { jsonrpc: '2.0', id: message.id, result: value })
    if (message.method === 'tools/list') {
      const tools = ['whoami', `only-for-${holder.account}`].map(name => ({ name, inputSchema: { type: 'object' } }))
      reply({ tools, ...(era === 'modern' && { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }) })
    } else if (message.method === 'tools/call') json(res, result(message.id, JSON.stringify({ account: holder.account, session })))
    else json(res, notFound(message.id), 404)
  }
}
