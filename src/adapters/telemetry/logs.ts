// The gateway's own log: one JSON object per line, redacted, escaped, and bounded in rate. What people asked for and got is the audit log's subject.

import { describeError, logLine, type LogFields } from './log-line.ts'
import { createRedactor } from './redact.ts'
import { createLineSink } from './stderr-sink.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
type LogLevel = (typeof LEVELS)[number]

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** an error with its causes and where it was thrown */
  fault(message: string, cause: unknown, fields?: LogFields): void
  /** takes over a reloaded configuration */
  setLevel(level: LogLevel): void
  /** lines not written since the start: over the rate, or nobody read them */
  readonly dropped: number
}

export type LoggerOptions = {
  /** lines below this level are not written */
  readonly level: LogLevel
  /** values that never appear in a line, e.g. the values of upstream headers and environments; asked at each line, so a reload counts. Return the same array until they change */
  readonly secrets?: () => readonly string[]
  /** takes one line with its newline; false = dropped. Default: stderr, without blocking */
  readonly write?: (line: string) => boolean
  /** wall clock, milliseconds */
  readonly now?: () => number
  /** lines per second for each level, so that warnings cannot crowd out errors; default 200. Further ones are counted and reported */
  readonly maxPerSecond?: number
}

/** Lines in order of the calls. Never throws, never waits. */
export function createLogger(options: LoggerOptions): Logger {
  const { write = defaultWrite(), now = Date.now, maxPerSecond = 200, secrets = () => NONE } = options
  let threshold = LEVELS.indexOf(options.level)
  let second = 0
  let written = [0, 0, 0, 0]
  let dropped = 0
  let reported = 0
  let known = NONE
  let redact = createRedactor(known)

  function put(level: LogLevel, message: string, fields: LogFields): boolean {
    const current = secrets()
    if (current !== known) redact = createRedactor((known = current))
    return write(logLine({ level, timeMs: now(), message }, fields, redact))
  }
  function emit(level: LogLevel, message: string, fields: LogFields = {}): void {
    const rank = LEVELS.indexOf(level)
    if (rank < threshold) return
    const current = Math.floor(now() / 1000)
    if (current !== second) {
      second = current
      written = [0, 0, 0, 0]
      if (dropped > reported && put('warn', 'log lines were dropped', { lines: dropped - reported })) reported = dropped
    }
    const count = (written[rank] ?? 0) + 1
    written[rank] = count
    if (count > maxPerSecond || !put(level, message, fields)) dropped += 1
  }
  return {
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
    fault: (message, cause, fields) => emit('error', message, { ...fields, ...faultFields(cause) }),
    setLevel(level) {
      threshold = LEVELS.indexOf(level)
    },
    get dropped() {
      return dropped
    },
  }
}

const NONE: readonly string[] = []
function defaultWrite(): (line: string) => boolean {
  const sink = createLineSink()
  return line => sink.write(line)
}

const faultFields = (cause: unknown): LogFields =>
  cause instanceof Error ? { cause: describeError(cause), stack: cause.stack } : { cause }
