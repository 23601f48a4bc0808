// Reviewers' statements in a folder, one file per upstream: looked at once a second, so that an approval or a quarantine needs no restart.

import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Admissions, Unreadable } from '../../admission/admissions.ts'
import { MAX_STATEMENT_BYTES, readStatement, type Admission } from '../../admission/statement.ts'

type Standing = Admission | Unreadable
type Held = { readonly fingerprint: string; readonly standing: Standing | undefined }

export type AdmissionChange = { readonly alias: string; readonly before: Standing | undefined; readonly now: Standing | undefined }

/** Where an upstream's statement is; committed beside the configuration, or managed by whoever deploys it. */
export const statementFile = (folder: string, alias: string): string => join(folder, `${alias}.json`)

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
  look(folder: string, aliases: readonly string[]): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look(folder, aliases))
    return this.#looking
  }

  async #look(folder: string, aliases: readonly string[]): Promise<void> {
    const next = new Map<string, Held>()
    for (const alias of aliases) {
      const held = await this.#one(statementFile(folder, alias), alias)
      if (held) next.set(alias, held)
    }
    const before = this.#held
    this.#held = next
    for (const [alias, { standing }] of next) if (standing !== before.get(alias)?.standing) this.#decided(alias)
  }

  async #one(file: string, alias: string): Promise<Held | undefined> {
    const known = this.#held.get(alias)
    const fingerprint = `${file} ${await fingerprintOf(file)}`
    if (known?.fingerprint === fingerprint) return known
    const now = fingerprint.endsWith(` ${ABSENT}`) ? undefined : await read(file, alias)
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

async function read(file: string, alias: string): Promise<Standing> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const found = await handle.stat()
      if (!found.isFile()) return unreadable('is no regular file')
      if (found.size > MAX_STATEMENT_BYTES) return unreadable(`is larger than ${MAX_STATEMENT_BYTES} bytes`)
      const statement = readStatement(await handle.readFile(), alias)
      return typeof statement === 'string' ? unreadable(statement) : statement
    } finally {
      await handle.close()
    }
  } catch (error) {
    return unreadable(`cannot be read (${codeOf(error)})`)
  }
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
