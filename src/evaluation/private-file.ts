// Where the evaluation provider keeps what only its operating-system user may read.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

/** The provider's folder, made when it is not there. */
export async function evaluationFolder(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'evaluation')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return folder
}

/** Largest secret file read. */
export const COMMAND_SECRET_BYTES = 256

/** What `gatehouse token` proves itself with: whoever can read this file is this operating-system user already. */
export const commandSecretPath = async (dataDir: string): Promise<string> => join(await evaluationFolder(dataDir), 'command-secret')
