// Which recorded values there are, for whoever checks a log: beside the thread that keeps them, or of a copy. Reads only, and opens none.

import { SALT_BYTES } from '../../audit/values.ts'
import { NONCE_BYTES } from '../../kernel/xaes.ts'
import { readAuditDatabase } from './audit-database.ts'
import { VALUE_SCHEMA } from './value-file.ts'

const TAG_BYTES = 16
/** A sealed salt with its mark, and no value. */
const LEAST_BYTES = NONCE_BYTES + SALT_BYTES + 1 + TAG_BYTES

export type KeptValues = {
  /** whether there is something for this event, and a key that it may open with */
  readonly has: (event: string) => boolean
  close(): void
}

/** Where there is no such file, there is nothing. Throws Fault `audit-unavailable` where it cannot be read. Nothing is locked between two questions. */
export function readKeptValues(path: string): KeptValues {
  const database = readAuditDatabase(path, VALUE_SCHEMA)
  const row = database?.prepare('SELECT 1 FROM kept JOIN subjects USING (subject) WHERE event = ? AND length(sealed) >= ?')
  return { has: event => row?.get(event, LEAST_BYTES) !== undefined, close: () => void database?.close() }
}
