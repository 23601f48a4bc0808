// `gatehouse audit export`: a log in one file that can be checked elsewhere.

import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { KeptLog } from '../../adapters/audit/kept-log.ts'
import { EXIT } from '../command.ts'
import { logPlace } from './place.ts'
import { SEQ } from './seq.ts'
import { tellingUsage, UsageError } from '../usage.ts'

export const run = tellingUsage('audit export', async args => {
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
