// The rows of the commands about contents that rules asked to record.

import type { Command } from './command-row.ts'
import type { CommandModule } from './command.ts'
import { ADMIN, ASKING, WHY } from './options.ts'

const values = (name: keyof typeof import('./audit/values.ts')) => async (): Promise<CommandModule> =>
  (await import('./audit/values.ts'))[name]

export const AUDIT_VALUES: readonly Command[] = [
  {
    name: 'audit value',
    summary: 'show the arguments or the result that a rule recorded with an event',
    about: [
      'Needs the role auditor, and is on record before it is shown. It was held against the event’s commitment. With --json in base64url, with its salt. See docs/policies.md, “Obligations”.',
    ],
    positionals: '<event>',
    maxPositionals: 1,
    options: ASKING,
    load: values('value'),
  },
  {
    name: 'audit erase',
    summary: 'remove everything that rules recorded of what somebody did',
    about: [
      'Needs the role operator. It is recorded with the reason, and cannot be undone: the key that opens the values goes with them. Events stay, and so do their proofs.',
    ],
    options: {
      issuer: { kind: 'text', value: 'URL', help: 'issuer of the principal' },
      subject: { kind: 'text', value: 'SUBJECT', help: 'its subject' },
      why: WHY,
      ...ADMIN,
    },
    load: values('erase'),
  },
]
