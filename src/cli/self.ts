// How this very command line is started: as a person types it here, and as a host starts it from anywhere.

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** src/cli.ts in a clone, dist/cli.js in an installed package. */
const script = (): string => fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../cli.ts' : '../cli.js', import.meta.url))

/** What to type in front of a subcommand. A clone has no `gatehouse` on the PATH, and perhaps another Node. */
export function ownCommand(cwd: string): string {
  const file = script()
  if (!file.endsWith('.ts')) return 'gatehouse'
  return dirname(dirname(file)) === cwd ? 'npm run -s gatehouse --' : `${process.execPath} ${file}`
}

/** Program and first argument by their whole paths: hosts started from a desktop have a bare PATH and any working directory. */
export const ownProgram = (): { readonly command: string; readonly script: string } => ({ command: process.execPath, script: script() })
