// `gatehouse serve`: starts the gateway (and, when configured, the evaluation identity provider in a process of its own), reloads, stops.

import { createServer } from 'node:net'
import { createLogger } from '../adapters/telemetry/logs.ts'
import { loadConfig, type LoadResult } from '../config/load.ts'
import { watchConfig } from '../config/reload.ts'
import type { Snapshot } from '../config/schema.ts'
import { keepEvaluationProvider } from '../evaluation/keeper.ts'
import { startGateway, type Gateway } from '../main.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { connectGuide } from './connect-guide.ts'
import { faultText, shortName, warningText } from './config-check.ts'
import { packageVersion } from './version.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const loaded = await loadConfig(args.configFile)
  const file = shortName(args.configFile, io.cwd)
  io.err(warningText(loaded.warnings, file))
  if (!loaded.ok) {
    io.err(faultText(loaded, file))
    return EXIT.configInvalid
  }
  const taken = await takenPort(loaded.snapshot)
  if (taken !== undefined) {
    io.err(
      `gatehouse serve: port ${taken.port} is in use, perhaps by a gateway that runs already: stop that one, or change \`${taken.setting}\` in ${file}\n`,
    )
    return EXIT.failed
  }
  const running = await serve(loaded.snapshot)
  announce(args, running.gateway, loaded.snapshot)
  const stopWatching = watchConfig(args.configFile, result => void reload(args, running.gateway, result), {
    running: loaded.snapshot.digest,
  })
  const signal = await stopSignal()
  io.err(`${signal}: finishing what is in flight\n`)
  stopWatching()
  await running.stop()
  return EXIT.ok
}

/** The first of the ports it needs that somebody listens on. Only to say so in one sentence: whether it can listen shows when it does. */
async function takenPort({ listen, evaluation }: Snapshot): Promise<{ readonly port: number; readonly setting: string } | undefined> {
  const needed = [
    { ...listen, setting: 'listen' },
    ...(evaluation ? [{ host: '127.0.0.1', port: evaluation.port, setting: 'identity.evaluation.port' }] : []),
  ]
  for (const { host, port, setting } of needed) {
    const server = createServer()
    const isTaken = await new Promise<boolean>(resolve => {
      server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EADDRINUSE'))
      server.listen(port, host, () => server.close(() => resolve(false)))
    })
    if (isTaken) return { port, setting }
  }
  return undefined
}

export type Running = { readonly gateway: Gateway; stop(): Promise<void> }

/**
 * Gateway and evaluation provider together; used by `serve` and `demo`. `onLine` takes what both would print on standard error. Rejects with a Fault that
 * says what to mend.
 */
export async function serve(snapshot: Snapshot, onLine?: (line: string) => void): Promise<Running> {
  const provider = snapshot.evaluation ? await keepEvaluationProvider(snapshot, onLine && { onLine }) : undefined
  const logger = onLine && createLogger({ level: snapshot.log.level, write: line => (onLine(line), true) })
  const options = { version: packageVersion(), environment: process.env, ...(logger && { logger }) }
  const gateway = await startGateway(snapshot, options).catch(async (error: unknown) => {
    await provider?.stop()
    throw error
  })
  return {
    gateway: {
      ...gateway,
      async reload(next) {
        const refused = await gateway.reload(next)
        // The same endpoints on both sides: what the gateway now serves needs tokens.
        if (refused === undefined) provider?.configure(next)
        return refused
      },
    },
    async stop() {
      await gateway.stop()
      await provider?.stop()
    },
  }
}

function announce(args: CommandArgs, gateway: Gateway, snapshot: Snapshot): void {
  if (args.json) args.io.out(`${JSON.stringify({ event: 'ready', url: gateway.url, upstreams: [...snapshot.upstreams.keys()] })}\n`)
  else args.io.out(connectGuide(snapshot, args.configFile, args.io.cwd))
}

/** Whole or not at all: a configuration that does not load leaves the old one in force. */
async function reload(args: CommandArgs, gateway: Gateway, result: LoadResult): Promise<void> {
  if (!result.ok) {
    args.io.err(`the configuration was not reloaded, the old one stays in force\n${faultText(result)}`)
    return
  }
  const refused = await gateway.reload(result.snapshot)
  args.io.err(refused === undefined ? 'configuration reloaded\n' : `the configuration was not reloaded: ${refused}\n`)
}

const stopSignal = (): Promise<NodeJS.Signals> =>
  new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
