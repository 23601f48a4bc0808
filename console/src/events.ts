// Events of the audit log as people read them. An event is JSON that strangers had a part in: its strings are shown as text, its shape is believed in nothing.

import type { Found } from '../../src/audit/reading.ts'
import { h, type Child } from './dom.ts'
import { code, tag, type Tone } from './words.ts'

/** A value somewhere in an event. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }
export type Shown = { readonly seq: number; readonly leaf: string; readonly line: string; readonly event: Readonly<Record<string, Json>> }

/** What cannot be read is shown as it is, under no name. */
export function shown({ seq, leaf, event }: Found): Shown {
  let read: unknown
  try {
    read = JSON.parse(event)
  } catch {
    read = {}
  }
  return { seq, leaf, line: event, event: (typeof read === 'object' && read !== null ? read : {}) as Shown['event'] }
}

/** A string at a place in it, or undefined. */
export function textAt({ event }: Pick<Shown, 'event'>, ...path: readonly string[]): string | undefined {
  let at: Json | undefined = event
  for (const name of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined
    at = (at as Readonly<Record<string, Json>>)[name]
  }
  return typeof at === 'string' ? at : typeof at === 'number' ? String(at) : undefined
}

const LONG = 96
/** A name in a list: all of it up to a length, then how long it is; all of it is on its own page. */
export const short = (text: string): Child =>
  text.length <= LONG
    ? code(text)
    : [code(text.slice(0, LONG), '…'), h('span', { class: 'soft' }, ` (${text.length.toLocaleString('en')} characters)`)]

const TONES: Readonly<Record<string, Tone>> = {
  ok: 'good',
  error: 'warn',
  stopped: 'bad',
  unknown: 'bad',
  input: 'info',
  task: 'info',
  allowed: 'good',
  refused: 'bad',
}
const NAMES: Readonly<Record<string, string>> = {
  intent: 'let through',
  outcome: 'ended',
  refusal: 'refused',
  decision: 'answered',
  'server-request': 'question',
  'upstream-contact': 'contact',
  'upstream-contact-end': 'contact ended',
  aggregate: 'refused, counted',
  lifecycle: 'gateway',
}

/** What kind of event it is, and how it went. */
export function tagsOf(one: Shown): Child {
  const type = textAt(one, 'type') ?? 'unknown'
  const [outcome, reason, decision] = [textAt(one, 'outcome'), textAt(one, 'reason'), textAt(one, 'decision')]
  const tone = type === 'refusal' || type === 'aggregate' ? 'bad' : type === 'intent' ? 'info' : 'plain'
  const [kind, ends, asked] = [NAMES[type] ?? type, outcome ?? '', decision ?? '']
  return [
    tag(kind, tone),
    ends !== '' && [' ', tag(ends, TONES[ends] ?? 'plain')],
    asked !== '' && [' ', tag(asked, TONES[asked] ?? 'plain')],
    reason !== undefined && [' ', tag(reason, 'bad')],
  ]
}

/** Who did what where, in a line. */
export function lineOf(one: Shown): Child {
  const type = textAt(one, 'type')
  const who = textAt(one, 'principal', 'subject')
  const client = textAt(one, 'principal', 'client')
  if (type === 'lifecycle') return code(textAt(one, 'what') ?? '')
  if (type === 'aggregate') return [`${textAt(one, 'count') ?? '?'} times, from `, code(textAt(one, 'prefix') ?? 'everywhere')]
  const [method, name, server] = [
    textAt(one, 'requestMethod') ?? textAt(one, 'subject', 'method') ?? textAt(one, 'method'),
    textAt(one, 'subject', 'name'),
    textAt(one, 'subject', 'server') ?? textAt(one, 'server'),
  ]
  return [
    who === undefined ? 'the gateway' : short(who),
    client !== undefined && [' with ', short(client)],
    ': ',
    method !== undefined && short(method),
    name !== undefined && [' ', short(name)],
    server !== undefined && [' at ', h('strong', {}, server)],
  ]
}
