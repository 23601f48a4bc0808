// The authorization server's signing keys: made at the first start, two generations published, so that tokens survive a rotation.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { Fault } from '../../kernel/errors.ts'
import { createPrivate, readPrivate, replacePrivate } from '../private-text.ts'

export const SIGNING_ALGORITHM = 'ES256'
const MAX_BYTES = 16 * 1024

/** Newest first: the first signs, all are published. Private keys with `kid`. */
export type SigningKeys = readonly (JWK & { readonly kid: string })[]

const file = (dataDir: string): string => join(dataDir, 'keys', 'authorization-server.json')
/** The public halves, for the resource server of this process: read from a file, nobody can put in keys of their own. */
export const publicKeyFile = (dataDir: string): string => join(dataDir, 'keys', 'authorization-server-public.json')

/**
 * The keys of `<dataDir>/keys/authorization-server.json`, generated when there are none; the public halves are written beside them. Throws Fault
 * `private-file-unsafe` (mode, owner, symbolic link) or `key-file-invalid`, which name the path and never the content.
 */
export async function loadSigningKeys(dataDir: string): Promise<SigningKeys> {
  await mkdir(join(dataDir, 'keys'), { recursive: true, mode: 0o700 })
  const path = file(dataDir)
  const text = (await readPrivate(path, MAX_BYTES)) ?? (await createPrivate(path, textOf([await newKey()]), MAX_BYTES))
  const keys = await parse(path, text)
  await publish(dataDir, keys)
  return keys
}

/**
 * Makes a new key that signs from now on; the one before it stays published, those before that are forgotten: their tokens end. On disk after a crash: the old
 * keys or the new ones, whole. Published before it is used.
 */
export async function rotateSigningKeys(dataDir: string): Promise<SigningKeys> {
  const [current] = await loadSigningKeys(dataDir)
  const keys = [await newKey(), ...(current ? [current] : [])]
  await publish(dataDir, keys)
  await replacePrivate(file(dataDir), textOf(keys))
  return keys
}

const textOf = (keys: SigningKeys): string => `${JSON.stringify({ keys }, undefined, 1)}\n`

async function parse(path: string, text: string): Promise<SigningKeys> {
  const invalid = (cause?: unknown): Fault =>
    new Fault(
      'key-file-invalid',
      `\`${path}\` holds no signing keys; restore it, or remove it to start with a new one (tokens and sign-ins of hosts then end)`,
      { cause },
    )
  try {
    const { keys } = JSON.parse(text) as { keys: JWK[] }
    for (const key of keys) {
      const imported = await importJWK({ ...key, kty: 'EC' }, SIGNING_ALGORITHM)
      if (imported.type !== 'private' || typeof key.kid !== 'string') throw invalid()
    }
    if (keys.length < 1 || keys.length > 2) throw invalid()
    return keys as (JWK & { kid: string })[]
  } catch (cause) {
    throw invalid(cause)
  }
}

async function newKey(): Promise<JWK & { kid: string }> {
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true })
  const jwk = await exportJWK(privateKey)
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), use: 'sig', alg: SIGNING_ALGORITHM }
}

const publish = (dataDir: string, keys: SigningKeys): Promise<void> =>
  replacePrivate(
    publicKeyFile(dataDir),
    JSON.stringify({ keys: keys.map(({ kty, crv, x, y, kid, use, alg }) => ({ kty, crv, x, y, kid, use, alg })) }),
  )
