// One request per set of client capabilities before the suite looks at its watch (it allows 500 ms from a cold start):
// a gateway starts processes and sessions per principal and capabilities, on demand.

import type { Revision } from './suite.ts'

const SETS = [{}, { elicitation: {} }, { sampling: {} }, { sampling: {}, elicitation: {}, roots: { listChanged: true } }]
const clientInfo = { name: 'warm-up', version: '1.0.0' }

async function modern(url: string, headers: Record<string, string>, capabilities: object): Promise<void> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': clientInfo,
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  }
  const own = { ...headers, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' }
  const answer = await fetch(url, {
    method: 'POST',
    headers: own,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta } }),
  })
  await answer.text()
}

async function legacy(url: string, headers: Record<string, string>, capabilities: object): Promise<void> {
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo }
  const answer = await fetch(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  })
  await answer.text()
  const session = answer.headers.get('mcp-session-id')
  if (session === null) return
  const own = { ...headers, 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }
  await (await fetch(url, { method: 'POST', headers: own, body: JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' }) })).text()
  await (await fetch(url, { method: 'DELETE', headers: own })).text()
}

/** Failures are not the warm-up's to report: the suite will find them. */
export async function warmUp(url: string, revision: Revision, bearer: string | undefined): Promise<void> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
  }
  for (const capabilities of SETS) {
    await (revision === '2026-07-28' ? modern : legacy)(url, headers, capabilities).catch(() => undefined)
  }
}
