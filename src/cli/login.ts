// `gatehouse login`: signs a person in at the authorization server of a gateway and keeps the tokens for the commands that administer.

import { spawn } from 'node:child_process'
import { act, explain, gatewayOf } from './admin/gateway.ts'
import { rolesText } from './admin/acts.ts'
import { EXIT, type CommandArgs, type Io } from './command.ts'
import { loginByBrowser, loginByDevice, type Wish } from './login/authorize.ts'
import { LoginCache } from './login/cache.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  try {
    const { gateway } = await gatewayOf(args)
    const [clientId, issuer, scope] = [args.text('client-id'), args.text('issuer'), args.text('scope')]
    const wish: Wish = {
      gateway,
      ...(clientId !== undefined && { clientId }),
      ...(issuer !== undefined && { issuer }),
      ...(scope !== undefined && { scope }),
      show: (url, code) => show(args, url, code),
      nowSeconds: () => Math.floor(io.now() / 1000),
    }
    const login = await (args.flag('device') ? loginByDevice(wish) : loginByBrowser(wish))
    await new LoginCache(io).update(gateway, () => Promise.resolve(login))
    return await tell(args, gateway)
  } catch (error) {
    return explain(args, 'login', error)
  }
}

async function tell(args: CommandArgs, gateway: string): Promise<number> {
  const answer = await act(args, 'whoami')
  if (!answer.ok) {
    args.io.err(`gatehouse login: signed in, but ${gateway} says: ${answer.error.message}\n`)
    return EXIT.failed
  }
  const { subject, roles } = answer.body
  if (args.json) args.io.out(`${JSON.stringify({ gateway, ...answer.body }, undefined, 2)}\n`)
  else args.io.out(`signed in at ${gateway} as ${String(subject).replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')}: ${rolesText(roles)}\n`)
  return EXIT.ok
}

function show(args: CommandArgs, url: string, code: string | undefined): void {
  // attacker-controlled: what an authorization server names goes to a terminal, and to a browser only as a web address
  const plain = url.replaceAll(/[\p{Cc}\p{Cf}\s]/gu, '')
  const typed = code?.replaceAll(/[^\w-]/g, '').slice(0, 64)
  args.io.err(typed === undefined ? `open this page to sign in:\n${plain}\n` : `open ${plain} on any device and enter ${typed}\n`)
  if (typed === undefined && !args.flag('no-browser') && /^https?:\/\//.test(plain)) openBrowser(args.io, plain)
}

/** Best effort: the address stands on the terminal too. No shell sees it. */
function openBrowser({ platform }: Io, url: string): void {
  const command = platform === 'darwin' ? 'open' : platform === 'win32' ? 'rundll32' : 'xdg-open'
  const words = platform === 'win32' ? ['url.dll,FileProtocolHandler'] : []
  const child = spawn(command, [...words, url], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}
