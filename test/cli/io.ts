// A world for commands under test: captured output, a fixed clock, a home of their own.

import { main } from '../../src/cli/main.ts'
import type { Io } from '../../src/cli/command.ts'

export const NOW = Date.UTC(2026, 10, 21, 12, 0, 0)

export type Run = { readonly code: number; readonly out: string; readonly err: string }

export function testIo(change: Partial<Io> & { readonly cwd: string }): Io & { readonly written: { out: string; err: string } } {
  const written = { out: '', err: '' }
  return {
    written,
    out: text => void (written.out += text),
    err: text => void (written.err += text),
    isTerminal: false,
    env: { PATH: process.env['PATH'] },
    home: change.cwd,
    platform: 'linux',
    userName: 'alice',
    now: () => NOW,
    ...change,
  }
}

/** Runs one command line in a folder. */
export async function gatehouse(argv: readonly string[], change: Partial<Io> & { readonly cwd: string }): Promise<Run> {
  const io = testIo(change)
  const code = await main(argv, io)
  return { code, ...io.written }
}
