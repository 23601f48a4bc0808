// The data directory: there, private, writable, and on a disk that syncs fast enough.

import { lstat, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Snapshot } from '../../config/schema.ts'
import { codeOf } from '../files.ts'
import { fail, ok, warn } from './check.ts'
import type { Check, World } from './check.ts'

/** Two syncs stand in each call's way, shared by the calls under way. */
const SLOW_MS = 10
const TOO_SLOW_MS = 50

export async function checkDataDir(world: World, { dataDir }: Snapshot): Promise<Check[]> {
  const name = 'data directory'
  const stat = await lstat(dataDir).catch((error: unknown) => codeOf(error) ?? 'unreadable')
  if (stat === 'ENOENT') return [await checkParent(world, dataDir)]
  if (typeof stat === 'string') return [fail(name, `${dataDir} cannot be looked at (${stat})`, 'check the path and its permissions')]
  if (!stat.isDirectory())
    return [fail(name, `${dataDir} is not a folder`, 'move it away, or set `dataDir` to a folder of the gateway’s own')]
  const checks: Check[] = []
  if (world.uid !== undefined && world.platform !== 'win32') {
    if (stat.uid !== world.uid)
      checks.push(
        fail(
          name,
          `${dataDir} belongs to user ${stat.uid}, not to this one (${world.uid})`,
          `run as that user, or chown it to ${world.uid}`,
        ),
      )
    if ((stat.mode & 0o077) !== 0)
      checks.push(fail(name, `others on this machine may enter ${dataDir}, where keys and the audit log are`, `chmod 700 ${dataDir}`))
    checks.push(...(await looseFiles(dataDir)))
  }
  checks.push(await checkSync(world, dataDir))
  if (checks.every(check => check.status === 'ok')) checks.unshift(ok(name, `${dataDir} is there, private and writable`))
  return checks
}

/** Keys and secrets that others may read, one line for each folder. */
async function looseFiles(dataDir: string): Promise<Check[]> {
  const checks: Check[] = []
  for (const folder of ['keys', 'secrets', 'trust', 'evaluation']) {
    const path = join(dataDir, folder)
    const names = await readdir(path).catch(() => [])
    const loose: string[] = []
    for (const file of ['.', ...names]) {
      const stat = await lstat(join(path, file)).catch(() => undefined)
      if (stat && !stat.isSymbolicLink() && (stat.mode & 0o077) !== 0) loose.push(file)
    }
    if (loose.length > 0)
      checks.push(
        fail('data directory', `others on this machine may read in ${path}: ${loose.slice(0, 5).join(', ')}`, `chmod -R go-rwx ${path}`),
      )
  }
  return checks
}

async function checkParent(world: World, dataDir: string): Promise<Check> {
  let parent = dirname(dataDir)
  while (parent !== dirname(parent) && !(await lstat(parent).catch(() => undefined))) parent = dirname(parent)
  try {
    await world.measureSync(parent)
    return ok('data directory', `${dataDir} does not exist yet and can be made`)
  } catch (error) {
    return fail(
      'data directory',
      `${dataDir} does not exist and cannot be made (${codeOf(error) ?? 'unknown error'})`,
      `make ${parent} writable for this user, or set \`dataDir\` elsewhere`,
    )
  }
}

async function checkSync(world: World, dataDir: string): Promise<Check> {
  const name = 'disk'
  let times: readonly number[]
  try {
    times = await world.measureSync(dataDir)
  } catch (error) {
    return fail(
      name,
      `${dataDir} cannot be written (${codeOf(error) ?? 'unknown error'})`,
      'free some space, or make it writable for this user: without a durable record nothing passes',
    )
  }
  const sorted = [...times].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  const shown = `a durable write takes ${median < 10 ? median.toFixed(1) : Math.round(median)} ms (median of ${times.length})`
  if (median > TOO_SLOW_MS) return fail(name, `${shown}, and every call waits for two`, 'put `dataDir` on a local solid-state disk')
  if (median > SLOW_MS) return warn(name, `${shown}, and every call waits for two`, 'put `dataDir` on a faster disk')
  return ok(name, shown)
}
