// A small stdio server over raw node that knows both eras: answers echo calls and nothing else, as fast as it can.

let rest = ''
const results: Record<string, (message: any) => unknown> = {
  initialize: m => ({
    protocolVersion: m.params.protocolVersion,
    capabilities: { tools: {}, logging: {} },
    serverInfo: { name: 'plain', version: '1' },
  }),
  'tools/list': () => ({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }),
  'tools/call': m => ({ content: [{ type: 'text', text: m.params.arguments.text }] }),
  'logging/setLevel': () => ({}),
}
if (process.argv[2] === 'modern')
  results['server/discover'] = () => ({
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {} },
    ttlMs: 0,
    cacheScope: 'private',
  })

process.stdin.on('data', chunk => {
  rest += String(chunk)
  let out = ''
  for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
    const message = JSON.parse(rest.slice(0, end))
    rest = rest.slice(end + 1)
    if (message.id === undefined) continue
    const result = results[message.method]
    out +=
      JSON.stringify({
        jsonrpc: '2.0',
        id: message.id,
        ...(result ? { result: result(message) } : { error: { code: -32601, message: 'Method not found' } }),
      }) + '\n'
  }
  if (out) process.stdout.write(out)
})
process.stdin.on('end', () => process.exit(0))
