// The rows of the commands about approvals and standing grants.

import type { Command } from './command-row.ts'
import type { CommandModule } from './command.ts'
import { ADMIN } from './options.ts'

const approvals = (name: keyof typeof import('./admin/approvals.ts')) => async (): Promise<CommandModule> =>
  (await import('./admin/approvals.ts'))[name]

export const APPROVALS: readonly Command[] = [
  {
    name: 'approvals list',
    summary: 'show what waits for people, and what became of it',
    about: ['Your own requests, what you may decide, and everything for auditors. See docs/approvals.md.'],
    options: ADMIN,
    load: approvals('listApprovals'),
  },
  {
    name: 'approvals show',
    summary: 'show everything that would run, and what differs from the last time',
    about: ['Characters that draw nothing, turn the direction of reading or pass for others are shown by their code.'],
    positionals: 'ID',
    maxPositionals: 1,
    options: ADMIN,
    load: approvals('showApproval'),
  },
  {
    name: 'approvals watch',
    summary: 'show approvals as they are asked for and decided, until interrupted',
    about: [
      'First what waits, then a line for each change that you may see. A stream that breaks is opened again, and what happened meanwhile is shown.',
    ],
    options: ADMIN,
    load: approvals('watchApprovals'),
  },
  {
    name: 'approvals approve',
    summary: 'let one exact call through, once',
    about: [
      'Shows what would run, and approves exactly that with --digest of it; without --digest it only shows it.',
      'With --standing the requester may use the tool so long, whatever the arguments, where the rules permit that.',
    ],
    positionals: 'ID',
    maxPositionals: 1,
    options: {
      digest: { kind: 'text', value: 'DIGEST', help: 'of what was shown' },
      standing: { kind: 'text', value: 'TIME', help: 'a standing grant besides, such as 8h' },
      ...ADMIN,
    },
    load: approvals('approveApproval'),
  },
  {
    name: 'approvals reject',
    summary: 'say no to one, with a sentence that the requester’s model is told; your own are taken back by it',
    about: ['Whoever asked is told, and may ask for the same again once that has ended.'],
    positionals: 'ID',
    maxPositionals: 1,
    options: { why: { kind: 'text', value: 'TEXT', help: 'one sentence; it is recorded' }, ...ADMIN },
    load: approvals('rejectApproval'),
  },
  {
    name: 'grants list',
    summary: 'show standing grants: tools that somebody may use for a while without asking again',
    about: ['Yours; everybody’s for approvers, operators and auditors.'],
    options: ADMIN,
    load: approvals('listGrants'),
  },
  {
    name: 'grants revoke',
    summary: 'end a standing grant: yours; anybody’s for approvers and operators',
    about: ['At once: the next call is asked for again.'],
    positionals: 'ID',
    maxPositionals: 1,
    options: ADMIN,
    load: approvals('revokeGrant'),
  },
]
