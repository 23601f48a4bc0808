// A stdio server that takes a key from its environment: says which (as a digest), who it is, and, asked to, shows the key as careless servers do.

import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'

const key = process.env['API_KEY'] ?? ''
const text = (value: unknown): object => ({ content: [{ type: 'text', text: JSON.stringify(value) }] })
const say = (message: object): void => void process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
const error = (id: unknown, message: string): void => say({ id, error: { code: -32603, message } })

const tools: Readonly<Record<string, (id: unknown) => void>> = {
  whoami: id =>
    say({ id, result: text({ pid: process.pid, key: createHash('sha256').update(key).digest('hex'), names: Object.keys(process.env) }) }),
  'show-key': id => say({ id, result: text({ environment: { API_KEY: key } }) }),
  'fail-with-key': id => error(id, `the API refused the key ${key}`),
  'log-key': id => {
    say({ method: 'notifications/message', params: { level: 'error', data: `using ${key}` } })
    say({ method: 'notifications/message', params: { level: 'error', data: 'using a key' } })
    say({ id, result: text('logged') })
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as { id?: unknown; method?: string; params?: any }
  if (id === undefined) continue
  if (method === 'initialize')
    say({
      id,
      result: {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {}, logging: {} },
        serverInfo: { name: 'keyed', version: '1' },
        instructions: 'Ask.',
      },
    })
  else if (method === 'tools/list')
    say({ id, result: { tools: Object.keys(tools).map(name => ({ name, description: 'x', inputSchema: { type: 'object' } })) } })
  else if (method === 'logging/setLevel') say({ id, result: {} })
  else if (method === 'tools/call' && Object.hasOwn(tools, params.name)) tools[params.name]?.(id)
  else say({ id, error: { code: -32601, message: 'Method not found' } })
}
