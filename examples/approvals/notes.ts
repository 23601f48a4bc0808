// A small MCP server of our own for `npm run demo -- approvals`, on the 2025-11-25 line of the SDK: while it works on a call it sends a request of its own and waits.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { keepDiary } from './diary.ts'

const WHOM = {
  mode: 'form' as const,
  message: 'Which colleague shall get the notes?',
  requestedSchema: {
    type: 'object' as const,
    properties: { colleague: { type: 'string' as const, title: 'Colleague' } },
    required: ['colleague'],
  },
}

const server = new McpServer({ name: 'notes', title: 'Notes of meetings', version: '1.0.0' })
server.registerTool('pass_on', { title: 'Pass on', description: 'Passes the notes of the last meeting on. Asks to whom.' }, async extra => {
  const { action, content } = await extra.sendRequest({ method: 'elicitation/create', params: WHOM }, ElicitResultSchema)
  const text = action === 'accept' ? `Passed on to ${String(content?.['colleague'])}.` : 'Passed on to nobody.'
  return { content: [{ type: 'text', text }] }
})

keepDiary()
await server.connect(new StdioServerTransport())
