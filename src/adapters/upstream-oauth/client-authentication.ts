// How the gateway proves who it is at a token endpoint: what the server takes and the client can do (RFC 6749 section 2.3, RFC 7523 section 2.2, R118).

import { createPrivateKey, webcrypto, type JsonWebKey, type KeyObject } from 'node:crypto'
import { ClientSecretPost, None, PrivateKeyJwt, type ClientAuth, type ServerMetadata } from 'openid-client'
import type { ClientAuthentication } from '../../vault/credential-rule.ts'
import { basicAuthorization } from '../basic-authorization.ts'
import { stringsOf } from './json-document.ts'

export type OwnClient = {
  readonly id: string
  readonly secret?: string | undefined
  readonly key?: string | undefined
  readonly authentication?: ClientAuthentication | undefined
}

/** RFC 8414 section 2: what a server takes that says nothing. */
const DEFAULT_METHODS = ['client_secret_basic'] as const

/** Undefined: it takes none that this client has the means for. */
export function authenticationOf(client: OwnClient, metadata: ServerMetadata): ClientAuthentication | undefined {
  if (client.authentication) return client.authentication
  const taken = stringsOf(metadata.token_endpoint_auth_methods_supported) ?? DEFAULT_METHODS
  if (client.key !== undefined)
    return taken.includes('private_key_jwt') || metadata.token_endpoint_auth_methods_supported === undefined ? 'private_key_jwt' : undefined
  if (client.secret !== undefined) return (['client_secret_basic', 'client_secret_post'] as const).find(method => taken.includes(method))
  return 'none'
}

/** Throws what node:crypto throws for a key it cannot read. */
export async function clientAuth(client: OwnClient, method: ClientAuthentication, metadata: ServerMetadata): Promise<ClientAuth> {
  switch (method) {
    case 'none':
      return None()
    case 'client_secret_basic':
      return basic(client.secret ?? '')
    case 'client_secret_post':
      return ClientSecretPost(client.secret)
    case 'private_key_jwt':
      return PrivateKeyJwt(await signingKey(client.key ?? '', stringsOf(metadata.token_endpoint_auth_signing_alg_values_supported)))
  }
}

const basic =
  (secret: string): ClientAuth =>
  (_server, client, _body, headers) => {
    headers.set('authorization', basicAuthorization(client.client_id, secret))
  }

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

async function signingKey(text: string, algorithms: readonly string[] | undefined): Promise<webcrypto.CryptoKey> {
  const key: KeyObject = text.trimStart().startsWith('{')
    ? createPrivateKey({ key: JSON.parse(text) as JsonWebKey, format: 'jwk' })
    : createPrivateKey(text)
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', pkcs8, algorithmOf(key, algorithms), false, ['sign'])
}

function algorithmOf(
  key: KeyObject,
  algorithms: readonly string[] | undefined,
): webcrypto.AlgorithmIdentifier | webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams {
  if (key.asymmetricKeyType === 'ec') return { name: 'ECDSA', namedCurve: CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'P-256' }
  if (key.asymmetricKeyType === 'ed25519') return { name: 'Ed25519' }
  const isPss = algorithms?.includes('PS256') === true && !algorithms.includes('RS256')
  return { name: isPss ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
}
