// Where commands read the audit log: in a folder, or through the gateway as somebody with the role for it.

import { join, resolve } from 'node:path'
import { openLogFolder } from '../../adapters/audit/log-folder.ts'
import { parseQuery } from '../../audit/query.ts'
import { Fault } from '../../kernel/errors.ts'
import { act, type ActAnswer } from '../admin/gateway.ts'
import type { CommandArgs } from '../command.ts'

/** Members of a query that are options of a command, by their own names. */
const QUERY_OPTIONS = [
  ...['principal', 'issuer', 'client', 'server', 'reason', 'method', 'type', 'name', 'outcome', 'what'],
  ...['call', 'request', 'trace', 'approval', 'id', 'from', 'to', 'before', 'limit'],
] as const

/** The options given, as texts. */
export function queryTexts(args: CommandArgs): Record<string, string> {
  const given: Record<string, string> = {}
  for (const option of QUERY_OPTIONS) {
    const value = args.text(option)
    if (value !== undefined) given[option] = value
  }
  return given
}

/** A text says what is wrong with them. */
export function queryProblem(texts: Readonly<Record<string, string>>): string | undefined {
  const parsed = parseQuery(texts)
  return 'faults' in parsed ? parsed.faults.join('; ') : undefined
}

/** The answer that the gateway gives to `admin/audit/search`, from wherever the log is read. */
export const searchAnswer = (args: CommandArgs, texts: Readonly<Record<string, string>>): Promise<ActAnswer> =>
  inFolder(args, async reader => {
    const parsed = parseQuery(texts)
    if ('faults' in parsed) throw new Fault('audit-unreadable', parsed.faults.join('; '))
    return { ...(await reader.search(parsed.query)) }
  }) ?? act(args, 'audit/search', texts)

/** The same of `admin/audit/show`. */
export const storyAnswer = (args: CommandArgs, call: string): Promise<ActAnswer> =>
  inFolder(args, async reader => ({ events: await reader.story(call) })) ?? act(args, 'audit/show', { call })

function inFolder(
  args: CommandArgs,
  ask: (reader: ReturnType<typeof openLogFolder>['reader']) => Promise<Record<string, unknown>>,
): Promise<ActAnswer> | undefined {
  const dataDir = args.text('data-dir')
  if (dataDir === undefined) return undefined
  return (async () => {
    const folder = openLogFolder(join(resolve(args.io.cwd, dataDir), 'audit'), () => performance.now())
    try {
      return { ok: true as const, body: await ask(folder.reader) }
    } finally {
      folder.close()
    }
  })()
}
