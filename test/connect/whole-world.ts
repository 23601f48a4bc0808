// A running gateway in front of one upstream that takes everybody's own account, with genuine authorization servers before and behind it.

import { expect } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { ROOMY, type World } from '../attacks/world.ts'
import { startAuthorizationServer, type UpstreamAs } from './authorization-server.ts'
import { Browser, type Page } from './browser.ts'
import { startGuarded } from './guarded-upstream.ts'

export type WholeWorld = World & { readonly as: UpstreamAs; readonly idp: UpstreamAs }

export async function startWholeWorld(): Promise<WholeWorld> {
  const refs: { up?: HttpUpstream } = {}
  const as: UpstreamAs = await startAuthorizationServer({ resources: () => ({ [refs.up?.url ?? '']: 'read' }) })
  const up = (refs.up = await startGuarded({ check: token => as.check(token), issuers: () => [as.issuer], challenge: 'read' }))
  const idp = await startAuthorizationServer({
    resources: () => ({}),
    clients: [
      {
        client_id: 'gateway',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/oauth/login/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
  })
  const gateway: TestGateway = await startTestGateway(
    {
      limits: ROOMY,
      outbound: { allow: [new URL(as.issuer).host, new URL(idp.issuer).host] },
      upstreams: { up: { http: { url: up.url }, credential: { kind: 'oauth' }, allow: [{ id: 't', subjects: ['*'], tools: ['*'] }] } },
    },
    { issuer: { issuer: idp.issuer }, login: { issuer: idp.issuer, clientId: 'gateway', scopes: ['openid'] } },
  )
  const path = '/servers/up/mcp'
  return {
    ...{ gateway, as, idp, up, path, port: Number(new URL(gateway.url).port) },
    tokens: { alice: await gateway.token(path), bob: await gateway.token(path, { sub: 'bob' }) },
    async stop() {
      await gateway.stop()
      await up.close()
      await as.close()
      await idp.close()
    },
  }
}

const hrefOf = (page: Page, pattern: RegExp): string => {
  const [, href = ''] = [...page.text.matchAll(/href="([^"]+)"/g)].find(([, url = '']) => pattern.test(url)) ?? []
  expect(href, page.text.slice(0, 2000)).not.toBe('')
  return new URL(href.replaceAll('&#38;', '&').replaceAll('&amp;', '&'), page.url).href
}

/** Opens the link, signs in on the way, agrees, and comes back connected. */
export async function connect(world: Pick<WholeWorld, 'as'>, url: string, browser: Browser = new Browser()): Promise<Browser> {
  const login = await browser.get(url)
  const question = await browser.get(hrefOf(login, /\/oauth\/login\/start/))
  expect(question.text).toContain(world.as.issuer)
  const csrf = /action="\/oauth\/connect[\s\S]*?name="csrf" value="([^"]+)"/.exec(question.text)?.[1] ?? ''
  const onward = await browser.post(url, { csrf, answer: 'allow' })
  const done = await browser.get(hrefOf(onward, /^http.*code_challenge/))
  expect(done.text).toContain('is connected')
  return browser
}

/** Disconnects the only account there is. */
export async function disconnect(world: Pick<WholeWorld, 'gateway'>, browser: Browser): Promise<void> {
  const page = await browser.get(`${world.gateway.url}/connections`)
  const id = /name="id" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
  const csrf = /name="csrf" value="([^"]+)"[^>]*\/?><input type="hidden" name="id"/.exec(page.text)?.[1] ?? ''
  await browser.post(`${world.gateway.url}/connections/revoke`, { csrf, id })
}
