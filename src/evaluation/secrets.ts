// The evaluation provider's signing key, kept so that tokens and registered hosts survive a restart, and the command line's secret, new at each start.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose'
import { createPrivate, readPrivate, replacePrivate } from '../adapters/private-text.ts'
import { evaluationKeyFile } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import { commandSecretPath, evaluationFolder } from './private-file.ts'

const MAX_BYTES = 16 * 1024
export const SIGNING_ALGORITHM = 'ES256'

export type SigningKey = { readonly jwk: JWK; readonly keyId: string; readonly key: CryptoKey }

/** The signing key of `<dataDir>/evaluation/signing-key.json`, generated when there is none. */
export async function loadSigningKey(dataDir: string): Promise<SigningKey> {
  const path = join(await evaluationFolder(dataDir), 'signing-key.json')
  const text = (await readPrivate(path, MAX_BYTES)) ?? (await createPrivate(path, await newKey(), MAX_BYTES))
  try {
    const jwk = JSON.parse(text) as JWK
    const key = await importJWK({ ...jwk, kty: 'EC' }, SIGNING_ALGORITHM)
    if (key.type !== 'private' || jwk.kid === undefined) throw new Error('not a private key')
    return { jwk, keyId: jwk.kid, key }
  } catch (cause) {
    throw new Fault('key-file-invalid', `\`${path}\` is not a signing key; remove it to start with a new one`, { cause })
  }
}

async function newKey(): Promise<string> {
  const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true })
  const jwk = await exportJWK(privateKey)
  return JSON.stringify({ ...jwk, kid: await calculateJwkThumbprint(jwk), use: 'sig', alg: SIGNING_ALGORITHM })
}

/** Writes the public half where the gateway reads it (config/schema.ts evaluationKeyFile). */
export async function publishKey({ jwk, keyId }: SigningKey, dataDir: string): Promise<void> {
  const { kty, crv, x, y } = jwk
  await replacePrivate(
    evaluationKeyFile(dataDir),
    JSON.stringify({ keys: [{ kty, crv, x, y, kid: keyId, use: 'sig', alg: SIGNING_ALGORITHM }] }),
  )
}

/** What command lines prove themselves with, new at each start (private-file.ts commandSecretPath). */
export const newCommandSecret = (): string => randomBytes(32).toString('base64url')

export const keepCommandSecret = async (secret: string, dataDir: string): Promise<void> =>
  replacePrivate(await commandSecretPath(dataDir), secret)
