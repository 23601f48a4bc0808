// A row of the table of commands: its words, options and help.

import type { CommandModule } from './command.ts'

export type Option = {
  readonly kind: 'text' | 'flag' | 'list'
  readonly help: string
  /** shown in help for text and list, e.g. `FILE` */
  readonly value?: string
  readonly short?: string
}

export type Command = {
  /** as typed, e.g. `config check` */
  readonly name: string
  readonly summary: string
  /** paragraphs of `gatehouse help <name>` */
  readonly about: readonly string[]
  /** e.g. `[dir]`; absent = none accepted */
  readonly positionals?: string
  readonly maxPositionals?: number
  readonly options: Readonly<Record<string, Option>>
  /** loaded when it is run, so `gatehouse version` does not load the gateway */
  load(): Promise<CommandModule>
}
