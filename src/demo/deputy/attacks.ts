// The attacks of the deputy demo. Each one is really made; what the gateway answered, what reached a server, and what the log says are looked at.

import type { Servers } from './servers.ts'
import { edited, send, unsigned, type RawAnswer } from './raw-host.ts'

/** What a host was told: the stable reason, or the OAuth error of the challenge. */
export type Outcome = { readonly reason: string; readonly isHeld: boolean; readonly seen: string }
export type Attack = {
  readonly by: 'host' | 'server'
  readonly title: string
  /** what would be gained, in a sentence */
  readonly prize: string
  readonly run: () => Promise<Outcome>
}

export type Stage = {
  /** of the gateway */
  readonly url: string
  readonly servers: Servers
  /** a genuine token of a user for one endpoint, with all its scopes or those named */
  readonly token: (user: 'alice' | 'bob', path: string, scope?: string) => Promise<string>
}

const LEDGER = '/servers/ledger/mcp'
const MIRROR = '/servers/mirror/mcp'
const BALANCE = { method: 'tools/call', params: { name: 'balance' } } as const
const PAY = { method: 'tools/call', params: { name: 'pay', arguments: { invoice: 1 } } } as const
const INITIALIZE = {
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'deputy', version: '1' } },
} as const
const callOf = (name: string) => ({ method: 'tools/call', params: { name } }) as const

const said = ({ status, reason, challenge }: RawAnswer): string =>
  [`HTTP ${status}`, reason, /error="([^"]+)"/.exec(challenge ?? '')?.[1]].filter(part => part !== undefined).join(', ')
const is = (answer: RawAnswer, reason: string, status: number): boolean => answer.reason === reason && answer.status === status

export function attacksOf(stage: Stage): readonly Attack[] {
  return [...ofNames(stage), ...ofKnowledge(stage), ...ofServers(stage)]
}

/** `untouched`: a tool that must not have been called meanwhile. */
async function refusal(
  stage: Stage,
  untouched: string,
  { reason, status, request }: { readonly reason: string; readonly status: number; readonly request: () => Promise<RawAnswer> },
): Promise<Outcome> {
  const before = stage.servers.ledger.calls(untouched)
  const answer = await request()
  const isUntouched = stage.servers.ledger.calls(untouched) === before
  return {
    reason: answer.reason ?? 'none',
    isHeld: is(answer, reason, status) && isUntouched,
    seen: `${said(answer)}; calls that reached the ledger: ${isUntouched ? 'none' : 'SOME'}`,
  }
}

function ofNames(stage: Stage): Attack[] {
  const { url, token } = stage
  const onLedger =
    (bearer: string, more: object = {}) =>
    () =>
      send(url, { path: LEDGER, token: bearer, ...BALANCE, ...more })
  return [
    {
      by: 'host',
      title: 'A token of Alice for the mirror, stolen there, is used at the ledger',
      prize: 'one leaky server would open all others',
      run: async () => refusal(stage, 'balance', { reason: 'token-invalid', status: 401, request: onLedger(await token('alice', MIRROR)) }),
    },
    {
      by: 'host',
      title: "Bob writes Alice's name into his own token",
      prize: 'being Alice',
      run: async () => {
        const forged = edited(await token('bob', LEDGER), claims => ({ ...claims, sub: 'alice', groups: ['finance'] }))
        return refusal(stage, 'balance', { reason: 'token-invalid', status: 401, request: onLedger(forged) })
      },
    },
    {
      by: 'host',
      title: 'The same, and the token says that it needs no signature (`alg: none`)',
      prize: 'being anybody',
      run: async () => {
        const forged = unsigned(edited(await token('bob', LEDGER), claims => ({ ...claims, sub: 'alice', groups: ['finance'] })))
        return refusal(stage, 'balance', { reason: 'token-invalid', status: 401, request: onLedger(forged) })
      },
    },
    {
      by: 'host',
      title: 'Bob calls himself Alice in headers that some proxies believe',
      prize: 'being Alice, if a header could say who one is',
      run: async () => {
        const headers = { 'x-forwarded-user': 'alice', 'x-user': 'alice', 'mcp-user': 'alice', 'x-mcp-authorized': 'true' }
        return refusal(stage, 'balance', { reason: 'unknown', status: 200, request: onLedger(await token('bob', LEDGER), { headers }) })
      },
    },
  ]
}

