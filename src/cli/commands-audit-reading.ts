// The rows of the commands that read the audit log.

import type { Command, Option } from './command-row.ts'
import type { CommandModule } from './command.ts'
import { ASKING } from './options.ts'

const reading = (name: 'search' | 'show' | 'tail') => async (): Promise<CommandModule> => (await import('./audit/reading.ts'))[name]

const FROM: Readonly<Record<string, Option>> = {
  'data-dir': {
    kind: 'text',
    value: 'DIR',
    help: 'read the files of this data directory, of a gateway that runs, is stopped, or a copy; default: ask the gateway, which needs the role auditor',
  },
  ...ASKING,
}
const by = (help: string, value = 'TEXT'): Option => ({ kind: 'text', value, help })
const QUERY: Readonly<Record<string, Option>> = {
  principal: by('subject of whoever asked', 'SUBJECT'),
  issuer: by('their issuer', 'URL'),
  client: by('the application they asked with', 'ID'),
  server: by('alias of the server', 'ALIAS'),
  reason: by('why it was refused or stopped (docs/reasons.md)', 'REASON'),
  method: by('such as tools/call', 'METHOD'),
  name: by('tool, prompt, resource or task, by the server’s own name', 'NAME'),
  type: by('intent, outcome, refusal, decision, server-request, lifecycle ...', 'TYPE'),
  outcome: by('ok, error, input, task, stopped, unknown', 'OUTCOME'),
  what: by('of a lifecycle event', 'WHAT'),
  call: by('logical call', 'ID'),
  request: by('one message', 'ID'),
  trace: by('W3C trace id', 'ID'),
  approval: by('approval', 'ID'),
  id: by('one event', 'ID'),
  from: by('not before; RFC 3339, or a date', 'TIME'),
  to: by('before', 'TIME'),
  before: by('only events with a smaller number: the page after', 'SEQ'),
}

export const AUDIT_READING: readonly Command[] = [
  {
    name: 'audit search',
    summary: 'find events of the audit log',
    about: [
      'Everything given must match exactly. Shows the newest, oldest of them first. CHANGED marks an event that is not the one that was written.',
    ],
    options: { ...QUERY, limit: by('1 to 500; default 50', 'N'), ...FROM },
    load: reading('search'),
  },
  {
    name: 'audit tail',
    summary: 'show the newest events of the audit log, and those that come',
    about: ['Takes what `audit search` takes. With --json one event a line.'],
    options: {
      ...QUERY,
      lines: { kind: 'text', short: 'n', value: 'N', help: 'how many; 1 to 500, default 10' },
      follow: { kind: 'flag', short: 'f', help: 'go on with what comes, until it is interrupted' },
      ...FROM,
    },
    load: reading('tail'),
  },
  {
    name: 'audit show',
    summary: 'tell the whole story of one call',
    about: ['All rounds of it in order: what permitted or refused it, what the server asked, who approved, how it ended.'],
    options: { call: by('member `call` of any of its events', 'ID'), ...FROM },
    load: reading('show'),
  },
]
