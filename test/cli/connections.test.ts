// `gatehouse connections`: what a person sees and takes back from a command line, and what becomes of it in a running gateway.

import { dirname } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Browser } from '../authorization-server/browser.ts'
import { startBrowserWorld, TICKET_SECRET, type BrowserWorld } from '../browser/world.ts'
import { freePort } from '../support/free-port.ts'
import { gatehouse, type Run } from './io.ts'

let world: BrowserWorld
let browser: Browser
beforeAll(async () => {
  world = await startBrowserWorld()
  browser = new Browser(world.url)
  const provider = await browser.signIn(await browser.open('/connections'))
  const { action } = browser.form(provider, '/login')
  const page = await browser.open(new URL(action, provider.url).href, {
    method: 'POST',
    body: new URLSearchParams({ user: 'alice' }),
    headers: { origin: world.providerUrl },
  })
  await browser.press(page, '/connections/secret', { secret: TICKET_SECRET })
})
afterAll(() => world.stop())

const io = () => ({ cwd: dirname(world.configFile), now: Date.now })
const run = (...words: string[]): Promise<Run> => gatehouse([...words, '--config', world.configFile], io())

it('lists for people and as JSON, with what is not connected', async () => {
  const { code, out } = await run('connections', 'list')
  expect(code).toBe(0)
  expect(out).toMatch(/^server +account +may +since +id\n/)
  expect(out).toMatch(/\ntickets +a secret you entered +- +20\S+Z +\S+\n/)
  expect(out).toContain('notes is not connected')
  const { connections, missing } = JSON.parse((await run('connections', 'list', '--json')).out)
  expect(connections).toMatchObject([{ server: 'tickets', title: 'Ticket system', kind: 'secret' }])
  expect(missing).toEqual([{ server: 'notes', title: 'Team notes', kind: 'oauth' }])
  expect(out).not.toContain(TICKET_SECRET)
})

it('shows another person their own, and revokes nobody else’s', async () => {
  expect((await run('connections', 'list', '--user', 'bob')).out).toContain('no account of yours is connected')
  expect(await run('connections', 'revoke', 'tickets', '--user', 'bob')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/you have no such connection; `gatehouse connections list` shows yours\n$/),
  })
  expect((await browser.open('/connections')).html).toContain('/connections/revoke')
})

it('wants to know which, and a gateway that answers', async () => {
  expect(await run('connections', 'revoke')).toMatchObject({ code: 2, err: expect.stringContaining('expected a server or the id') })
  const silent = `http://127.0.0.1:${await freePort()}`
  const env = { GATEHOUSE_ADMIN_TOKEN: 'x' }
  expect(await gatehouse(['connections', 'list', '--url', silent], { ...io(), env })).toMatchObject({ code: 5 })
})

it('revokes: the Connections page no longer shows it', async () => {
  expect(await run('connections', 'revoke', 'tickets')).toMatchObject({ code: 0, out: expect.stringMatching(/^revoked: /) })
  expect((await browser.open('/connections')).html).not.toContain('/connections/revoke')
  expect((await run('connections', 'list')).out).toContain('no account of yours is connected')
})
