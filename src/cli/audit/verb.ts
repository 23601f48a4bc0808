// What the verbs about the files of a log share.

import { EXIT, type CommandArgs } from '../command.ts'
import { UsageError } from '../signing/presented.ts'

/** An event's number. */
export const SEQ = /^(?:0|[1-9]\d{0,15})$/

/** What the command line got wrong is told, and nothing else is caught. */
export const verb =
  (name: string, run: (args: CommandArgs) => Promise<number>) =>
  async (args: CommandArgs): Promise<number> => {
    try {
      return await run(args)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      args.io.err(`gatehouse audit ${name}: ${error.message}\n`)
      return EXIT.usage
    }
  }
