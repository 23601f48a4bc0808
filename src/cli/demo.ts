// `gatehouse demo`: not written yet; it says so and fails.

import { EXIT } from './command.ts'
import type { CommandArgs } from './command.ts'

export function run(args: CommandArgs): Promise<number> {
  args.io.err('gatehouse demo: not in this build yet\n')
  return Promise.resolve(EXIT.failed)
}
