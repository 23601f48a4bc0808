// Reviewers' statements in a folder, one file per upstream: looked at once a second, so that an approval or a quarantine needs no restart.

import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Admissions, Unreadable } from '../../admission/admissions.ts'
import { whyBelow, type AdmissionFloor, type AdmissionFloors } from '../../admission/floors.ts'
import type { Digest } from '../../admission/primitive.ts'
import { MAX_STATEMENT_BYTES, readStatement, type Admission } from '../../admission/statement.ts'
import { MAX_SIGNATURE_BYTES, whyNotSigned } from './reviewer-signature.ts'
import type { Reviewers } from './reviewers.ts'

type Standing = Admission | Unreadable
type Held = { readonly fingerprint: string; readonly standing: Standing | undefined }

export type AdmissionChange = { readonly alias: string; readonly before: Standing | undefined; readonly now: Standing | undefined }

/** Where to look, and for whom. */
export type AdmissionPlace = {
  readonly folder: string
  readonly aliases: readonly string[]
  /** whose signatures count; absent = statements need none */
  readonly reviewers?: Reviewers | undefined
}

/** Where an upstream's statement is; committed beside the configuration, or managed by whoever deploys it. */
export const statementFile = (folder: string, alias: string): string => join(folder, `${alias}.json`)
/** Its reviewer's signature: a Sigstore bundle over the bytes of the statement. */
export const signatureFile = (folder: string, alias: string): string => join(folder, `${alias}.sigstore.json`)

const ABSENT = 'ENOENT'

export type FolderPorts = {
  /** a change is on record once it resolves, and in force only then; while it rejects, the log is broken and nothing passes anyway */
  readonly record: (change: AdmissionChange) => Promise<void>
  /** it is in force */
  readonly decided?: (alias: string) => void
  /** of signed decisions; raised before one counts */
  readonly floors?: AdmissionFloors
  /** a floor could not be kept: the decision does not count until it can */
  readonly failed?: (alias: string, cause: unknown) => void
}

export class AdmissionFolder implements Admissions {
  readonly #ports: FolderPorts
  #held: ReadonlyMap<string, Held> = new Map()
  #looking: Promise<void> = Promise.resolve()

  constructor(ports: FolderPorts) {
    this.#ports = ports
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
    for (const [alias, { standing }] of next) if (standing !== before.get(alias)?.standing) this.#ports.decided?.(alias)
  }

  async #one(alias: string, { folder, reviewers }: AdmissionPlace): Promise<Held | undefined> {
    const known = this.#held.get(alias)
    const file = statementFile(folder, alias)
    const found = await fingerprintOf(file)
    const signature = reviewers ? `${reviewers.id} ${await fingerprintOf(signatureFile(folder, alias))}` : ''
    const fingerprint = `${file} ${found} ${signature}`
    if (known?.fingerprint === fingerprint) return known
    const floor = this.#ports.floors?.of(alias)
    const read = found === ABSENT ? undefined : await readAdmission(folder, alias, { reviewers, floor })
    if (read?.floor && !this.#isKept(alias, read)) return known
    const now = read?.standing
    const before = known?.standing
    if (before === undefined && now === undefined) return { fingerprint, standing: undefined }
    // What could not be verified this time is looked at again, and told once.
    const held = { fingerprint: read?.isForNow ? '' : fingerprint, standing: now }
    if (isSameFault(before, now)) return { ...held, standing: before }
    try {
      await this.#ports.record({ alias, before, now })
      return held
    } catch {
      // Not on record: what was in force stays for the next look. The log says itself why it cannot be written.
      return known
    }
  }

  /** On disk before it counts: a crash right after may not let the decision before it back in. A refusal counts even so. */
  #isKept(alias: string, { standing, floor }: Read): boolean {
    const { floors, failed } = this.#ports
    if (!floors || !floor || floors.of(alias)?.statement === floor.statement) return true
    try {
      floors.raise(alias, floor)
      return true
    } catch (cause) {
      failed?.(alias, cause)
      return 'verdict' in standing && standing.verdict === 'failed'
    }
  }
}

const isSameFault = (a: Standing | undefined, b: Standing | undefined): boolean =>
  a !== undefined && b !== undefined && 'unreadable' in a && 'unreadable' in b && a.unreadable === b.unreadable

/** `floor`: of a decision that somebody signed. */
type Read = { readonly standing: Standing; readonly floor?: AdmissionFloor; readonly isForNow?: true }
type Judges = { readonly reviewers: Reviewers | undefined; readonly floor: AdmissionFloor | undefined }

async function readAdmission(folder: string, alias: string, { reviewers, floor }: Judges): Promise<Read> {
  const unreadable = (why: string): Read => ({ standing: { unreadable: `its admission ${why}` } })
  try {
    const bytes = await readBounded(statementFile(folder, alias), MAX_STATEMENT_BYTES)
    if (typeof bytes === 'string') return unreadable(bytes)
    const statement = readStatement(bytes, alias)
    if (typeof statement === 'string') return unreadable(statement)
    if (!reviewers) return { standing: statement }
    const bundle = await readBounded(signatureFile(folder, alias), MAX_SIGNATURE_BYTES).catch(absent)
    if (typeof bundle === 'string') return unreadable(`has a signature that ${bundle}`)
    const own = { reviewedAt: statement.reviewedAt, statement: hash('sha256', bytes) as Digest }
    const { reviewer, reviewedAt } = statement
    const refused = await whyNotSigned(reviewers, { reviewer, reviewedAt, statement: bytes, bundle })
    if (refused) return { ...unreadable(refused.why), ...(refused.isForNow && { isForNow: true }) }
    const why = whyBelow(floor, own)
    return why === undefined ? { standing: statement, floor: own } : unreadable(why)
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
