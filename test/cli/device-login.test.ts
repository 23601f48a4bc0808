// `gatehouse login --device` against a genuine authorization server (oidc-provider, RFC 8628): somebody at a terminal without a browser, and a person elsewhere.

import { mkdtempSync, readFileSync, rmSync, statSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Provider } from 'oidc-provider'
import { main } from '../../src/cli/main.ts'
import { startAuthorizationServer, type UpstreamAs } from '../connect/authorization-server.ts'
import { Browser } from '../connect/browser.ts'
import { freePort } from '../support/free-port.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { testIo, type Run } from './io.ts'

const CLIENT = 'terminal'
let as: UpstreamAs
let gateway: TestGateway
let home: string
/** members of the answer that starts a device flow */
let started: object

/** Asked more often than once in the usual five seconds; and members that a hostile server would send. */
const prepare = (provider: Provider): void => {
  provider.use(async (ctx, next) => {
    await next()
    if (ctx.path === '/device/auth' && ctx.status === 200) ctx.body = { ...(ctx.body as object), interval: 0.05, ...started }
  })
}

beforeEach(async () => {
  started = {}
  home = mkdtempSync(join(tmpdir(), 'gatehouse-home-'))
  await start({ deviceFlow: { enabled: true } })
})
afterEach(async () => {
  await gateway.stop()
  await as.close()
  rmSync(home, { recursive: true, force: true })
})

async function start(features: { readonly deviceFlow: { readonly enabled: boolean } }): Promise<void> {
  const port = await freePort()
  const resource = `http://127.0.0.1:${port}/admin`
  as = await startAuthorizationServer({
    resources: () => ({ [resource]: '' }),
    clients: [
      {
        client_id: CLIENT,
        token_endpoint_auth_method: 'none',
        application_type: 'native',
        redirect_uris: [],
        response_types: [],
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      },
    ],
    more: {
      features: {
        ...features,
        resourceIndicators: {
          getResourceServerInfo: () => ({
            scope: '',
            audience: resource,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 600,
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    },
    prepare,
  })
  gateway = await startTestGateway(
    { listen: `127.0.0.1:${port}`, operators: ['alice'] },
    {
      issuer: {
        issuer: as.issuer,
        jwksFile: undefined,
        jwksUri: `${as.issuer}/jwks`,
        algorithms: ['RS256'],
        maxTokenLife: '1h',
        grant: [],
      },
    },
  )
}

const cache = (): string => join(home, '.config', 'gatehouse', 'logins.json')

/** The command, and what its person does with the page and code it shows. */
async function login(person: (url: string, code: string) => Promise<unknown>, words: string[] = []): Promise<Run> {
  const io = testIo({ cwd: home, home, now: Date.now })
  let visiting: Promise<unknown> = Promise.resolve()
  const failed = Promise.withResolvers<never>()
  const done = main(['login', '--device', '--url', gateway.url, '--client-id', CLIENT, ...words], {
    ...io,
    err(text) {
      io.err(text)
      const [, url = '', typed = ''] = /^open (\S+) on any device and enter (\S+)$/m.exec(text) ?? []
      if (url === '') return
      visiting = person(url, typed)
      visiting.catch(failed.reject)
    },
  })
  const code = await Promise.race([done, failed.promise])
  await visiting
  return { code, ...io.written }
}

/** Another device: opens the page, types the code, and says yes or no. */
async function elsewhere(url: string, code: string, answer: 'confirm' | 'abort' = 'confirm'): Promise<string> {
  const browser = new Browser()
  const page = await browser.get(url)
  const asked = await browser.post(url, { xsrf: xsrfOf(page.text), user_code: code })
  return (await browser.post(url, { xsrf: xsrfOf(asked.text), user_code: code, [answer]: 'yes' })).text
}
const xsrfOf = (html: string): string => /name="xsrf" value="([^"]+)"/.exec(html)?.[1] ?? ''

describe('gatehouse login --device', () => {
  it('shows a page and a code, waits for the person elsewhere, and keeps the tokens where nobody else can read them', async () => {
    const { code, out, err } = await login(elsewhere)
    expect([code, out], err).toEqual([0, `signed in at ${gateway.url} as alice: operator\n`])
    expect(statSync(cache()).mode & 0o777).toBe(0o600)
    const [kept] = Object.values(JSON.parse(readFileSync(cache(), 'utf8')) as Record<string, Record<string, string>>)
    for (const secret of [kept?.['accessToken'], kept?.['refreshToken']]) {
      expect(secret).toMatch(/.{20,}/)
      expect(out + err).not.toContain(secret)
    }
    // for administration and nothing else (RFC 8707), from the first request on
    const asked = as.asked.filter(({ line }) => /^POST \/(device\/auth|token)$/.test(line)).map(({ body }) => new URLSearchParams(body))
    expect(new Set(asked.map(form => form.get('resource')))).toEqual(new Set([`${gateway.url}/admin`]))
  })
  it('ends when the person says no, and keeps nothing', async () => {
    const { code, err } = await login((url, typed) => elsewhere(url, typed, 'abort'))
    expect([code, existsSync(cache())]).toEqual([1, false])
    expect(err).toContain('`access_denied`')
  })
  it('attack: a code that somebody else types for another device signs nobody in here', async () => {
    const { code } = await login(async (url, typed) => {
      expect(await elsewhere(url, 'XXXX-XXXX')).toContain('incorrect')
      await elsewhere(url, typed, 'abort')
    })
    expect([code, existsSync(cache())]).toEqual([1, false])
  })
  it('attack: a server that puts control characters into what is shown writes no escape sequences to the terminal', async () => {
    started = { user_code: 'AB\u001B[2J-\u0007CD', verification_uri: 'https://idp.example/\u001B]0;evil\u0007device' }
    const { err } = await login(async () => {
      started = {}
      as.asked.length = 0
      await gateway.stop()
      await as.close()
    })
    expect(err).toContain('open https://idp.example/]0;evildevice on any device and enter AB2J-CD')

    expect(err).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F]/)
  })
  it('says so where the server has no device flow', async () => {
    await gateway.stop()
    await as.close()
    await start({ deviceFlow: { enabled: false } })
    expect(await login(async () => {})).toMatchObject({ code: 1, err: expect.stringContaining('no device flow; leave out --device') })
  })
})
