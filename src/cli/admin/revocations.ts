// `gatehouse registry revocations`: what was revoked, once or as it comes.

import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, type CommandArgs, type CommandModule } from '../command.ts'
import { followRevocations, type Revoked } from './follow.ts'
import { openPath, send, type ActAnswer } from './gateway.ts'
import { records, table, text, verb } from './verb.ts'

const FROM = 'expected --since as the last number that is known'

const listed = verb({
  command: 'registry revocations',
  run: args => (args.flag('follow') ? followed(args) : all(args, args.text('since') ?? '0')),
  tell: ({ revocations }) =>
    table(
      ['number', 'revoked', 'action', 'kind', 'what', 'reason'],
      records(revocations).map(one => [String(Number(one['sequence'])), ...words(one)]),
      'nothing was revoked\n',
    ),
})
const words = (one: Record<string, unknown>): string[] => ['revokedAt', 'action', 'kind', 'target', 'reason'].map(name => text(one[name]))

export const revocations: CommandModule = {
  async run(args) {
    const since = args.text('since') ?? '0'
    if (!/^\d{1,15}$/.test(since)) {
      args.io.err(`gatehouse registry revocations: ${FROM}\n`)
      return EXIT.usage
    }
    return listed.run(args)
  },
}

async function all(args: CommandArgs, since: string): Promise<ActAnswer> {
  const found: Record<string, unknown>[] = []
  let last = since
  for (;;) {
    const answer = await send(args, `/v1/revocations?since=${last}`)
    if (!answer.ok) return answer
    const page = records(answer.body['revocations'])
    found.push(...page)
    const next = String(((answer.body['metadata'] ?? {}) as Record<string, unknown>)['last'])
    if (page.length === 0 || next === last) return { ok: true, body: { revocations: found } }
    last = next
  }
}

/** One line each, until somebody ends it. */
async function followed(args: CommandArgs): Promise<ActAnswer> {
  const { signal } = new AbortController()
  const tell = (one: Revoked): void => args.io.out(args.json ? `${JSON.stringify(one)}\n` : `${one.sequence} ${words(one).join(' ')}\n`)
  const refused = await followRevocations({
    after: Number(args.text('since') ?? '0'),
    open: (path, headers, given) => openPath(args, path, headers, given),
    ask: path => send(args, path),
    take: tell,
    wait: ms => sleep(ms),
    signal,
  })
  return refused ?? { ok: true, body: {} }
}
