// The rows of the commands of whoever writes policies.

import type { Command } from './command-row.ts'

const RECORDED = {
  kind: 'text',
  value: 'PLACE',
  help: 'decisions: the folder of an audit log, also of a running gateway, one segment of it, or a file of JSON lines',
} as const
const FOLDER = { positionals: '[dir]', maxPositionals: 1 } as const

export const POLICY: readonly Command[] = [
  {
    name: 'policy validate',
    summary: 'check a folder of policies',
    about: [
      'Reads DIR/authz, DIR/obligations and DIR/tests (DIR is `policies` unless named), and reports everything that is wrong with file, line and column: syntax, names, annotations, types against the schema of this gateway. Warnings of Cedar count as faults.',
    ],
    ...FOLDER,
    options: {},
    load: () => import('./policy/validate.ts'),
  },
  {
    name: 'policy test',
    summary: 'run the cases of a folder of policies',
    about: [
      'Every case of DIR/tests must come out as expected, every rule must decide a case, and without any one rule some case must fail: so nobody can take a rule away unnoticed.',
    ],
    ...FOLDER,
    options: {},
    load: () => import('./policy/test.ts'),
  },
  {
    name: 'policy fmt',
    summary: 'bring a folder of policies into the one form',
    about: ['Rewrites the files of policies as Cedar formats them, and puts the schema of this gateway beside them, for editors.'],
    ...FOLDER,
    options: { check: { kind: 'flag', help: 'write nothing; exit code 1 where something would change' } },
    load: () => import('./policy/fmt.ts'),
  },
  {
    name: 'policy lint',
    summary: 'find rules that do nothing',
    about: [
      'Rules that can never match, permits that a forbid always overrides, rules of which another says as much, and permits of everything. Exit code 1 where there are any.',
    ],
    ...FOLDER,
    options: {},
    load: () => import('./policy/lint.ts'),
  },
  {
    name: 'policy explain',
    summary: 'say why a request would be permitted or refused',
    about: [
      'Which rules decide, what they advise and demand, which permits come nearest and what they would need, and the facts that all of it was told from.',
      'The request comes from a file (--request, YAML or JSON with `servers`, `principals` and `request`), from a case of DIR/tests (--case), from an audit event (`gatehouse policy explain --recorded .gatehouse/audit --event ID`), or from options: `gatehouse policy explain --group engineering --tool files/delete --publisher io.github.acme`.',
    ],
    ...FOLDER,
    options: {
      request: { kind: 'text', value: 'FILE', help: 'a request in the words of cases' },
      case: { kind: 'text', value: 'NAME', help: 'a case of DIR/tests' },
      recorded: RECORDED,
      event: { kind: 'text', value: 'ID', help: 'with --recorded: an event, the request id that a host was told, or the number of a line' },
      user: { kind: 'text', value: 'NAME', help: 'subject of the principal' },
      group: { kind: 'list', value: 'NAME', help: 'a group it is in. May be repeated' },
      client: { kind: 'text', value: 'ID', help: 'OAuth client of its token' },
      action: { kind: 'text', value: 'NAME', help: 'such as `tools/list`; default: to call, get or read what is named' },
      tool: { kind: 'text', value: 'SERVER/NAME', help: 'a tool' },
      hint: { kind: 'list', value: 'HINT', help: 'of the tool: `readOnlyHint`, `destructiveHint=false`. May be repeated' },
      prompt: { kind: 'text', value: 'SERVER/NAME', help: 'a prompt' },
      resource: { kind: 'text', value: 'SERVER/URI', help: 'a resource' },
      template: { kind: 'text', value: 'SERVER/TEMPLATE', help: 'a resource template' },
      server: { kind: 'text', value: 'SERVER', help: 'a server itself' },
      endpoint: { kind: 'text', value: 'PATH', help: 'an endpoint of the gateway' },
      publisher: { kind: 'text', value: 'NAME', help: 'verified publisher of the server; unsigned where it is not named' },
      label: { kind: 'list', value: 'NAME', help: 'a label of the server. May be repeated' },
      arg: { kind: 'list', value: 'NAME=TEXT', help: 'an argument. May be repeated' },
      'read-untrusted': { kind: 'flag', help: 'untrusted content was read before' },
      approved: { kind: 'flag', help: 'somebody approved it' },
    },
    load: () => import('./policy/explain.ts'),
  },
  {
    name: 'policy diff',
    summary: 'compare two folders of policies',
    about: [
      'Rules that are new, gone or changed; cases of either folder that come out otherwise; and with --recorded what recorded decisions come to under NEW. Exit code 1 where anything differs.',
    ],
    positionals: 'OLD NEW',
    maxPositionals: 2,
    options: { recorded: RECORDED },
    load: () => import('./policy/diff.ts'),
  },
  {
    name: 'policy replay',
    summary: 'decide recorded requests again under other rules',
    about: [
      'For each recorded decision: the same, changed, or undecidable, where the rules ask for a fact that was not recorded. Nothing is guessed.',
      '`gatehouse policy replay next --recorded .gatehouse/audit` tries the folder `next` on what a gateway decided. Exit code 0: all are the same; 1: some changed, are undecidable or unreadable, there are none at all, or the rules do not load; 2: there is nothing to read.',
    ],
    ...FOLDER,
    options: { recorded: RECORDED },
    load: () => import('./policy/replay.ts'),
  },
]
