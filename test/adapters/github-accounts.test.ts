// What a GitHub access token shows, against a server that speaks the two calls of GitHub's API that are used (from its documentation, not GitHub itself).

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGithubAccounts } from '../../src/adapters/github-accounts.ts'
import { createSafeFetch } from '../../src/adapters/safe-fetch.ts'

const ISSUER = 'https://token.actions.githubusercontent.com'
let server: Server
let api: string
let asked: string[]
let answers: Record<string, (req: IncomingMessage) => [status: number, body: unknown]>
const membership = (login: string, id: unknown, role = 'admin', state = 'active') => ({ state, role, organization: { login, id } })
const page = (req: IncomingMessage): number => Number(new URL(req.url ?? '', 'http://x').searchParams.get('page'))

beforeEach(async () => {
  asked = []
  answers = { '/user': () => [200, { login: 'Pat', id: 9 }], '/user/memberships/orgs': () => [200, []] }
  server = createServer((req, res) => {
    asked.push(`${req.headers.authorization} ${req.url}`)
    const [status, body] = answers[(req.url ?? '').split('?')[0] ?? '']?.(req) ?? [404, {}]
    res.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})
const read = (token = 'gho_secret', named = true) =>
  createGithubAccounts({ api, issuer: ISSUER }, createSafeFetch({ namedHosts: named ? [api.slice(7)] : [], timeoutMs: 500 })).read(token)
const names = async () => {
  const found = await read()
  return 'stop' in found ? found : found.shown.map(({ name, bound }) => `${name} ${bound.kind === 'account' ? bound.owner : ''}`)
}

it('shows one’s own name and those of organisations one administers, by their numbers', async () => {
  answers['/user/memberships/orgs'] = () => [
    200,
    [membership('acme', 123), membership('plain', 5, 'member'), membership('invited', 6, 'admin', 'pending'), membership('tower', 8)],
  ]
  expect(await read()).toMatchObject({
    issuer: api,
    subject: '9',
    shown: [{ proof: 'github', bound: { authority: ISSUER, owner: '9' } }, {}, {}],
  })
  expect(await names()).toEqual(['io.github.Pat 9', 'io.github.acme 123', 'io.github.tower 8'])
  expect(asked.slice(0, 2)).toEqual([
    'Bearer gho_secret /user',
    'Bearer gho_secret /user/memberships/orgs?state=active&per_page=100&page=1',
  ])
})
it('reads further pages, and no more than a few', async () => {
  const full = (from: number) => Array.from({ length: 100 }, (_, i) => membership(`org${from + i}`, from + i + 1))
  answers['/user/memberships/orgs'] = req => [200, page(req) === 1 ? full(0) : [membership('last', 999)]]
  expect(await names()).toHaveLength(102)
  answers['/user/memberships/orgs'] = req => [200, full(page(req) * 100)]
  asked = []
  await names()
  expect(asked).toHaveLength(6)
})
it('shows one’s own name alone where the token may not read organisations', async () => {
  answers['/user/memberships/orgs'] = () => [403, { message: 'read:org' }]
  expect(await names()).toEqual(['io.github.Pat 9'])
})
it.each(['a.b', '../evil', 'ünal', '', '-x', 'x/y', 'a'.repeat(80)])('makes no name of the login %j', async login => {
  answers['/user/memberships/orgs'] = () => [200, [membership(login, 7)]]
  expect(await names()).toEqual(['io.github.Pat 9'])
  answers['/user'] = () => [200, { login, id: 9 }]
  expect(await names()).toMatchObject({ stop: 'issuer-unavailable' })
})
it.each([0, -1, 1.5, '9', null, 2 ** 60])('takes no account without a number: %j', async id => {
  answers['/user'] = () => [200, { login: 'pat', id }]
  expect(await names()).toMatchObject({ stop: 'issuer-unavailable' })
})

describe('shows nothing', () => {
  it('where GitHub does not accept it', async () => {
    answers['/user'] = () => [401, { message: 'Bad credentials' }]
    expect(await read()).toMatchObject({ stop: 'proof-invalid' })
    expect(asked).toHaveLength(1)
  })
  it.each([
    ['an error', 500, {}],
    ['a redirect', 302, {}],
    ['no JSON', 200, '<html>'],
    ['a list', 200, []],
    ['nothing', 200, null],
  ])('where GitHub answers with %s', async (_what, status, body) => {
    answers['/user'] = () => [status, body]
    expect(await read()).toMatchObject({ stop: 'issuer-unavailable' })
    answers['/user'] = () => [200, { login: 'pat', id: 9 }]
    answers['/user/memberships/orgs'] = () => [status, body === null || Array.isArray(body) ? {} : body]
    expect(await read()).toMatchObject({ stop: 'issuer-unavailable' })
  })
  it('where what answers is at a private address that nobody configured', async () => {
    expect(await read('gho_secret', false)).toMatchObject({ stop: 'issuer-unavailable' })
    expect(asked).toEqual([])
  })
  it.each(['', 'two words', 'x\r\nhost: evil', 'x'.repeat(2000)])('for what is no such token, and asks nobody: %j', async token => {
    expect(await read(token)).toMatchObject({ stop: 'proof-invalid' })
    expect(asked).toEqual([])
  })
})
