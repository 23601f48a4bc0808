// Keys of a backup, put back where they are missing. One that is here is never replaced by an older one, which may have been rotated because it was stolen; only
// the vault's is, when asked, since grants open with nothing else.

import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_KEY_FILE, type Manifest } from './backup-folder.ts'
import type { CommandArgs } from './command.ts'
import { backUp, readIfThere, writeAtomic } from './files.ts'

type Source = { readonly folder: string; readonly manifest: Manifest }
const VAULT = 'keys/vault.key'
/** What it signed ends with the restore anyway; the gateway makes a new one. */
const NEVER = 'keys/authorization-server'

export const keyNames = ({ files }: Manifest): readonly string[] => Object.keys(files).filter(name => name.startsWith('keys/'))

export async function isVaultKeyOther(dataDir: string, source: Source): Promise<boolean> {
  if (!(VAULT in source.manifest.files)) return false
  const mine = await readIfThere(join(dataDir, VAULT), MAX_KEY_FILE)
  const theirs = await readIfThere(join(source.folder, VAULT), MAX_KEY_FILE)
  return mine !== undefined && theirs?.bytes.equals(mine.bytes) !== true
}

/** `rotated`: names of keys that were rotated since the backup. Answers with the files that were put back, and those that were left out. */
export async function placeKeys(
  { io }: CommandArgs,
  dataDir: string,
  source: Source & { readonly rotated: readonly string[] },
): Promise<{ readonly placed: readonly string[]; readonly left: readonly string[] }> {
  await mkdir(join(dataDir, 'keys'), { recursive: true, mode: 0o700 })
  const [placed, left]: [string[], string[]] = [[], []]
  for (const name of keyNames(source.manifest)) {
    const file = await readIfThere(join(source.folder, name), MAX_KEY_FILE)
    const target = join(dataDir, name)
    const wasRotated = source.rotated.some(key => name === `keys/${key}.key`)
    const isWanted = name === VAULT ? !existsSync(target) || (await isVaultKeyOther(dataDir, source)) : !existsSync(target) && !wasRotated
    if (!file || !isWanted || name.startsWith(NEVER)) {
      left.push(name)
      continue
    }
    const old = await readIfThere(target, MAX_KEY_FILE)
    if (old) await backUp(target, old.bytes, io.now())
    await writeAtomic(target, file.bytes)
    placed.push(name)
  }
  return { placed, left }
}
