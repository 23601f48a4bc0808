// Recorded decisions: JSON lines, as they stand in the audit log or by themselves.

import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { readRecord, type DecisionRecord } from '../../policy/record.ts'
import type { CommandArgs } from '../command.ts'

/** A decision, and which line it stands on. Lines without one are passed over; a line that claims to hold one and does not is a fault. */
export async function* recordedDecisions(
  { io }: CommandArgs,
  file: string,
): AsyncGenerator<{ readonly line: number; readonly record: DecisionRecord | undefined }> {
  const lines = createInterface({ input: createReadStream(resolve(io.cwd, file)), crlfDelay: Infinity })
  let line = 0
  for await (const text of lines) {
    line += 1
    const data = parsed(text)
    if (data === undefined) {
      if (text.trim() !== '') yield { line, record: undefined }
      continue
    }
    const claimed = 'policy' in data ? data['policy'] : 'facts' in data || 'outcome' in data ? data : undefined
    if (claimed !== undefined) yield { line, record: readRecord(claimed) }
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const data: unknown = JSON.parse(text)
    return typeof data === 'object' && data !== null ? (data as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
