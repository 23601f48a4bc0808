// The host of the demo: the official SDK, driven as an agent would drive it. Loaded only when the demo runs.

import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { ConfiguredUpstream } from '../config/schema.ts'
import { MODERN_VERSION, type Era } from '../mcp/revisions.ts'

/** A question that reached the host, and what it answered. */
export type Asked = { readonly question: string; readonly answer: Readonly<Record<string, string | number | boolean>> }

export type CallEnd = { readonly text: string } | { readonly code: number; readonly message: string; readonly data?: unknown }

export type DemoHost = {
  /** revision spoken, e.g. `2026-07-28` */
  readonly version: string
  /** title or name of the server it sees */
  readonly peer: string
  /** every question so far */
  readonly asked: readonly Asked[]
  /** every `requestState` it was given to bring back (2026-07-28) */
  readonly states: readonly string[]
  tools(): Promise<readonly string[]>
  call(name: string, input: Readonly<Record<string, unknown>>): Promise<CallEnd>
  close(): Promise<void>
}

export type HostSettings = {
  readonly url: string
  readonly token: string
  readonly era: Era
  readonly version: string
  /** what a person would type, by question in order */
  readonly answers: readonly Asked['answer'][]
}

export async function connectHost({ url, token, era, version, answers }: HostSettings): Promise<DemoHost> {
  const client = new Client(
    { name: 'gatehouse-demo', version },
    {
      capabilities: { elicitation: { form: {} } },
      versionNegotiation: { mode: era === 'modern' ? { pin: MODERN_VERSION } : 'legacy' },
    },
  )
  const asked: Asked[] = []
  client.setRequestHandler('elicitation/create', ({ params }) => {
    const answer = answers[asked.length]
    if (!answer) return { action: 'decline' }
    asked.push({ question: params.message, answer })
    return { action: 'accept', content: { ...answer } }
  })
  const states: string[] = []
  const requestInit = { headers: { Authorization: `Bearer ${token}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit, fetch: watched(states) }))
  const peer = client.getServerVersion()
  return {
    version: client.getNegotiatedProtocolVersion() ?? 'unknown',
    peer: peer?.title ?? peer?.name ?? 'unknown',
    asked,
    states,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input) => {
      try {
        const { content } = await client.callTool({ name, arguments: { ...input } })
        return { text: content.map(block => (block.type === 'text' ? block.text : `(${block.type})`)).join('\n') }
      } catch (error) {
        if (error instanceof ProtocolError) return { code: error.code, message: error.message, data: error.data }
        throw error
      }
    },
    close: () => client.close(),
  }
}

/** The fetch the host uses, with an eye on the states that pass: the SDK carries them without showing them. */
function watched(states: string[]): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    if (response.headers.get('content-type')?.startsWith('application/json') !== true) return response
    const message: unknown = await response.clone().json()
    const result: unknown = typeof message === 'object' && message !== null && 'result' in message ? message.result : undefined
    const state: unknown = typeof result === 'object' && result !== null && 'requestState' in result ? result.requestState : undefined
    if (typeof state === 'string') states.push(state)
    return response
  }
}

/** The names of all tools a server has, asked directly: what the gateway leaves out can only be shown by going past it. */
export async function offeredBy({ transport }: ConfiguredUpstream): Promise<readonly string[]> {
  if (transport.kind !== 'stdio') return []
  const { command, args, env, cwd } = transport
  const client = new Client({ name: 'gatehouse-demo', version: '0' })
  try {
    await client.connect(
      new StdioClientTransport({ command, args: [...args], env: { ...env }, stderr: 'ignore', ...(cwd !== undefined && { cwd }) }),
    )
    return (await client.listTools()).tools.map(({ name }) => name)
  } finally {
    await client.close()
  }
}
