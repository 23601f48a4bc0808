// `gatehouse sign`: server.json, artifacts, lock file and surface become one statement, and a signature makes it a bundle.

import { isDenial } from '../trust/denial.ts'
import { statementDigest, writeServerStatement, type ServerStatement } from '../trust/statement.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { shortName } from './config-check.ts'
import { DEFAULT_REGISTRY, presentedFiles, type PresentedFiles } from './signing/presented.ts'
import { denialText } from './signing/denial-text.ts'
import { subjectsOf } from './signing/subjects.ts'
import { writeBundle, type Written } from './signing/write-bundle.ts'
import { tellingUsage, UsageError } from './usage.ts'

const DAY_MS = 86_400_000
const MAX_DAYS = 3650

export const run = tellingUsage('sign', sign)

async function sign(args: CommandArgs): Promise<number> {
  const serverFile = args.positionals[0] ?? 'server.json'
  const files = await presentedFiles(args, serverFile)
  if (isDenial(files)) {
    args.io.err(denialText('not signed', files))
    return EXIT.failed
  }
  const statement = statementOf(args, files)
  const payload = writeServerStatement(statement)
  return writeBundle(args, { command: 'sign', payload, out: `${serverFile}.sigstore.json` }, done =>
    report(args, { ...done, statement, payload }),
  )
}

function statementOf(args: CommandArgs, { document, presented }: PresentedFiles): ServerStatement {
  const { surface } = presented
  if (!surface) throw new UsageError('--surface is needed: what is not signed is not admitted')
  const subjects = subjectsOf({ document, presented })
  const envNames = [...new Set([...document.envNames, ...args.list('env')])].sort()
  return {
    subjects,
    server: { name: document.name, version: document.version, sequence: integer(args, 'sequence') },
    registry: args.text('registry') ?? DEFAULT_REGISTRY,
    previous: previousOf(args),
    notAfter: notAfterOf(args),
    surface,
    remotes: document.remotes.map(url => ({ url })),
    launch: { envNames, egress: [...new Set(args.list('egress'))].sort() },
  }
}

function previousOf(args: CommandArgs): string | null {
  const given = args.text('previous')
  if (given === undefined) return null
  if (!/^[0-9a-f]{64}$/.test(given))
    throw new UsageError('--previous: expected the SHA-256 of the statement before, as `sign` and `verify` print it')
  return given
}

function notAfterOf(args: CommandArgs): string {
  const days = args.text('valid-days') === undefined ? 365 : integer(args, 'valid-days')
  if (days > MAX_DAYS) throw new UsageError(`--valid-days: expected at most ${MAX_DAYS}`)
  return new Date(args.io.now() + days * DAY_MS).toISOString().replace(/\.\d+Z$/, 'Z')
}

function integer(args: CommandArgs, option: string): number {
  const text = args.text(option) ?? ''
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`--${option}: expected an integer from 1`)
  return Number(text)
}

function report({ io, json }: CommandArgs, done: Written & { readonly statement: ServerStatement; readonly payload: Buffer }): void {
  const { server, subjects, notAfter } = done.statement
  const digest = statementDigest(done.payload)
  if (json) {
    io.out(`${JSON.stringify({ server, bundle: done.out, signedBy: done.signedBy, subjects, notAfter, statement: digest })}\n`)
    return
  }
  io.out(`signed ${server.name} ${server.version} (sequence ${server.sequence}) by ${done.signedBy}\n`)
  for (const { name } of subjects) io.out(`  ${name}\n`)
  io.out(`  counts until ${notAfter}; the next version names this one with --previous ${digest}\n`)
  io.out(`bundle: ${shortName(done.out, io.cwd)}\n`)
}
