// The whole way through a running gateway: a host is refused with a link, its person signs in, agrees, signs in at the upstream's own server, and the host's retry is served.

import { afterEach, expect, it } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import type { HttpUpstream } from '../support/upstreams/http-upstream.ts'
import { callTool, modern, ROOMY, type World } from '../attacks/world.ts'
import { startAuthorizationServer, type UpstreamAs } from './authorization-server.ts'
import { Browser, type Page } from './browser.ts'
import { startGuarded } from './guarded-upstream.ts'

let stop: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const each of stop.reverse()) await each()
  stop = []
})

const hrefOf = (page: Page, pattern: RegExp): string => {
  const [, href = ''] = [...page.text.matchAll(/href="([^"]+)"/g)].find(([, url = '']) => pattern.test(url)) ?? []
  expect(href, page.text.slice(0, 2000)).not.toBe('')
  return new URL(href.replaceAll('&#38;', '&').replaceAll('&amp;', '&'), page.url).href
}

it('link, sign-in, consent, authorization, retry, revocation', async () => {
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
  stop = [() => idp.close(), () => as.close(), () => up.close(), () => gateway.stop()]
  const path = '/servers/up/mcp'
  const tokens = { alice: await gateway.token(path), bob: await gateway.token(path, { sub: 'bob' }) }
  const world = { gateway, up, path, tokens, port: Number(new URL(gateway.url).port) } as unknown as World

  const URLS = { elicitation: { url: {} } }
  const asked = await callTool(world, 'whoami', {}, { capabilities: URLS })
  const { url } = asked.body.result.inputRequests.connect.params
  const browser = new Browser()
  const login = await browser.get(url)
  const question = await browser.get(hrefOf(login, /\/oauth\/login\/start/))
  expect(question.text).toContain(as.issuer)
  const csrf = /name="csrf" value="([^"]+)"/.exec(question.text)?.[1] ?? ''
  const onward = await browser.post(url, { csrf, answer: 'allow' })
  const done = await browser.get(hrefOf(onward, /^http.*code_challenge/))
  expect(done.text).toContain('is connected')

  const retry = {
    name: 'whoami',
    arguments: {},
    requestState: asked.body.result.requestState,
    inputResponses: { connect: { action: 'accept' } },
  }
  const served = await modern(world, 'tools/call', retry, { capabilities: URLS })
  expect(JSON.parse(served.body.result.content[0].text)).toMatchObject({ account: 'alice' })
  expect((await callTool(world, 'whoami', {}, { who: 'bob' })).body.error.data.reason).toBe('connection-required')

  const page = await browser.get(`${gateway.url}/connections`)
  const id = /name="id" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
  const token = /name="csrf" value="([^"]+)"[^>]*\/?><input type="hidden" name="id"/.exec(page.text)?.[1] ?? ''
  await browser.post(`${gateway.url}/connections/revoke`, { csrf: token, id })
  expect((await callTool(world, 'whoami')).body.error.data.reason).toBe('connection-required')
  const seen = JSON.stringify(up.seen.map(({ req, body }) => [req.rawHeaders, body]))
  for (const token of Object.values(tokens)) expect(seen).not.toContain(token)
})
