// A home with hosts' files, a project in it, and a fresh gatehouse.yaml: what the tests of `import` work in.

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { Snapshot } from '../../src/config/schema.ts'
import { gatehouse } from './io.ts'
import type { Run } from './io.ts'

export let home: string
export let cwd: string
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'gatehouse-import-'))
  cwd = join(home, 'work')
  mkdirSync(cwd)
  await gatehouse(['init'], { cwd })
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

export const TOKEN = `ghp_${'a1B2'.repeat(9)}`
const env = { PATH: process.env['PATH'], DB_PASSWORD: 'from the environment' }
export const run = (...argv: string[]): Promise<Run> => gatehouse(['import', ...argv], { cwd, home, env })
export const put = (path: string, content: unknown, mode = 0o644): string => {
  const file = join(home, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2))
  chmodSync(file, mode)
  return file
}
export const read = (path: string): string => readFileSync(join(home, path), 'utf8')
export const config = async (): Promise<Snapshot> => {
  const loaded = await loadConfig(join(cwd, 'gatehouse.yaml'), { env })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults))
  return loaded.snapshot
}
/** Every file below the home with its bytes and mode. */
export const everything = (): Record<string, string> => {
  const all: Record<string, string> = {}
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path)
      else all[path.slice(home.length + 1)] = `${(statSync(path).mode & 0o777).toString(8)} ${readFileSync(path, 'utf8')}`
    }
  }
  walk(home)
  return all
}

export const DESKTOP = '.config/Claude/claude_desktop_config.json'
export const CODE = '.claude.json'
export const CURSOR = '.cursor/mcp.json'
export const VSCODE = '.config/Code/User/mcp.json'

export const memory = { command: 'npx', args: ['-y', '@modelcontextprotocol/server-memory'] }
