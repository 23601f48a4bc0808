// One log line as JSON: whatever the values are, it is one line, bounded, redacted and printable.

import { jsonString } from '../../kernel/json-string.ts'
import { isSecretName, REDACTED } from './redact.ts'

/** Names come from code, values may come from anywhere. `request` and `trace` are the correlation ids; they also stand in audit events and traceparent. */
export type LogFields = Readonly<Record<string, unknown>>
type Redact = (text: string) => string

const MAX_VALUE = 2048
const MAX_NAME = 64
const MAX_MEMBERS = 32
const MAX_DEPTH = 4
const MAX_CAUSES = 4
const TAKEN = new Set(['level', 'time', 'msg'])

/** Ends with a newline. At most 32 fields; text at most 2048 characters, objects 4 deep. Fields of value undefined are left out. Never throws. */
export function logLine(
  head: { readonly level: string; readonly timeMs: number; readonly message: string },
  fields: LogFields,
  redact: Redact,
): string {
  let line = `{"level":"${head.level}","time":"${new Date(head.timeMs).toISOString()}","msg":${jsonString(redact(head.message), MAX_VALUE)}`
  for (const [name, value] of membersOf(fields)) {
    if (value === undefined) continue
    line += `,${jsonString(redact(TAKEN.has(name) ? `${name}_` : name), MAX_NAME)}:${valueText(isSecretName(name) ? REDACTED : value, redact, 0)}`
  }
  return `${line}}\n`
}

/** What a log may say of an error. Its further properties are not shown: libraries keep whole requests with their headers there. */
export function describeError(error: Error, causes = MAX_CAUSES): LogFields {
  const { cause } = error
  return {
    name: error.name,
    ...('code' in error && { code: error.code }),
    message: error.message,
    ...(cause instanceof Error && causes > 0 && { cause: describeError(cause, causes - 1) }),
  }
}

function valueText(value: unknown, redact: Redact, depth: number): string {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null'
    case 'boolean':
      return String(value)
    case 'string':
      return jsonString(redact(value), MAX_VALUE)
    case 'bigint':
    case 'symbol':
      return jsonString(redact(String(value)), MAX_VALUE)
    case 'object':
      return value === null ? 'null' : objectText(value, redact, depth)
    case 'undefined':
    case 'function':
      return 'null'
    default:
      return 'null'
  }
}

function objectText(value: object, redact: Redact, depth: number): string {
  if (depth >= MAX_DEPTH) return '"..."'
  if (value instanceof Error) return objectText(describeError(value), redact, depth)
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value
    // Array.from: a hole is an item too.
    return `[${Array.from(items.slice(0, MAX_MEMBERS), item => valueText(item, redact, depth + 1)).join(',')}]`
  }
  const members = membersOf(value).map(
    ([name, member]) => `${jsonString(redact(name), MAX_NAME)}:${valueText(isSecretName(name) ? REDACTED : member, redact, depth + 1)}`,
  )
  return `{${members.join(',')}}`
}

function membersOf(value: object): readonly (readonly [string, unknown])[] {
  try {
    return Object.entries(value).slice(0, MAX_MEMBERS)
  } catch {
    // A getter or a proxy threw: its object has nothing to say.
    return []
  }
}
