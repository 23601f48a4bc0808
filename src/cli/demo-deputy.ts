// `gatehouse demo deputy`: starts the configuration of examples/deputy on free ports, with both servers in this process, and attacks it (src/demo/deputy).

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { attacksOf, type Stage } from '../demo/deputy/attacks.ts'
import { committedDeputy, deputySnapshot } from '../demo/deputy/configuration.ts'
import { attackText, closing, opening, type Told } from '../demo/deputy/report.ts'
import { startServers, stopServers, type Servers } from '../demo/deputy/servers.ts'
import { requestToken } from '../evaluation/request-token.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { freePorts } from './free-ports.ts'
import { serve } from './serve.ts'
import { makeRunKey, readdress } from './server/readdress.ts'

/** Exit code 0 only when every attack was made and refused. */
export async function run(args: CommandArgs): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-deputy-'))
  const servers = await startServers()
  try {
    return (await show(args, servers, dataDir)) ? EXIT.ok : EXIT.failed
  } finally {
    await stopServers(servers)
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function show({ io, json }: CommandArgs, servers: Servers, dataDir: string): Promise<boolean> {
  const file = exampleFile()
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`the demo needs the examples of the repository: \`${file}\` cannot be read`, { cause })
  })
  const [port, identityPort] = await freePorts()
  const urls = { ledgerUrl: servers.ledger.url, mirrorUrl: servers.mirror.url }
  const key = await makeRunKey(dataDir)
  const admissions = join(dataDir, 'admissions')
  const place = { file, dataDir, port, identityPort, ...urls, admissions, reviewerKey: key.publicKey, env: io.env }
  const snapshot = await deputySnapshot(text, place)
  await readdress({ committed: await committedDeputy(text, place), run: snapshot, key })
  if (io.isTerminal) io.err('starting the gateway ...\n')
  const running = await serve(snapshot, () => {})
  try {
    const stage: Stage = {
      url: running.gateway.url,
      servers,
      token: async (user, resource, scope) =>
        (await requestToken(snapshot, { user, resource, ...(scope !== undefined && { scope }) })).token,
    }
    const attacks = attacksOf(stage)
    const told: Told[] = []
    if (!json) io.out(opening(stage.url))
    for (const { by, title, prize, run: attack } of attacks) {
      const end: Told = { by, title, prize, ...(await attack()) }
      told.push(end)
      if (!json) io.out(attackText(told.length, end))
    }
    const isGood = told.length === attacks.length && told.every(({ isHeld }) => isHeld)
    io.out(json ? `${JSON.stringify({ ok: isGood, attacks: told }, undefined, 2)}\n` : closing(told, attacks.length))
    return isGood
  } finally {
    await running.stop()
  }
}

/** examples/deputy of this repository; two folders up both from src/cli and from dist/cli. */
const exampleFile = (): string => fileURLToPath(new URL('../../examples/deputy/gatehouse.yaml', import.meta.url))
