// Everything that can be wrong with a folder of policies on disk, each as a title and an act. `rules` in `folder` holds authz/test.cedar, which begins with the rule `first`.

import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export function waysToBreak(folder: () => string, first: string): readonly (readonly [string, () => void])[] {
  const write = (file: string, text: string): void => {
    mkdirSync(join(folder(), 'rules', file, '..'), { recursive: true })
    writeFileSync(join(folder(), 'rules', file), text)
  }
  const pipe = (name: string): void => {
    mkdirSync(join(folder(), 'rules', name, '..'), { recursive: true })
    execFileSync('mkfifo', [join(folder(), 'rules', name)])
  }
  return [
    ['a syntax error', () => write('authz/test.cedar', `${first} permit (`)],
    [
      'a rule with a type error',
      () => write('authz/test.cedar', `${first}@id("x") permit (principal, action, resource) when { resource.nothing };`),
    ],
    ['a folder without rules', () => write('authz/test.cedar', '// nothing\n')],
    ['a folder that is gone', () => renameSync(join(folder(), 'rules'), join(folder(), 'away'))],
    ['bytes that are no text', () => writeFileSync(join(folder(), 'rules/authz/test.cedar'), Buffer.from([0xff, 0xfe, 0x00]))],
    [
      'a write that ended between two rules: what is lost, the tests miss',
      () => truncateSync(join(folder(), 'rules/authz/test.cedar'), first.length + 1),
    ],
    ['tests that cannot be read', () => write('tests/test.yaml', 'cases: [')],
    ['a pipe that nobody writes into', () => pipe('authz/pipe.cedar')],
    ['a pipe among the tests', () => pipe('tests/pipe.yaml')],
    ['a link to a device that never ends', () => symlinkSync('/dev/zero', join(folder(), 'rules/authz/zero.cedar'))],
    ['a link to a device that is empty', () => symlinkSync('/dev/null', join(folder(), 'rules/authz/null.cedar'))],
    ['a link that leads nowhere', () => symlinkSync(join(folder(), 'nowhere'), join(folder(), 'rules/authz/lost.cedar'))],
    ['a link that leads to itself', () => symlinkSync('loop.cedar', join(folder(), 'rules/authz/loop.cedar'))],
    ['a folder where a file belongs', () => mkdirSync(join(folder(), 'rules/authz/more.cedar'))],
    [
      'a file where the folder of rules belongs',
      () => {
        rmSync(join(folder(), 'rules/authz'), { recursive: true })
        writeFileSync(join(folder(), 'rules/authz'), '')
      },
    ],
    [
      'a file of 100 MB',
      () => {
        write('authz/large.cedar', '')
        truncateSync(join(folder(), 'rules/authz/large.cedar'), 100_000_000)
      },
    ],
    [
      'more bytes than are read, with a forbid behind them',
      () => {
        for (let i = 0; i < 17; i += 1) write(`authz/a${String(i).padStart(2, '0')}.cedar`, `//${' '.repeat(1_048_000)}\n`)
        write('authz/z.cedar', '@id("late") forbid (principal, action, resource);')
      },
    ],
    ['rules cut off within one', () => truncateSync(join(folder(), 'rules/authz/test.cedar'), first.length + 20)],
    ['an empty file in place of the rules', () => truncateSync(join(folder(), 'rules/authz/test.cedar'), 0)],
    ['the folder of rules without a file', () => rmSync(join(folder(), 'rules/authz/test.cedar'))],
  ]
}
