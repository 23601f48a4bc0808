// What a verification rests on: keys, checkpoints and witnesses that whoever verifies has from elsewhere.

import { resolve } from 'node:path'
import type { LogIdentity } from '../../audit/checkpoint.ts'
import { MAX_NOTE_BYTES, readNote, readVkey, type NoteKey } from '../../audit/note.ts'
import { readCheckpoint } from '../../audit/checkpoint.ts'
import { parseDuration } from '../../config/units.ts'
import type { CommandArgs } from '../command.ts'
import { required } from '../signing/presented.ts'
import { UsageError } from '../usage.ts'

export type GivenTrust = {
  /** keys of the log from `--key`; empty = those that the log itself tells */
  readonly keys: readonly NoteKey[]
  readonly witnesses: readonly NoteKey[]
  /** signed notes from `--checkpoint` */
  readonly external: readonly string[]
  readonly isLocal: boolean
  /** how old the first event may be that a witness did not sign, milliseconds */
  readonly maxBehindMs: number
}

const keysIn = (args: CommandArgs, option: string, type: NoteKey['type']): NoteKey[] =>
  args.list(option).map(text => {
    const key = readVkey(text)
    if (typeof key === 'string') throw new UsageError(`--${option}: ${key}`)
    if (key.type !== type) throw new UsageError(`--${option}: \`${key.name}\` is the key of a ${key.type === 0x04 ? 'witness' : 'log'}`)
    return key
  })

/** Throws UsageError where options do not hold what they should, or nothing external is given and `--unsafe-local` is not. */
export async function trustOf(args: CommandArgs): Promise<GivenTrust> {
  const keys = keysIn(args, 'key', 0x01)
  const witnesses = keysIn(args, 'witness', 0x04)
  const external: string[] = []
  for (const name of args.list('checkpoint')) {
    const note = (await required(resolve(args.io.cwd, name), MAX_NOTE_BYTES)).toString('utf8')
    const parts = readNote(note)
    const checkpoint = typeof parts === 'string' ? parts : readCheckpoint(parts.text)
    if (typeof checkpoint === 'string') throw new UsageError(`--checkpoint: \`${name}\` ${checkpoint}`)
    external.push(note)
  }
  const isLocal = args.flag('unsafe-local')
  if (witnesses.length === 0 && external.length === 0 && !isLocal)
    throw new UsageError(
      'expected --checkpoint FILE (a checkpoint kept elsewhere) or --witness VKEY: whoever holds the log and its key can write all of it anew, and only what he does not hold tells. --unsafe-local goes without',
    )
  return { keys, witnesses, external, isLocal, maxBehindMs: maxBehindOf(args) }
}

/** A witness that does not answer is asked again within five minutes. */
const MAX_BEHIND_MS = 600_000

function maxBehindOf(args: CommandArgs): number {
  const text = args.text('max-behind')
  const ms = text === undefined ? MAX_BEHIND_MS : parseDuration(text)
  if (ms === undefined) throw new UsageError('--max-behind: expected a duration, such as 30s, 10m, 12h or 7d')
  return ms
}

/** The log with the keys given, else with those that it tells itself; vkeys that are none are left out. Throws UsageError where there is no key at all. */
export function logWith({ keys }: GivenTrust, origin: string, told: readonly string[]): LogIdentity {
  const own = told.flatMap(text => {
    const key = readVkey(text)
    return typeof key === 'string' || key.type !== 0x01 || key.name !== origin ? [] : [key]
  })
  const used = keys.length > 0 ? keys.filter(({ name }) => name === origin) : own
  if (used.length === 0)
    throw new UsageError(
      keys.length > 0
        ? `--key: none of the keys is of the log \`${origin}\``
        : 'nothing says which key this log signs with: give it with --key',
    )
  return { origin, keys: used }
}
