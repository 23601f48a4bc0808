// The official SDK's own OAuth client on the suite's auth scenarios: the mark that the gateway has to reach. The browser is a GET of the authorization URL,
// whose redirect holds the code. CONFORMANCE_* come from auth-clients.ts.

import { appendFileSync } from 'node:fs'
import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type OAuthClientProvider,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client'

const env = (name: string): string => process.env[name] ?? ''
const isModern = env('MCP_CONFORMANCE_PROTOCOL_VERSION') === '2026-07-28'
const context = JSON.parse(env('MCP_CONFORMANCE_CONTEXT') || '{}') as Readonly<Record<string, string | undefined>>
/** What an application bears with before it gives up; the SDK leaves that to it. */
const MOST_TRIES = 2
const CALLBACK = 'http://localhost:33418/callback'

setTimeout(() => process.exit(2), Number(env('CONFORMANCE_DRIVE_MS') || '20000')).unref()

class MemoryProvider implements OAuthClientProvider {
  readonly redirectUrl = CALLBACK
  readonly clientMetadataUrl = env('CONFORMANCE_DOCUMENT')
  readonly clientMetadata = {
    client_name: 'conformance-host',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    application_type: 'native',
  }
  answer: URLSearchParams | undefined
  #client: StoredOAuthClientInformation | undefined =
    context['client_id'] === undefined
      ? undefined
      : { client_id: context['client_id'], ...(context['client_secret'] !== undefined && { client_secret: context['client_secret'] }) }
  #tokens: StoredOAuthTokens | undefined
  #verifier = ''

  clientInformation(): StoredOAuthClientInformation | undefined {
    return this.#client
  }
  saveClientInformation(client: StoredOAuthClientInformation): void {
    this.#client = client
  }
  tokens(): StoredOAuthTokens | undefined {
    return this.#tokens
  }
  saveTokens(tokens: StoredOAuthTokens): void {
    this.#tokens = tokens
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }
  codeVerifier(): string {
    return this.#verifier
  }
  invalidateCredentials(scope: string): void {
    if (scope === 'all' || scope === 'tokens') this.#tokens = undefined
    if (scope === 'all' || scope === 'client') this.#client = undefined
  }
  async redirectToAuthorization(url: URL): Promise<void> {
    const { headers } = await fetch(url, { redirect: 'manual' })
    this.answer = new URL(headers.get('location') ?? CALLBACK).searchParams
  }
}

const provider = new MemoryProvider()
const transport = (): StreamableHTTPClientTransport =>
  new StreamableHTTPClientTransport(new URL(process.argv.at(-1) ?? ''), { authProvider: provider })

/** Does it again as often as the SDK says that the person has authorized meanwhile. */
async function authorized<T>(at: () => StreamableHTTPClientTransport, act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act()
    } catch (error) {
      const { answer } = provider
      if (!(error instanceof UnauthorizedError) || !answer || tries > MOST_TRIES) throw error
      provider.answer = undefined
      await at().finishAuth(answer)
    }
  }
}

try {
  const host = new Client(
    { name: 'conformance-host', version: '1.0.0' },
    { ...(isModern && { versionNegotiation: { mode: 'auto' as const } }) },
  )
  let current = transport()
  await authorized(
    () => current,
    () => {
      current = transport()
      return host.connect(current)
    },
  )
  await authorized(
    () => current,
    () => host.listTools(),
  )
  await authorized(
    () => current,
    () => host.callTool({ name: 'test-tool', arguments: {} }),
  )
  await Promise.race([host.close(), new Promise(resolve => setTimeout(resolve, 1_000))])
  process.exit(0)
} catch (error) {
  appendFileSync(env('CONFORMANCE_LOG'), `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
