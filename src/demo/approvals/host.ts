// The host of the approvals demo: the official SDK, with a person who answers forms and a model that answers. It says what reached either.

import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { MODERN_VERSION } from '../../mcp/revisions.ts'
import type { CallEnd } from '../host.ts'
import type { Timeline } from './timeline.ts'

export type AskedHost = {
  /** every question that reached its person or its model so far */
  readonly asked: readonly { readonly method: string; readonly text: string }[]
  call(server: string, tool: string, input: Readonly<Record<string, unknown>>): Promise<CallEnd>
  close(): Promise<void>
}

/** What the person types. */
export const COLLEAGUE = 'Grace'

/** `url`: of `/servers`, without a trailing slash. `token`: for the endpoint of one server. */
export function askedHost(
  { url, version, token }: { readonly url: string; readonly version: string; readonly token: (path: string) => Promise<string> },
  timeline: Timeline,
): AskedHost {
  const asked: { method: string; text: string }[] = []
  const clients = new Map<string, Client>()
  const hear = (method: string, text: string): void => {
    asked.push({ method, text })
    timeline.add('host', `is asked, ${method}: ${text}`)
  }
  async function clientOf(server: string): Promise<Client> {
    const known = clients.get(server)
    if (known) return known
    const client = new Client(
      { name: 'gatehouse-demo', version },
      { capabilities: { elicitation: { form: {} }, sampling: {} }, versionNegotiation: { mode: { pin: MODERN_VERSION } } },
    )
    client.setRequestHandler('elicitation/create', ({ params }) => {
      hear('elicitation/create', params.message)
      timeline.add('host', `its person answers: colleague = ${COLLEAGUE}`)
      return { action: 'accept', content: { colleague: COLLEAGUE } }
    })
    client.setRequestHandler('sampling/createMessage', ({ params }) => {
      hear('sampling/createMessage', JSON.stringify(params.messages))
      return { role: 'assistant', model: 'demo-model', content: { type: 'text', text: 'Three nights by the sea.' } }
    })
    const path = `/servers/${server}/mcp`
    const requestInit = { headers: { Authorization: `Bearer ${await token(path)}` } }
    await client.connect(new StreamableHTTPClientTransport(new URL(url + path), { requestInit }))
    clients.set(server, client)
    return client
  }
  return {
    asked,
    async call(server, tool, input) {
      const client = await clientOf(server)
      timeline.add('host', `calls ${tool} of ${server} with ${JSON.stringify(input)}`)
      try {
        const { content } = await client.callTool({ name: tool, arguments: { ...input } })
        const text = content.map(block => (block.type === 'text' ? block.text : `(${block.type})`)).join('\n')
        timeline.add('host', `gets: ${text}`)
        return { text }
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        const { code, message, data } = error
        timeline.add('host', `gets error ${code}, reason ${reasonIn(data)}: ${message}`)
        return { code, message, data }
      }
    },
    async close() {
      for (const client of clients.values()) await client.close().catch(() => {}) // the gateway is stopped next, whatever a host says
    },
  }
}

/** '' where there is none. */
export const reasonIn = (data: unknown): string =>
  typeof data === 'object' && data !== null && 'reason' in data ? String(data.reason) : ''
