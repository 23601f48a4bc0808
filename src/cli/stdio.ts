// `gatehouse stdio`: a host that only spawns processes on the one side, the running gateway on the other (src/stdio). Standard output is MCP and nothing else.

import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isLoopback, urlProblem } from '../config/addresses.ts'
import { loadConfig } from '../config/load.ts'
import type { Snapshot } from '../config/schema.ts'
import { requestToken } from '../evaluation/request-token.ts'
import { Fault } from '../kernel/errors.ts'
import { Bridge } from '../stdio/bridge.ts'
import { GatewayHttp } from '../stdio/gateway-http.ts'
import { HostPipe } from '../stdio/host-pipe.ts'
import { LineReader } from '../stdio/lines.ts'
import { fileToken, fixedToken, mintedTokens, readToken, type TokenSource } from '../stdio/tokens.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { faultText, shortName } from './config-check.ts'

/** The gateway's own limit on bodies answers long messages with their id; this one only bounds memory. */
const LINE_MAX = 64 * 1024 * 1024
/** Time for requests to finish once the host closed its side. */
const FINISH_MS = 10_000

export async function run(args: CommandArgs): Promise<number> {
  const plan = await planOf(args)
  if ('exit' in plan) {
    args.io.err(`gatehouse stdio: ${plan.problem}\n`)
    return plan.exit
  }
  await carry(args, plan)
  return EXIT.ok
}

type Plan = { readonly url: URL; readonly tokens: TokenSource }
type Problem = { readonly exit: number; readonly problem: string }

/** Where to and with which tokens, or why not. The configuration is read only where the command line and the environment leave something open. */
async function planOf(args: CommandArgs): Promise<Plan | Problem> {
  const [url, alias, file] = [args.text('url'), args.text('server'), args.text('token-file')]
  if (url !== undefined && alias !== undefined) return usage('--url and --server both name the endpoint: give one')
  const ownToken = file !== undefined || args.io.env['GATEHOUSE_TOKEN'] !== undefined
  const isWhole = url !== undefined && !url.startsWith('/')
  const loaded = isWhole && ownToken ? undefined : await loadConfig(args.configFile, { env: args.io.env })
  if (loaded && !loaded.ok)
    return { exit: EXIT.configInvalid, problem: faultText(loaded, shortName(args.configFile, args.io.cwd)).trimEnd() }
  const snapshot = loaded?.snapshot
  const endpoint = endpointOf({ url, alias }, snapshot)
  if ('exit' in endpoint) return endpoint
  const tokens = tokensFor(args, endpoint.url, snapshot)
  return 'exit' in tokens ? tokens : { url: endpoint.url, tokens }
}

function endpointOf(
  { url, alias }: { readonly url: string | undefined; readonly alias: string | undefined },
  snapshot: Snapshot | undefined,
): { readonly url: URL } | Problem {
  if (alias !== undefined && !snapshot?.upstreams.has(alias)) {
    const known = [...(snapshot?.upstreams.keys() ?? [])].join(', ')
    return usage(`the configuration has no server \`${alias.slice(0, 64)}\`; it has: ${known === '' ? 'none' : known}`)
  }
  const path = alias === undefined ? (url ?? '/mcp') : `/servers/${alias}/mcp`
  const whole = path.startsWith('/') ? `${snapshot?.publicUrl ?? ''}${path}` : path
  const problem = urlProblem(whole)
  if (problem !== undefined) return usage(`--url: ${problem}`)
  const parsed = new URL(whole)
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname))
    return usage('--url: over http a token could be read on its way; use https beyond this machine')
  return { url: parsed }
}

function tokensFor(args: CommandArgs, url: URL, snapshot: Snapshot | undefined): TokenSource | Problem {
  const { io } = args
  const file = args.text('token-file')
  const resource = url.origin + url.pathname
  if (file !== undefined) {
    const path = resolve(io.cwd, file)
    const read = (): Promise<string> =>
      readFile(path, 'utf8').catch((cause: unknown) => {
        throw new Fault('token-unavailable', `\`${path}\` cannot be read`, { cause })
      })
    return fileToken(read, `\`${path}\``, () => io.now())
  }
  const own = io.env['GATEHOUSE_TOKEN']
  if (own !== undefined)
    try {
      return fixedToken(readToken(own, 'GATEHOUSE_TOKEN'), `put a fresh token for ${resource} into GATEHOUSE_TOKEN and start again`)
    } catch {
      return usage('GATEHOUSE_TOKEN holds no access token')
    }
  if (!snapshot?.evaluation)
    return usage(`no access token: put one for ${resource} into GATEHOUSE_TOKEN, or into a file and name it with --token-file`)
  const user = args.text('user')
  if (user !== undefined && !snapshot.evaluation.users.some(({ name }) => name === user))
    return usage(`the evaluation identity provider has no user \`${user.slice(0, 64)}\``)
  return mintedTokens(
    () => requestToken(snapshot, { resource, ...(user !== undefined && { user }) }),
    () => io.now(),
  )
}

const usage = (problem: string): Problem => ({ exit: EXIT.usage, problem })

/** Until the host closes its side (or SIGTERM, SIGINT), then in order: requests finish, the session ends, connections close. */
async function carry({ io }: CommandArgs, { url, tokens }: Plan): Promise<void> {
  const { stdin, stdout } = process
  const monotonic = (): number => performance.now()
  const pipe = new HostPipe(stdout, text => io.err(text), monotonic)
  const http = new GatewayHttp(url, tokens)
  const delay = (ms: number, signal: AbortSignal): Promise<void> => wait(ms, undefined, { signal })
  const bridge = new Bridge({ http, pipe, delay, random: () => randomInt(2 ** 32) / 2 ** 32, now: monotonic })
  const lines = new LineReader(LINE_MAX, bridge)
  if (io.isTerminal && stdin.isTTY) io.err('gatehouse stdio: waiting for MCP messages, one per line; hosts start this command themselves\n')
  const isHurried = await new Promise<boolean>(resolve => {
    stdin.on('data', (chunk: Buffer) => lines.push(chunk))
    stdin.on('end', () => {
      lines.end()
      resolve(false)
    })
    stdin.on('error', () => resolve(true))
    // Nobody reads the answers any more.
    stdout.on('error', () => resolve(true))
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.on(signal, () => {
        bridge.hurry()
        resolve(true)
      })
  })
  await bridge.end(isHurried ? 0 : FINISH_MS)
  stdin.destroy()
}
