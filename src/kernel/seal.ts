// Seals small values that leave the gateway and come back (request state, cursors, task ids) or lie on a disk (the vault): encrypted,
// authenticated, bound to a purpose and a context.
//
// Text form: base64url( version 1 | key id 4 | purpose 1 || nonce 24 | ciphertext | tag 16 ). The first three are 6 bytes, so they are
// always the first 8 characters; they and the caller's context are authenticated (associated data), the context is not carried.

import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { Fault } from './errors.ts'
import { createXaes, NONCE_BYTES, TAG_BYTES, type Xaes } from './xaes.ts'

const VERSION = 1
const HEADER_BYTES = 6
const NOTHING = Buffer.alloc(0)

/** Bytes of a sealing key. */
export const SEALING_KEY_BYTES = 32

/**
 * What a sealed value is for; each has a key of its own, so one can never be opened as another. Codes are never used again for something else.
 * `derived`: the nonce comes from the content (as in SIV, RFC 5297), so equal content in an equal context gives equal text. Only equality of
 * whole values becomes visible, and only to somebody who holds both texts.
 */
const PURPOSES = {
  'request-state': { code: 1, nonce: 'random' },
  cursor: { code: 2, nonce: 'random' },
  'task-id': { code: 3, nonce: 'derived' },
  vault: { code: 4, nonce: 'random' },
  approval: { code: 5, nonce: 'random' },
  login: { code: 16, nonce: 'random' },
  'sign-in': { code: 17, nonce: 'random' },
  connection: { code: 24, nonce: 'random' },
  'upstream-client': { code: 25, nonce: 'random' },
  'registry-token': { code: 32, nonce: 'random' },
  'task-question': { code: 33, nonce: 'derived' },
} as const
export type Purpose = keyof typeof PURPOSES

/** Key material of 32 bytes each. New values are sealed with `current`; values of both generations open. */
export type SealingKeys = { readonly current: Buffer; readonly previous?: Buffer | undefined }

export type Sealer = {
  /** of the current generation, 8 hexadecimal digits; derived from the key, and no help in guessing it */
  readonly keyId: string
  /**
   * Seals `bytes`. `context` is what the value is bound to: it must be byte-equal at `open`. It must be an injective encoding
   * (a JSON array of strings is one). A few microseconds; synchronous.
   */
  seal(purpose: Purpose, bytes: Buffer, context?: Buffer): string
  /**
   * The sealed bytes, or undefined for every failure alike: too long, not canonical base64url, unknown key, other purpose, other context,
   * changed anywhere. Never throws. `maxLength` is in characters and is checked before any work.
   */
  open(purpose: Purpose, text: string, maxLength: number, context?: Buffer): Buffer | undefined
}

/** The subkeys of one generation for one purpose. */
type Slot = { readonly header: Buffer; readonly xaes: Xaes; readonly nonceKey: KeyObject | undefined }
type Generation = { readonly id: number; readonly slots: ReadonlyMap<Purpose, Slot> }

/**
 * Derives every subkey once. `randomBytes` is called for nonces only, in batches. Throws Fault `sealing-key-invalid` for a key of another
 * length or for two equal generations.
 */
export function createSealer(keys: SealingKeys, randomBytes: (size: number) => Buffer): Sealer {
  const current = generationOf(keys.current)
  const previous = keys.previous === undefined ? undefined : generationOf(keys.previous)
  if (previous?.id === current.id)
    throw new Fault('sealing-key-invalid', 'expected two different generations of the sealing key, got one twice')
  const drawNonce = noncesFrom(randomBytes)

  return {
    keyId: current.id.toString(16).padStart(8, '0'),
    seal(purpose, bytes, context = NOTHING) {
      const { header, xaes, nonceKey } = slotOf(current, purpose)
      const nonce = nonceKey === undefined ? drawNonce() : nonceOf(nonceKey, bytes, context)
      return Buffer.concat([header, nonce, xaes.seal(nonce, bytes, associate(header, context))]).toString('base64url')
    },
    open(purpose, text, maxLength, context = NOTHING) {
      if (text.length > maxLength) return undefined
      // attacker-controlled: Buffer.from skips foreign characters, so only what prints back the same was canonical
      const all = Buffer.from(text, 'base64url')
      if (all.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || all.toString('base64url') !== text) return undefined
      const id = all.readUInt32BE(1)
      const generation = id === current.id ? current : id === previous?.id ? previous : undefined
      if (generation === undefined) return undefined
      const { header, xaes, nonceKey } = slotOf(generation, purpose)
      if (header.compare(all, 0, HEADER_BYTES) !== 0) return undefined
      const nonce = all.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES)
      const bytes = xaes.open(nonce, all.subarray(HEADER_BYTES + NONCE_BYTES), associate(header, context))
      // INVARIANT: a value with a derived nonce has exactly one text per key.
      if (bytes !== undefined && nonceKey !== undefined && nonceOf(nonceKey, bytes, context).compare(nonce) !== 0) return undefined
      return bytes
    },
  }
}

function generationOf(key: Buffer): Generation {
  if (key.length !== SEALING_KEY_BYTES)
    throw new Fault('sealing-key-invalid', `expected a sealing key of ${SEALING_KEY_BYTES} bytes, got ${key.length}`)
  const subkey = (info: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', key, NOTHING, `gatehouse seal v${VERSION} ${info}`, bytes))
  const id = subkey('key id', 4)
  const slots = new Map<Purpose, Slot>()
  for (const [purpose, { code, nonce }] of Object.entries(PURPOSES) as [Purpose, (typeof PURPOSES)[Purpose]][]) {
    slots.set(purpose, {
      header: Buffer.from([VERSION, ...id, code]),
      xaes: createXaes(subkey(purpose, 32)),
      nonceKey: nonce === 'derived' ? createSecretKey(subkey(`${purpose} nonce`, 32)) : undefined,
    })
  }
  return { id: id.readUInt32BE(0), slots }
}

function slotOf(generation: Generation, purpose: Purpose): Slot {
  const slot = generation.slots.get(purpose)
  if (slot === undefined) throw new Fault('sealing-purpose-unknown', 'expected a known purpose of sealing')
  return slot
}

/** The header has a fixed length, so header and context cannot run into each other. */
const associate = (header: Buffer, context: Buffer): Buffer => (context.length === 0 ? header : Buffer.concat([header, context]))

/** A nonce from the content under a key of its own. 192 bits: two different contents share one with a chance of 2^-96 after 2^48 values. */
function nonceOf(nonceKey: KeyObject, bytes: Buffer, context: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(context.length)
  return createHmac('sha256', nonceKey).update(length).update(context).update(bytes).digest().subarray(0, NONCE_BYTES)
}

/** Random nonces, drawn 64 at a time: one call into the generator costs as much as a whole seal. */
function noncesFrom(randomBytes: (size: number) => Buffer): () => Buffer {
  let pool: Buffer = NOTHING
  let at = 0
  return () => {
    if (at === pool.length) {
      pool = randomBytes(64 * NONCE_BYTES)
      at = 0
    }
    at += NONCE_BYTES
    return pool.subarray(at - NONCE_BYTES, at)
  }
}

/** Bytes a value is bound to, from its parts: injective, so no two lists of parts give the same bytes. */
export const contextOf = (parts: readonly (string | null)[]): Buffer => Buffer.from(JSON.stringify(parts))
