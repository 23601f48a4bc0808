// Recorded decisions: JSON lines in a file, as they stand in the audit log or by themselves, or the segments of a folder of the audit log, also of a running gateway.

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { eachLine, segmentsIn } from '../../adapters/audit/lines.ts'
import { segmentName } from '../../audit/recover.ts'
import { inertLine } from '../../kernel/json-string.ts'
import { readRecord, type DecisionRecord } from '../../policy/record.ts'
import type { Io } from '../command.ts'

export type Recorded = {
  /** as it is shown, relative to the working directory */
  readonly file: string
  readonly line: number
  /** undefined: the line claims to hold a decision and does not */
  readonly record: DecisionRecord | undefined
  /** of the audit event it stands in, and of the request, as hosts are told it */
  readonly ids: readonly unknown[]
}

/** Calls back with each decision in order; lines without one are passed over. A text says why nothing can be read. */
export async function eachRecorded(io: Io, place: string, onrecord: (recorded: Recorded) => void): Promise<string | undefined> {
  const files = await filesOf(resolve(io.cwd, place))
  if (typeof files === 'string') return `${place} ${files}`
  for (const path of files) await eachOf(path, relative(io.cwd, path), onrecord)
  return undefined
}

async function filesOf(path: string): Promise<readonly string[] | string> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return 'cannot be read'
  if (found.isFile()) return [path]
  if (!found.isDirectory()) return 'is neither a file nor a folder'
  const segments = await segmentsIn(path)
  return segments.length === 0 ? 'holds no segments of an audit log' : segments.map(number => join(path, segmentName(number)))
}

async function eachOf(path: string, file: string, onrecord: (recorded: Recorded) => void): Promise<void> {
  let line = 0
  let read = 0
  const take = (text: string): void => {
    line += 1
    const recorded = recordedIn(text)
    if (recorded) onrecord({ file, line, ...recorded })
  }
  const rest = await eachLine(path, (text, bytes) => {
    read += bytes + 1
    take(text)
  })
  if (rest === 0) return
  // A last line without an end: whole where a person wrote the file, and not yet whole where the gateway writes it at this moment.
  const last = (await buffer(createReadStream(path, { start: read, end: read + rest - 1 }))).toString()
  if (parsed(last) !== undefined) take(last)
}

function recordedIn(text: string): Pick<Recorded, 'record' | 'ids'> | undefined {
  const data = parsed(text)
  if (data === undefined) return text.trim() === '' ? undefined : { record: undefined, ids: [] }
  const claimed = 'policy' in data ? data['policy'] : isEvent(data) || !('facts' in data || 'outcome' in data) ? undefined : data
  return claimed === undefined || isDigestAlone(claimed) ? undefined : { record: readRecord(claimed), ids: [data['id'], data['request']] }
}

/** What an event says that holds no decision of rules, in words; undefined = there is no such event. */
export async function bareEvent(io: Io, place: string, wanted: string): Promise<string | undefined> {
  const found = await firstEvent(io, place, event => event['id'] === wanted || event['request'] === wanted)
  return found && `${found.at} holds no decision of rules: ${toldOf(found.event)}`
}

/** How a request with one of these ids was refused, in words; undefined = it was not. */
export async function refusalIn(io: Io, place: string, ids: readonly unknown[]): Promise<string | undefined> {
  const wanted = new Set(ids.filter(id => typeof id === 'string'))
  const isMeant = (id: unknown): boolean => typeof id === 'string' && wanted.has(id)
  const found = await firstEvent(
    io,
    place,
    event => typeof event['reason'] === 'string' && (isMeant(event['id']) || isMeant(event['request'])),
  )
  return found && `${toldOf(found.event)} (${found.at})`
}

async function firstEvent(
  io: Io,
  place: string,
  isIt: (event: Readonly<Record<string, unknown>>) => boolean,
): Promise<{ readonly at: string; readonly event: Readonly<Record<string, unknown>> } | undefined> {
  const files = await filesOf(resolve(io.cwd, place))
  for (const path of typeof files === 'string' ? [] : files) {
    let found: { readonly at: string; readonly event: Readonly<Record<string, unknown>> } | undefined
    let line = 0
    await eachLine(path, text => {
      line += 1
      const event = found ? undefined : parsed(text)
      if (event && isIt(event)) found = { at: `${relative(io.cwd, path)}:${line}`, event }
    })
    if (found) return found
  }
  return undefined
}

function toldOf({ type, reason, stage, detail }: Readonly<Record<string, unknown>>): string {
  const why = [reason, stage && `at ${shown(stage)}`].filter(Boolean).map(shown).join(' ')
  return `${shown(type)}${why && ` ${why}`}${detail === undefined ? '' : `: ${shown(detail)}`}`
}
const shown = (value: unknown): string => (typeof value === 'string' ? inertLine(value.slice(0, 300)) : '?')

/** Lists say which rules were in force, and are as many decisions as they have entries. */
const isDigestAlone = (claimed: unknown): boolean =>
  typeof claimed === 'object' && claimed !== null && Object.keys(claimed).length === 1 && 'digest' in claimed

/** Of the audit log, where `outcome` also says how a call ended. */
const isEvent = (data: Readonly<Record<string, unknown>>): boolean => 'v' in data && 'type' in data

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const data: unknown = JSON.parse(text)
    return typeof data === 'object' && data !== null ? (data as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
