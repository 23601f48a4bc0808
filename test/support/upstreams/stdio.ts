// The stdio upstreams of the tests, as transports.

import { fileURLToPath } from 'node:url'
import type { UpstreamTransport } from '../../../src/config/schema.ts'

const SCRIPTS = {
  flipping: new URL('./flipping-stdio.ts', import.meta.url),
  hostile: new URL('./hostile-stdio.ts', import.meta.url),
  keyed: new URL('./keyed-stdio.ts', import.meta.url),
  plain: new URL('./plain-stdio.ts', import.meta.url),
  v1: new URL('./sdk-v1.ts', import.meta.url),
  v2: new URL('./sdk-v2.ts', import.meta.url),
}

export const nodeServer = (name: keyof typeof SCRIPTS, ...args: string[]): UpstreamTransport & { kind: 'stdio' } => ({
  kind: 'stdio',
  command: process.execPath,
  args: ['--disable-warning=ExperimentalWarning', fileURLToPath(SCRIPTS[name]), ...args],
  env: {},
})
export const hostile = (...args: string[]): UpstreamTransport & { kind: 'stdio' } => nodeServer('hostile', ...args)

/** True while the process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
