// What every subcommand is handed, and the exit codes it may answer with.

/** Exit codes, documented in `gatehouse help` and docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** it ran and something failed */
  failed: 1,
  /** the command line itself is wrong */
  usage: 2,
  /** gatehouse.yaml does not load */
  configInvalid: 3,
  /** refused, because it would overwrite or undo something that is not as expected; nothing was changed */
  conflict: 4,
  /** the gateway, an identity provider or an upstream cannot be reached */
  unavailable: 5,
} as const

/** The world as a command sees it; tests hand in their own. */
export type Io = {
  /** standard output: results, and nothing else (`gatehouse stdio` speaks MCP on it) */
  out(text: string): void
  /** standard error: progress, warnings, what went wrong */
  err(text: string): void
  /** whether standard error is a terminal: only then is progress shown */
  readonly isTerminal: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly home: string
  readonly platform: NodeJS.Platform
  /** the operating system's name of the person, e.g. `alice` */
  readonly userName: string
  /** milliseconds since the epoch */
  now(): number
}

export type CommandArgs = {
  readonly io: Io
  /** `--json`: one JSON document on standard output instead of words */
  readonly json: boolean
  /** absolute path from `--config`, else GATEHOUSE_CONFIG, else `gatehouse.yaml` in the working directory; it need not exist */
  readonly configFile: string
  /** whether `--config` or GATEHOUSE_CONFIG named it */
  readonly isConfigGiven: boolean
  readonly positionals: readonly string[]
  /** value of a text option of this command, or undefined */
  text(option: string): string | undefined
  flag(option: string): boolean
  /** values of an option that may be repeated */
  list(option: string): readonly string[]
}

/** What src/cli/<command>.ts exports. Answers with an exit code; a thrown error becomes EXIT.failed. */
export type CommandModule = { run(args: CommandArgs): Promise<number> }
