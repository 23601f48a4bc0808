// Admissions of one run of the repository's own commands: what was reviewed is committed, where its servers are is known in the run alone, and a key that is
// made for the run signs the two together. Not for gateways that serve anybody.

import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { signatureFile, statementFile } from '../../adapters/admission/admission-folder.ts'
import { whyNotSigned } from '../../adapters/admission/reviewer-signature.ts'
import { readReviewers } from '../../adapters/admission/reviewers.ts'
import { signPayload } from '../../adapters/sigstore/sign.ts'
import type { PinnedSurface } from '../../admission/pinned-surface.ts'
import { readStatement, statementOf, type Admission } from '../../admission/statement.ts'
import type { Snapshot } from '../../config/schema.ts'

export type RunKey = { readonly file: string; readonly publicKey: string }

/** A key pair in a folder that goes with the run. */
export async function makeRunKey(folder: string): Promise<RunKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const key = { file: join(folder, 'run-reviewer.key'), publicKey: join(folder, 'run-reviewer.pem') }
  await writeFile(key.file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(key.publicKey, publicKey.export({ type: 'spki', format: 'pem' }))
  return key
}

export type Readdressing = {
  /** whose statements are committed */
  readonly committed: Pick<Snapshot, 'admissions' | 'reviewers'>
  /** as it runs; its `reviewers` name the run's key under the name of who reviewed */
  readonly run: Pick<Snapshot, 'admissions' | 'upstreams'>
  readonly key: RunKey
  /** under which name a server of the run was reviewed; default: its alias */
  readonly nameOf?: (alias: string) => string
  /** more than was committed, made from the same source; default: the committed one */
  readonly surfaceOf?: (admission: Admission) => PinnedSurface
}

/** Writes the statements of a run. Throws where a committed one is missing, or its signature does not count. */
export async function readdress({ committed, run, key, nameOf = name => name, surfaceOf }: Readdressing): Promise<void> {
  await mkdir(run.admissions, { recursive: true })
  for (const { alias, launch } of run.upstreams.values()) {
    const reviewed = await reviewedAs(nameOf(alias), committed)
    const surface = surfaceOf?.(reviewed) ?? reviewed.surface
    const reviewedAt = new Date(Math.max(Date.now(), Date.parse(reviewed.reviewedAt) + 1)).toISOString()
    const statement = statementOf({ ...reviewed, alias, surface, launch: launch.specification, reviewedAt })
    const { bundle } = await signPayload(Buffer.from(statement), { kind: 'file', file: key.file }, {})
    await writeFile(statementFile(run.admissions, alias), statement)
    await writeFile(signatureFile(run.admissions, alias), bundle)
  }
}

async function reviewedAs(name: string, { admissions, reviewers }: Readdressing['committed']): Promise<Admission> {
  const statement = await readFile(statementFile(admissions, name))
  const read = readStatement(statement, name)
  const known = readReviewers(reviewers)
  const bundle = await readFile(signatureFile(admissions, name))
  if (typeof read === 'string' || !known) throw unusable(name, typeof read === 'string' ? read : 'has no reviewer')
  const { reviewer, reviewedAt } = read
  const refused = await whyNotSigned(known, { reviewer, reviewedAt, statement, bundle })
  await known.close()
  if (refused) throw unusable(name, refused.why)
  return read
}

const unusable = (name: string, why: string): Error =>
  new Error(`the committed admission of \`${name}\` ${why}: run \`npm run admissions\``)
