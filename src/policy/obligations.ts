// What a permit brings with it. Rules of policies/obligations say so in annotations; all that apply count together, and of two that limit the same the stricter.

import { FINDING_CODES, SEVERITIES } from '../kernel/finding-words.ts'

/** Per what a limit is counted. */
const KEYS = ['address', 'client', 'principal', 'server', 'tool'] as const
type LimitKey = (typeof KEYS)[number]

/** Classes of findings that are taken out of a result. */
const REDACTIONS = ['secrets', 'personal-data'] as const
/** Contents that are kept, sealed, with the audit event. */
const RECORDED = ['arguments', 'result'] as const
type RecordedKind = (typeof RECORDED)[number]
/** What `@stop_on` may name: codes of findings, and severities for all codes of that severity. */
const STOPPING: readonly string[] = [...FINDING_CODES, ...SEVERITIES]

type RateLimit = { readonly count: number; readonly seconds: number; readonly per: readonly LimitKey[] }
type ConcurrencyLimit = { readonly count: number; readonly per: readonly LimitKey[] }

/** What one rule demands, or what all that apply demand together. */
export type Obligations = {
  readonly rates: readonly RateLimit[]
  readonly concurrency: readonly ConcurrencyLimit[]
  /** largest result in bytes */
  readonly maxResultBytes?: number
  readonly redact: readonly string[]
  /** findings, by code or severity, that stop a result */
  readonly stopOn: readonly string[]
  /** what of a call is kept for auditors */
  readonly record?: readonly RecordedKind[]
}

export const NO_OBLIGATIONS: Obligations = { rates: [], concurrency: [], redact: [], stopOn: [] }

/** Annotations that demand something, and those that say how. A rule that has none of the first demands nothing. */
export const DEMANDS = ['rate', 'concurrency', 'max_result', 'redact', 'stop_on', 'record'] as const
export const DEMAND_DETAILS = ['key'] as const

/** What the annotations of one rule demand; a text says what is wrong with one. */
export function readObligations(
  annotations: ReadonlyMap<string, string>,
): Obligations | { readonly annotation: string; readonly problem: string; readonly word?: string; readonly known?: readonly string[] } {
  const per = readKey(annotations.get('key'))
  if (typeof per === 'string') return { annotation: 'key', problem: per }
  const rate = annotations.get('rate')
  const rates = rate === undefined ? [] : readRate(rate, per)
  if (typeof rates === 'string') return { annotation: 'rate', problem: rates }
  const calls = readCount(annotations.get('concurrency'))
  if (typeof calls === 'string') return { annotation: 'concurrency', problem: calls }
  const bytes = readSize(annotations.get('max_result'))
  if (typeof bytes === 'string') return { annotation: 'max_result', problem: bytes }
  const redact = listOf(annotations.get('redact'))
  const unknown = redact.find(word => !(REDACTIONS as readonly string[]).includes(word))
  if (unknown !== undefined) return { annotation: 'redact', problem: `expected some of ${REDACTIONS.join(', ')}` }
  const stopOn = listOf(annotations.get('stop_on'))
  const strange = stopOn.find(word => !STOPPING.includes(word))
  if (strange !== undefined)
    return {
      annotation: 'stop_on',
      problem: 'expected codes of findings (docs/detection.md), or severities',
      known: STOPPING,
      word: strange,
    }
  const recorded = listOf(annotations.get('record'))
  if (!recorded.every(isRecordedKind)) return { annotation: 'record', problem: `expected some of ${RECORDED.join(', ')}` }
  return {
    rates,
    concurrency: calls === undefined ? [] : [{ count: calls, per }],
    ...(bytes !== undefined && { maxResultBytes: bytes }),
    redact,
    stopOn,
    ...(recorded.length > 0 && { record: recorded }),
  }
}

/** All of them: the lowest of what limits the same, every redaction and every finding that stops. The order of rules does not matter. */
export function joinObligations(each: readonly Obligations[]): Obligations {
  const record = [...new Set(each.flatMap(rule => rule.record ?? []))].sort()
  const sizes = each.flatMap(({ maxResultBytes }) => maxResultBytes ?? [])
  return {
    rates: strictest(
      each.flatMap(({ rates }) => rates),
      ({ seconds, per }) => `${seconds} ${per.join()}`,
    ),
    concurrency: strictest(
      each.flatMap(({ concurrency }) => concurrency),
      ({ per }) => per.join(),
    ),
    ...(sizes.length > 0 && { maxResultBytes: Math.min(...sizes) }),
    redact: [...new Set(each.flatMap(({ redact }) => redact))].sort(),
    stopOn: [...new Set(each.flatMap(({ stopOn }) => stopOn))].sort(),
    ...(record.length > 0 && { record }),
  }
}

function strictest<T extends { readonly count: number }>(limits: readonly T[], sameAs: (limit: T) => string): T[] {
  const least = new Map<string, T>()
  for (const limit of limits) {
    const known = least.get(sameAs(limit))
    if (!known || limit.count < known.count) least.set(sameAs(limit), limit)
  }
  return [...least].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, limit]) => limit)
}

const listOf = (text: string | undefined): string[] =>
  text === undefined ? [] : [...new Set(text.split(',').map(word => word.trim()))].sort()

const isRecordedKind = (word: string): word is RecordedKind => (RECORDED as readonly string[]).includes(word)

function readKey(text: string | undefined): readonly LimitKey[] | string {
  if (text === undefined) return ['principal', 'tool']
  const words = listOf(text)
  return words.every(word => (KEYS as readonly string[]).includes(word)) ? (words as LimitKey[]) : `expected some of ${KEYS.join(', ')}`
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Longest time a limit counts over: a timer holds 2^31 ms, and one that holds more ends at once. */
const MAX_RATE_SECONDS = 24 * 86_400

function readRate(text: string, per: readonly LimitKey[]): RateLimit[] | string {
  const [, count, number = '1', unit = ''] = /^([1-9]\d{0,8})\/([1-9]\d{0,3})?([smhd])$/.exec(text) ?? []
  const seconds = Number(number) * (SECONDS[unit] ?? 0)
  if (count === undefined) return 'expected a count and a time such as `120/1m`'
  return seconds > MAX_RATE_SECONDS ? 'expected a time of at most 24 days' : [{ count: Number(count), seconds, per }]
}

function readCount(text: string | undefined): number | undefined | string {
  if (text === undefined) return undefined
  return /^[1-9]\d{0,5}$/.test(text) ? Number(text) : 'expected a count from 1'
}

function readSize(text: string | undefined): number | undefined | string {
  if (text === undefined) return undefined
  const [, number, unit = ''] = /^([1-9]\d{0,8})(kB|MB)?$/.exec(text) ?? []
  return number === undefined ? 'expected a size such as `500kB`' : Number(number) * ({ '': 1, kB: 1000, MB: 1_000_000 }[unit] ?? 1)
}

/** `15m` in seconds; undefined for what is no time. */
export function readDuration(text: string): number | undefined {
  const [, number, unit = ''] = /^([1-9]\d{0,3})([smhd])$/.exec(text) ?? []
  return number === undefined ? undefined : Number(number) * (SECONDS[unit] ?? 0)
}
