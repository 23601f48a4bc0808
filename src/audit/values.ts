// Contents of calls that a rule asks to record: what an event says of them, and the port to where they are kept. Pure; adapters/sqlite keeps.

import { createHash } from 'node:crypto'
import type { PrincipalKey } from '../kernel/principal.ts'

/** `arguments`: params as received, in an intent; `result`: the result or error as the host gets it, in an outcome. */
export type ValueKind = 'arguments' | 'result'

/** Bytes of a salt, random for each value. */
export const SALT_BYTES = 32
/** Largest value that is kept, in bytes; of a larger one the salt alone is, so that whoever has the value can still be held against the event. */
export const MAX_VALUE_BYTES = 65_536

/**
 * What an event says of a value: SHA-256(salt, kind, 0x00, bytes), base64url. `bytes`: its size, where it was too large to be kept.
 */
export type Commitment = { readonly kind: ValueKind; readonly digest: string; readonly bytes?: number }

/** `salt` of SALT_BYTES. The kind ends in 0x00 and holds none, so no value can be taken for one of the other kind. */
export const commitmentOf = (kind: ValueKind, salt: Buffer, bytes: Buffer): string =>
  createHash('sha256').update(salt).update(`${kind}\0`).update(bytes).digest('base64url')

/** A value and what it is bound to. `bytes`: absent where it was too large. */
export type KeptValue = {
  /** id of the event that holds the commitment */
  readonly event: string
  readonly subject: PrincipalKey
  readonly kind: ValueKind
  readonly digest: string
  readonly salt: Buffer
  readonly bytes?: Buffer
}

/**
 * `unreadable`: it is there, and opens with no key that is here for this event and commitment: its person's values were erased, or it was put in the place of another.
 */
export type FoundValue =
  { readonly is: 'value'; readonly salt: Buffer; readonly bytes?: Buffer } | { readonly is: 'absent' } | { readonly is: 'unreadable' }

/**
 * Sealed under a key for each subject. Calls are done one after the other; each that changes something is durable when it resolves. All reject with Fault
 * `audit-unavailable`.
 */
export interface ValueStore {
  keep(value: KeptValue): Promise<void>
  read(which: Pick<KeptValue, 'event' | 'kind' | 'digest'>): Promise<FoundValue>
  /** how many values of a subject there are */
  count(subject: PrincipalKey): Promise<number>
  /** Removes the subject's key and all its values, so that nothing of them is left in the files. Done again, it goes on where it was cut off. Resolves to how many there were. */
  erase(subject: PrincipalKey): Promise<number>
  /** A new generation of the key that wraps the subjects' keys; those are wrapped anew, values stay as they are. `unreadable`: keys that open with none that is here. */
  rotate(): Promise<{ readonly rewrapped: number; readonly unreadable: number }>
}
