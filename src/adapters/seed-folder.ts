// A folder of seeds: `servers/<namespace>/<name>/<version>/`, each with a server.json and what was signed of it.

import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../kernel/errors.ts'
import { isJsonFault, readJson } from '../mcp/json.ts'
import { LOCK_FILES } from '../registry/documents.ts'
import type { ReadSeeds, Seed } from '../registry/seeds.ts'

const MAX_VERSIONS = 1000
const MAX_BYTES = { 'server.json': 65_536, 'review.sigstore.json': 262_144, other: 8 * 1024 * 1024 } as const

/** Rejects with Fault `seeds-unreadable`. What is wrong with one version spoils no other. */
export const readSeedFolder: ReadSeeds = async folder => {
  const root = join(folder, 'servers')
  const places = await versionsIn(root).catch((cause: unknown) => {
    throw new Fault('seeds-unreadable', `\`${folder}\` has no folder \`servers\` that can be read`, { cause })
  })
  if (places.length > MAX_VERSIONS) throw new Fault('seeds-unreadable', `\`${folder}\` has more than ${MAX_VERSIONS} versions`)
  const seeds: Seed[] = []
  for (const place of places) seeds.push(await read(root, place))
  return seeds
}

type Place = { readonly namespace: string; readonly name: string; readonly version: string }
async function versionsIn(root: string): Promise<readonly Place[]> {
  const places: Place[] = []
  for (const namespace of await foldersIn(root))
    for (const name of await foldersIn(join(root, namespace)))
      for (const version of await foldersIn(join(root, namespace, name))) places.push({ namespace, name, version })
  return places
}
/** In order, so that a start takes them as the last one did. */
const foldersIn = async (path: string): Promise<readonly string[]> =>
  (await readdir(path, { withFileTypes: true }))
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
    .sort()

async function read(root: string, { namespace, name, version }: Place): Promise<Seed> {
  const at = `${namespace}/${name}/${version}`
  const place = join(root, namespace, name, version)
  try {
    const serverJson = await textOf(join(place, 'server.json'), MAX_BYTES['server.json'])
    if (serverJson === undefined) return { at, fault: 'it has no server.json' }
    const doc = readJson(Buffer.from(serverJson))
    if (isJsonFault(doc)) return { at, fault: `its server.json is no JSON as it is read here (${doc.fault} at byte ${doc.at})` }
    const review = (await textOf(join(place, 'review.sigstore.json'), MAX_BYTES['review.sigstore.json']))?.trim()
    const [surface, definitions] = [await textOf(join(place, 'surface.json')), await textOf(join(place, 'definitions.json'))]
    const locks = new Map<string, string>()
    for (const lock of LOCK_FILES) {
      const text = await textOf(join(place, lock))
      if (text !== undefined) locks.set(lock, text)
    }
    const documents = {
      ...(surface !== undefined && { surface }),
      ...(definitions !== undefined && { definitions }),
      ...(locks.size > 0 && { locks }),
    }
    return { at, name: `${namespace}/${name}`, version, serverJson, ...(review !== undefined && { review }), documents }
  } catch (error) {
    if (error instanceof Fault) return { at, fault: error.message }
    throw error
  }
}

/** Undefined where there is none. No link: what a folder of seeds holds is what lies in it. */
async function textOf(file: string, maxBytes: number = MAX_BYTES.other): Promise<string | undefined> {
  let handle
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new Fault('seed-invalid', `\`${file.slice(file.lastIndexOf('/') + 1)}\` cannot be read (${code ?? 'unknown error'})`)
  }
  try {
    const found = await handle.stat()
    if (!found.isFile() || found.size > maxBytes)
      throw new Fault(
        'seed-invalid',
        `expected \`${file.slice(file.lastIndexOf('/') + 1)}\` as a regular file of at most ${maxBytes} bytes`,
      )
    const bytes = await handle.readFile()
    const text = bytes.toString('utf8')
    if (!Buffer.from(text).equals(bytes)) throw new Fault('seed-invalid', `expected \`${file.slice(file.lastIndexOf('/') + 1)}\` in UTF-8`)
    return text
  } finally {
    await handle.close()
  }
}
