// The log on disk held against what was signed of it, while no gateway runs; and the end of one that cannot go on.

import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import { syncDirectory } from '../sync-directory.ts'
import { readFloor, writeFloor, type EndedLog, type LogEnd } from './floor.ts'
import { markLog } from './log-mark.ts'
import { Notary } from './notary.ts'
import { takeWriterLock } from './writer-lock.ts'

/**
 * `unsigned`: nothing here was ever signed. `good`: it goes on from the last checkpoint and the floor; `goesThrough`: whether a tree of that size had that root
 * (base64). `lost`: it is gone, shorter than what was signed, or something else; `why` is the Fault's code.
 */
export type LogStanding =
  | { readonly is: 'unsigned' }
  | { readonly is: 'good'; readonly goesThrough: (log: EndedLog) => boolean }
  | { readonly is: 'lost'; readonly why: string }

/** Throws Fault `audit-locked` while a gateway runs, and what reading the floor throws: nobody guesses what a damaged floor was. `judge` may ask the log until it answers. */
export async function judgeLog<T>(dataDir: string, judge: (standing: LogStanding) => Promise<T>): Promise<T> {
  const dir = join(dataDir, 'audit')
  const { last } = readFloor(dataDir)
  if (!existsSync(dir)) return judge(last ? { is: 'lost', why: 'audit-missing' } : { is: 'unsigned' })
  const release = takeWriterLock(dir)
  try {
    const { segment, bytes } = await markLog(dir)
    if (!last && !existsSync(join(dir, 'tree.db'))) return await judge({ is: 'unsigned' })
    if (segment === 0) return await judge({ is: 'lost', why: 'audit-missing' })
    if (!existsSync(join(dataDir, 'keys', 'audit.key'))) return await judge({ is: 'lost', why: 'audit-key-missing' })
    let notary: Notary
    try {
      notary = new Notary({ dataDir, dir, host: 'gatehouse' }, { segment, offset: bytes }, () => 0)
    } catch (error) {
      if (error instanceof Fault && LOST.includes(error.code)) return await judge({ is: 'lost', why: error.code })
      throw error
    }
    try {
      const { origin, tree } = notary.log
      const goesThrough = ({ origin: of, size, root }: EndedLog): boolean =>
        of === origin && size <= notary.size && tree.rootAt(size).toString('base64') === root
      return await judge({ is: 'good', goesThrough })
    } finally {
      notary.close()
    }
  } finally {
    release()
  }
}
const LOST: readonly string[] = ['audit-rolled-back', 'audit-changed']

/** `known`: what is told of the log where the floor is gone as well. `end`: who ended it, and why. */
export type Ending = { readonly known?: EndedLog | undefined; readonly aside: string; readonly end?: LogEnd }

/**
 * The log that was signed last does not go on: what is left of it goes aside, and the next one names it (`audit-log-begun`). Answers where it is now. On disk after
 * a crash in between: no log, and a floor that still asks for it, which refuses a start. Throws Fault `audit-locked` while a gateway runs.
 */
export async function endLog(dataDir: string, { known, aside, end }: Ending): Promise<string | undefined> {
  const dir = join(dataDir, 'audit')
  const isThere = existsSync(dir)
  const release = isThere ? takeWriterLock(dir) : undefined
  try {
    const { last, ended } = readFloor(dataDir)
    const of = last ? { origin: last.origin, size: last.size, root: last.root } : known
    if (isThere) {
      await rename(dir, aside)
      await syncDirectory(dirname(dir))
    }
    // No floor falls: what was signed stays known under its name, and nothing else ever counts for it.
    if (of && !ended.some(log => log.origin === of.origin && log.size === of.size))
      writeFloor(dataDir, { ended: [...ended, { ...of, ...(end && { end }) }] })
    return isThere ? aside : undefined
  } finally {
    release?.()
  }
}
