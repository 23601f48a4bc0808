// `gatehouse demo`: starts the first-run configuration on free ports laid out in a temporary folder, and walks a real host through it (src/demo).

import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Snapshot } from '../config/schema.ts'
import { demoSnapshot } from '../demo/configuration.ts'
import { connectHost, offeredBy, type DemoHost } from '../demo/host.ts'
import { closing, opening, stepText, type Setting } from '../demo/report.ts'
import { ANSWERS, walk, type Step, type World } from '../demo/walk.ts'
import type { Era } from '../mcp/revisions.ts'
import { requestToken } from '../evaluation/request-token.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { freePorts } from './free-ports.ts'
import { serve, type Running } from './serve.ts'
import { packageVersion } from './version.ts'

const STEPS = 5
/** What its servers are made of; none of it is installed with the gateway. */
const SERVERS = ['server', 'server-everything', 'server-filesystem', 'server-memory']
/** Lines of the gateway's own log that are shown when something fails. */
const LOG_LINES = 20

export async function run(args: CommandArgs): Promise<number> {
  const [scene] = args.positionals
  if (scene === 'deputy') return (await import('./demo-deputy.ts')).run(args)
  if (scene === 'supply-chain') return (await import('./demo-supply-chain.ts')).run(args)
  if (scene === 'policy') return (await import('./demo-policy.ts')).run(args)
  if (scene === 'approvals') return (await import('./demo-approvals.ts')).run(args)
  if (scene === 'audit') return (await import('./demo-audit.ts')).run(args)
  if (scene !== undefined) {
    args.io.err(
      `gatehouse demo: expected no scene, \`deputy\`, \`supply-chain\`, \`policy\`, \`approvals\` or \`audit\`, got \`${scene}\`\n`,
    )
    return EXIT.usage
  }
  const era = args.text('era') ?? 'modern'
  if (era !== 'modern' && era !== 'legacy') {
    args.io.err('gatehouse demo: --era is `modern` (2026-07-28) or `legacy` (2025-11-25)\n')
    return EXIT.usage
  }
  const log: string[] = []
  const root = await mkdtemp(join(tmpdir(), 'gatehouse-demo-'))
  const { promise: interrupted, reject } = Promise.withResolvers<never>()
  const interrupt = (): void => reject(new Interrupted())
  interrupted.catch(() => {}) // heard in `show`
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    const isGood = await show(args, era, { root, log, interrupted })
    if (!isGood) args.io.err(lastOf(log))
    return isGood ? EXIT.ok : EXIT.failed
  } catch (error) {
    if (error instanceof Interrupted) return INTERRUPTED
    args.io.err(lastOf(log))
    throw error
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    await rm(root, { recursive: true, force: true })
  }
}

/** Ctrl-C: everything is stopped in order and the folder goes; a second one does not wait. */
class Interrupted extends Error {}
const INTERRUPTED = 130

type Workshop = { readonly root: string; readonly log: string[]; readonly interrupted: Promise<never> }

/** True when every step did what it claims. */
async function show(args: CommandArgs, era: Era, { root, log, interrupted }: Workshop): Promise<boolean> {
  const { io } = args
  const file = exampleFile()
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`the demo needs the examples of the repository: \`${file}\` cannot be read`, { cause })
  })
  const missing = SERVERS.filter(
    name => !existsSync(fileURLToPath(new URL(`../../node_modules/@modelcontextprotocol/${name}`, import.meta.url))),
  )
  if (missing.length > 0)
    throw new Error(`the demo needs the development dependencies (${missing.join(', ')} missing): run \`npm ci\` first`)
  const progress = (words: string): void => {
    if (io.isTerminal) io.err(`${words}\n`)
  }
  const [port, identityPort] = await freePorts()
  const snapshot = await demoSnapshot(text, { file, root, port, identityPort, env: io.env })
  progress('starting the gateway ...')
  const running = await serve(snapshot, line => void log.push(line))
  let host: DemoHost | undefined
  try {
    progress('connecting a host; the servers start when they are first asked ...')
    const { token, user: person } = await requestToken(snapshot)
    const settings = { url: `${running.gateway.url}/mcp`, token, era, version: packageVersion(), answers: ANSWERS }
    host = await Promise.race([connectHost(settings), interrupted])
    const setting = settingOf(running, snapshot, { version: host.version, person })
    if (!args.json) io.out(opening(setting))
    const steps: Step[] = []
    const walked = walkAll(args, worldOf(args, snapshot, { host, person, workspace: join(dirname(file), 'workspace') }), steps)
    await Promise.race([walked, interrupted])
    const isGood = steps.length === STEPS && steps.every(({ checks }) => checks.every(({ isTrue }) => isTrue))
    io.out(args.json ? `${JSON.stringify({ ok: isGood, era, ...setting, steps }, undefined, 2)}\n` : closing(steps, STEPS))
    return isGood
  } finally {
    progress('stopping ...')
    await host?.close().catch(() => {}) // the gateway is stopped next, whatever the host says
    await running.stop()
  }
}

async function walkAll({ io, json }: CommandArgs, world: World, steps: Step[]): Promise<void> {
  for await (const step of walk(world)) {
    steps.push(step)
    if (!json) io.out(stepText(step))
  }
}

const worldOf = ({ io }: CommandArgs, { dataDir, upstreams }: Snapshot, more: Pick<World, 'host' | 'person' | 'workspace'>): World => ({
  ...more,
  dataDir,
  aliases: [...upstreams.keys()],
  cwd: io.cwd,
  offered: async alias => {
    const upstream = upstreams.get(alias)
    return upstream ? offeredBy(upstream) : []
  },
})

const settingOf = (running: Running, snapshot: Snapshot, host: Pick<Setting, 'version' | 'person'>): Setting => ({
  url: running.gateway.url,
  servers: [...snapshot.upstreams.values()].map(({ alias, title }) => ({ alias, title: title ?? alias })),
  ...host,
})

const lastOf = (log: readonly string[]): string =>
  log.length === 0
    ? ''
    : `the last lines of the gateway's log:\n${log
        .slice(-LOG_LINES)
        .map(line => `  ${line.trimEnd()}\n`)
        .join('')}`

/** examples/first-run of this repository; two folders up both from src/cli and from dist/cli. */
const exampleFile = (): string => fileURLToPath(new URL('../../examples/first-run/gatehouse.yaml', import.meta.url))
