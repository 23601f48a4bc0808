// What `sign` and `verify` are about: server.json, artifacts, lock files and surface as they lie on the disk, digested here.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Presented } from '../../trust/binding.ts'
import type { Denial } from '../../trust/denial.ts'
import { MAX_SERVER_JSON_BYTES, readServerJson, type NeededArtifact, type ServerDocument } from '../../trust/server-json.ts'
import { readSurface } from '../../trust/statement.ts'
import type { CommandArgs } from '../command.ts'
import { readIfThere } from '../files.ts'
import { UsageError } from '../usage.ts'

export const DEFAULT_REGISTRY = 'local'

const MAX_SURFACE_BYTES = 4 * 1024 * 1024

export type PresentedFiles = { readonly document: ServerDocument; readonly presented: Presented }

/** Reads and digests everything named. Answers a denial for a server.json that could never be signed; throws UsageError and what reading throws. */
export async function presentedFiles(args: CommandArgs, serverFile: string): Promise<PresentedFiles | Denial> {
  const serverJson = await required(resolve(args.io.cwd, serverFile), MAX_SERVER_JSON_BYTES)
  const document = readServerJson(serverJson)
  if ('denied' in document) return document
  const artifacts = new Map<string, string>()
  for (const given of args.list('artifact')) {
    const [artifact, file] = artifactOf(given, document.artifacts)
    artifacts.set(artifact.purl, await digestOfFile(resolve(args.io.cwd, file), artifact.algorithm))
  }
  const locks = new Map<string, string>()
  for (const file of args.list('lock')) locks.set(basename(file), await digestOfFile(resolve(args.io.cwd, file), 'sha256'))
  const surface = args.text('surface')
  return {
    document,
    presented: {
      serverJson,
      artifacts,
      locks,
      ...(surface !== undefined && { surface: readSurface(await required(resolve(args.io.cwd, surface), MAX_SURFACE_BYTES)) }),
    },
  }
}

function artifactOf(given: string, known: readonly NeededArtifact[]): readonly [NeededArtifact, string] {
  // package URLs hold no bare `=`: none of ours has a qualifier whose value is not encoded but `repository_url=` and `download_url=`
  const named = known.find(({ purl }) => given.startsWith(`${purl}=`))
  if (named) return [named, given.slice(named.purl.length + 1)]
  const [only, ...others] = known
  if (!only) throw new UsageError('server.json names no package, so there is no artifact')
  if (others.length > 0)
    throw new UsageError(`server.json names several packages: write PURL=FILE, with one of ${known.map(a => a.purl).join(', ')}`)
  return [only, given]
}

/** The bytes of a file that has to be there. */
export async function required(file: string, maxBytes: number): Promise<Buffer> {
  const found = await readIfThere(file, maxBytes)
  if (!found) throw new UsageError(`there is no file \`${file}\``)
  return found.bytes
}

async function digestOfFile(file: string, algorithm: 'sha256' | 'sha512'): Promise<string> {
  const digest = createHash(algorithm)
  await pipeline(createReadStream(file), digest)
  return digest.digest('hex')
}
