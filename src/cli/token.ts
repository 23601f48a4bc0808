// `gatehouse token`: a short-lived token from the running evaluation identity provider, on standard output and nowhere else.

import { loadConfig } from '../config/load.ts'
import { requestToken } from '../evaluation/request-token.ts'
import { Fault } from '../kernel/errors.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { faultText, shortName } from './config-check.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io, configFile } = args
  const loaded = await loadConfig(configFile, { env: io.env })
  if (!loaded.ok) {
    io.err(faultText(loaded, shortName(configFile, io.cwd)))
    return EXIT.configInvalid
  }
  const [user, resource, scope] = [args.text('user'), args.text('resource'), args.text('scope')]
  try {
    const minted = await requestToken(loaded.snapshot, {
      ...(user !== undefined && { user }),
      ...(resource !== undefined && { resource }),
      ...(scope !== undefined && { scope }),
    })
    io.out(args.json ? `${JSON.stringify(minted)}\n` : `${minted.token}\n`)
    if (io.isTerminal) io.err(`for ${minted.user} at ${minted.resource}, good for ${Math.round(minted.expiresInSeconds / 60)} minutes\n`)
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    io.err(`gatehouse token: ${error.message}\n`)
    return error.code === 'evaluation-unreachable' ? EXIT.unavailable : EXIT.failed
  }
}
