// `gatehouse trust floors`: what a gateway must not go back behind, shown, copied out, and compared with a copy that was kept elsewhere.

import { hash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { readSyncedFile } from '../../adapters/synced-file.ts'
import { parseJson } from '../../adapters/tuf/metadata.ts'
import { RevokedFile } from '../../adapters/tuf/revoked-file.ts'
import { TrustStateFile } from '../../adapters/tuf/trust-state.ts'
import { loadConfig } from '../../config/load.ts'
import { MAX_COPY_BYTES, readFloorCopy, wentBack, writeFloorCopy, type FloorCopy } from '../../trust/floor-copy.ts'
import { MAX_FLOORS_BYTES, readFloors } from '../../trust/floors.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { writeAtomic } from '../files.ts'
import { required } from '../signing/presented.ts'
import { tellingUsage, UsageError } from '../usage.ts'

export const run = tellingUsage('trust floors', async args => {
  const [given] = args.positionals
  const [copyTo, copyFrom] = [args.text('export'), args.text('check')]
  if (copyTo !== undefined && copyFrom !== undefined) throw new UsageError('expected --export or --check, not both')
  const dataDir = given === undefined ? await configuredDir(args) : resolve(args.io.cwd, given)
  if (dataDir === undefined) return EXIT.configInvalid
  const now = floorsIn(join(dataDir, 'trust'), args.io.now())
  if (copyFrom !== undefined) return compare(args, now, readFloorCopy(await required(resolve(args.io.cwd, copyFrom), MAX_COPY_BYTES)))
  const text = writeFloorCopy(now)
  if (copyTo === undefined) args.io.out(args.json ? `${JSON.stringify(JSON.parse(text))}\n` : shown(now))
  else {
    await writeAtomic(resolve(args.io.cwd, copyTo), text, 0o644)
    args.io.out(
      args.json
        ? `${JSON.stringify({ file: copyTo, sha256: hash('sha256', text) })}\n`
        : `written: ${copyTo}\nkeep it where nobody who reaches this machine can write\n`,
    )
  }
  return EXIT.ok
})

async function configuredDir(args: CommandArgs): Promise<string | undefined> {
  const loaded = await loadConfig(args.configFile, { env: args.io.env })
  if (loaded.ok) return loaded.snapshot.dataDir
  args.io.err(
    `gatehouse trust floors: \`${args.configFile}\` does not load (\`gatehouse config check\` says why); or name the data directory\n`,
  )
  return undefined
}

/** Throws Faults `floors-invalid`, `trust-state-invalid`. Files that are not there say nothing. */
function floorsIn(folder: string, nowMs: number): FloorCopy {
  const bytes = readSyncedFile(join(folder, 'floors.json'), 'floors', MAX_FLOORS_BYTES)
  const state = new TrustStateFile(folder).read()
  const revoked = new RevokedFile(folder).summary()
  const metadata = Object.entries(state?.metadata ?? {}).map(([role, text]) => {
    const { signed } = parseJson(text) as { readonly signed: { readonly version: number } }
    return [role, { version: signed.version, sha256: hash('sha256', text) }] as const
  })
  return {
    exportedMs: nowMs,
    ...(state && { lastSeenMs: state.lastSeenMs }),
    floors: bytes ? readFloors(bytes) : new Map(),
    metadata: new Map(metadata),
    ...(revoked && { revoked }),
  }
}

function compare({ io, json }: CommandArgs, now: FloorCopy, copy: FloorCopy): number {
  const told = wentBack(now, copy)
  const of = new Date(copy.exportedMs).toISOString()
  const words =
    told.length === 0 ? `nothing went back since ${of}\n` : `since ${of} this went back:\n${told.map(each => `  ${each}\n`).join('')}`
  io.out(json ? `${JSON.stringify({ exported: of, wentBack: told })}\n` : words)
  return told.length === 0 ? EXIT.ok : EXIT.failed
}

function shown({ floors, metadata, revoked, lastSeenMs }: FloorCopy): string {
  const lines = [
    ...[...floors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([server, floor]) => `${server}  ${floor} or above`),
    ...[...metadata].map(([role, { version }]) => `${role} metadata  version ${version}`),
    ...(revoked ? [`${revoked.count} revocations`] : []),
    lastSeenMs === undefined ? 'no trust repository was asked yet' : `last asked at ${new Date(lastSeenMs).toISOString()}`,
  ]
  return `${lines.join('\n')}\n`
}
