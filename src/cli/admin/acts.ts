// The verbs of administration: one act each, told in words or as JSON.

import type { CommandArgs, CommandModule } from '../command.ts'
import { act, actLocally } from './gateway.ts'
import { changeText, records, table, text, timeOf, verb, WHY, type Verb } from './verb.ts'

/** `server files`, `principal <issuer> <subject>`: kind and target of the command line. */
function targetIn(args: CommandArgs): { readonly kind: string; readonly target: string } | undefined {
  const [kind, ...words] = args.positionals
  return kind === undefined || words.length === 0 ? undefined : { kind, target: words.join(' ') }
}
const WHICH = 'expected what to block: server, tool, principal or client, and its name'

export const block = verb({
  command: 'block',
  run(args) {
    const aim = targetIn(args)
    const why = args.text('why')
    if (!aim) return WHICH
    return why === undefined ? WHY : act(args, 'block', { ...aim, why })
  },
  tell: ({ blocked, ended }) => `blocked ${nameOf(blocked)}, in force now: ${endedText(ended)}\n`,
})

export const unblock = verb({
  command: 'unblock',
  run(args) {
    const aim = targetIn(args)
    const why = args.text('why')
    if (!aim) return WHICH
    return why === undefined ? WHY : act(args, 'unblock', { ...aim, why })
  },
  tell: changeText,
})

export const listBlocks = verb({
  command: 'blocks list',
  run: args => act(args, 'blocks/list'),
  tell: ({ blocks }) =>
    table(
      ['what', 'since', 'by', 'why'],
      records(blocks).map(b => [nameOf(b), timeOf(b['atSeconds']), text(b['by']), text(b['why'])]),
      'nothing is blocked\n',
    ),
})

export const endSessions = verb({
  command: 'sessions end',
  run: args =>
    args.positionals.length === 0 ? 'expected a principal' : act(args, 'sessions/end', { principal: args.positionals.join(' ') }),
  tell: ({ ended }) => `${endedText(ended)}; tokens until now no longer count\n`,
})

export const rotateKey = verb({
  command: 'key rotate',
  run(args) {
    const [target] = args.positionals
    const why = args.text('why')
    if (target === undefined) return 'expected the name of a key: audit, sealing, vault or audit-values'
    return why === undefined ? WHY : act(args, 'keys/rotate', { target, why })
  },
  tell: changeText,
})

export const listConnections = verb({
  command: 'connections list',
  run: args => act(args, 'connections/list'),
  tell({ connections, missing }) {
    const rows = records(connections).map(c => [
      text(c['server']),
      howText(c),
      scopesText(c['scopes']),
      timeOf(c['sinceSeconds']),
      text(c['id']),
    ])
    const open = records(missing).map(
      m => `${text(m['server'])} is not connected: your host offers a link when it needs it, or see the Connections page\n`,
    )
    return table(['server', 'account', 'may', 'since', 'id'], rows, 'no account of yours is connected\n') + open.join('')
  },
})

export const revokeConnection = verb({
  command: 'connections revoke',
  run(args) {
    const [connection] = args.positionals
    return connection === undefined ? 'expected a server or the id of a connection' : act(args, 'connections/revoke', { connection })
  },
  tell: () => 'revoked: calls that need it stop until you connect it again\n',
})

/** How it was obtained, and whose account it is where the server said so. */
function howText({ kind, issuer, account }: Record<string, unknown>): string {
  const how = kind === 'secret' ? 'a secret you entered' : `signed in at ${text(issuer)}`
  return typeof account === 'string' ? `${text(account)}, ${how}` : how
}
const scopesText = (scopes: unknown): string => (Array.isArray(scopes) && scopes.length > 0 ? scopes.map(text).join(' ') : '-')

export const listProposals = verb({
  command: 'proposals list',
  run: args => act(args, 'proposals/list'),
  tell: ({ proposals }) =>
    table(
      ['id', 'state', 'change', 'proposed by', 'until', 'why'],
      records(proposals).map(p => [
        text(p['id']),
        text(p['state']),
        `${text(p['action'])} ${text(p['target'])}`,
        text(p['proposer']),
        timeOf(p['expiresSeconds']),
        text(p['why']),
      ]),
      'there are no proposals\n',
    ),
})

const decide = (word: 'approve' | 'reject', tell: Verb['tell']): CommandModule =>
  verb({
    command: `proposals ${word}`,
    run(args) {
      const [id] = args.positionals
      return id === undefined ? 'expected the id of a proposal' : act(args, `proposals/${word}`, { id })
    },
    tell,
  })
export const approve = decide('approve', changeText)
export const reject = decide('reject', () => 'rejected\n')

export const whoami = verb({
  command: 'whoami',
  run: args => act(args, 'whoami'),
  tell: ({ issuer, subject, roles }) => `${text(subject)} of ${text(issuer)}: ${rolesText(roles)}\n`,
})

export const breakGlass = verb({
  command: 'break-glass',
  run(args) {
    if (args.flag('close')) return actLocally(args, 'admin/break-glass/close', {})
    const [life, why] = [args.text('for'), args.text('why')]
    const [, count, unit = 'm'] = /^([1-9]\d{0,4})(s|m|h)$/.exec(life ?? '') ?? []
    if (count === undefined) return 'expected --for, such as 30m: at most 4h'
    if (why === undefined) return WHY
    const seconds = String(Number(count) * { s: 1, m: 60, h: 3600 }[unit as 's' | 'm' | 'h'])
    return actLocally(args, 'admin/break-glass/open', { seconds, why })
  },
  tell({ opening, closed }) {
    if (closed !== undefined) return closed === true ? 'break-glass is closed\n' : 'break-glass was not open\n'
    const until = timeOf((opening as Record<string, unknown> | undefined)?.['untilSeconds'])
    return `break-glass is open until ${until}; it is recorded, and shown by /readyz\nadd --break-glass to block, unblock, sessions end, key rotate, proposals\n`
  },
})

const nameOf = (target: unknown): string => {
  const { kind, target: name } = (target ?? {}) as Record<string, unknown>
  return `${text(kind)} ${text(name)}`
}
const endedText = (ended: unknown): string => {
  const { streams, sessions, calls } = (ended ?? {}) as Record<string, unknown>
  return `${Number(streams)} streams, ${Number(sessions)} sessions and ${Number(calls)} calls ended`
}
export const rolesText = (roles: unknown): string => {
  const names = Array.isArray(roles) ? roles.map(text) : []
  return names.length === 0 ? 'no role' : names.join(', ')
}
