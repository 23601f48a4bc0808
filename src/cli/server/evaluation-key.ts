// A reviewer's key for trying things out: in the person's own settings folder, outside of everything the gateway keeps, one for each configuration.

import { createPrivateKey, createPublicKey, generateKeyPairSync, hash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createPrivate, readPrivate } from '../../adapters/private-text.ts'
import type { Io } from '../command.ts'
import { settingsFolder } from '../settings-folder.ts'

const MAX_BYTES = 4096

/** Where the private half for this configuration (absolute path) lies. */
export const evaluationKeyFile = (io: Io, configFile: string): string =>
  join(settingsFolder(io), 'reviewers', `${hash('sha256', configFile).slice(0, 16)}.key`)

/** The public half (PEM) of the key for this configuration, which is made where there is none. Throws Fault `private-file-unsafe`. */
export async function evaluationPublicKey(io: Io, configFile: string): Promise<string> {
  const file = evaluationKeyFile(io, configFile)
  await mkdir(join(settingsFolder(io), 'reviewers'), { recursive: true, mode: 0o700 })
  const fresh = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const pem = await createPrivate(file, fresh, MAX_BYTES)
  return createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'pem' }) as string
}

/** Whether there is one that this person can read. */
export async function hasEvaluationKey(io: Io, configFile: string): Promise<boolean> {
  return (await readPrivate(evaluationKeyFile(io, configFile), MAX_BYTES).catch(() => undefined)) !== undefined
}
