// What the command line got wrong: thrown where it is found, told in one place.

import { EXIT, type CommandArgs } from './command.ts'

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

/** A command that tells usage errors with its name (as after `gatehouse`), and catches nothing else. */
export const tellingUsage =
  (name: string, run: (args: CommandArgs) => Promise<number>) =>
  async (args: CommandArgs): Promise<number> => {
    try {
      return await run(args)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      args.io.err(`gatehouse ${name}: ${error.message}\n`)
      return EXIT.usage
    }
  }
