// The processes of a run: fixtures that listen, and the gateway (or its control) in front of them.

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startFront, type FrontKind } from './fronts.ts'
import type { Front, UpstreamConfig } from './gateway.ts'
import { FIXTURES, type Fixture, type Leg, type ServerLeg } from './legs.ts'
import { startPassthrough, type Passthrough } from './passthrough.ts'
import { launchListening, type Launched } from './processes.ts'

export type WorldOptions = {
  /** folder for logs and recordings */
  readonly out: string
  readonly front: FrontKind
  readonly isDirectOnly: boolean
  /** record what goes between the front and each upstream */
  readonly record: boolean
  /** a gateway that runs already, `<prefix>/<alias>/mcp`, and the file with its tokens by alias */
  readonly running?: { readonly prefix: string; readonly tokensFile: string }
  /** fixtures listen here, in the order of FIXTURES; default: free ports */
  readonly fixturePorts?: number
}

export type World = {
  /** where a fixture listens */
  url(fixture: Fixture): string
  readonly front: Front | undefined
  stop(): Promise<void>
}

export const aliasOf = (leg: ServerLeg): string => (leg.transport === 'stdio' ? `${leg.upstream}-stdio` : leg.upstream)

const commandOf = (fixture: Fixture, ...mode: string[]): string[] => [FIXTURES[fixture].file, ...mode, ...FIXTURES[fixture].args]

function fixturesFor(legs: readonly Leg[]): Set<Fixture> {
  const needed = new Set<Fixture>()
  for (const leg of legs) {
    if (leg.kind === 'control') needed.add(leg.direct)
    if (leg.kind === 'server') needed.add(leg.direct).add(leg.upstream)
  }
  return needed
}

type Started = Launched & { readonly url: string }

async function startFixtures(needed: ReadonlySet<Fixture>, options: WorldOptions): Promise<Map<Fixture, Started>> {
  const started = new Map<Fixture, Started>()
  for (const [index, name] of (Object.keys(FIXTURES) as Fixture[]).entries()) {
    if (!needed.has(name)) continue
    const port = options.fixturePorts === undefined ? 0 : options.fixturePorts + index
    const log = join(options.out, `fixture-${name}.log`)
    started.set(name, await launchListening(commandOf(name, '--http', String(port)), { log }))
  }
  return started
}

/** A gateway somebody else started; the harness cannot mint its tokens. */
function runningGateway({ prefix, tokensFile }: { readonly prefix: string; readonly tokensFile: string }): Front {
  const tokens = JSON.parse(readFileSync(tokensFile, 'utf8')) as Record<string, string>
  return {
    url: alias => `${prefix.replace(/\/$/, '')}/${alias}/mcp`,
    bearer: alias => Promise.resolve(tokens[alias]),
    stop: () => Promise.resolve(),
  }
}

/** Upstreams by alias; with `record` a relay stands between the front and each HTTP fixture. */
async function upstreamsFor(
  legs: readonly Leg[],
  urlOf: (fixture: Fixture) => string,
  options: WorldOptions,
): Promise<{ upstreams: Record<string, UpstreamConfig>; relays: Passthrough[] }> {
  const upstreams: Record<string, UpstreamConfig> = {}
  const relays: Passthrough[] = []
  for (const leg of legs) {
    if (leg.kind !== 'server') continue
    const alias = aliasOf(leg)
    if (alias in upstreams) continue
    if (leg.transport === 'stdio') {
      upstreams[alias] = { kind: 'stdio', command: process.execPath, args: commandOf(leg.upstream, '--stdio') }
      continue
    }
    let url = urlOf(leg.upstream)
    if (options.record) {
      const record = join(options.out, `wire-${alias}-upstream.jsonl`)
      rmSync(record, { force: true })
      const relay = await startPassthrough(url, { record, rewriteHost: true })
      relays.push(relay)
      url = relay.url
    }
    upstreams[alias] = { kind: 'http', url }
  }
  return { upstreams, relays }
}

export async function startWorld(legs: readonly Leg[], options: WorldOptions): Promise<World> {
  const fixtures = await startFixtures(fixturesFor(legs), options)
  const url = (fixture: Fixture): string => fixtures.get(fixture)?.url ?? ''
  let front: Front | undefined
  let relays: Passthrough[] = []
  const stop = async (): Promise<void> => {
    await front?.stop()
    for (const relay of relays) await relay.stop()
    for (const fixture of fixtures.values()) await fixture.stop()
  }
  try {
    if (options.running) front = runningGateway(options.running)
    else if (!options.isDirectOnly && legs.some(leg => leg.kind === 'server')) {
      const needed = await upstreamsFor(legs, url, options)
      relays = needed.relays
      const log = join(options.out, 'gateway.log')
      rmSync(log, { force: true })
      front = await startFront(options.front, needed.upstreams, log)
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { url, front, stop }
}
