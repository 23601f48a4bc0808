// What the gateway says of itself as an OAuth client: its Client ID Metadata Document, and the same in a registration request (R115, RFC 7591, SEP-837).

import type { ClientAuthentication } from '../../vault/credential-rule.ts'

const CLIENT_METADATA_PATH = '/oauth/client-metadata.json'
const CALLBACK_PATH = '/oauth/callback'

export type OwnClientSettings = {
  /** base URL without a trailing slash */
  readonly publicUrl: string
  /** where the document stands, if not at `<publicUrl>/oauth/client-metadata.json`: for gateways that authorization servers cannot reach */
  readonly metadataUrl?: string | undefined
}

export const redirectUriOf = ({ publicUrl }: OwnClientSettings): string => publicUrl + CALLBACK_PATH

/** The URL that is the client id where documents are understood: https with a path (CIMD section 3). Undefined where others could not fetch it. */
export function clientIdOf({ publicUrl, metadataUrl }: OwnClientSettings): string | undefined {
  const url = metadataUrl ?? publicUrl + CLIENT_METADATA_PATH
  return url.startsWith('https://') ? url : undefined
}

/** The document itself; its `client_id` is the URL it is fetched from. */
export const clientDocument = (settings: OwnClientSettings): object => ({
  client_id: settings.metadataUrl ?? settings.publicUrl + CLIENT_METADATA_PATH,
  ...clientMetadata(settings, 'none'),
})

export const clientMetadata = (settings: OwnClientSettings, authentication: ClientAuthentication): object => ({
  client_name: 'Gatehouse',
  client_uri: settings.publicUrl,
  redirect_uris: [redirectUriOf(settings)],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: authentication,
  // OIDC Dynamic Client Registration section 2: native clients are those with a loopback redirect.
  application_type: settings.publicUrl.startsWith('https://') ? 'web' : 'native',
})
