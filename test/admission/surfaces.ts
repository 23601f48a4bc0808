// Five real surfaces, read from the servers themselves: everything they list, as text.

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { PrimitiveKind } from '../../src/admission/primitive.ts'

export type RealSurface = {
  readonly name: string
  readonly instructions: string | undefined
  readonly definitions: Readonly<Record<PrimitiveKind, readonly Readonly<Record<string, unknown>>[]>>
}

const require = createRequire(import.meta.url)
const serverOf = (pkg: string): string => join(dirname(require.resolve(`@modelcontextprotocol/${pkg}/package.json`)), 'dist/index.js')
const BOOKING = new URL('../../examples/first-run/booking.ts', import.meta.url).pathname

export const REAL_SERVERS: Readonly<Record<string, (folder: string) => readonly string[]>> = {
  everything: () => [serverOf('server-everything'), 'stdio'],
  filesystem: folder => [serverOf('server-filesystem'), folder],
  memory: () => [serverOf('server-memory')],
  'sequential-thinking': () => [serverOf('server-sequential-thinking')],
  booking: () => ['--disable-warning=ExperimentalWarning', BOOKING],
}

export async function readSurface(name: string): Promise<RealSurface> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-surface-'))
  const client = new Client({ name: 'test', version: '0' }, { capabilities: { elicitation: { form: {} }, sampling: {}, roots: {} } })
  client.fallbackRequestHandler = () => Promise.resolve({ roots: [] })
  try {
    const args = [...(REAL_SERVERS[name]?.(folder) ?? [])]
    const env = { PATH: process.env['PATH'] ?? '', MEMORY_FILE_PATH: join(folder, 'memory.jsonl') }
    await client.connect(new StdioClientTransport({ command: process.execPath, args, env, cwd: folder, stderr: 'ignore' }))
    await client.ping()
    const has = client.getServerCapabilities() ?? {}
    return {
      name,
      instructions: client.getInstructions(),
      definitions: {
        tool: has.tools ? (await client.listTools()).tools : [],
        prompt: has.prompts ? (await client.listPrompts()).prompts : [],
        resource: has.resources ? (await client.listResources()).resources : [],
        resourceTemplate: has.resources ? (await client.listResourceTemplates()).resourceTemplates : [],
      },
    }
  } finally {
    await client.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
