// `gatehouse sign review`: a reviewer admits one server version, over its server.json, artifacts, lock file and the surface that was looked at.

import { hash } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { isDenial } from '../trust/denial.ts'
import { MAX_BUNDLE_BYTES } from '../trust/preflight.ts'
import { SURFACE_SUBJECT, surfaceDigest, writeReview, type ReviewStatement } from '../trust/review.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { shortName } from './config-check.ts'
import { denialText } from './signing/denial-text.ts'
import { presentedFiles, required, type PresentedFiles } from './signing/presented.ts'
import { subjectsOf } from './signing/subjects.ts'
import { writeBundle } from './signing/write-bundle.ts'
import { tellingUsage, UsageError } from './usage.ts'

const MAX_RULES_BYTES = 16 * 1024 * 1024

export const run = tellingUsage('sign review', signReview)

async function signReview(args: CommandArgs): Promise<number> {
  const { io } = args
  const serverFile = args.positionals[0] ?? 'server.json'
  const files = await presentedFiles(args, serverFile)
  if (isDenial(files)) {
    io.err(denialText('not signed', files))
    return EXIT.failed
  }
  const review = await reviewOf(args, files)
  const { server, verifierId, subjects } = review
  return writeBundle(args, { command: 'sign review', payload: writeReview(review), out: `${serverFile}.review.sigstore.json` }, done => {
    if (args.json) io.out(`${JSON.stringify({ server, verifier: verifierId, bundle: done.out, signedBy: done.signedBy, subjects })}\n`)
    else {
      io.out(`admitted ${server.name} ${server.version} as ${verifierId}, signed by ${done.signedBy}\n`)
      for (const { name } of subjects) io.out(`  ${name}\n`)
      io.out(`bundle: ${shortName(done.out, io.cwd)}\n`)
    }
  })
}

async function reviewOf(args: CommandArgs, files: PresentedFiles): Promise<ReviewStatement> {
  const { cwd } = args.io
  const verifierId = args.text('verifier')
  const rules = args.text('rules')
  const { surface } = files.presented
  if (verifierId === undefined || rules === undefined || !surface) throw new UsageError('expected --verifier, --rules and --surface')
  const [sequence, downgradeTo] = [numberOf(args, 'sequence'), numberOf(args, 'downgrade-to')]
  const why = args.text('why')
  if ((downgradeTo === undefined) !== (why === undefined)) throw new UsageError('expected --downgrade-to and --why together')
  const inputs: string[] = []
  for (const file of args.list('input')) inputs.push(hash('sha256', await required(resolve(cwd, file), MAX_BUNDLE_BYTES)))
  return {
    subjects: [...subjectsOf(files), { name: SURFACE_SUBJECT, digest: { sha256: surfaceDigest(surface) } }],
    server: { name: files.document.name, version: files.document.version },
    verifierId,
    timeVerified: new Date(args.io.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    policy: {
      uri: `file:${encodeURIComponent(basename(rules))}`,
      digest: hash('sha256', await required(resolve(cwd, rules), MAX_RULES_BYTES)),
    },
    inputs,
    ...(sequence !== undefined && { sequence }),
    ...(downgradeTo !== undefined && why !== undefined && { downgrade: { sequence: downgradeTo, why } }),
  }
}

function numberOf(args: CommandArgs, name: string): number | undefined {
  const text = args.text(name)
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`expected --${name} as a number from 1`)
  return Number(text)
}
