// Recorded decisions: JSON lines, as they stand in the audit log or by themselves.

import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { readRecord, type DecisionRecord } from '../../policy/record.ts'
import type { CommandArgs } from '../command.ts'

/** `ids`: of the audit event it stands in, and of the request, as hosts are told it. */
export type Recorded = { readonly line: number; readonly record: DecisionRecord | undefined; readonly ids: readonly unknown[] }

/** A decision, and which line it stands on. Lines without one are passed over; a line that claims to hold one and does not is a fault. */
export async function* recordedDecisions({ io }: CommandArgs, file: string): AsyncGenerator<Recorded> {
  const lines = createInterface({ input: createReadStream(resolve(io.cwd, file)), crlfDelay: Infinity })
  let line = 0
  for await (const text of lines) {
    line += 1
    const data = parsed(text)
    if (data === undefined) {
      if (text.trim() !== '') yield { line, record: undefined, ids: [] }
      continue
    }
    const claimed = 'policy' in data ? data['policy'] : 'facts' in data || 'outcome' in data ? data : undefined
    if (claimed !== undefined) yield { line, record: readRecord(claimed), ids: [data['id'], data['request']] }
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
