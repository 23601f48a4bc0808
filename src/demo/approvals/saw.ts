// What the servers and the audit log saw: the servers' own diaries of every message (examples/approvals/diary.ts), and the log as an auditor reads it.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readEvents } from '../../adapters/audit/lines.ts'
import type { Moment } from './timeline.ts'

type Json = Readonly<Record<string, unknown>>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const objectOf = (value: unknown): Json => (isJson(value) ? value : {})
export const wordOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')

/** A message that a server got (`heard`) or sent (`said`). */
export type DiaryEntry = { readonly at: number; readonly heard?: Json; readonly said?: Json }

/** What stands there from `since` on, without the traffic that no call made. */
export async function diaryOf(file: string, since: number): Promise<readonly DiaryEntry[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const entries = text.split('\n').filter(Boolean).map(line => JSON.parse(line) as DiaryEntry) // prettier-ignore
  const calls = new Set<unknown>()
  return entries.filter(({ at, heard, said }) => {
    if (at < since) return false
    if (HOUSEKEEPING.test(wordOf((heard ?? said)?.['method']))) return false
    if (heard?.['method'] === 'tools/call') calls.add(heard['id'])
    // An answer to something that is left out.
    return said?.['id'] === undefined || said['method'] !== undefined || calls.has(said['id'])
  })
}
const HOUSEKEEPING =
  /^(?:initialize|server\/discover|ping|tools\/list|notifications\/initialized|subscriptions\/listen|notifications\/subscriptions\/acknowledged)$/

export const diaryMoments = (server: string, entries: readonly DiaryEntry[]): readonly Moment[] =>
  entries.map(({ at, heard, said = {} }) => ({
    at,
    who: server,
    what: heard ? `hears ${messageText(heard)}` : `says ${messageText(said)}`,
  }))

function messageText({ method, params, result, error }: Json): string {
  if (typeof method === 'string') {
    const { name, arguments: input, inputResponses, message, messages, reason } = objectOf(params)
    const about = Object.entries({ name, arguments: input, inputResponses, message, messages, reason }).filter(([, value]) => value !== undefined) // prettier-ignore
    return `${method} ${JSON.stringify(Object.fromEntries(about))}`
  }
  return error === undefined ? `the result ${JSON.stringify(result)}` : `error ${JSON.stringify(error)}`
}

/** All events of the log since then. */
export async function eventsSince(dataDir: string, since: number): Promise<readonly Json[]> {
  const events: Json[] = []
  await readEvents(join(dataDir, 'audit'), line => {
    const event: unknown = JSON.parse(line)
    if (isJson(event) && Date.parse(wordOf(event['time'])) >= since) events.push(event)
  })
  return events
}

/** Reads until it is complete, for five seconds: what is there then is all there is. */
export async function eventsWhen(
  dataDir: string,
  since: number,
  isComplete: (events: readonly Json[]) => boolean,
): Promise<readonly Json[]> {
  for (let attempt = 0; ; attempt++) {
    const events = await eventsSince(dataDir, since)
    if (attempt === 100 || isComplete(events)) return events
    await wait(50)
  }
}

/** `approval-asked` and the like. */
export const lifecycleOf = (events: readonly Json[], what: string): Json | undefined => {
  const found = events.find(event => event['type'] === 'lifecycle' && event['what'] === what)
  return found && objectOf(found['detail'])
}
/** Of the calls of this server: an event of this type. */
export const eventOf = (events: readonly Json[], type: string, server: string): Json | undefined =>
  events.findLast(event => event['type'] === type && objectOf(event['subject'])['server'] === server)

/** What it says of calls, of questions and of approvals. */
export const auditMoments = (events: readonly Json[]): readonly Moment[] =>
  events.flatMap(event => {
    const what = eventText(event)
    return what === '' ? [] : [{ at: Date.parse(wordOf(event['time'])), who: 'audit', what }]
  })

function eventText(event: Json): string {
  const { type, what, outcome, reason, decision, requestMethod } = event
  const [detail, subject] = [objectOf(event['detail']), objectOf(event['subject'])]
  const rules = (of: Json): string => (Array.isArray(of['rules']) && of['rules'].length > 0 ? `, rules ${of['rules'].join(', ')}` : '')
  if (type === 'lifecycle') {
    if (!wordOf(what).startsWith('approval-')) return ''
    const by = wordOf(detail['by']) === '' ? '' : ` by ${wordOf(detail['by']).split(' ').at(-1) ?? ''}`
    return `${wordOf(what)}${by}: ${wordOf(detail['server'])} asks for ${wordOf(detail['method'])}${rules(detail)}`
  }
  if (subject['method'] !== 'tools/call') return ''
  const call = `${wordOf(type)} ${wordOf(subject['server'])}/${wordOf(subject['name'])}`
  const because = wordOf(reason) === '' ? '' : `, reason ${wordOf(reason)}`
  if (type === 'server-request') return `${call}: ${wordOf(requestMethod)} ${wordOf(decision)}${because}${rules(event)}`
  return `${call}${wordOf(outcome) === '' ? '' : `: ${wordOf(outcome)}`}${because}${rules(event)}`
}
