// The stdio upstreams of the tests, as transports.

import { fileURLToPath } from 'node:url'
import type { UpstreamTransport } from '../../../src/config/schema.ts'

export const scriptOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export const nodeServer = (script: string, ...args: string[]): UpstreamTransport & { kind: 'stdio' } => ({
  kind: 'stdio',
  command: process.execPath,
  args: ['--disable-warning=ExperimentalWarning', scriptOf(script), ...args],
  env: {},
})
export const hostile = (...args: string[]): UpstreamTransport & { kind: 'stdio' } => nodeServer('hostile-stdio.ts', ...args)

/** True while the process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
