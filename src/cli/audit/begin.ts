// `gatehouse audit begin`: the end of an audit log, asked for by a person, so that the next start begins another one that names it.

import { randomFillSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readFloor, type LogEnd } from '../../adapters/audit/floor.ts'
import { endLog } from '../../adapters/audit/log-standing.ts'
import { NotaryThread } from '../../adapters/audit/notary-thread.ts'
import { openFlatLog } from '../../adapters/audit/open-flat-log.ts'
import { EventEncoder } from '../../audit/encode.ts'
import type { Snapshot } from '../../config/schema.ts'
import { Fault } from '../../kernel/errors.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { asideOf } from '../set-aside.ts'
import { configurationOf } from '../stopped-gateway.ts'

/** What a log that is to be ended may be refused for: it cannot take a last event any more. Everything else is to be mended first. */
const LOST: readonly string[] = ['audit-rolled-back', 'audit-changed', 'audit-damaged', 'audit-origin-ended']

export async function run(args: CommandArgs): Promise<number> {
  const { io, json } = args
  const why = args.text('why')
  if (why === undefined || why.trim() === '') {
    io.err('gatehouse audit begin: expected --why, which the new log tells in its first event\n')
    return EXIT.usage
  }
  const snapshot = await configurationOf(args)
  if (!snapshot) return EXIT.configInvalid
  const problem = refusal(snapshot, args.flag('yes'))
  if (problem !== undefined) {
    io.err(`gatehouse audit begin: ${problem}\nnothing was changed\n`)
    return EXIT.conflict
  }
  try {
    const { dataDir } = snapshot
    const said = { time: new Date(io.now()).toISOString(), by: io.userName, why }
    const lost = await lastEvent(args, dataDir, said)
    const end: LogEnd = { ...said, ...(lost !== undefined && { lost }) }
    const aside = await endLog(dataDir, { aside: asideOf(join(dataDir, 'audit'), 'ended', io.now()), end })
    const before = readFloor(dataDir).ended.at(-1)
    if (json) io.out(`${JSON.stringify({ aside, before })}\n`)
    else
      io.out(
        [
          ...(before ? [`\`${before.origin}\` has ended with ${before.size} signed events`] : []),
          ...(aside === undefined ? [] : [`what there is of it is ${basename(aside)}`]),
          'the next start begins a new log; give its key to your witnesses (`gatehouse audit key`)',
        ]
          .map(line => `${line}\n`)
          .join(''),
      )
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'audit-locked') throw error
    io.err('gatehouse: the gateway is running; stop it first\n')
    return EXIT.conflict
  }
}

function refusal({ dataDir, audit: { origin } }: Snapshot, isSure: boolean): string | undefined {
  const { last, ended } = readFloor(dataDir)
  if (!existsSync(join(dataDir, 'audit')) && last === undefined) return 'there is no audit log to be ended; the next start begins one'
  if (origin !== undefined && [...ended, ...(last ? [last] : [])].some(log => log.origin === origin))
    return `\`audit.origin\` of the configuration is \`${origin}\`, and the name of a log that ended is never used again: set another there, or none`
  if (isSure) return undefined
  const what = last ? `\`${last.origin}\`, of which ${last.size} events were signed,` : 'the log that is there'
  return `${what} would end and go aside, and the next start begin another under a new name; --yes does it`
}

/** The log tells its own end, under a signature, where it can; else why it cannot. */
async function lastEvent({ io }: CommandArgs, dataDir: string, { by, why }: LogEnd): Promise<string | undefined> {
  const dir = join(dataDir, 'audit')
  if (!existsSync(dir)) return 'audit-missing'
  const now = (): number => io.now()
  const encoder = new EventEncoder(now, randomFillSync)
  const notary = new NotaryThread({
    settings: { dataDir, dir, host: 'gatehouse' },
    now: () => performance.now(),
    onTrouble: message => io.err(`gatehouse audit begin: ${message}\n`),
  })
  try {
    const { log } = await openFlatLog({ dir, encoder, now, follower: notary })
    await log.append(encoder.lifecycle('audit-log-ended', { by, why }))
    await log.close()
    return undefined
  } catch (error) {
    await notary.close()
    if (error instanceof Fault && LOST.includes(error.code)) return error.code
    throw error
  }
}
