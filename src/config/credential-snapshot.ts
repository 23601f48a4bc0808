// A checked credential setting as the running gateway sees it.

import type { CredentialRule, RegisteredClient } from '../vault/credential-rule.ts'
import type { CredentialDocument } from './credential-table.ts'
import type { ValueSource } from './fields.ts'
import type { ConfigDocument } from './table.ts'
import type { UpstreamDocument } from './upstream-table.ts'

type Values = { valueOf(source: ValueSource): string }

/** `login`: where people sign in, and the gateway's client there. */
export function credentialOf(
  credential: CredentialDocument,
  upstream: UpstreamDocument,
  context: Values,
  login: ConfigDocument['identity']['login'],
): CredentialRule {
  const { kind, issuer, audience, scopes, env } = credential
  const identityProvider = kind === 'identity-assertion' ? (credential.identityProvider ?? login) : undefined
  const remote = upstream.http ?? upstream.sse
  const client = clientOf(credential, context)
  const provider = identityProvider && clientOf(identityProvider, context)
  const header = kind === 'secret' ? credential.header : 'Authorization'
  return {
    kind,
    resource: credential.resource ?? (remote ? resourceOf(remote.url) : ''),
    header,
    prefix: credential.prefix ?? (header.toLowerCase() === 'authorization' ? 'Bearer ' : ''),
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
    ...(scopes !== undefined && { scopes }),
    ...(client && { client }),
    ...(identityProvider && provider && { identityProvider: { issuer: identityProvider.issuer, client: provider } }),
    ...(env !== undefined && { env }),
  }
}

type Client = Partial<Pick<CredentialDocument, 'clientId' | 'clientSecret' | 'clientKey' | 'authentication'>>

function clientOf({ clientId, clientSecret, clientKey, authentication }: Client, context: Values): RegisteredClient | undefined {
  if (clientId === undefined) return undefined
  return {
    id: clientId,
    ...(clientSecret && { secret: context.valueOf(clientSecret) }),
    ...(clientKey && { key: context.valueOf(clientKey) }),
    ...(authentication && { authentication }),
  }
}

/** The canonical URI of an MCP server (MCP authorization, RFC 8707 section 2): no fragment, and no lone slash where the URL has no path. */
const resourceOf = (url: string): string => {
  const { href, pathname, search } = new URL(url)
  return pathname === '/' && search === '' ? href.slice(0, -1) : href
}
