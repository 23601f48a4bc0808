// Connecting as the pages see it: principals' grants in words, links, and what comes back from authorization servers.

import { clientDocument, type OwnClientSettings } from '../adapters/upstream-oauth/client-metadata.ts'
import type { Snapshot } from '../config/schema.ts'
import type { ConnectPort } from '../http/control-plane/connect.ts'
import type { ConnectionsPort } from '../http/control-plane/connections.ts'
import { isStop } from '../kernel/errors.ts'
import type { Connecting } from '../pipeline/connecting.ts'
import type { OwnCredentials } from '../pipeline/credentials.ts'
import type { UpstreamEntry } from '../pipeline/entry.ts'
import type { Grant } from '../vault/grant.ts'

export type ConnectionsHouse = ConnectionsPort & ConnectPort

type Parts = {
  readonly connecting: Connecting
  readonly credentials: OwnCredentials
  readonly current: () => Pick<Snapshot, 'publicUrl' | 'clientMetadataUrl'>
}

export const connectionsPort = ({ connecting, credentials, current }: Parts): ConnectionsHouse => ({
  async list(principal) {
    const { grants, missing } = await connecting.list(principal)
    // Begun here, a link is nobody's application's: the person began it.
    const ownLink = async (entry: UpstreamEntry): Promise<string | undefined> => {
      const link = await credentials.connect({ principal: { ...principal, client: '' } }, entry)
      return isStop(link) ? undefined : new URL(link.url).pathname
    }
    return {
      connections: grants.map(({ grant, entry }) => viewOf(grant, entry)),
      missing: await Promise.all(
        missing.map(async entry => {
          const { alias, credential } = entry
          const kind = credential?.rule.kind === 'secret' ? ('secret' as const) : ('sign-in' as const)
          const path = kind === 'secret' ? undefined : await ownLink(entry)
          return { alias, title: credential?.title ?? alias, kind, ...(path !== undefined && { path }) }
        }),
      ),
    }
  },
  revoke: (principal, id) => connecting.revoke(principal.key, id),
  forgetApplication: (principal, client) => connecting.forgetClient(principal.key, client),
  putSecret: (principal, alias, secret) => connecting.putSecret(principal, alias, secret),
  look: (principal, link) => connecting.look(principal, link),
  agree: (principal, link, session) => connecting.agree(principal, link, session),
  finish: (principal, session, query) => connecting.finish(principal, session, query),
  async enter(principal, link, secret) {
    const asked = await connecting.look(principal, link)
    if (typeof asked === 'string' || 'failed' in asked) return asked
    const { alias, title, client, kind } = asked
    if (kind !== 'secret') return 'gone'
    const refused = await connecting.putSecret(principal, alias, secret, client)
    return refused === undefined ? { alias, title } : { refused }
  },
  document: () => clientDocument(ownClientOf(current())),
})

/** Who the gateway is to authorization servers. */
export const ownClientOf = ({ publicUrl, clientMetadataUrl }: Pick<Snapshot, 'publicUrl' | 'clientMetadataUrl'>): OwnClientSettings => ({
  publicUrl,
  metadataUrl: clientMetadataUrl,
})

const viewOf = (grant: Grant, entry: UpstreamEntry | undefined) => ({
  id: grant.id,
  alias: entry?.alias ?? grant.upstream.split(' ', 1)[0] ?? '',
  title: entry?.credential?.title ?? grant.upstream.split(' ', 1)[0] ?? '',
  how: grant.kind === 'secret' ? 'a secret you entered' : `signed in at ${URL.parse(grant.issuer)?.host ?? 'its authorization server'}`,
  scopes: grant.scopes,
  sinceSeconds: grant.createdAtSeconds,
  ...(grant.account !== undefined && { account: grant.account }),
})
