// `gatehouse version`

import { readFileSync } from 'node:fs'
import { EXIT } from './command.ts'
import type { CommandArgs } from './command.ts'

/** Version of this package, from its package.json; two folders up both in src/cli and in dist/cli. */
export function packageVersion(): string {
  const text: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof text === 'object' && text !== null && 'version' in text && typeof text.version === 'string' ? text.version : 'unknown'
}

export function run(args: CommandArgs): Promise<number> {
  const version = packageVersion()
  args.io.out(
    args.json ? `${JSON.stringify({ gatehouse: version, node: process.version })}\n` : `gatehouse ${version} (node ${process.version})\n`,
  )
  return Promise.resolve(EXIT.ok)
}
