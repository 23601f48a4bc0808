// The verbs for other registries: how far they were read, and what of them waits for a review.

import type { CommandArgs } from '../command.ts'
import { act, type ActAnswer } from './gateway.ts'
import { records, table, text, verb } from './verb.ts'

export const mirrors = verb({
  command: 'registry mirrors',
  run(args) {
    const now = args.text('now')
    return now === undefined ? act(args, 'registry/mirrors', {}) : act(args, 'registry/mirror', { url: now })
  },
  tell(body) {
    if (body['state'] === 'requested') return 'it is read with the next look; `gatehouse registry mirrors` shows how far\n'
    return (
      table(
        ['mirror', 'state', 'last read', 'new', 'changed', 'passed over', 'refused', 'held'],
        records(body['mirrors']).map(one => {
          const last = (one['reading'] ?? one['last'] ?? {}) as Record<string, unknown>
          const state =
            one['isReading'] === true
              ? `reading, ${count(last['pages'])} pages`
              : typeof last['failure'] === 'string'
                ? text(last['failure'])
                : 'read'
          return [
            text(one['url']),
            one['last'] === undefined && one['reading'] === undefined ? 'not read yet' : state,
            text(last['at']) || text(last['startedAt']) || '-',
            ...['added', 'changed', 'outside', 'refused', 'held'].map(name => count(last[name])),
          ]
        }),
        'there are no mirrors: `registry.mirrors` names none\n',
      ) + records(body['mirrors']).map(named).join('')
    )
  },
})
const count = (value: unknown): string => (typeof value === 'number' ? String(value) : '0')
const named = (mirror: Record<string, unknown>): string => {
  const { named: all } = (mirror['reading'] ?? mirror['last'] ?? {}) as Record<string, unknown>
  return records(all)
    .map(one => `  ${text(one['name'])}: ${text(one['why'])}\n`)
    .join('')
}

export const mirrored = verb({
  command: 'registry mirrored',
  run(args) {
    const [word] = args.positionals
    const [, name, version] = /^([^@]+)@(.+)$/.exec(word ?? '') ?? []
    if (name !== undefined && version !== undefined) return act(args, 'registry/mirrored', { name, version })
    return listed(args, word)
  },
  tell(body) {
    if (body['server'] !== undefined) return `${JSON.stringify(body['server'], undefined, 2)}\n`
    return table(
      ['version', 'status', 'seen', 'mirror'],
      records(body['versions']).map(one => [
        `${text(one['name'])}@${text(one['version'])}`,
        statusOf(one),
        text(one['seenAt']),
        text(one['source']),
      ]),
      'nothing was mirrored\n',
    )
  },
})
const statusOf = (one: Record<string, unknown>): string =>
  [
    one['isWithdrawn'] === true ? 'withdrawn' : text(one['status']),
    one['alteredTo'] === undefined ? '' : 'altered',
    one['looksLike'] === undefined ? '' : `looks like ${text(one['looksLike'])}`,
  ]
    .filter(word => word !== '')
    .join(', ')

const MAX_PAGES = 5000
async function listed(args: CommandArgs, search: string | undefined): Promise<ActAnswer> {
  const all: Record<string, unknown>[] = []
  let after: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await act(args, 'registry/mirrored', { ...(search !== undefined && { search }), ...(after !== undefined && { after }) })
    if (!answer.ok) return answer
    all.push(...records(answer.body['versions']))
    const { next } = (answer.body['metadata'] ?? {}) as Record<string, unknown>
    if (typeof next !== 'string' || next === after) break
    after = next
  }
  return { ok: true, body: { versions: all } }
}
