// `gatehouse serve`: starts the gateway (and, when configured, the evaluation identity provider in a process of its own), reloads, stops.

import { createLogger } from '../adapters/telemetry/logs.ts'
import { loadConfig, type LoadResult } from '../config/load.ts'
import { watchConfig } from '../config/reload.ts'
import type { Snapshot } from '../config/schema.ts'
import { spawnEvaluationProvider } from '../evaluation/spawn.ts'
import { startGateway, type Gateway } from '../main.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { connectGuide } from './connect-guide.ts'
import { faultText, warningText } from './config-check.ts'
import { packageVersion } from './version.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const loaded = await loadConfig(args.configFile)
  io.err(warningText(loaded.warnings))
  if (!loaded.ok) {
    io.err(faultText(loaded))
    return EXIT.configInvalid
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

export type Running = { readonly gateway: Gateway; stop(): Promise<void> }

/**
 * Gateway and evaluation provider together; used by `serve` and `demo`. `onLine` takes what both would print on standard error. Rejects with a Fault that
 * says what to mend.
 */
export async function serve(snapshot: Snapshot, onLine?: (line: string) => void): Promise<Running> {
  const provider = snapshot.evaluation ? await spawnEvaluationProvider(snapshot, onLine && { onLine }) : undefined
  const logger = onLine && createLogger({ level: snapshot.log.level, write: line => (onLine(line), true) })
  const options = { version: packageVersion(), environment: process.env, ...(logger && { logger }) }
  const gateway = await startGateway(snapshot, options).catch(async (error: unknown) => {
    await provider?.stop()
    throw error
  })
  return {
    gateway,
    async stop() {
      await gateway.stop()
      await provider?.stop()
    },
  }
}

function announce(args: CommandArgs, gateway: Gateway, snapshot: Snapshot): void {
  if (args.json) args.io.out(`${JSON.stringify({ event: 'ready', url: gateway.url, upstreams: [...snapshot.upstreams.keys()] })}\n`)
  else args.io.out(connectGuide(snapshot, args.configFile))
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
