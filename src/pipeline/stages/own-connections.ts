// A person's own connected accounts, over the API: what the Connections page shows, for command lines. Nobody else's are ever looked at.

import { isStop, type Stop } from '../../kernel/errors.ts'
import type { Grant } from '../../vault/grant.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { UpstreamEntry } from '../entry.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'

type Known = Received & Authenticated
type Deps = Pick<AdminDeps, 'connections'>
/** the caller's own grant, found among the caller's own */
type Chosen = Aimed & { readonly grant: string }

const UNREADABLE: Stop = { stop: 'state-unavailable', detail: 'connections cannot be read now' }

export const listConnectionsStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'list-connections',
  run: async ({ principal }) => {
    const found = await deps.connections.list(principal).catch(() => undefined)
    if (!found) return UNREADABLE
    return adminAnswer({
      connections: found.grants.map(connectionOf),
      missing: found.missing.map(({ alias, credential }) => ({
        server: alias,
        title: credential?.title ?? alias,
        kind: credential?.rule.kind,
      })),
    })
  },
})

/** `{connection}`: an id or a server. What another principal has and what nobody has are told alike. */
export const aimConnectionStage = (deps: Deps): Stage<Known, Chosen> => ({
  name: 'aim',
  run: async x => {
    const read = readTexts(x, ['connection'])
    if (isStop(read)) return read
    const found = await deps.connections.list(x.principal).catch(() => undefined)
    if (!found) return UNREADABLE
    const named = read.params['connection'] ?? ''
    const own = found.grants.find(each => each.grant.id === named) ?? found.grants.find(each => aliasOf(each) === named)
    if (!own) return { stop: 'params-invalid', detail: 'you have no such connection', fix: '`gatehouse connections list` shows yours' }
    return { act: { target: `connection ${aliasOf(own)} ${own.grant.id}`, params: read.params }, grant: own.grant.id }
  },
})

export const revokeConnectionStage = (deps: Deps): Stage<Known & Chosen, Answered> => ({
  name: 'revoke-connection',
  effect: true,
  run: async ({ principal, grant }) => {
    const isRevoked = await deps.connections.revoke(principal.key, grant).catch(() => undefined)
    if (isRevoked === undefined) return { stop: 'state-unavailable', detail: 'the connection may still be there', fix: 'try again' }
    return isRevoked ? adminAnswer({ revoked: grant }) : { stop: 'params-invalid', detail: 'it was revoked already' }
  },
})

type Own = { readonly grant: Grant; readonly entry: UpstreamEntry | undefined }

/** Terms, never the secret. The alias stays readable where its server left the configuration. */
const connectionOf = (own: Own): object => {
  const { id, issuer, kind, resource, scopes, account, createdAtSeconds } = own.grant
  const server = aliasOf(own)
  const title = own.entry?.credential?.title ?? server
  return { id, server, title, kind, issuer, resource, scopes, sinceSeconds: createdAtSeconds, ...(account !== undefined && { account }) }
}

const aliasOf = ({ grant, entry }: Own): string => entry?.alias ?? grant.upstream.split(' ', 1)[0] ?? ''
