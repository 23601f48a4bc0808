// A host as people have one: the official SDK with its own OAuth client, which registers itself, sends its person to a browser and waits for the answer on loopback.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client, StreamableHTTPClientTransport, UnauthorizedError, type OAuthClientProvider } from '@modelcontextprotocol/client'

export type Host = {
  /** the address its person has to open; the host is not signed in yet */
  readonly signInUrl: string
  readonly redirectUri: string
  /** what came back to it: the query of its callback, in order; empty while the person has not answered */
  readonly answers: readonly URLSearchParams[]
  /** redeems the code that came back, and connects */
  finish(): Promise<void>
  tools(): Promise<readonly string[]>
  /** text of the tool's answer; errors reject. `onLink` is asked when the gateway wants its person in a browser (elicitation by URL). */
  call(tool: string, onLink?: (url: string) => Promise<'accept' | 'decline' | 'cancel'>): Promise<string>
  /** the access token it holds; '' = none */
  readonly token: string
  close(): Promise<void>
}

type Kept = { client?: any; tokens?: any; verifier?: string; discovery?: any; state?: string }

/** Resolves once the gateway has sent it to sign in. */
export async function startHost(mcpUrl: string, name = 'Example Editor'): Promise<Host> {
  const answers: URLSearchParams[] = []
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '', 'http://x')
    if (url.pathname === '/callback') answers.push(url.searchParams)
    res
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(`<!doctype html><title>${name}</title><h1>Back in ${name}</h1><p>You can close this page.</p>`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`

  const kept: Kept = {}
  let signInUrl = ''
  const authProvider: OAuthClientProvider = {
    redirectUrl: redirectUri,
    clientMetadata: {
      client_name: name,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    state: () => (kept.state = crypto.randomUUID()),
    clientInformation: () => kept.client,
    saveClientInformation: information => void (kept.client = information),
    tokens: () => kept.tokens,
    saveTokens: tokens => void (kept.tokens = tokens),
    saveCodeVerifier: verifier => void (kept.verifier = verifier),
    codeVerifier: () => kept.verifier ?? '',
    saveDiscoveryState: discovery => void (kept.discovery = discovery),
    discoveryState: () => kept.discovery,
    redirectToAuthorization: url => void (signInUrl = url.href),
  }
  let onLink: (url: string) => Promise<'accept' | 'decline' | 'cancel'> = async () => 'cancel'
  const client = new Client(
    { name: 'example-editor', version: '1.0.0' },
    { capabilities: { elicitation: { form: {}, url: {} } }, versionNegotiation: { mode: 'auto' } },
  )
  client.setRequestHandler('elicitation/create', async ({ params }) => ({
    action: params.mode === 'url' ? await onLink(params.url) : 'decline',
  }))
  const make = (): StreamableHTTPClientTransport => new StreamableHTTPClientTransport(new URL(mcpUrl), { authProvider })
  const first = make()
  await client.connect(first).catch((error: unknown) => {
    if (!(error instanceof UnauthorizedError)) throw error
  })
  return {
    signInUrl,
    redirectUri,
    answers,
    async finish() {
      const answer = answers.at(-1)
      if (!answer || answer.get('state') !== kept.state) throw new Error('the answer does not carry the state of this host')
      await first.finishAuth(answer)
      await client.connect(make())
    },
    tools: async () => (await client.listTools()).tools.map(tool => tool.name),
    async call(tool, ask = async () => 'cancel') {
      onLink = ask
      const { content } = await client.callTool({ name: tool, arguments: {} })
      return content.map(block => (block.type === 'text' ? block.text : block.type)).join('\n')
    },
    get token() {
      return String(kept.tokens?.access_token ?? '')
    },
    async close() {
      await client.close()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
