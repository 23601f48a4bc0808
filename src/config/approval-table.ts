// The settings of approvals: who is told of them, and how many may wait. Who approves what is said by policies (docs/approvals.md). Part of the table in table.ts.

import { NOTICE_FORMATS, NOTICE_KINDS } from '../approvals/notice.ts'
import { SELF_FROM } from '../approvals/self-from.ts'
import { list, map, record } from './fields.ts'
import { choice, integer } from './scalars.ts'
import { asSource } from './sources.ts'
import { ALIAS } from './upstream-table.ts'

const webhook = record(
  {
    url: asSource({
      doc: 'where it is sent with POST: an https URL; an address that lets whoever knows it write into a chat is a secret: `{fromEnv: NAME}` or `{fromFile: path}`',
    }),
    format: choice(NOTICE_FORMATS, {
      fallback: 'json',
      doc: '`json` as of Standard Webhooks, `slack` for an incoming webhook, `teams` for an Adaptive Card',
    }),
    on: list(choice(NOTICE_KINDS, { doc: 'what became of an approval' }), {
      max: NOTICE_KINDS.length,
      fallback: ['pending', 'escalated'],
      doc: 'what is told; each once for each approval, and again until it was taken',
    }),
  },
  { doc: 'a webhook, signed with the key in `keys/webhook-<name>.secret` under `dataDir`, which is made at the first start' },
)

export const approvals = record(
  {
    webhooks: map(ALIAS, webhook, { max: 32, fallback: {}, doc: 'who is told of approvals, by name (docs/approvals.md)' }),
    selfFrom: choice(SELF_FROM, {
      fallback: 'console',
      doc: 'where a person decides what their own host asked for, by a rule that says `self`: in the `console`, or besides with any `other-client` than the one that asked (a host that may run commands can then approve its own calls with the command line of its person)',
    }),
    limits: record(
      {
        waiting: integer({ min: 1, max: 10_000, fallback: 10_000, doc: 'in all' }),
        perPrincipal: integer({ min: 1, max: 10_000, fallback: 64, doc: 'of one principal' }),
        perServer: integer({
          min: 1,
          max: 10_000,
          fallback: 16,
          doc: 'of one principal at one server, so that no server takes all the places of those who use it',
        }),
      },
      { fallback: {}, doc: 'requests that may wait for people at one time; those beyond are refused (`approval-limit`)' },
    ),
  },
  { fallback: {}, doc: 'what people have to approve (docs/approvals.md)' },
)
