// What a GitHub access token shows: whose it is, and which organisations its owner administers. Each name comes with the number of its account.

import type { Stop } from '../kernel/errors.ts'
import type { Accounts } from '../registry/exchange.ts'
import type { Shown } from '../registry/token-proofs.ts'
import type { SafeFetch, SafeResponse } from './safe-fetch.ts'

export type GithubSettings = {
  /** base URL of its REST API */
  readonly api: string
  /** whose numbers of accounts these are: the issuer of its jobs' tokens, so that one account is the same whichever way it comes */
  readonly issuer: string
}

const PAGE = 100
const MAX_PAGES = 5
const LOGIN = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/
/** No header of the request may be anything but the token. */
const TOKEN = /^[A-Za-z0-9_.-]{1,1024}$/

type Account = { readonly login: string; readonly id: number }

export const createGithubAccounts = ({ api, issuer }: GithubSettings, fetch: SafeFetch): Accounts => ({
  async read(token) {
    if (!TOKEN.test(token)) return unproved('it is no GitHub access token')
    const get = (path: string): Promise<SafeResponse> =>
      fetch.request(`${api}${path}`, {
        headers: {
          accept: 'application/vnd.github+json',
          authorization: `Bearer ${token}`,
          'x-github-api-version': '2022-11-28',
          'user-agent': 'gatehouse',
        },
      })
    try {
      const answer = await get('/user')
      if (answer.status === 401 || answer.status === 403) return unproved('GitHub does not accept the token')
      const user = answer.status === 200 ? accountIn(parse(answer)) : undefined
      if (!user) return UNAVAILABLE
      const organisations = await administered(get)
      if (!organisations) return UNAVAILABLE
      return { issuer: api, subject: String(user.id), shown: [user, ...organisations].map(account => shownOf(account, issuer)) }
    } catch {
      return UNAVAILABLE // what went wrong could quote the token
    }
  },
})

/** Organisations in which the role is admin; none where the token may not say (403 without read:org). Undefined where GitHub does not answer as it should. */
async function administered(get: (path: string) => Promise<SafeResponse>): Promise<readonly Account[] | undefined> {
  const found: Account[] = []
  for (let page = 1; page <= MAX_PAGES; page++) {
    const answer = await get(`/user/memberships/orgs?state=active&per_page=${PAGE}&page=${page}`)
    if (answer.status === 403) return []
    const memberships = answer.status === 200 ? parse(answer) : undefined
    if (!Array.isArray(memberships)) return undefined
    for (const each of memberships as readonly unknown[]) {
      const { role, state, organization } = (each ?? {}) as Readonly<Record<string, unknown>>
      const account = role === 'admin' && state === 'active' ? accountIn(organization) : undefined
      if (account) found.push(account)
    }
    if (memberships.length < PAGE) break
  }
  return found
}

function accountIn(value: unknown): Account | undefined {
  const { login, id } = (value ?? {}) as Readonly<Record<string, unknown>>
  return typeof login === 'string' && LOGIN.test(login) && typeof id === 'number' && Number.isSafeInteger(id) && id > 0
    ? { login, id }
    : undefined
}

const shownOf = ({ login, id }: Account, authority: string): Shown => ({
  name: `io.github.${login}`,
  proof: 'github',
  bound: { kind: 'account', authority, owner: String(id), also: {} },
})
const parse = ({ body }: SafeResponse): unknown => JSON.parse(body.toString('utf8'))
const unproved = (detail: string): Stop => ({ stop: 'proof-invalid', detail, fix: 'sign in at GitHub again' })
const UNAVAILABLE: Stop = { stop: 'issuer-unavailable', detail: 'GitHub cannot be asked about the token', retryAfterSeconds: 30 }
