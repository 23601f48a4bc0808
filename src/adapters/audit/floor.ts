// `<dataDir>/trust/audit.json`: how far the log had come when it was last signed. It is in no backup, so a log that is put back from one falls below it.

import { join } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import { readSyncedFile, replaceSyncedFile } from '../synced-file.ts'

const MAX_BYTES = 256 * 1024

/** A log that was ended by hand: what it was when its end was noticed. `root` in base64. */
export type EndedLog = {
  readonly origin: string
  readonly size: number
  readonly root: string
  /** where somebody ended it with a command; stands in the first event of the next log too */
  readonly end?: LogEnd
}
/** `time`: RFC 3339. `by`: the user of the operating system. `lost`: why it could not go on: code of the Fault. */
export type LogEnd = { readonly time: string; readonly by: string; readonly why: string; readonly lost?: string }

export type Floor = {
  /** absent between the end of one log and the beginning of the next */
  readonly last?: EndedLog & {
    /** the signed checkpoint */
    readonly note: string
    /** verifier keys the log signs and signed with, the current one last */
    readonly vkeys: readonly string[]
  }
  /** logs that ended, oldest first */
  readonly ended: readonly EndedLog[]
}

const pathOf = (dataDir: string): string => join(dataDir, 'trust', 'audit.json')

/** An empty floor where there is no file. Throws Fault `audit-floor-invalid`: whoever damaged it may have wanted the floor away. */
export function readFloor(dataDir: string): Floor {
  const file = pathOf(dataDir)
  const bytes = readSyncedFile(file, 'audit-floor', MAX_BYTES)
  if (bytes === undefined) return { ended: [] }
  try {
    const floor = JSON.parse(bytes.toString('utf8')) as Floor
    if (isFloor(floor)) return floor
  } catch {
    // falls through: not JSON is not a floor
  }
  throw new Fault(
    'audit-floor-invalid',
    `\`${file}\` is damaged, so nothing says how far the audit log had come; put it back as it was, or compare the log with a checkpoint kept elsewhere (\`gatehouse audit verify --checkpoint FILE\`) and remove the file`,
  )
}

/** On disk, with its name, when it returns; a crash leaves the old floor or the new one. Throws Fault `audit-floor-unwritable`. */
export function writeFloor(dataDir: string, floor: Floor): void {
  replaceSyncedFile(pathOf(dataDir), 'audit-floor', `${JSON.stringify(floor)}\n`)
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isLog = (log: EndedLog): boolean => isText(log.origin) && Number.isSafeInteger(log.size) && log.size >= 0 && isText(log.root)
function isFloor(value: Floor): boolean {
  const { ended, last } = value
  if (!Array.isArray(ended) || !ended.every(isLog)) return false
  return last === undefined || (isLog(last) && isText(last.note) && Array.isArray(last.vkeys) && last.vkeys.every(isText))
}
