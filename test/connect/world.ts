// A gateway whose upstream takes a credential of each principal's own, a genuine authorization server behind it, and the stores in reach of the test.

import { accountOfUpstream } from '../../src/compose/upstreams.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { memoryStores, type MemoryStores } from '../support/memory-vault.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { ROOMY, type Who, type World } from '../attacks/world.ts'
import { startAuthorizationServer, type UpstreamAs } from './authorization-server.ts'
import { startGuarded, type GuardedOptions } from './guarded-upstream.ts'

export type ConnectWorld = World & {
  readonly as: UpstreamAs
  readonly stores: MemoryStores
  /** puts a grant into the vault, as a finished connection would */
  grant(
    who: Who,
    token: string,
    more?: { readonly refreshToken?: string; readonly scopes?: readonly string[]; readonly client?: string },
  ): Promise<string>
}

export type ConnectOptions = Partial<Omit<GuardedOptions, 'issuers'>> & {
  /** settings of the upstream besides url and rules */
  readonly credential?: object
  readonly settings?: object
  readonly config?: Readonly<Record<string, unknown>>
}

const ISSUER = 'https://issuer.test'

export async function startConnectWorld(options: ConnectOptions = {}): Promise<ConnectWorld> {
  const stores = memoryStores()
  const refs: { up?: HttpUpstream } = {}
  const as = await startAuthorizationServer({ resources: () => ({ [refs.up?.url ?? '']: 'read write' }) })
  const up = (refs.up = await startGuarded({ challenge: 'read', check: token => as.check(token), ...options, issuers: () => [as.issuer] }))
  const gateway: TestGateway = await startTestGateway(
    {
      limits: ROOMY,
      outbound: { allow: [new URL(as.issuer).host] },
      upstreams: {
        up: {
          http: { url: up.url },
          credential: { kind: 'oauth', ...options.credential },
          allow: [{ id: 'test', subjects: ['*'], tools: ['*'], serverRequests: ['elicitation.form', 'elicitation.url'] }],
          ...options.settings,
        },
      },
      ...options.config,
    },
    { stores },
  )
  const path = '/servers/up/mcp'
  const upstream = accountOfUpstream('up', { kind: 'http', url: up.url, headers: {} })
  return {
    gateway,
    as,
    up,
    stores,
    path,
    port: Number(new URL(gateway.url).port),
    tokens: { alice: await gateway.token(path), bob: await gateway.token(path, { sub: 'bob' }) },
    async grant(who, token, { refreshToken, scopes = ['read'], client = 'test' } = {}) {
      const principal = `${ISSUER} ${who}` as never
      const secret = { accessToken: token, tokenType: 'Bearer' as const, ...(refreshToken !== undefined && { refreshToken }) }
      const { id } = await stores.vault.put({ principal, upstream, issuer: as.issuer, resource: up.url, scopes, kind: 'oauth' }, secret)
      await stores.consents.give(principal, upstream, client, 0)
      return id
    },
    async stop() {
      await gateway.stop()
      await up.close()
      await as.close()
    },
  }
}
