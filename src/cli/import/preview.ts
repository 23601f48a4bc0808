// The plan in words: every command exactly and in full (R44), every file as a diff, no secret.

import type { Io } from '../command.ts'
import { shortName } from '../config-check.ts'
import { unifiedDiff } from '../diff.ts'
import type { Entry } from './entry.ts'
import { masked } from './mask.ts'
import type { Plan, PlannedFile, PlannedServer } from './model.ts'
import type { Value } from './placeholders.ts'

export function preview(plan: Plan, io: Io): string {
  const name = (file: string): string => shortName(file, io.cwd)
  const parts: string[] = []
  for (const server of plan.servers) parts.push(serverText(server))
  for (const { label, name: who, problem } of plan.skipped)
    parts.push(`left where it is: ${who === '' ? label : `${printable(who)} (${label})`} ${problem}`)
  if (plan.servers.length === 0) return [...parts, 'nothing to bring in', ''].join('\n')
  for (const secret of plan.secrets)
    parts.push(`secret: ${secret.what} goes to ${name(secret.file)} (for you alone), ${secret.text.length} characters`)
  if (plan.config) {
    parts.push(`${name(plan.config.path)} gets:\n${addedLines(plan.config)}`)
    parts.push(
      plan.operator === undefined
        ? 'Nobody may use these servers until a rule under `allow` names somebody.'
        : `${plan.operator} alone may use them; the rules under \`allow\` say so and can be changed.`,
    )
  }
  for (const host of plan.hosts) parts.push(hostText(host, name))
  return `${parts.join('\n\n')}\n`
}

function serverText({ alias, name, label, entry, isKnown, concerns }: PlannedServer): string {
  const lines = [
    `${alias}: ${printable(name)} of ${label}${isKnown ? ', which the gateway has already' : ''}`,
    ...entryLines(entry).map(line => `    ${line}`),
  ]
  if (entry.ignored.length > 0) lines.push(`    not taken over: ${entry.ignored.map(printable).join(', ')}`)
  return [...lines, ...concerns.map(concern => `    look twice: it ${concern}`)].join('\n')
}

function entryLines(entry: Entry): readonly string[] {
  const named = (values: ReadonlyMap<string, Value>, sign: string): string[] =>
    [...values].map(([key, value]) => `${key}${sign}${valueText(value)}`)
  if (entry.kind !== 'stdio') return [`${entry.kind} ${entry.url}`, ...named(entry.headers, ': ')]
  return [
    `runs ${[entry.command, ...entry.args].map(word => (typeof word === 'string' ? shellWord(word) : valueText(word))).join(' ')}`,
    ...(entry.cwd === undefined ? [] : [`in ${printable(entry.cwd)}`]),
    ...named(entry.env, '='),
  ]
}

function valueText(value: Value): string {
  if (value.kind === 'plain') return shellWord(value.text)
  return value.kind === 'secret'
    ? `(secret, ${value.text.length} characters)`
    : `${shellWord(value.prefix).replace(/^''$/, '')}$${value.name}`
}

/** A word as a shell would take it, whole; what could deceive the eye stands as an escape. */
function shellWord(word: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(word)) return word
  return DECEPTIVE.test(word) ? `$'${printable(word).replaceAll("'", "\\'")}'` : `'${word.replaceAll("'", "'\\''")}'`
}

const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u
const printable = (text: string): string =>
  text.replaceAll(new RegExp(DECEPTIVE, 'gu'), char => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)

/** Only additions are made to gatehouse.yaml, and what stands around them may hold secrets of its own. */
function addedLines({ before, after }: PlannedFile): string {
  const diff = unifiedDiff(before.toString('utf8'), after)
  return diff
    .split('\n')
    .filter(line => line.startsWith('+'))
    .map(printable)
    .join('\n')
}

function hostText(host: PlannedFile, name: (file: string) => string): string {
  const shared = host.isShared
    ? '\nThis file is usually committed: whoever else uses the project would be pointed at this gateway too.'
    : ''
  return `${name(host.path)} (${host.label}) changes, after a backup beside it:\n${maskedDiff(host.before.toString('utf8'), host.after)}${shared}`
}

/** A diff of two texts of a host's file without their secrets. */
export function maskedDiff(before: string, after: string): string {
  const [a, b] = [masked(before), masked(after)]
  if (a === undefined || b === undefined) return '(not shown: it cannot be told which parts are secret)'
  return unifiedDiff(a, b).split('\n').map(printable).join('\n').trimEnd()
}
