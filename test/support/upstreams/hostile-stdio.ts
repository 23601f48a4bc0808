// A stdio upstream over raw node that misbehaves on request: the name of the tool says how. First argument: legacy or modern.

import { spawn } from 'node:child_process'

const era = process.argv[2] ?? 'legacy'
const startMode = process.argv[3]
const say = (value: unknown): boolean => process.stdout.write((typeof value === 'string' ? value : JSON.stringify(value)) + '\n')
const reply = (id: unknown, text: unknown): boolean =>
  say({
    jsonrpc: '2.0',
    id,
    result: { content: [{ type: 'text', text: typeof text === 'string' ? text : JSON.stringify(text) }], resultType: 'complete' },
  })
const notify = (method: string, params: unknown): boolean => say({ jsonrpc: '2.0', method, params })
const seen = {
  cancelled: [] as unknown[],
  replies: [] as unknown[],
  order: [] as string[],
  listens: [] as unknown[],
  levels: [] as unknown[],
  subscribed: [] as unknown[],
}
const open = new Map<unknown, any>()
let asked = 0
let isAsked = false
let held: any

const tools: Record<string, (m: any, args: any) => unknown> = {
  echo: (m, a) => reply(m.id, a.text),
  pid: m => reply(m.id, process.pid),
  env: m => reply(m.id, process.env),
  seen: m => reply(m.id, seen),
  meta: m => reply(m.id, m.params._meta ?? null),
  silent: m => open.set(m.id, m),
  /** answers everything that is silent now, late */
  'release-silent': m => {
    for (const id of open.keys()) reply(id, 'late')
    reply(m.id, 'released')
  },
  garbage: (m, a) => {
    for (let i = 0; i < a.lines; i++) say(`not json ${i}`)
    reply(m.id, 'after garbage')
  },
  'unknown-id': m => {
    reply(Number(m.id) + 1000, 'for nobody')
    reply(m.id, 'mine')
  },
  'wrong-types': m => {
    reply(String(m.id), 'string id')
    reply(null, 'null id')
    say(`{"jsonrpc":"2.0","id":${m.id}.0,"result":{"content":[],"from":"float"}}`)
    reply([m.id], 'array id')
    reply(m.id, 'mine')
  },
  duplicate: m => {
    reply(m.id, 'first')
    reply(m.id, 'second')
  },
  'duplicate-keys': m => say(`{"jsonrpc":"2.0","id":${m.id},"id":${m.id},"result":{}}`),
  'bad-result': m => say(`{"jsonrpc":"2.0","id":${m.id},"result":"text"}`),
  'case-variant': m => say(`{"jsonrpc":"2.0","id":${m.id},"result":{"content":[],"Content":[]}}`),
  'huge-line': (m, a) => {
    const chunk = 'x'.repeat(1024 * 1024)
    process.stdout.write(`{"jsonrpc":"2.0","id":${m.id},"result":{"text":"`)
    for (let i = 0; i < a.megabytes; i++) process.stdout.write(chunk)
    process.stdout.write('"}}\n')
  },
  newline: m => say(`{"jsonrpc":"2.0",\n"id":${m.id},"result":{}}`),
  exit: () => process.exit(3),
  'stderr-flood': (m, a) => {
    const line = `secret\x1b[31m ${'e'.repeat(1000)}\n`.repeat(1000)
    for (let i = 0; i < a.megabytes; i++) process.stderr.write(line)
    reply(m.id, 'after stderr')
  },
  fork: m => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: ['ignore', 'inherit', 'inherit'] })
    reply(m.id, child.pid)
    setImmediate(() => process.exit(0))
  },
  progress: (m, a) => {
    const token = m.params._meta?.progressToken
    for (const progress of a.values) notify('notifications/progress', { progressToken: token, progress, total: 10 })
    reply(m.id, 'progressed')
    notify('notifications/progress', { progressToken: token, progress: 99 })
  },
  'spoof-progress': (m, a) => {
    for (const progressToken of a.tokens) notify('notifications/progress', { progressToken, progress: 1 })
    reply(m.id, m.params._meta?.progressToken ?? null)
  },
  'progress-flood': (m, a) => {
    let i = 0
    const token = m.params._meta?.progressToken
    const more = (): void => {
      for (let k = 0; k < 500 && i < a.count; k++) notify('notifications/progress', { progressToken: token, progress: ++i })
      if (i < a.count) setImmediate(more)
      else reply(m.id, 'flooded')
    }
    more()
  },
  'endless-progress': m => {
    let i = 0
    setInterval(() => notify('notifications/progress', { progressToken: m.params._meta?.progressToken, progress: ++i }), 5)
  },
  log: m => {
    for (const level of ['debug', 'info', 'error']) notify('notifications/message', { level, data: level })
    reply(m.id, 'logged')
  },
  ask: (m, a) => {
    const id = `ask-${++asked}`
    seen.order.push(`ask:${a.tag ?? ''}`)
    open.set(id, m)
    say({
      jsonrpc: '2.0',
      id,
      method: 'elicitation/create',
      params: { message: 'name?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } },
    })
  },
  'ask-outside': m => {
    reply(m.id, 'done')
    say({ jsonrpc: '2.0', id: 'outside', method: 'roots/list' })
    say({ jsonrpc: '2.0', id: 'ping-1', method: 'ping' })
  },
  hang: () => {
    say('hanging')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
  'stop-reading': m => {
    reply(m.id, 'deaf')
    process.stdin.pause()
  },
  change: m => {
    notify('notifications/tools/list_changed', {})
    notify('notifications/resources/updated', { uri: 'r://1' })
    notify('notifications/resources/updated', { uri: 'r://other' })
    for (const id of seen.listens) {
      const stamp = { _meta: { 'io.modelcontextprotocol/subscriptionId': id, kept: 1 } }
      notify('notifications/tools/list_changed', stamp)
      notify('notifications/resources/updated', { uri: 'r://1', ...stamp })
    }
    notify('notifications/tools/list_changed', { _meta: { 'io.modelcontextprotocol/subscriptionId': 424242 } })
    reply(m.id, 'changed')
  },
}

const methods: Record<string, (m: any) => void> = {
  initialize: m => {
    if (startMode === 'never-initialize') return
    if (era === 'modern') {
      say({ jsonrpc: '2.0', id: m.id, error: { code: -32022, message: 'modern only', data: { supported: ['2026-07-28'] } } })
      isAsked = true
      if (held) setImmediate(() => methods['server/discover']?.(held))
      return
    }
    say({
      jsonrpc: '2.0',
      id: m.id,
      result: {
        protocolVersion: startMode === 'old-version' ? '1999-01-01' : m.params.protocolVersion,
        capabilities: { tools: { listChanged: true }, logging: {}, resources: { subscribe: true } },
        serverInfo: { name: 'hostile', version: '1' },
        instructions: JSON.stringify(m.params.capabilities),
      },
    })
  },
  'server/discover': m => {
    if (startMode === 'exit-on-discover') process.exit(1)
    if (startMode === 'silent-on-discover') return
    // a slow starter: it answers only what came later
    if (startMode === 'late-discover' && !isAsked) return void (held = m)
    if (era === 'legacy') return void say({ jsonrpc: '2.0', id: m.id, error: { code: -32602, message: 'Invalid request parameters' } })
    say({
      jsonrpc: '2.0',
      id: m.id,
      result: {
        resultType: 'complete',
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: {} },
        ttlMs: 0,
        cacheScope: 'private',
        _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'hostile', version: '1' } },
      },
    })
  },
  'tools/list': m =>
    say({ jsonrpc: '2.0', id: m.id, result: { tools: Object.keys(tools).map(name => ({ name, inputSchema: { type: 'object' } })) } }),
  'tools/call': m => tools[m.params.name]?.(m, m.params.arguments ?? {}),
  'tools/silent-list': () => {},
  'logging/setLevel': m => {
    seen.levels.push(m.params.level)
    say({ jsonrpc: '2.0', id: m.id, result: {} })
  },
  'resources/subscribe': m => {
    seen.subscribed.push(m.params.uri)
    say({ jsonrpc: '2.0', id: m.id, result: {} })
  },
  'resources/unsubscribe': m => {
    seen.subscribed.push(`-${m.params.uri}`)
    say({ jsonrpc: '2.0', id: m.id, result: {} })
  },
  'subscriptions/listen': m => {
    seen.listens.push(m.id)
    const stamp = { _meta: { 'io.modelcontextprotocol/subscriptionId': m.id } }
    if (startMode === 'no-ack') return
    notify('notifications/subscriptions/acknowledged', { notifications: m.params.notifications, ...stamp })
  },
  'notifications/cancelled': m => {
    seen.cancelled.push(m.params.requestId)
    seen.listens = seen.listens.filter(id => id !== m.params.requestId)
  },
}

function take(line: string): void {
  const m = JSON.parse(line)
  if (m.method !== undefined) {
    if (methods[m.method]) methods[m.method]!(m)
    else if (m.id !== undefined) say({ jsonrpc: '2.0', id: m.id, error: { code: -32601, message: 'Method not found' } })
    return
  }
  seen.replies.push(m)
  const call = open.get(m.id)
  if (!call) return
  open.delete(m.id)
  reply(call.id, m.result ?? m.error)
}

if (startMode === 'exit-at-start') process.exit(1)
if (startMode === 'huge-banner') process.stdout.write('#'.repeat(64 * 1024))
let rest = ''
process.stdin.on('data', chunk => {
  rest += String(chunk)
  for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
    const line = rest.slice(0, end)
    rest = rest.slice(end + 1)
    take(line)
  }
})
if (startMode !== 'ignore-end') process.stdin.on('end', () => process.exit(0))
else {
  process.on('SIGTERM', () => {})
  setInterval(() => {}, 1000)
}
