// The side door of the test upstreams: what they see goes out as events, what a test wants of them comes in as commands.

import { connect } from 'node:net'
import type { Readable } from 'node:stream'

/** `kind` says what happened; the rest depends on it. `pid` tells the processes of one upstream apart. */
export type UpstreamEvent = { readonly kind: string; readonly pid: number; readonly [member: string]: any }
export type Command =
  | { readonly change: 'tools' | 'prompts' | 'resources' }
  /** resources/updated for this URI, to whoever subscribed to it */
  | { readonly updated: string }
  /** lets the tool `wait` with this tag finish */
  | { readonly release: string }
  /** legacy HTTP only: forgets all sessions, as a restart would */
  | { readonly forget: true }
  /** legacy only: a question outside any call */
  | { readonly unsolicited: true }

export interface Control {
  emit(kind: string, more?: Readonly<Record<string, unknown>>): void
  onCommand(listener: (command: Command) => void): void
}

/** Whole lines. Not node:readline, which also splits at U+2028. */
export function textLines(input: Readable, onLine: (line: string) => void): void {
  const decoder = new TextDecoder()
  let rest = ''
  input.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') onLine(line)
  })
}
/** One JSON value a line. */
export const jsonLines = (input: Readable, onValue: (value: any) => void): void => textLines(input, line => onValue(JSON.parse(line)))

/** For upstreams that run as a process: a connection to the test, one JSON object a line in both directions. */
export function processControl(): Control {
  const socket = connect(Number(process.env['E2E_CONTROL']), '127.0.0.1').unref()
  socket.on('error', () => {})
  return {
    emit: (kind, more = {}) => void socket.write(`${JSON.stringify({ kind, pid: process.pid, ...more })}\n`),
    onCommand: listener => jsonLines(socket, command => listener(command as Command)),
  }
}
