// Hosts as people have them: the official SDKs with their own OAuth client, which registers itself, sends its person to a browser and waits for the answer on loopback.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { UnauthorizedError as UnauthorizedErrorV1 } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { UrlElicitationRequiredError } from '@modelcontextprotocol/sdk/types.js'

type Answered = 'accept' | 'decline' | 'cancel'
/** Asked when the gateway wants the person in a browser; resolves when the person is done. */
type OnLink = (url: string) => Promise<Answered>

export type Host = {
  /** the address its person has to open; the host is not signed in yet */
  readonly signInUrl: string
  readonly redirectUri: string
  /** what came back to it: the query of its callback, in order; empty while the person has not answered */
  readonly answers: readonly URLSearchParams[]
  /** redeems the code that came back, and connects */
  finish(): Promise<void>
  tools(): Promise<readonly string[]>
  /** text of the tool's answer, after the retry where `onLink` accepted; errors reject */
  call(tool: string, onLink?: OnLink, args?: Record<string, unknown>): Promise<string>
  /** the access token it holds; '' = none */
  readonly token: string
  close(): Promise<void>
}

/** What differs between the two SDKs. */
type Sdk = Pick<Host, 'tools' | 'call'> & {
  /** resolves once the gateway has sent the host to sign in */
  connect(): Promise<void>
  finish(answer: URLSearchParams): Promise<void>
  close(): Promise<void>
}

/** Resolves once the gateway has sent it to sign in. `era`: 2026-07-28 with SDK 2, or 2025-11-25 with SDK 1. */
export async function startHost(mcpUrl: string, name = 'Example Editor', era: 'modern' | 'legacy' = 'modern'): Promise<Host> {
  const answers: URLSearchParams[] = []
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? '', 'http://x')
    if (url.pathname === '/callback') answers.push(url.searchParams)
    res
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end('<!doctype html><title>Back</title><h1>Back in the application</h1><p>You can close this page.</p>')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`
  const keeper = new Keeper(name, redirectUri)
  const sdk = (era === 'modern' ? modernSdk : legacySdk)(mcpUrl, keeper)
  await sdk.connect()
  return {
    ...sdk,
    signInUrl: keeper.signInUrl,
    redirectUri,
    answers,
    async finish() {
      const answer = answers.at(-1)
      if (!answer || answer.get('state') !== keeper.kept.state) throw new Error('the answer does not carry the state of this host')
      await sdk.finish(answer)
    },
    get token() {
      return String(keeper.kept.tokens?.access_token ?? '')
    },
    async close() {
      await sdk.close()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** The part of a host that the SDKs leave to it: keep things, open the browser. */
class Keeper {
  readonly redirectUrl: string
  readonly clientMetadata: {
    client_name: string
    redirect_uris: string[]
    grant_types: string[]
    token_endpoint_auth_method: string
  }
  readonly kept: { client?: any; tokens?: any; verifier?: string; discovery?: any; state?: string } = {}
  signInUrl = ''
  constructor(name: string, redirectUrl: string) {
    this.redirectUrl = redirectUrl
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    }
  }
  state = () => (this.kept.state = crypto.randomUUID())
  clientInformation = () => this.kept.client
  saveClientInformation = (client: unknown) => void (this.kept.client = client)
  tokens = () => this.kept.tokens
  saveTokens = (tokens: unknown) => void (this.kept.tokens = tokens)
  saveCodeVerifier = (verifier: string) => void (this.kept.verifier = verifier)
  codeVerifier = () => this.kept.verifier ?? ''
  saveDiscoveryState = (discovery: unknown) => void (this.kept.discovery = discovery)
  discoveryState = () => this.kept.discovery
  redirectToAuthorization = (url: URL) => void (this.signInUrl = url.href)
}

const textOf = (content: readonly { readonly type: string; readonly text?: string }[]): string =>
  content.map(block => block.text ?? block.type).join('\n')

/** Answers `input_required` by itself, and calls again. */
function modernSdk(mcpUrl: string, authProvider: Keeper): Sdk {
  let onLink: OnLink = async () => 'cancel'
  const client = new Client(
    { name: 'example-editor', version: '1.0.0' },
    { capabilities: { elicitation: { form: {}, url: {} } }, versionNegotiation: { mode: 'auto' } },
  )
  client.setRequestHandler('elicitation/create', async ({ params }) => ({
    action: params.mode === 'url' ? await onLink(params.url) : 'decline',
  }))
  const make = (): StreamableHTTPClientTransport => new StreamableHTTPClientTransport(new URL(mcpUrl), { authProvider })
  const first = make()
  return {
    async connect() {
      await client.connect(first).catch((error: unknown) => {
        if (!(error instanceof UnauthorizedError)) throw error
      })
    },
    async finish(answer) {
      await first.finishAuth(answer)
      await client.connect(make())
    },
    tools: async () => (await client.listTools()).tools.map(tool => tool.name),
    async call(tool, ask = async () => 'cancel', args = {}) {
      onLink = ask
      const { content } = await client.callTool({ name: tool, arguments: args })
      return textOf(content)
    },
    close: () => client.close(),
  }
}

/** Gets error -32042 with the link, and it is the host's own matter to call again. */
function legacySdk(mcpUrl: string, authProvider: Keeper): Sdk {
  const client = new ClientV1({ name: 'example-editor', version: '1.0.0' }, { capabilities: { elicitation: { form: {}, url: {} } } })
  const make = (): TransportV1 => new TransportV1(new URL(mcpUrl), { authProvider })
  const first = make()
  const once = async (tool: string, args: Record<string, unknown>): Promise<string> => {
    const { content } = await client.callTool({ name: tool, arguments: args })
    return textOf(content as { type: string; text?: string }[])
  }
  return {
    async connect() {
      await client.connect(first).catch((error: unknown) => {
        if (!(error instanceof UnauthorizedErrorV1)) throw error
      })
    },
    async finish(answer) {
      await first.finishAuth(answer.get('code') ?? '')
      await client.connect(make())
    },
    tools: async () => (await client.listTools()).tools.map(tool => tool.name),
    async call(tool, ask = async () => 'cancel', args = {}) {
      try {
        return await once(tool, args)
      } catch (error) {
        if (!(error instanceof UrlElicitationRequiredError)) throw error
        if ((await ask(error.elicitations[0]?.url ?? '')) !== 'accept') throw error
        return once(tool, args)
      }
    },
    close: () => client.close(),
  }
}