function ofKnowledge(stage: Stage): Attack[] {
  const { url, token } = stage
  return [
    {
      by: 'host',
      title: 'Bob guesses the name of a tool he cannot see',
      prize: 'a call that the list did not offer, or at least the knowledge that it is there',
      run: async () => {
        const bob = await token('bob', LEDGER)
        const before = stage.servers.ledger.calls('pay')
        const hidden = await send(url, { path: LEDGER, token: bob, ...PAY })
        const missing = await send(url, { path: LEDGER, token: bob, ...callOf('no-such-tool') })
        const isSame = hidden.text === missing.text && hidden.status === missing.status
        return {
          reason: hidden.reason ?? 'none',
          isHeld: hidden.reason === 'unknown' && isSame && stage.servers.ledger.calls('pay') === before,
          seen: `${said(hidden)}; ${isSame ? 'byte for byte' : 'NOT'} what a tool that does not exist answers`,
        }
      },
    },
    {
      by: 'host',
      title: "Alice's host holds a token for reading and pays with it",
      prize: 'more than Alice gave to this host',
      run: async () => {
        const reading = await token('alice', LEDGER, 'ledger:read')
        const works = await send(url, { path: LEDGER, token: reading, ...BALANCE })
        const request = (): Promise<RawAnswer> => send(url, { path: LEDGER, token: reading, ...PAY })
        const outcome = await refusal(stage, 'pay', { reason: 'scope-missing', status: 403, request })
        return { ...outcome, isHeld: outcome.isHeld && works.result !== undefined }
      },
    },
    {
      by: 'host',
      title: "Bob goes on in Alice's session with a token of his own",
      prize: "Alice's stream and everything asked of her",
      run: async () => {
        const opened = await send(url, { path: MIRROR, token: await token('alice', MIRROR), ...INITIALIZE, isLegacy: true })
        const headers = { 'mcp-session-id': opened.sessionId ?? '', 'mcp-protocol-version': '2025-11-25' }
        const stolen = await send(url, { path: MIRROR, token: await token('bob', MIRROR), method: 'tools/list', headers, isLegacy: true })
        return {
          reason: stolen.reason ?? 'none',
          isHeld: opened.sessionId !== null && is(stolen, 'session-unknown', 404),
          seen: `${said(stolen)}; the answer for a session that never was`,
        }
      },
    },
    {
      by: 'host',
      title: "A question put to Alice at one endpoint is answered at another, with Alice's token for that",
      prize: 'a payment confirmed where nobody looked at it',
      run: () => replay(stage),
    },
  ]
}

async function replay(stage: Stage): Promise<Outcome> {
  const { url, token } = stage
  const asked = await send(url, { path: LEDGER, token: await token('alice', LEDGER), ...PAY })
  const state = asked.result?.['requestState']
  const answers = { confirm: { action: 'accept', content: { pay: true } } }
  const params = { name: 'ledger__pay', arguments: { invoice: 1 }, requestState: state, inputResponses: answers }
  const outcome = await refusal(stage, 'pay', {
    reason: 'state-invalid',
    status: 400,
    request: async () => send(url, { path: '/mcp', token: await token('alice', '/mcp'), method: 'tools/call', params }),
  })
  // Where it was asked it may be answered: the state itself was good.
  const paid = await send(url, { path: LEDGER, token: await token('alice', LEDGER), ...PAY, params: { ...params, name: 'pay' } })
  return { ...outcome, isHeld: outcome.isHeld && paid.text.includes('Paid.') }
}

function ofServers({ url, servers, token }: Stage): Attack[] {
  const { mirror, elsewhere } = servers
  /** Alice calls a tool of the mirror. */
  const call = async (name: string): Promise<{ readonly answer: RawAnswer; readonly bearer: string }> => {
    const bearer = await token('alice', MIRROR)
    return { answer: await send(url, { path: MIRROR, token: bearer, ...callOf(name) }), bearer }
  }
  const gated =
    (name: string): (() => Promise<Outcome>) =>
    async () => {
      const { answer } = await call(name)
      return {
        reason: answer.reason ?? 'none',
        isHeld: answer.reason === 'gated' && !answer.text.includes('inputRequests'),
        seen: `${said(answer)}; the question did not reach the host`,
      }
    }
  return [
    {
      by: 'server',
      title: 'The mirror looks for the token of whoever calls it',
      prize: "Alice's rights at the gateway",
      run: async () => {
        const { answer, bearer } = await call('reflect')
        const all = mirror.heard.map(({ head, body }) => head + body).join('\n')
        const parts = bearer.split('.').filter(part => part.length > 10)
        const isClean = !/^authorization$/im.test(all) && parts.every(part => !all.includes(part))
        return {
          reason: 'nothing to read',
          isHeld: isClean && answer.result !== undefined,
          seen: `${mirror.heard.length} requests reached it; ${isClean ? 'no part of the token in any head or body' : 'THE TOKEN WAS THERE'}`,
        }
      },
    },
    { by: 'server', title: 'The mirror asks Alice for her password', prize: 'the password', run: gated('ask-password') },
    { by: 'server', title: "The mirror asks Alice's model what it knows", prize: 'the conversation', run: gated('ask-model') },
    {
      by: 'server',
      title: 'The mirror demands a login at a place of its choosing, and sets a cookie',
      prize: "a host that follows the challenge logs in at the attacker's",
      run: async () => {
        const before = elsewhere.heard.length
        const { answer } = await call('demand-login')
        const isQuiet = answer.status !== 401 && answer.challenge === null && answer.cookie === null
        return {
          reason: answer.reason ?? 'none',
          isHeld: isQuiet && answer.reason !== undefined && elsewhere.heard.length === before,
          seen: `${said(answer)}; neither challenge nor cookie reached the host, and nothing was fetched from that place`,
        }
      },
    },
    {
      by: 'server',
      title: 'The mirror sends the gateway on to another address (307)',
      prize: 'the call, with all its headers, at an address nobody permitted',
      run: async () => {
        const before = elsewhere.heard.length
        const { answer } = await call('send-elsewhere')
        return {
          reason: answer.reason ?? 'none',
          isHeld: answer.reason !== undefined && elsewhere.heard.length === before,
          seen: `${said(answer)}; requests at that address: ${elsewhere.heard.length - before}`,
        }
      },
    },
  ]
}
