// The verbs for advisories: what an operator records, withdraws and looks at.

import { neutral } from '../../kernel/neutral-json.ts'
import { resolve } from 'node:path'
import { MAX_ADVISORY_BYTES } from '../../registry/advisories/osv.ts'
import { Fault } from '../../kernel/errors.ts'
import type { CommandArgs } from '../command.ts'
import { readIfThere } from '../files.ts'
import { act, send, type ActAnswer } from './gateway.ts'
import { records, table, text, verb } from './verb.ts'

const WHICH = 'expected an advisory, such as GHSA-xxxx-xxxx-xxxx'

export const advise = verb({
  command: 'registry advise',
  run: args => (args.positionals.length === 0 ? 'expected OSV documents, a file each' : advised(args)),
  tell: ({ recorded }) => records(recorded).map(adviceText).join(''),
})

/** One after the other: what was refused names its file, and those before it are recorded. */
async function advised(args: CommandArgs): Promise<ActAnswer> {
  const recorded: unknown[] = []
  for (const file of args.positionals) {
    const found = await readIfThere(resolve(args.io.cwd, file), MAX_ADVISORY_BYTES)
    if (found === undefined) throw new Fault('file-invalid', `\`${file}\` is not there; ${recorded.length} recorded`)
    const answer = await send(args, '/v1/advisories', found.bytes.toString('utf8'))
    if (!answer.ok) return { ok: false, error: { ...answer.error, message: `\`${file}\`: ${answer.error.message}` } }
    recorded.push(answer.body)
  }
  return { ok: true, body: { recorded } }
}

export const withdraw = verb({
  command: 'registry withdraw',
  run(args) {
    const [id] = args.positionals
    return id === undefined ? WHICH : act(args, 'registry/withdraw', { id })
  },
  tell: ({ advisory }) => `withdrawn: ${text(((advisory ?? {}) as Record<string, unknown>)['id'])} concerns nothing any more\n`,
})

export const listAdvisories = verb({
  command: 'registry advisories',
  run: args => listed(args),
  tell(body) {
    if (body['document'] !== undefined) return `${neutral(JSON.stringify(body['document'], undefined, 2))}\n`
    return table(
      ['advisory', 'modified', 'kind', 'summary'],
      records(body['advisories']).map(one => [text(one['id']), text(one['modified']), kindOf(one), text(one['summary'])]),
      'there are no advisories\n',
    )
  },
})
const kindOf = (advisory: Record<string, unknown>): string =>
  advisory['isWithdrawn'] === true ? 'withdrawn' : advisory['isMalware'] === true ? 'malware' : 'vulnerable'

/** All pages; a gateway that never ends is left. */
async function listed(args: CommandArgs): Promise<ActAnswer> {
  const [id] = args.positionals
  if (id !== undefined) return send(args, `/v1/advisories/${encodeURIComponent(id)}`)
  const all: Record<string, unknown>[] = []
  let after = ''
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await send(args, `/v1/advisories${after === '' ? '' : `?after=${encodeURIComponent(after)}`}`)
    if (!answer.ok) return answer
    all.push(...records(answer.body['advisories']))
    const { next } = (answer.body['metadata'] ?? {}) as Record<string, unknown>
    if (typeof next !== 'string' || next === after) break
    after = next
  }
  return { ok: true, body: { advisories: all } }
}
const MAX_PAGES = 10_000

function adviceText(body: Record<string, unknown>): string {
  const advisory = (body['advisory'] ?? {}) as Record<string, unknown>
  const { concerned, stopped } = (body['metadata'] ?? {}) as Record<string, unknown>
  const named = records(body['concerned']).map(one => `  ${text(one['name'])}@${text(one['version'])}: ${text(one['standing'])}\n`)
  const ended = stopped === 0 ? '' : `, ${Number(stopped)} of them revoked`
  return `${text(advisory['id'])} (${kindOf(advisory)}) concerns ${Number(concerned)} versions here${ended}\n${named.join('')}`
}
