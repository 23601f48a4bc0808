// A small MCP server of our own for `npm run demo`: booking a table takes two questions, and the second depends on the answer to the first.
// No reference server asks twice within one call. It keeps nothing between rounds (MCP 2026-07-28): the first answer travels in `requestState`.

import { randomBytes } from 'node:crypto'
import { acceptedContent, createRequestStateCodec, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

type When = { readonly evening: string; readonly guests: number }

const WHEN = {
  message: 'For which evening, and how many guests?',
  requestedSchema: {
    type: 'object' as const,
    properties: {
      evening: { type: 'string' as const, title: 'Evening' },
      guests: { type: 'integer' as const, title: 'Guests', minimum: 1, maximum: 12 },
    },
    required: ['evening', 'guests'],
  },
}
const CONFIRM = {
  type: 'object' as const,
  properties: { book: { type: 'boolean' as const, title: 'Book it' } },
  required: ['book'],
}
const text = (value: string): { content: { type: 'text'; text: string }[] } => ({ content: [{ type: 'text', text: value }] })

// One process serves one caller, and the key lives as long as the process: a booking that is interrupted begins anew.
const codec = createRequestStateCodec<When>({ key: randomBytes(32) })

function build(): McpServer {
  const server = new McpServer(
    { name: 'booking', title: 'Table booking', version: '1.0.0' },
    { requestState: { verify: (state, context) => codec.verify(state, context) } },
  )
  const inputSchema = fromJsonSchema<{ restaurant: string }>({
    type: 'object',
    properties: { restaurant: { type: 'string' } },
    required: ['restaurant'],
  })
  const about = {
    title: 'Book a table',
    description: 'Books a table. Asks for the evening and the guests, then for a confirmation.',
    inputSchema,
  }
  server.registerTool('book_table', about, async ({ restaurant }, { mcpReq }) => {
    const { inputResponses } = mcpReq
    const agreed = mcpReq.requestState<When>()
    if (agreed) {
      const isBooked = acceptedContent<{ book: boolean }>(inputResponses, 'confirm')?.book === true
      return text(isBooked ? `Booked: ${restaurant}, ${agreed.evening}, a table for ${agreed.guests}.` : 'No table was booked.')
    }
    const when = acceptedContent<When>(inputResponses, 'when')
    if (!when) return inputResponses ? text('No table was booked.') : inputRequired({ inputRequests: { when: inputRequired.elicit(WHEN) } })
    const message = `${restaurant}, ${when.evening}, a table for ${when.guests}: book it?`
    return inputRequired({
      inputRequests: { confirm: inputRequired.elicit({ message, requestedSchema: CONFIRM }) },
      requestState: await codec.mint(when),
    })
  })
  return server
}

serveStdio(build)
