// `gatehouse logout`: ends what `gatehouse login` keeps for a gateway, there and here.

import { explain, gatewayOf } from './admin/gateway.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { revoke } from './login/authorize.ts'
import { LoginCache } from './login/cache.ts'

export async function run(args: CommandArgs): Promise<number> {
  try {
    const { gateway } = await gatewayOf(args)
    const cache = new LoginCache(args.io)
    const login = await cache.find(gateway)
    if (login) {
      await cache.update(gateway, () => Promise.resolve(undefined))
      await revoke(login)
    }
    args.io.out(
      args.json
        ? `${JSON.stringify({ gateway, ended: login !== undefined })}\n`
        : login
          ? `signed out of ${gateway}\n`
          : `nobody was signed in at ${gateway}\n`,
    )
    return EXIT.ok
  } catch (error) {
    return explain(args, 'logout', error)
  }
}
