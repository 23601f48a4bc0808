import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeServer } from '../../support/upstreams/stdio.ts'
import { echo, SILENT, upstreamOf } from '../../support/upstreams/world.ts'

const CALLS = 4_000
const CONCURRENT = 64
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const CALL = { ...echo('x'.repeat(100)), meta: Buffer.from(`{"traceparent":"${TRACE}"}`), traceparent: TRACE }
const BODY = (id: number): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"text":"${'x'.repeat(100)}"}}}`

/** CPU of this process per call, microseconds: the least of several runs, since a busy machine only ever adds. */
async function cost(one: () => Promise<unknown>, runs = 4): Promise<number> {
  let least = Infinity
  for (let run = 0; run < runs; run++) {
    let left = CALLS
    const before = process.cpuUsage()
    await Promise.all(
      Array.from({ length: CONCURRENT }, async () => {
        while (left-- > 0) await one()
      }),
    )
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / CALLS)
  }
  return least
}

describe('what a small call costs', () => {
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill()
  })

  it('over HTTP: no more than half as much again as a bare undici.request', async () => {
    const server = spawn(process.execPath, [fileURLToPath(new URL('../../support/upstreams/plain-http.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    children.push(server)
    const [port] = (await once(server.stdout, 'data')) as [Buffer]
    const origin = `http://127.0.0.1:${String(port).trim()}`
    const pool = new Pool(origin, { connections: CONCURRENT })
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
    }
    let id = 0
    const bare = await cost(async () =>
      (await pool.request({ path: '/mcp', method: 'POST', body: BODY(++id), headers })).body.arrayBuffer(),
    )
    await pool.close()
    const upstream = upstreamOf({ kind: 'http', url: `${origin}/mcp`, headers: {} })
    const ours = await cost(() => upstream.call(CALL, SILENT).done)
    await upstream.close(500)
    console.log(`HTTP: bare ${bare.toFixed(1)} us, ours ${ours.toFixed(1)} us`)
    expect(ours).toBeLessThan(1.5 * bare)
  })

  it('over stdio: less than 15 microseconds above a bare line relay', async () => {
    const { command, args } = nodeServer('plain', 'modern')
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    const waiting = new Map<number, (line: string) => void>()
    let rest = ''
    let last = 0
    child.stdout.on('data', (chunk: Buffer) => {
      rest += chunk.toString()
      let start = 0
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
        const line = rest.slice(start, end)
        start = end + 1
        const { id } = JSON.parse(line) as { id: number }
        waiting.get(id)?.(line)
        waiting.delete(id)
      }
      rest = rest.slice(start)
    })
    const bare = await cost(
      () =>
        new Promise(resolve => {
          waiting.set(++last, resolve)
          child.stdin.write(BODY(last) + '\n')
        }),
    )
    const upstream = upstreamOf(nodeServer('plain', 'modern'))
    const ours = await cost(() => upstream.call(CALL, SILENT).done)
    await upstream.close(500)
    console.log(`stdio: bare ${bare.toFixed(1)} us, ours ${ours.toFixed(1)} us`)
    expect(ours - bare).toBeLessThan(15)
  })
})
