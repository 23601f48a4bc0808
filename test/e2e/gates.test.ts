// The matrix of what needs a human: {sampling, form, URL, roots, risky call} x {allow, ask, refuse} x hosts and upstreams of both eras, over HTTP with both SDKs.
// What is impossible in a quadrant refuses with the documented error, and nobody was asked.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { agreeable, failureOf, REVISIONS, textOf, type Host } from './support/hosts.ts'
import { quadrant } from './support/quadrants.ts'
import { startWorld, type Kind, type World } from './support/world.ts'

const RULES = `
@id("everything") permit (principal, action, resource);
@id("ask-calls") @obligation("approval") @approvers("self")
forbid (principal, action == MCP::Action::"tools/call", resource in MCP::Label::"ask") when { resource.name == "echo" } unless { context has approval };
@id("ask-questions") @obligation("approval") @approvers("self")
forbid (principal, action in MCP::Action::"ask", resource in MCP::Label::"ask") unless { context has approval };
@id("refuse-calls") forbid (principal, action == MCP::Action::"tools/call", resource in MCP::Label::"refuse") when { resource.name == "echo" };
@id("refuse-questions") forbid (principal, action in MCP::Action::"ask", resource in MCP::Label::"refuse");
`
const OVER: readonly Kind[] = ['v1-http', 'v2-http']
const OUTCOMES = ['allow', 'ask', 'refuse'] as const
/** tool of the upstream, what it asks the host by, and what it says once that was answered */
const QUESTIONS = [
  ['sampling', 'sample', 'sampling/createMessage', 'Paris'],
  ['elicitation form', 'ask-twice', 'elicitation/create', 'Ada and Bob'],
  ['elicitation URL', 'visit', 'elicitation/create', 'accept'],
  ['roots', 'roots', 'roots/list', 'file:///home/ada/project'],
] as const

let folder: string
let world: World
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-gates-'))
  mkdirSync(join(folder, 'authz'), { recursive: true })
  writeFileSync(join(folder, 'authz/test.cedar'), RULES)
  const specs = OVER.flatMap(kind => OUTCOMES.map(outcome => [`${kind}-${outcome}`, { kind, settings: { labels: [outcome] } }] as const))
  world = await startWorld(Object.fromEntries(specs), {
    policies: { folder },
    operators: ['root'],
    approvals: { selfFrom: 'other-client' },
  })
})
afterAll(async () => {
  await world.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** The person whose host it is lets through whatever waits for them, until `calling` ends. */
async function lettingThrough<T>(calling: Promise<T>): Promise<T> {
  let isOver = false
  const ends = calling.finally(() => (isOver = true))
  ends.catch(() => {})
  const token = await world.token('/admin', { client_id: 'terminal' })
  const act = async (name: string, body?: object): Promise<any> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const asked = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers }
    return (await fetch(`${world.url}/admin/approvals/${name}`, asked)).json()
  }
  while (!isOver) {
    const { approvals } = await act('list')
    for (const { id, digest, state } of approvals) if (state === 'pending') await act('approve', { id, digest })
    await new Promise(setImmediate)
  }
  return ends
}

const CELLS = REVISIONS.flatMap(revision =>
  OVER.flatMap(kind => OUTCOMES.map(outcome => ({ ...quadrant(revision, kind, 'alone', `${kind}-${outcome}`), outcome }))),
)

describe.each(CELLS)('$outcome: host $revision, upstream $kind', q => {
  const { outcome, hostEra, upstreamEra } = q
  let host: Host
  let since = 0
  let mark = 0
  beforeAll(async () => {
    host = await q.connect(world)
  })
  afterAll(() => host.close())
  beforeEach(() => {
    host.person = agreeable()
    mark = host.asked.mark
    since = world.events().length
  })
  const recorded = (): Record<string, any>[] =>
    world
      .events()
      .slice(since)
      .filter(e => e['type'] === 'server-request')

  it.each(QUESTIONS)('%s', async (_, tool, method, answer) => {
    if (outcome === 'allow') {
      expect(textOf(await host.call(tool))).toContain(answer)
      expect(host.asked.since(mark).map(each => each.method)).toContain(method)
      expect(recorded()).toContainEqual(expect.objectContaining({ requestMethod: method, decision: 'allowed' }))
      return
    }
    if (outcome === 'ask') {
      expect(textOf(await lettingThrough(host.call(tool)))).toContain(answer)
      expect(host.asked.since(mark).map(each => each.method)).toContain(method)
      const rules = expect.arrayContaining([expect.stringMatching(/^approval:/)]) as unknown
      expect(recorded()).toContainEqual(expect.objectContaining({ requestMethod: method, decision: 'allowed', rules }))
      return
    }
    const reason = /^gated$/
    if (hostEra === 'modern' && upstreamEra === 'modern') {
      const { data } = await failureOf(host.call(tool))
      expect(data.reason).toMatch(reason)
    } else if (upstreamEra === 'legacy' && method === 'elicitation/create') {
      // R99: it cannot tell the gateway's refusal from a person's.
      expect(textOf(await host.call(tool))).toContain('decline')
    } else expect(await host.call(tool)).toMatchObject({ isError: true })
    expect(host.asked.since(mark)).toEqual([])
    expect(recorded()).toMatchObject([{ requestMethod: method, decision: 'refused', reason: expect.stringMatching(reason) }])
  })

  it('a risky call', async () => {
    const upstream = q.upstream(world)
    const before = upstream.events.mark
    if (outcome === 'allow') {
      expect(textOf(await host.call('echo', { text: 'done' }))).toBe('done')
      return
    }
    if (outcome === 'ask') {
      expect(textOf(await lettingThrough(host.call('echo', { text: 'done' })))).toBe('done')
      expect(upstream.received('tools/call', before)).toHaveLength(1)
      return
    }
    const { data } = await failureOf(host.call('echo', { text: 'done' }))
    expect(data.reason).toBe('policy-denied')
    expect(upstream.received('tools/call', before)).toEqual([])
  })
})
