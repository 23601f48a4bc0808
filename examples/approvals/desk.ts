// A small MCP server of our own for `npm run demo -- approvals`, on the 2026-07-28 line of the SDK: it asks by answering `input_required`, for the host's model and for its person.

import { acceptedContent, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { keepDiary } from './diary.ts'

const text = (value: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text: value }] })
const NIGHTS = {
  message: 'For how many nights?',
  requestedSchema: {
    type: 'object' as const,
    properties: { nights: { type: 'integer' as const, title: 'Nights', minimum: 1, maximum: 30 } },
    required: ['nights'],
  },
}

function build(): McpServer {
  const server = new McpServer({ name: 'desk', title: 'The front desk', version: '1.0.0' })
  const inputSchema = fromJsonSchema<{ wish: string }>({
    type: 'object',
    properties: { wish: { type: 'string' } },
    required: ['wish'],
  })
  const plan = { title: 'Plan a stay', description: 'Plans a stay. Has the model of the host write it.', inputSchema }
  server.registerTool('plan_stay', plan, ({ wish }, { mcpReq: { inputResponses } }) => {
    if (inputResponses) return text('Planned.')
    const content = { type: 'text' as const, text: `Plan a stay for guests who wish: ${wish}` }
    return inputRequired({
      inputRequests: { plan: inputRequired.createMessage({ messages: [{ role: 'user', content }], maxTokens: 200 }) },
    })
  })
  const book = { title: 'Book a room', description: 'Books a room. Asks for how many nights.', inputSchema }
  server.registerTool('book_room', book, ({ wish }, { mcpReq: { inputResponses } }) => {
    const stay = acceptedContent<{ nights: number }>(inputResponses, 'stay')
    if (stay) return text(`Booked for ${stay.nights} nights: ${wish}.`)
    return inputResponses ? text('No room was booked.') : inputRequired({ inputRequests: { stay: inputRequired.elicit(NIGHTS) } })
  })
  return server
}

keepDiary()
serveStdio(build)
