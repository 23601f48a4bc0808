// Help texts, made from the table of commands.

import { COMMON } from './commands.ts'
import type { Command, Option } from './command-row.ts'

/** `gatehouse help` */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(c => c.name.length))
  return [
    'gatehouse: a zero-trust proxy for MCP',
    '',
    'usage: gatehouse <command> [options]',
    '',
    ...commands.map(c => `  ${c.name.padEnd(width)}  ${c.summary}`),
    '',
    '`gatehouse help <command>` says more about one of them.',
    'exit codes: 0 ok, 1 failed, 2 wrong command line, 3 configuration invalid, 4 refused so as not to overwrite or undo what changed, 5 unreachable',
    '',
  ].join('\n')
}

/** `gatehouse help <command>` */
export function helpOf(command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON })
  const heads = options.map(([name, option]) => head(name, option))
  const width = Math.max(...heads.map(h => h.length))
  return [
    `usage: gatehouse ${command.name}${command.positionals ? ` ${command.positionals}` : ''} [options]`,
    '',
    ...command.about,
    '',
    ...options.map(([, option], i) => `  ${(heads[i] ?? '').padEnd(width)}  ${option.help}`),
    '',
  ].join('\n')
}

function head(name: string, option: Option): string {
  const value = option.kind === 'flag' ? '' : ` ${option.value ?? 'VALUE'}`
  return `${option.short ? `-${option.short}, ` : '    '}--${name}${value}`
}
