// `gatehouse backup`: state.db as it is at one moment, while the gateway runs or not; keys only where they were asked for.

import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readFloor, type Floor } from '../adapters/audit/floor.ts'
import { markLog } from '../adapters/audit/log-mark.ts'
import { copyDatabase, inspectDatabase } from '../adapters/sqlite/copy.ts'
import { syncDirectory } from '../adapters/sync-directory.ts'
import { digestOf, manifestPath, MAX_KEY_FILE, type Manifest } from './backup-folder.ts'
import { signaturePath, signManifest } from './backup-signature.ts'
import { EXIT, type CommandArgs } from './command.ts'
import { shortName } from './config-check.ts'
import { readIfThere, writeAtomic } from './files.ts'
import { configurationOf, vaultKeyIds } from './stopped-gateway.ts'

export async function run(args: CommandArgs): Promise<number> {
  const { io } = args
  const [given] = args.positionals
  if (given === undefined) {
    io.err('gatehouse backup: expected a folder to write to\n')
    return EXIT.usage
  }
  const snapshot = await configurationOf(args)
  if (!snapshot) return EXIT.configInvalid
  const folder = resolve(io.cwd, given)
  const database = join(snapshot.dataDir, 'state.db')
  if (!existsSync(database)) {
    io.err('gatehouse backup: there is no state.db yet, so nothing to back up\n')
    return EXIT.failed
  }
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if ((await readdir(folder)).length > 0) {
    io.err(`gatehouse backup: \`${shortName(folder, io.cwd)}\` is not empty and was left as it is\n`)
    return EXIT.conflict
  }
  // Before the database: what happens in between counts as later than the backup, and is ended by a restore though the copy knows of it.
  const floor = readFloor(snapshot.dataDir)
  const log = await markLog(join(snapshot.dataDir, 'audit'))
  await copyDatabase(database, join(folder, 'state.db'))
  // After the database: a rotation that began in between left the key of the copy as the second generation.
  const keys = args.flag('with-keys') ? await copyKeys(snapshot.dataDir, folder) : []
  const sealedBy = [...inspectDatabase(join(folder, 'state.db')).keys()]
  const files: Record<string, Manifest['files'][string]> = {}
  for (const name of ['state.db', ...keys]) files[name] = await digestOf(join(folder, name))
  const manifest: Manifest = { version: 1, createdAt: new Date(io.now()).toISOString(), files, sealedBy, log, ...signedOf(floor) }
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`
  const signature = signManifest(snapshot.dataDir, floor, hash('sha256', text))
  if (signature !== undefined) await writeAtomic(signaturePath(folder), signature)
  await writeAtomic(manifestPath(folder), text) // last: without it the folder is no backup
  await syncDirectory(folder)
  const known = await vaultKeyIds(snapshot, io.env)
  const lost = sealedBy.filter(id => !known.includes(id))
  report(args, { folder, keys, lost: lost.length > 0 })
  return lost.length > 0 ? EXIT.failed : EXIT.ok
}

const signedOf = ({ last }: Floor): Pick<Manifest, 'signed'> =>
  last ? { signed: { origin: last.origin, size: last.size, root: last.root } } : {}

/** What it opens is in no backup, so that what was erased stays so. */
const NEVER = 'audit-values.key'

async function copyKeys(dataDir: string, folder: string): Promise<readonly string[]> {
  const from = join(dataDir, 'keys')
  const names = (await readdir(from).catch(() => [])).filter(name => !name.startsWith('.') && name !== NEVER).sort()
  if (names.length > 0) await mkdir(join(folder, 'keys'), { mode: 0o700 })
  for (const name of names) {
    const file = await readIfThere(join(from, name), MAX_KEY_FILE)
    if (file) await writeAtomic(join(folder, 'keys', name), file.bytes)
  }
  return names.map(name => `keys/${name}`)
}

function report(
  { io, json }: CommandArgs,
  done: { readonly folder: string; readonly keys: readonly string[]; readonly lost: boolean },
): void {
  if (json) io.out(`${JSON.stringify(done)}\n`)
  else {
    io.out(`state.db${done.keys.length > 0 ? ` and ${done.keys.length} keys` : ''} in ${shortName(done.folder, io.cwd)}\n`)
    io.out(
      done.keys.length > 0
        ? 'whoever reads this folder can act as everybody who connected an account: keep it as you keep keys\n'
        : 'without its keys it opens nothing: keep a copy of the keys somewhere else (--with-keys puts them beside it)\n',
    )
  }
  if (done.lost) io.err('some grants in it are sealed with a key that is not here; they cannot be restored\n')
}
