// Reads the audit log of the demo as an auditor would (docs/events.md) and says in plain words what each entry means.

import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readEvents } from '../adapters/audit/lines.ts'

type Json = Readonly<Record<string, unknown>>

/** One entry about an exchange. */
export type Entry = {
  readonly time: string
  readonly type: string
  readonly subject: { readonly method: string; readonly server?: string; readonly name?: string }
  /** the logical call: all rounds of one share it */
  readonly call: string | undefined
  readonly person: string | undefined
  readonly event: Json
}

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Entries about exchanges, oldest first. */
async function readEntries(dataDir: string): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  await readEvents(join(dataDir, 'audit'), line => {
    const event: unknown = JSON.parse(line)
    if (isJson(event) && isJson(event['subject'])) entries.push(entryOf(event, event['subject']))
  })
  return entries
}

function entryOf(event: Json, subject: Json): Entry {
  const [server, name] = [textOf(subject['server']), textOf(subject['name'])]
  const principal = isJson(event['principal']) ? event['principal'] : {}
  return {
    time: textOf(event['time']) ?? '',
    type: textOf(event['type']) ?? '',
    subject: { method: textOf(subject['method']) ?? '', ...(server !== undefined && { server }), ...(name !== undefined && { name }) },
    call: textOf(event['call']),
    person: textOf(principal['subject']),
    event,
  }
}

/** Reads until the entries are complete: those of decisions may follow their answer by a moment. What is there after two seconds is all there is. */
export async function entriesWhen(dataDir: string, isComplete: (entries: readonly Entry[]) => boolean): Promise<readonly Entry[]> {
  for (let attempt = 0; ; attempt++) {
    const entries = await readEntries(dataDir)
    if (attempt === 40 || isComplete(entries)) return entries
    await wait(50)
  }
}

/** What an entry says, for somebody who reads an audit log for the first time. */
export function meaningOf({ type, event }: Entry): string {
  const rules = Array.isArray(event['rules']) ? event['rules'].join(', ') : ''
  const round = typeof event['round'] === 'number' && event['round'] > 0 ? `round ${event['round'] + 1}, ` : ''
  switch (type) {
    case 'decision':
      return 'answered by the gateway: what this person may see'
    case 'intent':
      return `${round}permitted by rule ${rules}; now it goes to the server`
    case 'server-request':
      return event['decision'] === 'allowed' ? `the server asks the person; permitted by ${rules}` : 'the server may not ask the person'
    case 'outcome':
      return outcomeOf(event)
    case 'refusal':
      return event['reason'] === 'denied' ? 'no rule names this tool; nothing left the gateway' : `refused: ${String(event['reason'])}`
    default:
      return type
  }
}

function outcomeOf(event: Json): string {
  switch (event['outcome']) {
    case 'ok':
      return `the server answered; ${String(event['resultBytes'])} bytes go to the host`
    case 'input':
      return 'the question goes to the host'
    case 'stopped':
      return `stopped by the gateway: ${String(event['reason'])}`
    default:
      return `ended: ${String(event['outcome'])}`
  }
}
