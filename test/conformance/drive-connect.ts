// The "client under test" of the suite's auth scenarios: a gateway whose upstream is the suite's server (last argument) and takes a credential of each
// person's own, an SDK host in front of it, and a person who follows the links the host is given. CONFORMANCE_* come from auth-clients.ts.

import { writeFileSync } from 'node:fs'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Outcome } from './auth-clients.ts'
import { startGateway } from './gateway.ts'
import { startOwnHost } from './own-token.ts'
import { Person } from './person.ts'
import { startSignInFront } from './sign-in-front.ts'

const env = (name: string): string => process.env[name] ?? ''
const scenario = env('MCP_CONFORMANCE_SCENARIO')
const isModern = env('MCP_CONFORMANCE_PROTOCOL_VERSION') === '2026-07-28'
const ports = env('CONFORMANCE_PORTS').split(',')
const context = JSON.parse(env('MCP_CONFORMANCE_CONTEXT') || '{}') as Readonly<Record<string, string | undefined>>
const isEnterprise = scenario === 'auth/enterprise-managed-authorization'
/** More links than any client should need: where the gateway does not stop, the suite has to see it. */
const MOST_LINKS = 6

// The suite kills only the shell it started, so the driver ends itself first; its exit takes the gateway's process group along.
setTimeout(() => process.exit(2), Number(env('CONFORMANCE_DRIVE_MS') || '20000')).unref()

/** What an operator knows beforehand: a client that is registered, and where. The suite starts its authorization server first. */
function credential(): object {
  const client = {
    issuer: context['issuer'] ?? `http://localhost:${ports[0]}`,
    clientId: context['client_id'],
    clientSecret: context['client_secret'],
  }
  if (scenario === 'auth/client-credentials-jwt')
    return { kind: 'client-credentials', ...client, clientSecret: undefined, clientKey: context['private_key_pem'] }
  if (scenario === 'auth/client-credentials-basic') return { kind: 'client-credentials', ...client }
  // No `identityProvider`: it is where people sign in.
  if (isEnterprise) return { kind: 'identity-assertion', ...client, issuer: `http://localhost:${ports[1]}` }
  return { kind: 'oauth', ...(context['client_id'] !== undefined && client) }
}

const isWorkload = scenario.startsWith('auth/client-credentials')
/** Everywhere else the harness's own issuer says who the caller is. */
const host = isEnterprise ? await startOwnHost('host-of-the-suite') : undefined
if (isEnterprise)
  await startSignInFront({
    port: Number(ports[0]),
    behind: Number(env('CONFORMANCE_BEHIND')),
    idToken: context['idp_id_token'] ?? '',
  })
/** The suite's identity provider looks at no client secret; the gateway has none without. */
const login = isEnterprise
  ? { issuer: context['idp_issuer'] ?? '', clientId: context['idp_client_id'] ?? '', clientSecret: 'not-looked-at' }
  : { issuer: env('CONFORMANCE_IDP') }
const front = await startGateway(
  { suite: { kind: 'http', url: process.argv.at(-1) ?? '', credential: credential() } },
  env('CONFORMANCE_LOG'),
  {
    ...(!isWorkload && { login }),
    ...(host && { authorizationServer: { clients: [{ id: host.id, name: 'Conformance host', redirectUris: [host.redirect] }] } }),
    outbound: ports.map(port => `localhost:${port}`),
    clientMetadataUrl: env('CONFORMANCE_DOCUMENT'),
  },
)

const person = new Person()
const told: string[] = []
let links = 0
async function follow(link: string): Promise<boolean> {
  if (++links > MOST_LINKS) throw new Error('the gateway gives links without end')
  const words = await person.follow(link)
  if (words !== undefined) told.push(words)
  return words === undefined
}

function newHost(): Client {
  const client = new Client(
    { name: 'conformance-host', version: '1.0.0' },
    { capabilities: { elicitation: { url: {} } }, ...(isModern && { versionNegotiation: { mode: 'auto' as const } }) },
  )
  // 2026-07-28: the link comes as a question inside the call.
  client.setRequestHandler('elicitation/create', async ({ params }) => ({
    action: 'url' in params && (await follow(params.url)) ? ('accept' as const) : ('cancel' as const),
  }))
  return client
}

/** 2025-11-25, and lists of both eras: the link stands in the error, and the host asks again. */
async function connected<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      const { data } = error as { readonly data?: { readonly url?: string; readonly elicitations?: readonly { readonly url: string }[] } }
      const link = data?.elicitations?.[0]?.url ?? data?.url
      if (link === undefined || told.length > 0 || !(await follow(link))) throw error
    }
  }
}

let isServed = false
try {
  const client = newHost()
  const bearer = host ? host.bearer(front.url('suite')) : front.bearer('suite')
  const headers = { authorization: `Bearer ${await bearer}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(front.url('suite')), { requestInit: { headers } }))
  if (!isModern) await connected(() => client.listTools())
  const { content } = await connected(() => client.callTool({ name: 'test-tool', arguments: {} }))
  const { tools } = await connected(() => client.listTools())
  const [first] = content
  const answer = first?.type === 'text' ? first.text : JSON.stringify(content)
  isServed = answer === 'test' && tools.some(({ name }) => name === 'test-tool')
  if (!isServed) told.push(`answered ${answer}, listed ${tools.map(({ name }) => name).join(' ')}`)
  await Promise.race([client.close(), new Promise(resolve => setTimeout(resolve, 1_000))])
} catch (error) {
  const { message, data } = error as { readonly message?: string; readonly data?: unknown }
  told.push(`${message ?? String(error)} ${JSON.stringify(data ?? {})}`)
}
const outcome: Outcome = { isServed, authorizations: links, told }
writeFileSync(env('CONFORMANCE_OUTCOME'), JSON.stringify(outcome, null, 2))
await Promise.race([front.stop(), new Promise(resolve => setTimeout(resolve, 3_000))])
process.exit(isServed ? 0 : 1)
