// `gatehouse audit key`: the public key of a log, for witnesses and for whoever verifies.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT } from '../command.ts'
import { logPlace } from './place.ts'
import { tellingUsage, UsageError } from '../usage.ts'

export const run = tellingUsage('audit key', async args => {
  const { dir } = await logPlace(args, args.text('data-dir'))
  const file = join(dir, args.flag('all') ? 'keys' : 'key.vkey')
  if (!existsSync(file)) throw new UsageError(`\`${file}\` is not there: the log was not signed yet, or its public key was removed`)
  const vkeys = readFileSync(file, 'utf8').trimEnd().split('\n')
  args.io.out(args.json ? `${JSON.stringify({ vkeys })}\n` : `${vkeys.join('\n')}\n`)
  return EXIT.ok
})
