// Genuine 2026-era upstreams on the v2 SDK: `node sdk-v2.ts` serves stdio, modern only; `startV2` serves HTTP in this process.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toNodeHandler } from '@modelcontextprotocol/node'
import {
  acceptedContent,
  createMcpHandler,
  createRequestStateCodec,
  inputRequired,
  ProtocolError,
  Server,
} from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

const FORM = { message: 'your name?', requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } } }
const text = (value: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text: value }] })
const codec = createRequestStateCodec<{ name: string }>({ key: 'k'.repeat(32) })
export const seenV2 = { aborted: 0 }

function buildV2(): Server {
  const server = new Server(
    { name: 'v2', version: '1' },
    {
      capabilities: { tools: { listChanged: true }, logging: {}, resources: { subscribe: true, listChanged: true } },
      instructions: 'v2 upstream',
      requestState: { verify: codec.verify },
    },
  )
  server.setRequestHandler('tools/list', () => ({
    tools: [{ name: 'echo', inputSchema: { type: 'object' } }],
    ttlMs: 1000,
    cacheScope: 'private',
  }))
  server.setRequestHandler('resources/subscribe', () => ({}))
  server.setRequestHandler('resources/unsubscribe', () => ({}))
  server.setRequestHandler('tools/call', async (request, context) => {
    const { name, arguments: given = {} } = request.params
    if (name === 'echo') return text(String(given['text']))
    if (name === 'ask') {
      const state = context.mcpReq.requestState<{ name: string }>()
      const answer = acceptedContent<{ name?: string }>(context.mcpReq.inputResponses, 'name')
      if (!answer) return inputRequired({ inputRequests: { name: inputRequired.elicit(FORM) } })
      if (!state)
        return inputRequired({
          inputRequests: { name: inputRequired.elicit(FORM) },
          requestState: await codec.mint({ name: answer.name ?? '' }, context),
        })
      return text(`${state.name} and ${answer.name}`)
    }
    if (name === 'slow') {
      const token = context.mcpReq._meta?.progressToken
      for (let progress = 1; progress <= 3; progress++) {
        if (token !== undefined)
          await context.mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, progress, total: 3 } })
        await context.mcpReq.log('info', `step ${progress}`)
      }
      return text('done')
    }
    if (name === 'wait') {
      await new Promise(resolve => context.mcpReq.signal.addEventListener('abort', resolve))
      seenV2.aborted++
      return text('aborted')
    }
    if (name === 'change') {
      await server.sendToolListChanged()
      await server.sendResourceUpdated({ uri: 'r://1' })
      return text('changed')
    }
    throw new ProtocolError(-32602, `Unknown tool: ${name}`)
  })
  return server
}

export type StartedV2 = { readonly url: string; touch(): void; close(): Promise<void> }

export async function startV2(): Promise<StartedV2> {
  const handler = createMcpHandler(buildV2, { legacy: 'reject' })
  const handle = toNodeHandler(handler)
  const http = createServer((request, response) => void handle(request as never, response as never))
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    touch: () => {
      handler.notify.toolsChanged()
      handler.notify.resourceUpdated('r://1')
    },
    close: () =>
      new Promise(resolve => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
}

if (import.meta.main) serveStdio(buildV2, { legacy: 'reject' })
