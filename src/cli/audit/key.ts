// `gatehouse audit key`: the public key of a log, for witnesses and for whoever verifies.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, type CommandArgs } from '../command.ts'
import { UsageError } from '../signing/presented.ts'
import { logPlace } from './place.ts'

export async function run(args: CommandArgs): Promise<number> {
  try {
    const { dir } = await logPlace(args, args.text('data-dir'))
    const file = join(dir, args.flag('all') ? 'keys' : 'key.vkey')
    if (!existsSync(file)) throw new UsageError(`\`${file}\` is not there: the log was not signed yet, or its public key was removed`)
    const vkeys = readFileSync(file, 'utf8').trimEnd().split('\n')
    args.io.out(args.json ? `${JSON.stringify({ vkeys })}\n` : `${vkeys.join('\n')}\n`)
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    args.io.err(`gatehouse audit key: ${error.message}\n`)
    return EXIT.usage
  }
}
