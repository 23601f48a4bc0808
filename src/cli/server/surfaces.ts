// What the commands about servers share: the configuration, an upstream by its alias, what was seen of it, and what reviewers said.

import { hash } from 'node:crypto'
import { floorsFor } from '../../adapters/admission/floor-file.ts'
import { signatureFile, statementFile } from '../../adapters/admission/admission-folder.ts'
import { readBounded, readDefinitionsBeside } from '../../adapters/admission/definitions-file.ts'
import { MAX_SIGNATURE_BYTES, whyNotSigned } from '../../adapters/admission/reviewer-signature.ts'
import { readReviewers, type Reviewer } from '../../adapters/admission/reviewers.ts'
import { readSeenFile } from '../../adapters/admission/seen-folder.ts'
import { whyBelow } from '../../admission/floors.ts'
import type { Digest } from '../../admission/primitive.ts'
import type { SeenSurface } from '../../admission/seen-surface.ts'
import { MAX_STATEMENT_BYTES, readStatement, type Admission } from '../../admission/statement.ts'
import type { Snapshot, ConfiguredUpstream } from '../../config/schema.ts'
import { nearest } from '../../kernel/nearest.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { configurationOf } from '../stopped-gateway.ts'

export type Server = {
  readonly snapshot: Snapshot
  readonly settings: ConfiguredUpstream
  readonly alias: string
}

/** The upstream that the command line names; a number is the exit code after saying what is wrong. */
export async function serverOf(args: CommandArgs): Promise<Server | number> {
  const [alias] = args.positionals
  const snapshot = await configurationOf(args)
  if (!snapshot) return EXIT.configInvalid
  if (alias === undefined) {
    args.io.err(`expected the alias of a server: ${[...snapshot.upstreams.keys()].join(', ')}\n`)
    return EXIT.usage
  }
  const settings = snapshot.upstreams.get(alias)
  if (settings) return { snapshot, settings, alias }
  const near = nearest(alias, [...snapshot.upstreams.keys()])
  args.io.err(
    `no server of that alias; ${near === undefined ? `there are: ${[...snapshot.upstreams.keys()].join(', ')}` : `did you mean \`${near}\`?`}\n`,
  )
  return EXIT.usage
}

export type Signature = 'signed' | 'evaluation' | 'unsigned'
export type Reviewed = {
  readonly seen: SeenSurface | undefined
  /** a text says why the statement cannot be relied on */
  readonly admission: Admission | string | undefined
  /** by whom it is signed: the reviewer it names, or a reviewer whose key lies on this machine for trying things out */
  readonly signature: Signature
  readonly definitions: SeenSurface | undefined
  /** when the last decision was made that counts or counted, RFC 3339: the next one has to be later */
  readonly lastAt: string | undefined
}

const signatureOf = (reviewer: Reviewer | undefined): Signature => {
  if (reviewer === undefined) return 'unsigned'
  return typeof reviewer === 'object' && reviewer.kind === 'key' && reviewer.isEvaluation ? 'evaluation' : 'signed'
}

const latest = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || (b !== undefined && Date.parse(b) > Date.parse(a)) ? b : a

export async function reviewedOf({ snapshot, alias }: Omit<Server, 'settings'>): Promise<Reviewed> {
  const statement = await readBounded(statementFile(snapshot.admissions, alias), MAX_STATEMENT_BYTES)
  const read = statement && readStatement(statement, alias)
  const reviewers = readReviewers(snapshot.reviewers)
  const bundle = reviewers && (await readBounded(signatureFile(snapshot.admissions, alias), MAX_SIGNATURE_BYTES))
  const floor = floorsFor(snapshot.dataDir).of(alias)
  const why =
    reviewers && statement && typeof read === 'object'
      ? ((await whyNotSigned(reviewers, { reviewer: read.reviewer, reviewedAt: read.reviewedAt, statement, bundle }))?.why ??
        whyBelow(floor, { reviewedAt: read.reviewedAt, statement: hash('sha256', statement) as Digest }))
      : undefined
  await reviewers?.close()
  const admission = why ?? read
  return {
    seen: await readSeenFile(snapshot.dataDir, alias),
    admission,
    lastAt: latest(typeof admission === 'object' ? admission.reviewedAt : undefined, reviewers && floor?.reviewedAt),
    signature: signatureOf(typeof admission === 'object' ? reviewers?.byName.get(admission.reviewer) : undefined),
    definitions: await readDefinitionsBeside(snapshot.admissions, alias),
  }
}
