// What a command puts aside lies beside what took its place, whole, under the time of its end.

import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** A path nobody has: `path` with the time, and with a number where it is asked for twice in a second. */
export function asideOf(path: string, why: 'ended' | 'before-restore', nowMs: number): string {
  const name = `${path}.${why}-${new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`
  for (let n = 1; ; n += 1) {
    const free = n === 1 ? name : `${name}-${n}`
    if (!existsSync(free)) return free
  }
}

const LOG = /^audit\.(?:ended|before-restore)-(\d{8}T\d{6}Z.*)$/

/** The folders of audit logs that ended, oldest first. */
export async function logsAside(dataDir: string): Promise<readonly string[]> {
  const found = (await readdir(dataDir, { withFileTypes: true })).flatMap(each => {
    const at = each.isDirectory() ? LOG.exec(each.name)?.[1] : undefined
    return at === undefined ? [] : [{ at, path: join(dataDir, each.name) }]
  })
  return found.sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ path }) => path)
}
