// The "client under test" of the suite's client scenarios: a gateway whose upstream is the suite's server (last argument), and an
// SDK host that talks through it. Called by the suite through a shell; see research in docs/conformance.md (client suites).
// CONFORMANCE_FRONT, CONFORMANCE_HOST (modern | legacy), CONFORMANCE_LOG and CONFORMANCE_DRIVE_MS come from clients.ts.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { startFront, type FrontKind } from './fronts.ts'
import type { Front } from './gateway.ts'

const env = (name: string): string => process.env[name] ?? ''
const scenario = env('MCP_CONFORMANCE_SCENARIO')
const isModern = env('CONFORMANCE_HOST') === 'modern'
const context = JSON.parse(env('MCP_CONFORMANCE_CONTEXT') || '{}') as { toolCalls?: { name: string; arguments: Record<string, unknown> }[] }

// The suite kills only the shell it started, so the driver ends itself first; its exit takes the gateway's process group along.
setTimeout(() => process.exit(2), Number(env('CONFORMANCE_DRIVE_MS') || '20000')).unref()

const front = await startFront(
  env('CONFORMANCE_FRONT') as FrontKind,
  { suite: { kind: 'http', url: process.argv.at(-1) ?? '' } },
  env('CONFORMANCE_LOG'),
)
const bearer = await front.bearer('suite')
const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }

/** A modern host without any check of its own: it calls whatever the list shows (the SDK's host hides invalid tools itself). */
async function callEverything(through: Front): Promise<void> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'naive-host', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const post = async (method: string, params: Record<string, unknown>, extra: Record<string, string>): Promise<unknown> => {
    const answer = await fetch(through.url('suite'), {
      method: 'POST',
      headers: {
        ...headers,
        ...extra,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
    })
    return answer.headers.get('content-type') === 'application/json' ? answer.json() : answer.text()
  }
  const { result } = (await post('tools/list', {}, {})) as { result?: { tools: { name: string }[] } }
  for (const { name } of result?.tools ?? []) {
    await post('tools/call', { name, arguments: { region: 'us-west1' } }, { 'mcp-name': name, 'mcp-param-region': 'us-west1' })
  }
}

function newHost(): Client {
  const host = new Client(
    { name: 'conformance-host', version: '1.0.0' },
    {
      capabilities: { roots: { listChanged: true }, sampling: {}, elicitation: { form: { applyDefaults: true } } },
      ...(isModern && { versionNegotiation: { mode: 'auto' as const } }),
    },
  )
  host.setRequestHandler('elicitation/create', () => ({
    action: 'accept' as const,
    content: scenario.startsWith('sep-2322') ? { confirmed: true } : {},
  }))
  return host
}

/** Asks for every list; the gateway keeps what they hold (admissions.ts). */
async function listAll(host: Client): Promise<void> {
  await host.listTools()
  await host.listPrompts()
  await host.listResources()
  await host.listResourceTemplates()
}

/** What a host does with each scenario's server. */
async function act(host: Client): Promise<void> {
  const { tools } = await host.listTools()
  const first = tools[0]?.name ?? ''
  switch (scenario) {
    case 'initialize':
    case 'json-schema-ref-no-deref':
      return
    case 'tools_call':
      await host.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } })
      return
    case 'http-custom-headers':
      for (const call of context.toolCalls ?? []) await host.callTool(call)
      return
    case 'http-standard-headers': {
      await host.callTool({ name: first, arguments: {} })
      const { resources } = await host.listResources()
      await host.readResource({ uri: resources[0]?.uri ?? '' })
      const { prompts } = await host.listPrompts()
      await host.getPrompt({ name: prompts[0]?.name ?? '' })
      return
    }
    case 'json-schema-2020-12-preservation':
      await host.callTool({ name: tools[1]?.name ?? '', arguments: { schema: tools[0]?.inputSchema } })
      return
    default:
      for (const tool of tools) await host.callTool({ name: tool.name, arguments: { region: 'us-west1' } }).catch(() => undefined)
  }
}

let code = 0
try {
  const isRecorded = process.env['CONFORMANCE_RECORD'] !== undefined
  const isNaive = !isRecorded && scenario === 'http-invalid-tool-headers' && isModern && env('CONFORMANCE_FRONT') === 'gateway'
  if (isNaive) await callEverything(front)
  else {
    const host = newHost()
    await host.connect(new StreamableHTTPClientTransport(new URL(front.url('suite')), { requestInit: { headers } }))
    if (isRecorded) await listAll(host)
    else if (scenario !== 'request-metadata') await act(host)
    await Promise.race([host.close(), new Promise(resolve => setTimeout(resolve, 1_000))])
  }
} catch (error) {
  console.error(error)
  code = 1
}
await Promise.race([front.stop(), new Promise(resolve => setTimeout(resolve, 3_000))])
process.exit(code)
