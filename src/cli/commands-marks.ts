// The rows of the commands about marks: who read untrusted or private content, and taking that away.

import type { Command } from './command-row.ts'
import type { CommandModule } from './command.ts'
import { ADMIN, WHY } from './options.ts'

const marks = (name: keyof typeof import('./admin/marks.ts')) => async (): Promise<CommandModule> =>
  (await import('./admin/marks.ts'))[name]

export const MARKS: readonly Command[] = [
  {
    name: 'marks list',
    summary: 'show who read untrusted or private content, and until when that counts',
    about: ['Your own; everybody’s for operators, approvers and auditors. See docs/policies.md, “Flow”.'],
    options: ADMIN,
    load: marks('listMarks'),
  },
  {
    name: 'marks clear',
    summary: 'take marks of a principal away before they end',
    about: [
      'Needs the role operator or approver. Nobody clears their own, unless the configuration says so (`flow.clearOwn`); those are meant where no principal is named.',
      'It is recorded with the reason. What is being read at the moment stays marked.',
    ],
    positionals: '[PRINCIPAL]',
    maxPositionals: 2,
    options: { why: WHY, client: { kind: 'text', value: 'ID', help: 'of this OAuth client alone' }, ...ADMIN },
    load: marks('clearMarks'),
  },
]
