// `gatehouse audit export` and `audit prove`: a log, or one event, in files that can be checked elsewhere.

import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { KeptLog } from '../../adapters/audit/kept-log.ts'
import { EXIT, type CommandArgs, type CommandModule } from '../command.ts'
import { writeAtomic } from '../files.ts'
import { UsageError } from '../signing/presented.ts'
import { logPlace } from './place.ts'

const verb = (name: string, run: (args: CommandArgs) => Promise<number>): CommandModule => ({
  async run(args) {
    try {
      return await run(args)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      args.io.err(`gatehouse audit ${name}: ${error.message}\n`)
      return EXIT.usage
    }
  },
})

const SEQ = /^(?:0|[1-9]\d{0,15})$/

export const exporting = verb('export', async args => {
  const [name] = args.positionals
  if (name === undefined) throw new UsageError('expected the file to write')
  const from = args.text('from')
  if (from !== undefined && !SEQ.test(from)) throw new UsageError('--from: expected the number of an event')
  const path = resolve(args.io.cwd, name)
  if (existsSync(path)) {
    args.io.err(`gatehouse audit export: \`${name}\` is there already and was left as it is\n`)
    return EXIT.conflict
  }
  const log = KeptLog.open((await logPlace(args, args.text('data-dir'))).dir)
  const fresh = `${path}.new`
  try {
    const out = openSync(fresh, 'w', 0o600)
    let done
    try {
      done = log.export(out, from === undefined ? undefined : Number(from))
      fsyncSync(out)
    } finally {
      closeSync(out)
    }
    renameSync(fresh, path)
    args.io.out(
      args.json
        ? `${JSON.stringify({ ...done, file: path })}\n`
        : `${done.to - done.from} events of ${done.origin}, from ${done.from} to ${done.to - 1}, ${done.bytes} bytes, in ${name}\nwhoever gets it checks it with \`gatehouse audit verify ${name} --key ...\`\n`,
    )
    return EXIT.ok
  } finally {
    log.close()
    rmSync(fresh, { force: true })
  }
})

export const prove = verb('prove', async args => {
  const [which] = args.positionals
  if (which === undefined) throw new UsageError('expected the number or the id of an event')
  const log = KeptLog.open((await logPlace(args, args.text('data-dir'))).dir)
  try {
    const { seq, proof, event } = log.prove(SEQ.test(which) ? Number(which) : which)
    const out = args.text('out') ?? `event-${seq}`
    const [proofFile, eventFile] = [`${out}.tlog-proof`, `${out}.json`]
    await writeAtomic(resolve(args.io.cwd, proofFile), proof)
    await writeAtomic(resolve(args.io.cwd, eventFile), event)
    args.io.out(
      args.json
        ? `${JSON.stringify({ seq, proof: proofFile, event: eventFile, vkeys: log.vkeys })}\n`
        : `event ${seq}: ${eventFile}, and its proof: ${proofFile}\nwhoever gets both checks them with \`gatehouse audit verify --proof ${proofFile} --event ${eventFile} --key ...\`\n`,
    )
    return EXIT.ok
  } finally {
    log.close()
  }
})
