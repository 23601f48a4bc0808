// `gatehouse demo audit`: an incident told from the audit log, proved, delivered elsewhere, and found again after somebody changed the log (src/demo/audit).

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startCollector, type Collector } from '../demo/audit/collector.ts'
import { auditClosing, opening, STEPS } from '../demo/audit/report.ts'
import { stageAudit } from '../demo/audit/stage.ts'
import { AuditWalk, type House } from '../demo/audit/walk.ts'
import { connectHost, type DemoHost } from '../demo/host.ts'
import { startGatewayProcess, type GatewayProcess } from '../demo/policy/gateway-process.ts'
import { stepText } from '../demo/report.ts'
import type { Step } from '../demo/walk.ts'
import { requestToken } from '../evaluation/request-token.ts'
import { Fault } from '../kernel/errors.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { freePorts } from './free-ports.ts'
import { ownCommands } from './own-commands.ts'
import { ownProgram } from './self.ts'
import { packageVersion } from './version.ts'

/** Exit code 0 only when every step did what it claims. */
export async function run(args: CommandArgs): Promise<number> {
  const root = await mkdtemp(join(tmpdir(), 'gatehouse-audit-'))
  const collector = await startCollector()
  try {
    return (await show(args, root, collector)) ? EXIT.ok : EXIT.failed
  } finally {
    await collector.close()
    await rm(root, { recursive: true, force: true })
  }
}

async function show({ io, json }: CommandArgs, root: string, collector: Collector): Promise<boolean> {
  const [gateway, identity] = await freePorts()
  const repository = fileURLToPath(new URL('../..', import.meta.url))
  const ports = { gateway, identity, collector: collector.port }
  const { folder, snapshot, archive } = await stageAudit({ repository, root, ports, env: io.env })
  const progress = (words: string): void => {
    if (io.isTerminal) io.err(`${words}\n`)
  }
  const commands = ownCommands(io, root)
  const hosts = new Map<string, DemoHost>()
  const steps: Step[] = []
  progress('starting the gateway ...')
  let running: GatewayProcess | undefined = await startGatewayProcess(ownProgram(), folder, io.env)
  const { log, url } = running
  const house: House = {
    folder,
    dataDir: snapshot.dataDir,
    archive,
    collected: collector.records,
    gatehouse: argv => commands(argv, folder),
    call: (who, tool, input) => {
      const host = hosts.get(who)
      if (!host) throw new TypeError(`nobody is ${who}`)
      return host.call(tool, input)
    },
    async stop() {
      for (const host of hosts.values()) await host.close().catch(() => {}) // the gateway is stopped next, whatever a host says
      hosts.clear()
      await running?.stop()
      running = undefined
    },
    async start() {
      try {
        running = await startGatewayProcess(ownProgram(), folder, io.env)
        return undefined
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        return error.message
      }
    },
  }
  try {
    for (const user of ['alice', 'bob']) {
      const path = '/servers/memory/mcp'
      const { token } = await requestToken(snapshot, { user, resource: path })
      hosts.set(user, await connectHost({ url: `${url}${path}`, token, era: 'modern', version: packageVersion(), answers: [] }))
    }
    if (!json) io.out(opening(url))
    for await (const step of new AuditWalk(house).steps()) {
      progress(`${step.number} of ${STEPS} ...`)
      steps.push(step)
      if (!json) io.out(stepText(step))
    }
  } finally {
    await house.stop()
  }
  const isGood = steps.length === STEPS && steps.every(({ checks }) => checks.every(({ isTrue }) => isTrue))
  io.out(json ? `${JSON.stringify({ ok: isGood, steps }, undefined, 2)}\n` : auditClosing(steps))
  if (!isGood) io.err(log.slice(-20).join('\n'))
  return isGood
}
