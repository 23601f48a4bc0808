// The rows of the commands of whoever writes policies.

import type { Command } from './command-row.ts'

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
]
