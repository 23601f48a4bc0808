// How soon an approval reaches the host that waits for it: a call that needs one is held in its host's exchange, somebody approves it by the admin API, and the call
// goes on to its result.

import { setTimeout as wait } from 'node:timers/promises'
import { startGateway, type Gateway } from './gateway.ts'
import { ENVELOPE } from './messages.ts'
import { median, percentile, round } from './stats.ts'
import { httpUpstream } from './targets.ts'

export type ApprovalFigure = {
  readonly what: string
  readonly approvals: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly worstMs: number
}

const RULES = `
@id("everyone.all") permit (principal, action, resource);
@id("people.first") @obligation("approval") @approvers("approvers")
forbid (principal, action == MCP::Action::"tools/call", resource) unless { context has approval };
`
/** Long enough that the call waits in the gateway when it is approved. */
const SETTLE_MS = 25
const HOST = { ...ENVELOPE, 'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } } }

type Json = Readonly<Record<string, any>>
type Waiting = { readonly id: string; readonly answered: Promise<{ readonly atMs: number; readonly text: string }> }

/** `count` approvals, one after the other, while `others` calls of other people wait as well. */
export async function measureApprovals(count: number, others: number): Promise<ApprovalFigure[]> {
  const upstream = await httpUpstream({ era: 'modern', transport: 'http', tools: 10 })
  const gateway = await startGateway({
    upstreams: { bench: { era: 'modern', at: upstream } },
    principals: others + 1,
    rules: RULES,
    approvers: 'approvers',
  })
  try {
    const figures = [await figureOf(gateway, count, 'nobody else waits')]
    const crowd: Waiting[] = []
    for (let i = 1; i <= others; i += 1) crowd.push(await begin(gateway, i, `other ${i}`))
    for (const each of crowd) each.answered.catch(() => {}) // the gateway stops before they end
    figures.push(await figureOf(gateway, count, `${others} other calls wait`))
    return figures
  } finally {
    await gateway.stop()
    await upstream.stop()
  }
}

async function figureOf(gateway: Gateway, count: number, what: string): Promise<ApprovalFigure> {
  const ms: number[] = []
  for (let i = 0; i < count; i += 1) {
    const text = `${what}, call ${i}`
    const { id, answered } = await begin(gateway, 0, text)
    await wait(SETTLE_MS)
    const { approval } = await act(gateway, 'show', { id })
    await act(gateway, 'approve', { id, digest: approval.digest })
    const approvedMs = performance.now()
    const answer = await answered
    if (answer.text !== text) throw new Error(`not the answer of its call: ${answer.text}`)
    // The host may have it before the approver hears that it was taken.
    ms.push(Math.max(0, answer.atMs - approvedMs))
  }
  return {
    what,
    approvals: count,
    p50Ms: round(median(ms)),
    p99Ms: round(percentile(ms, 0.99)),
    worstMs: round(Math.max(...ms)),
  }
}

/** A call that is asked to send its person to a page, comes back, and waits. */
async function begin(gateway: Gateway, principal: number, text: string): Promise<Waiting> {
  const first = await call(gateway, principal, { text })
  const { requestState, inputRequests } = first['result'] ?? {}
  const [[key, { params }]] = Object.entries(inputRequests ?? {}) as [[string, Json]]
  const answer = { requestState, inputResponses: { [key]: { action: 'accept' } } }
  const answered = call(gateway, principal, { text }, answer).then(({ result }) => ({
    atMs: performance.now(),
    text: String(result?.content?.[0]?.text),
  }))
  return { id: String(params.url).split('/').at(-1) ?? '', answered }
}

const call = (gateway: Gateway, principal: number, args: object, more: object = {}): Promise<Json> =>
  post(gateway.url, {
    headers: { ...gateway.headers[principal], 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' },
    body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: args, ...more, _meta: HOST } },
  })

async function act({ port, approver }: Gateway, name: string, body: object): Promise<Json> {
  const said = await post(`http://127.0.0.1:${port}/admin/approvals/${name}`, { headers: approver, body })
  if (said['error'] !== undefined) throw new Error(`${name}: ${JSON.stringify(said['error'])}`)
  return said
}

async function post(url: string, { headers, body }: { headers: Record<string, string>; body: object }): Promise<Json> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify(body),
  })
  return (await answer.json()) as Json
}
