// `gatehouse demo approvals`: what servers ask within calls is approved in a browser, rejected in a terminal, and decided by nobody (src/demo/approvals).

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findChromium } from '../demo/approvals/chromium.ts'
import { askedHost, type AskedHost } from '../demo/approvals/host.ts'
import { approverAt, type Approver } from '../demo/approvals/person.ts'
import { approvalsClosing, opening, STEPS } from '../demo/approvals/report.ts'
import { SERVERS, stageApprovals } from '../demo/approvals/stage.ts'
import { Timeline } from '../demo/approvals/timeline.ts'
import { ApprovalsWalk } from '../demo/approvals/walk.ts'
import { stepText } from '../demo/report.ts'
import type { Step } from '../demo/walk.ts'
import { requestToken } from '../evaluation/request-token.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { freePorts } from './free-ports.ts'
import { ownCommands, type OwnCommand } from './own-commands.ts'
import { serve } from './serve.ts'
import { packageVersion } from './version.ts'

/** Exit code 0 only when everything happened as it is told. */
export async function run(args: CommandArgs): Promise<number> {
  const browser = args.text('browser') ?? findChromium()
  const root = await mkdtemp(join(tmpdir(), 'gatehouse-approvals-'))
  try {
    return (await show(args, root, browser === 'none' ? undefined : browser)) ? EXIT.ok : EXIT.failed
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function show({ io, json }: CommandArgs, root: string, browser: string | undefined): Promise<boolean> {
  const [port, identityPort] = await freePorts()
  const repository = fileURLToPath(new URL('../..', import.meta.url))
  const { folder, snapshot, diaries } = await stageApprovals({ repository, root, port, identityPort, env: io.env })
  const commands = ownCommands(io, root)
  const gatehouse = (argv: readonly string[]): ReturnType<OwnCommand> => commands(argv, folder)
  const progress = (words: string): void => {
    if (io.isTerminal) io.err(`${words}\n`)
  }
  progress('reviewing the servers ...')
  for (const alias of SERVERS) await admit(alias, gatehouse)
  progress('starting the gateway ...')
  const log: string[] = []
  const running = await serve(snapshot, line => void log.push(line))
  const timeline = new Timeline(() => io.now())
  let [host, approver]: [AskedHost?, Approver?] = []
  const steps: Step[] = []
  try {
    const { url } = running.gateway
    const token = async (resource: string): Promise<string> => (await requestToken(snapshot, { user: 'bob', resource })).token
    host = askedHost({ url, version: packageVersion(), token }, timeline)
    approver = await approverAt(url, browser, timeline)
    if (!json) io.out(opening(url, approver.at))
    for await (const step of new ApprovalsWalk({ host, approver, timeline, dataDir: snapshot.dataDir, diaries, gatehouse }).steps()) {
      progress(`${step.number} of ${STEPS} ...`)
      steps.push(step)
      if (!json) io.out(stepText(step))
    }
  } finally {
    await approver?.close()
    await host?.close()
    await running.stop()
  }
  const isGood = steps.length === STEPS && steps.every(({ checks }) => checks.every(({ isTrue }) => isTrue))
  io.out(json ? `${JSON.stringify({ ok: isGood, browser: approver.at, steps }, undefined, 2)}\n` : approvalsClosing(steps))
  if (!isGood) io.err(log.slice(-20).join('\n'))
  return isGood
}

/** As a reviewer does: look at what it lists and how it is started, then admit exactly that. */
async function admit(alias: string, gatehouse: (argv: readonly string[]) => ReturnType<OwnCommand>): Promise<void> {
  const review = await gatehouse(['server', 'review', alias])
  const [, surface, launch] = /--surface ([0-9a-f]{64}) --launch ([0-9a-f]{64})/.exec(review.out) ?? []
  if (surface === undefined || launch === undefined)
    throw new Error(`the server \`${alias}\` of the demo cannot be reviewed: ${review.err}`)
  await gatehouse(['server', 'approve', alias, '--surface', surface, '--launch', launch, '--reviewer', 'alice'])
}
