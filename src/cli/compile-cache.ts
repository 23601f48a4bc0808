// Code compiled once is kept for the next start (docs/adr/0008): half the start, and no type stripper in memory. Whoever can write there runs code in
// the gateway, so the folder is the user's own and every folder above it can be changed by that user and root alone; else nothing is kept.

import { existsSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { dirname, isAbsolute, join } from 'node:path'

type World = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  /** of this process; undefined where files have no such owner (Windows): then nothing is kept */
  readonly uid: number | undefined
}

const WRITABLE_BY_OTHERS = 0o022
const STICKY = 0o1000

/**
 * Turns the cache on for what is loaded from now on. Never fails: a start without it is slower, otherwise the same. Node's own settings win
 * (NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE).
 */
export function withCompileCache({ env, getuid }: Pick<NodeJS.Process, 'env' | 'getuid'>, home: string): void {
  if (env['NODE_COMPILE_CACHE'] !== undefined) return
  const folder = compileCacheFolder({ env, home, uid: getuid?.() })
  if (folder !== undefined) enableCompileCache(folder)
}

/** `~/.cache/gatehouse/compiled` (or below XDG_CACHE_HOME), made if need be; its real path, or undefined when somebody else could write there. */
export function compileCacheFolder({ env, home, uid }: World): string | undefined {
  const given = env['XDG_CACHE_HOME'] ?? ''
  const folder = join(isAbsolute(given) ? given : join(home, '.cache'), 'gatehouse', 'compiled')
  if (uid === undefined || !isAbsolute(folder)) return undefined
  try {
    if (!isOursAlone(nearest(folder), uid)) return undefined
    make(folder)
    const real = realpathSync(folder)
    // The folder itself: not even root's, who would not have made it for us.
    return lstatSync(real).uid === uid && isOursAlone(real, uid) ? real : undefined
  } catch {
    // A read-only or missing home: nothing is kept.
    return undefined
  }
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

/** The real path of what is there already of a path. */
function nearest(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (!isMissing(error) || dirname(path) === path) throw error
    return nearest(dirname(path))
  }
}

/** Level by level: node's own recursive mkdir never returns where a parent says that it has no such child, as /proc does. */
function make(path: string): void {
  if (existsSync(path)) return
  make(dirname(path))
  mkdirSync(path, { mode: 0o700 })
}

/** Nobody but `uid` and root can put something else at this real path: folders others may write to count only with the sticky bit, as /tmp. */
function isOursAlone(path: string, uid: number): boolean {
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid: owner } = lstatSync(at)
    if (owner !== uid && owner !== 0) return false
    const isShared = (mode & WRITABLE_BY_OTHERS) !== 0
    if (isShared && (at === path || (mode & STICKY) === 0)) return false
    if (dirname(at) === at) return true
  }
}
