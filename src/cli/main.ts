// Reads the command line, finds the subcommand in the table, and turns what it says into an exit code.

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { ParseArgsOptionsConfig } from 'node:util'
import { nearest } from '../kernel/nearest.ts'
import { EXIT } from './command.ts'
import type { CommandArgs, Io } from './command.ts'
import { COMMANDS, COMMON } from './commands.ts'
import type { Command, Option } from './command-row.ts'
import { helpOf, overview } from './help.ts'

/** Runs one command line (without node and script) and resolves to the exit code; never rejects. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const [first] = argv
  if (first === undefined || first === '--help' || first === '-h') {
    io.out(overview(COMMANDS))
    return first === undefined ? EXIT.usage : EXIT.ok
  }
  if (first === '--version' || first === '-V') return main(['version', ...argv.slice(1)], io)
  if (first === 'help') return help(argv.slice(1), io)
  const found = findCommand(argv)
  if (!found) return unknownCommand(argv, io)
  const parsed = parse(found.command, found.rest, io)
  if (typeof parsed === 'string') return usage(`${found.command.name}: ${parsed}`, io, found.command.name)
  if (parsed.flag('help')) {
    io.out(helpOf(found.command))
    return EXIT.ok
  }
  try {
    const module = await found.command.load()
    return await module.run(parsed)
  } catch (error) {
    io.err(`gatehouse ${found.command.name}: ${describe(error, io)}\n`)
    return EXIT.failed
  }
}

function help(words: readonly string[], io: Io): number {
  if (words.length === 0) {
    io.out(overview(COMMANDS))
    return EXIT.ok
  }
  const found = findCommand(words)
  if (!found) return unknownCommand(words, io)
  io.out(helpOf(found.command))
  return EXIT.ok
}

/** The command whose words the line starts with: the one of most words, `audit dead list` before an `audit dead`. */
function findCommand(argv: readonly string[]): { command: Command; rest: readonly string[] } | undefined {
  for (const length of [3, 2, 1]) {
    const command = COMMANDS.find(c => c.name === argv.slice(0, length).join(' '))
    if (command) return { command, rest: argv.slice(length) }
  }
  return undefined
}

function unknownCommand(argv: readonly string[], io: Io): number {
  const words = argv.filter(word => !word.startsWith('-'))
  const [first = ''] = words
  const group = COMMANDS.filter(c => c.name.startsWith(`${first} `)).map(c => `\`gatehouse ${c.name}\``)
  if (group.length > 0) return usage(`\`${first}\` needs one more word: ${group.join(', ')}`, io)
  const near = nearest(
    first,
    COMMANDS.map(c => c.name.split(' ')[0] ?? ''),
  )
  return usage(`no command \`${shown(first)}\`${near ? `; did you mean \`gatehouse ${near}\`?` : ''}`, io)
}

/** `command`: the one whose options were not understood. */
function usage(problem: string, io: Io, command?: string): number {
  io.err(`gatehouse: ${problem}\nrun \`gatehouse help${command === undefined ? '' : ` ${command}`}\` to see what there is\n`)
  return EXIT.usage
}

/** The command's arguments, or what is wrong with them. */
function parse(command: Command, rest: readonly string[], io: Io): CommandArgs | string {
  const known: Readonly<Record<string, Option>> = { ...COMMON, ...command.options }
  const options: ParseArgsOptionsConfig = {}
  for (const [name, option] of Object.entries(known)) {
    options[name] = {
      type: option.kind === 'flag' ? 'boolean' : 'string',
      multiple: option.kind === 'list',
      ...(option.short ? { short: option.short } : {}),
    }
  }
  let values: Record<string, unknown>
  let positionals: string[]
  try {
    ;({ values, positionals } = parseArgs({ args: [...rest], options, allowPositionals: true, strict: true }))
  } catch (error) {
    const unknown = /'(--?[^' ]+)/.exec(String(error))?.[1]
    const near = unknown && nearest(unknown.replace(/^-+/, ''), Object.keys(known))
    const isUnknown = error instanceof Error && 'code' in error && error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION'
    if (isUnknown) return `no option \`${shown(unknown ?? '')}\`${near ? `; did you mean \`--${near}\`?` : ''}`
    return error instanceof Error ? error.message : 'arguments cannot be read'
  }
  if (positionals.length > (command.maxPositionals ?? 0)) return `unexpected \`${shown(positionals[command.maxPositionals ?? 0] ?? '')}\``
  const given = text(values['config']) ?? io.env['GATEHOUSE_CONFIG']
  return {
    io,
    json: values['json'] === true,
    configFile: resolve(io.cwd, given ?? 'gatehouse.yaml'),
    isConfigGiven: given !== undefined,
    positionals,
    text: name => text(values[name]),
    flag: name => values[name] === true,
    list: name => {
      const list: unknown = values[name]
      return Array.isArray(list) ? list.filter(item => typeof item === 'string') : []
    },
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** What a person typed, safe to show on a terminal. */
const shown = (word: string): string => word.slice(0, 80).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')

function describe(error: unknown, io: Io): string {
  if (!(error instanceof Error)) return 'failed'
  return io.env['GATEHOUSE_DEBUG'] ? (error.stack ?? error.message) : error.message
}
