// A signing key in a file: PEM, readable by its owner alone, of a kind that policies take.

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { Fault } from '../../kernel/errors.ts'
import { whyNotPrivate } from '../private-file.ts'

const MAX_KEY_BYTES = 16 * 1024
const invalid = (file: string, why: string): Fault => new Fault('signing-key-invalid', `\`${file}\`: ${why}`)

/** Throws Fault `signing-key-invalid`, which names the file and never what is in it. */
export function readPrivateKey(file: string): KeyObject {
  const pem = readPrivate(file)
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch {
    throw invalid(file, 'expected a private key in PEM, without a passphrase')
  }
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (key.asymmetricKeyType === 'ed25519' || curve === 'prime256v1' || curve === 'secp384r1') return key
  throw invalid(file, 'expected a key for P-256, P-384 or Ed25519')
}

/** What is checked is what is read: the descriptor, not the path. */
function readPrivate(file: string): Buffer {
  let descriptor: number
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    throw invalid(file, `cannot be opened (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
  try {
    const found = fstatSync(descriptor)
    const why = found.isFile() ? whyNotPrivate(file, found) : 'expected a regular file'
    if (why !== undefined) throw invalid(file, why)
    const bytes = Buffer.alloc(MAX_KEY_BYTES)
    return bytes.subarray(0, readSync(descriptor, bytes))
  } finally {
    closeSync(descriptor)
  }
}
