// Reviewers' statements in a folder, one file per upstream: looked at once a second, so that an approval or a quarantine needs no restart.

import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Admissions, Unreadable } from '../../admission/admissions.ts'
import { MAX_STATEMENT_BYTES, readStatement, type Admission } from '../../admission/statement.ts'
import { MAX_SIGNATURE_BYTES, whyNotSigned, type ReviewerKeys } from './reviewer-signature.ts'

type Standing = Admission | Unreadable
type Held = { readonly fingerprint: string; readonly standing: Standing | undefined }

export type AdmissionChange = { readonly alias: string; readonly before: Standing | undefined; readonly now: Standing | undefined }

/** Where to look, and for whom. */
export type AdmissionPlace = {
  readonly folder: string
  readonly aliases: readonly string[]
  /** whose signatures count; absent = statements need none */
  readonly reviewers?: ReviewerKeys | undefined
}

/** Where an upstream's statement is; committed beside the configuration, or managed by whoever deploys it. */
export const statementFile = (folder: string, alias: string): string => join(folder, `${alias}.json`)
/** Its reviewer's signature: a Sigstore bundle over the bytes of the statement. */
export const signatureFile = (folder: string, alias: string): string => join(folder, `${alias}.sigstore.json`)

const ABSENT = 'ENOENT'

export class AdmissionFolder implements Admissions {
  readonly #record: (change: AdmissionChange) => Promise<void>
  readonly #decided: (alias: string) => void
  #held: ReadonlyMap<string, Held> = new Map()
  #looking: Promise<void> = Promise.resolve()

  /** `record`: a change is on record once it resolves, and in force only then; while it rejects, the log is broken and nothing passes anyway. `decided`: it is in force. */
  constructor(record: (change: AdmissionChange) => Promise<void>, decided: (alias: string) => void = () => {}) {
    this.#record = record
    this.#decided = decided
  }

  of(alias: string): Standing | undefined {
    return this.#held.get(alias)?.standing
  }

  /** Takes over what changed on disk, one look after the other; never rejects. What is no longer asked for is forgotten. */
  look(place: AdmissionPlace): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look(place))
    return this.#looking
  }

  async #look(place: AdmissionPlace): Promise<void> {
    const next = new Map<string, Held>()
    for (const alias of place.aliases) {
      const held = await this.#one(alias, place)
      if (held) next.set(alias, held)
    }
    const before = this.#held
    this.#held = next
    for (const [alias, { standing }] of next) if (standing !== before.get(alias)?.standing) this.#decided(alias)
  }

  async #one(alias: string, { folder, reviewers }: AdmissionPlace): Promise<Held | undefined> {
    const known = this.#held.get(alias)
    const file = statementFile(folder, alias)
    const found = await fingerprintOf(file)
    const signature = reviewers ? `${reviewers.id} ${await fingerprintOf(signatureFile(folder, alias))}` : ''
    const fingerprint = `${file} ${found} ${signature}`
    if (known?.fingerprint === fingerprint) return known
    const now = found === ABSENT ? undefined : await readAdmission(folder, alias, reviewers)
    const before = known?.standing
    if (before === undefined && now === undefined) return { fingerprint, standing: undefined }
    try {
      await this.#record({ alias, before, now })
      return { fingerprint, standing: now }
    } catch {
      // Not on record: what was in force stays for the next look. The log says itself why it cannot be written.
      return known
    }
  }
}

async function readAdmission(folder: string, alias: string, reviewers: ReviewerKeys | undefined): Promise<Standing> {
  try {
    const bytes = await readBounded(statementFile(folder, alias), MAX_STATEMENT_BYTES)
    if (typeof bytes === 'string') return unreadable(bytes)
    const statement = readStatement(bytes, alias)
    if (typeof statement === 'string') return unreadable(statement)
    if (!reviewers) return statement
    const bundle = await readBounded(signatureFile(folder, alias), MAX_SIGNATURE_BYTES).catch(absent)
    if (typeof bundle === 'string') return unreadable(`has a signature that ${bundle}`)
    const why = whyNotSigned(reviewers, { reviewer: statement.reviewer, statement: bytes, bundle })
    return why === undefined ? statement : unreadable(why)
  } catch (error) {
    return unreadable(`cannot be read (${codeOf(error)})`)
  }
}

/** The bytes of a regular file, or why they are not read. */
async function readBounded(file: string, maxBytes: number): Promise<Buffer | string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await handle.stat()
    if (!found.isFile()) return 'is no regular file'
    return found.size > maxBytes ? `is larger than ${maxBytes} bytes` : await handle.readFile()
  } finally {
    await handle.close()
  }
}

function absent(error: unknown): undefined {
  if (codeOf(error) !== ABSENT) throw error
  return undefined
}

const unreadable = (why: string): Unreadable => ({ unreadable: `its admission ${why}` })

/** Device, inode, size and times of what its links lead to; the name of the error where there is no file. */
async function fingerprintOf(file: string): Promise<string> {
  try {
    const now = await stat(file, { bigint: true })
    return `${now.dev} ${now.ino} ${now.size} ${now.mtimeNs} ${now.ctimeNs}`
  } catch (error) {
    return codeOf(error)
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unreadable')
