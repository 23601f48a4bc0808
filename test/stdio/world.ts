// Real gateways, real upstreams, and `gatehouse stdio` as the hosts of the tests spawn it.

import { Client as Client2026 } from '@modelcontextprotocol/client'
import { StdioClientTransport as Stdio2026 } from '@modelcontextprotocol/client/stdio'
import { Client as Client2025 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as Stdio2025 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const UPSTREAMS = fileURLToPath(new URL('../support/upstreams/', import.meta.url))

/** An upstream process of the named era, as it stands in a configuration. */
export const stdioUpstream = (script: 'sdk-v1.ts' | 'sdk-v2.ts'): object => ({
  command: process.execPath,
  args: ['--disable-warning=ExperimentalWarning', UPSTREAMS + script],
})

/** How a host is told to start the bridge. The token travels in the environment, as a host's configuration would hand it over. */
const bridgeCommand = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => ({
  command: process.execPath,
  args: [CLI, 'stdio', ...args],
  env: { PATH: process.env['PATH'] ?? '', ...env },
})

export type Words = { readonly text: () => string; until(pattern: RegExp): Promise<void> }

/** What a process says on standard error. */
export function words(stream: Readable | null): Words {
  let text = ''
  let wake = (): void => {}
  stream?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    wake()
  })
  return {
    text: () => text,
    async until(pattern) {
      while (!pattern.test(text)) await new Promise<void>(resolve => (wake = resolve))
    },
  }
}

export type Spawned = { readonly url: string; readonly token: string; readonly args?: readonly string[] }

/** The official v1 SDK: a host of 2025-11-25. */
export async function host2025({ url, token, args = [] }: Spawned) {
  const client = new Client2025(
    { name: 'host-2025', version: '1' },
    { capabilities: { elicitation: { form: {} }, sampling: {}, roots: { listChanged: true } } },
  )
  const transport = new Stdio2025({
    ...bridgeCommand(['--url', url, ...args], token === '' ? {} : { GATEHOUSE_TOKEN: token }),
    stderr: 'pipe',
  })
  const said = words(transport.stderr as Readable | null)
  return { client, transport, said, connect: () => client.connect(transport) }
}

/** The official v2 SDK, pinned to 2026-07-28. */
export async function host2026({ url, token, args = [] }: Spawned, listChanged?: object) {
  const client = new Client2026(
    { name: 'host-2026', version: '1' },
    {
      capabilities: { elicitation: { form: {} }, sampling: {}, roots: {} },
      versionNegotiation: { mode: { pin: '2026-07-28' } },
      ...(listChanged && { listChanged }),
    },
  )
  const transport = new Stdio2026({
    ...bridgeCommand(['--url', url, ...args], token === '' ? {} : { GATEHOUSE_TOKEN: token }),
    stderr: 'pipe',
  })
  const said = words(transport.stderr as Readable | null)
  return { client, transport, said, connect: () => client.connect(transport) }
}

/** `gatehouse stdio` without an SDK: lines in, lines out. */
export function rawBridge(args: readonly string[], env: Readonly<Record<string, string>>) {
  const command = bridgeCommand(args, env)
  const child = spawn(command.command, command.args, { env: command.env, stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: any[] = []
  const raw: string[] = []
  let wake = (): void => {}
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      raw.push(part)
      lines.push(JSON.parse(part))
    }
    wake()
  })
  const gone = new Promise<number | null>(resolve => child.once('close', resolve))
  return {
    child,
    lines,
    raw,
    said: words(child.stderr),
    gone,
    /** what came on standard output after the last line break */
    rest: () => rest,
    send: (message: unknown): void => void child.stdin.write(typeof message === 'string' ? `${message}\n` : `${JSON.stringify(message)}\n`),
    async until(found: (line: any) => boolean): Promise<any> {
      for (;;) {
        const line = lines.find(found)
        if (line !== undefined) return line
        await new Promise<void>(resolve => (wake = resolve))
      }
    },
    /** closes standard input; the exit code */
    end(): Promise<number | null> {
      child.stdin.end()
      return gone
    },
  }
}

export const META_2026 = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
}
