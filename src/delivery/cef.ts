// Common Event Format (ArcSight, revision 25), for SIEMs that read nothing else: the members people search by, and where the whole event stands in the log.

import { fieldsOf, objectIn, severityOf, textIn, timeIn, type Fields, type Severity } from './forms.ts'
import type { Exported } from './outlet.ts'

const SEVERITY: Readonly<Record<Severity, number>> = { info: 3, notice: 4, warning: 6, error: 8 }
const MAX_TEXT = 1023

/** One line of printable ASCII. `version`: this build's. */
export function cefOf(event: Exported, version: string): string {
  const fields = fieldsOf(event.event)
  const type = textIn(fields, 'type') ?? 'event'
  const reason = textIn(fields, 'reason')
  const head = [
    'CEF:0',
    'Gatehouse',
    'gatehouse',
    version,
    reason ?? textIn(fields, 'what') ?? type,
    type,
    String(SEVERITY[severityOf(fields)]),
  ]
  const pairs = [...extension(fields), ...place(event)].map(([key, value]) => `${key}=${value}`)
  return `${head.map((part, at) => (at === 0 ? part : header(part))).join('|')}|${pairs.join(' ')}`
}

function* extension(fields: Fields): Generator<readonly [string, string]> {
  const [subject, principal] = [objectIn(fields, 'subject'), objectIn(fields, 'principal')]
  const time = timeIn(fields)
  if (time !== undefined) yield ['rt', String(Date.parse(time))]
  const texts: readonly (readonly [string, string | undefined])[] = [
    ['externalId', textIn(fields, 'id')],
    ['suser', textIn(principal, 'subject')],
    ['sntdom', textIn(principal, 'issuer')],
    ['requestClientApplication', textIn(principal, 'client')],
    ['dhost', textIn(subject, 'server') ?? textIn(fields, 'server')],
    ['requestMethod', textIn(subject, 'method') ?? textIn(fields, 'method')],
    ['request', textIn(subject, 'name')],
    ['outcome', textIn(fields, 'outcome')],
    ['reason', textIn(fields, 'reason')],
  ]
  for (const [key, text] of texts) if (text !== undefined) yield [key, value(text)]
}

function* place({ seq, leaf, checkpoint, origin }: Exported): Generator<readonly [string, string]> {
  yield* [
    ['cn1Label', 'seq'],
    ['cn1', String(seq)],
    ['cn2Label', 'checkpoint'],
    ['cn2', String(checkpoint)],
    ['cs1Label', 'leaf'],
    ['cs1', value(leaf)],
    ['cs2Label', 'origin'],
    ['cs2', value(origin)],
  ] as const
}

/** What a line of `cefOf` says of its place; undefined where it is none. attacker-controlled: any line; texts of strangers in it have their `=` escaped. */
export function readCef(
  line: string,
): { readonly seq: number; readonly leaf: string; readonly origin: string; readonly timeMs: number | undefined } | undefined {
  const at = line.lastIndexOf(' cn1Label=seq cn1=')
  const place =
    at < 0
      ? null
      : /^ cn1Label=seq cn1=(\d{1,16}) cn2Label=checkpoint cn2=\d{1,16} cs1Label=leaf cs1=(\S{1,99}) cs2Label=origin cs2=(.{1,2046})$/.exec(
          line.slice(at),
        )
  const [, seq = '', leaf = '', origin = ''] = place ?? []
  if (!place || !Number.isSafeInteger(Number(seq))) return undefined
  const time = /\|\d{1,2}\|rt=(\d{1,16}) /.exec(line.slice(0, 4 * MAX_TEXT))?.[1]
  return { seq: Number(seq), leaf: unescaped(leaf), origin: unescaped(origin), timeMs: time === undefined ? undefined : Number(time) }
}
const unescaped = (text: string): string => text.replace(/\\(.)/g, '$1')

/** attacker-controlled: `|` would begin another member of the header, `=` another of the extension, a line break another event. */
const header = (text: string): string => plain(text).replace(/[\\|]/g, '\\$&')
const value = (text: string): string => plain(text).replace(/[\\=]/g, '\\$&')
const plain = (text: string): string => text.slice(0, MAX_TEXT).replace(/[^ -~]/g, '?')
