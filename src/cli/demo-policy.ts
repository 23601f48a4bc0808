// `gatehouse demo policy`: a rule from its first test to the denial it makes, at a gateway with the configuration of examples/policy (src/demo/policy).

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectHost, type DemoHost } from '../demo/host.ts'
import { startGatewayProcess } from '../demo/policy/gateway-process.ts'
import { opening, policyClosing, STEPS } from '../demo/policy/report.ts'
import { stagePolicies } from '../demo/policy/stage.ts'
import { PolicyWalk, type Workplace } from '../demo/policy/walk.ts'
import { stepText } from '../demo/report.ts'
import type { Step } from '../demo/walk.ts'
import { requestToken } from '../evaluation/request-token.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { freePorts } from './free-ports.ts'
import { ownCommands } from './own-commands.ts'
import { ownProgram } from './self.ts'
import { packageVersion } from './version.ts'

/** Exit code 0 only when every step did what it claims. */
export async function run(args: CommandArgs): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), 'gatehouse-policy-'))
  try {
    return (await show(args, root)) ? EXIT.ok : EXIT.failed
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function show({ io, json }: CommandArgs, root: string): Promise<boolean> {
  const [port, identityPort] = await freePorts()
  const repository = fileURLToPath(new URL('../..', import.meta.url))
  const { folder, snapshot } = await stagePolicies({ repository, root, port, identityPort, env: io.env })
  const progress = (words: string): void => {
    if (io.isTerminal) io.err(`${words}\n`)
  }
  progress('starting the gateway ...')
  const gateway = await startGatewayProcess(ownProgram(), folder, io.env)
  const hosts = new Map<string, DemoHost>()
  const commands = ownCommands(io, root)
  const steps: Step[] = []
  try {
    const hostOf = async (user: string): Promise<DemoHost> => {
      const path = '/servers/memory/mcp'
      const { token } = await requestToken(snapshot, { user, resource: path })
      return connectHost({ url: `${gateway.url}${path}`, token, era: 'modern', version: packageVersion(), answers: [] })
    }
    for (const user of ['alice', 'bob']) hosts.set(user, await hostOf(user))
    const workplace: Workplace = {
      folder,
      dataDir: snapshot.dataDir,
      gatehouse: argv => commands(argv, folder),
      call: (who, tool, input) => {
        const host = hosts.get(who)
        if (!host) throw new TypeError(`nobody is ${who}`)
        return host.call(tool, input)
      },
    }
    if (!json) io.out(opening(gateway.url, hosts.get('alice')?.version ?? ''))
    for await (const step of new PolicyWalk(workplace).steps()) {
      progress(`${step.number} of ${STEPS} ...`)
      steps.push(step)
      if (!json) io.out(stepText(step))
    }
  } finally {
    for (const host of hosts.values()) await host.close().catch(() => {}) // the gateway is stopped next, whatever a host says
    await gateway.stop()
  }
  const isGood = steps.length === STEPS && steps.every(({ checks }) => checks.every(({ isTrue }) => isTrue))
  io.out(json ? `${JSON.stringify({ ok: isGood, steps }, undefined, 2)}\n` : policyClosing(steps))
  if (!isGood) io.err(gateway.log.slice(-20).join('\n'))
  return isGood
}
