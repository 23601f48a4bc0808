// The things that are measured side by side, each as a started process and the URL that the load goes to.

import { existsSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from './gateway.ts'
import type { Era } from './messages.ts'
import { canConnect, freePort, pinned, start, startPrinting, untilReady } from './processes.ts'

/**
 * `gatehouse-policies` has rules in force beside everything else. `bare` is a proxy without checks as one writes it, `bare-least` the same with every
 * byte and call squeezed.
 */
export type TargetName = 'gatehouse' | 'gatehouse-policies' | 'bare' | 'bare-least' | 'mcp-proxy' | 'supergateway'
export const TARGETS: readonly TargetName[] = ['gatehouse', 'gatehouse-policies', 'bare', 'bare-least', 'mcp-proxy', 'supergateway']
/** The two that are ours. */
export const isGateway = (name: TargetName): name is 'gatehouse' | 'gatehouse-policies' =>
  name === 'gatehouse' || name === 'gatehouse-policies'
export type Transport = 'stdio' | 'http'

export type Target = {
  readonly name: TargetName
  readonly pid: number
  readonly url: string
  readonly headers: Record<string, string>
  stop(): Promise<void>
}
export type Setting = { readonly era: Era; readonly transport: Transport; readonly tools: number }

const HERE = join(import.meta.dirname, '..')
const node = process.execPath

/** Peers front stdio servers only, and are there only when `npm ci --prefix bench` has been run. */
export function isAvailable(name: TargetName, transport: Transport): boolean {
  if (isGateway(name) || name === 'bare' || name === 'bare-least') return true
  return transport === 'stdio' && existsSync(join(HERE, 'node_modules/.bin', name))
}

/** The upstream as a command, on the load's cores: proxies start it themselves. */
export function stdioUpstream({ era, tools }: Setting): string[] {
  return pinned('load', [node, join(HERE, 'upstreams/stdio.ts'), '--era', era, '--tools', String(tools)])
}
export async function httpUpstream({ era, tools }: Setting): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const command = [node, join(HERE, 'upstreams/http.ts'), '--era', era, '--tools', String(tools)]
  const running = await startPrinting({ role: 'load', command })
  return { url: `http://127.0.0.1:${running.port}/mcp`, stop: running.stop }
}

export async function startTarget(name: TargetName, setting: Setting, nodeArgs: readonly string[] = []): Promise<Target> {
  const upstream = setting.transport === 'http' ? await httpUpstream(setting) : undefined
  const stopAll = (stop: () => Promise<void>) => async () => {
    await stop()
    await upstream?.stop()
  }
  if (isGateway(name)) {
    const gateway = await startGateway({
      upstreams: { bench: { era: setting.era, at: upstream ?? { command: stdioUpstream(setting) } } },
      nodeArgs,
      tools: setting.tools,
      hasPolicies: name === 'gatehouse-policies',
    })
    return { name, pid: gateway.pid, url: gateway.url, headers: gateway.headers[0]!, stop: stopAll(gateway.stop) }
  }
  if (name === 'bare' || name === 'bare-least') {
    const file = `baseline/http-to-${setting.transport}${name === 'bare' ? '' : '-least'}.ts`
    const running = await startPrinting({
      role: 'proxy',
      command: [node, ...nodeArgs, join(HERE, file), ...(upstream ? [upstream.url] : stdioUpstream(setting))],
    })
    return { name, pid: running.pid, url: `http://127.0.0.1:${running.port}/mcp`, headers: {}, stop: stopAll(running.stop) }
  }
  return startPeer(name, setting)
}

/** Peers as they are fastest: no logging, no replay store. */
async function startPeer(name: 'mcp-proxy' | 'supergateway', setting: Setting): Promise<Target> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-peer-'))
  const logFile = join(folder, 'peer.log')
  const bin = join(HERE, 'node_modules/.bin', name)
  const upstream = stdioUpstream(setting)
  const command =
    name === 'mcp-proxy'
      ? [
          bin,
          '--host',
          '127.0.0.1',
          '--port',
          String(port),
          '--server',
          'stream',
          '--no-eventStore',
          '--upstreamProtocol',
          setting.era,
          '--',
          ...upstream,
        ]
      : [
          bin,
          '--stdio',
          upstream.join(' '),
          '--outputTransport',
          'streamableHttp',
          '--stateful',
          '--port',
          String(port),
          '--logLevel',
          'none',
        ]
  const running = start({ role: 'proxy', command: [node, ...command], logFile })
  await untilReady(running, () => canConnect(port), { logFile })
  const stop = async (): Promise<void> => {
    await running.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { name, pid: running.pid, url: `http://127.0.0.1:${port}/mcp`, headers: {}, stop }
}
