// Revocations that were seen once, `<dataDir>/trust/revoked.json`: who holds the online keys cannot take one back. It is in no backup, and only denies.

import { join } from 'node:path'
import { hash } from 'node:crypto'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { Fault } from '../../kernel/errors.ts'
import {
  isBounded,
  NO_REVOCATIONS,
  readRevocations,
  unitedRevocations,
  writeRevocations,
  type Revocations,
} from '../../trust/revocations.ts'
import { readSyncedFile, replaceSyncedFile } from '../synced-file.ts'
import { keysOf, parseJson, parseMetadata } from './metadata.ts'

const MAX_BYTES = 32 * 1024 * 1024

/** The keys that keyholders named for revocations. Other keys are another list: what was wrongly revoked, or by a thief, ends with their signatures. */
export function revocationKeys(targets: string | undefined): string {
  const ids = targets === undefined ? [] : keysOf(parseMetadata(targets), 'revocations').map(({ id }) => id)
  return hash('sha256', canonicalJson([...ids].sort()) ?? '')
}

type Kept = { readonly keys: string; readonly revocations: Revocations }

export class RevokedFile {
  readonly #file: string
  #kept: Kept

  /** Throws Fault `revoked-invalid`: a lost revocation would let a version in again. */
  constructor(trustFolder: string) {
    this.#file = join(trustFolder, 'revoked.json')
    const bytes = readSyncedFile(this.#file, 'revoked', MAX_BYTES)
    this.#kept = bytes ? keptIn(bytes, this.#file) : { keys: '', revocations: NO_REVOCATIONS }
  }

  /** What is signed now, and what was by the same keys. */
  with(keys: string, signed: Revocations): Revocations {
    return keys === this.#kept.keys ? unitedRevocations(this.#kept.revocations, signed) : signed
  }

  /** Undefined before anything was revoked. */
  summary(): { readonly keys: string; readonly count: number } | undefined {
    const { keys, revocations } = this.#kept
    const { signers, ...sets } = revocations
    return keys === '' ? undefined : { keys, count: Object.values(sets).reduce((sum, { size }) => sum + size, signers.length) }
  }

  /** Durable when it returns. Throws Fault `revoked-unwritable`. */
  keep(keys: string, revocations: Revocations): void {
    const known = keys === this.#kept.keys ? this.#kept.revocations : NO_REVOCATIONS
    // More than a reader takes is no list of revocations any more: what was kept stays.
    if (unitedRevocations(known, revocations) === known || !isBounded(revocations)) return
    replaceSyncedFile(
      this.#file,
      'revoked',
      `${JSON.stringify({ version: 1, keys, revocations: JSON.parse(writeRevocations(revocations)) as object })}\n`,
    )
    this.#kept = { keys, revocations }
  }
}

function keptIn(bytes: Buffer, file: string): Kept {
  try {
    const { version, keys, revocations } = parseJson(bytes)
    if (version !== 1 || typeof keys !== 'string') throw new TypeError('unexpected members')
    return { keys, revocations: readRevocations(Buffer.from(JSON.stringify(revocations))) }
  } catch (cause) {
    throw new Fault('revoked-invalid', `\`${file}\` is not what was written; docs/runbooks/trust.md says how to begin anew`, { cause })
  }
}
