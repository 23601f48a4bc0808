// The settings of an upstream's credential per principal. Part of the table in table.ts.

import { urlProblem } from './addresses.ts'
import { list, optional, record, type ValueOf } from './fields.ts'
import { choice, text } from './scalars.ts'
import { asSource } from './sources.ts'

const KINDS = ['oauth', 'token-exchange', 'identity-assertion', 'client-credentials', 'secret'] as const
const AUTHENTICATIONS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

const url = (doc: string): ReturnType<typeof text> => text({ what: 'a URL', maxLength: 2048, problem: urlProblem, doc })
const secret = (doc: string): ReturnType<typeof asSource> => asSource({ doc: `${doc}: \`{fromEnv: NAME}\` or \`{fromFile: path}\`` })
const clientFields = {
  clientId: optional(
    text({ what: 'a client id', maxLength: 2048, doc: 'the gateway’s client id at the authorization server, registered beforehand' }),
  ),
  clientSecret: optional(secret('its secret')),
  clientKey: optional(secret('its private key instead (PKCS #8 PEM or JWK), for `private_key_jwt`')),
  authentication: optional(
    choice(AUTHENTICATIONS, { doc: 'how it proves itself; default: the strongest that the authorization server takes' }),
  ),
}

export const credential = record(
  {
    kind: choice(KINDS, {
      doc: '`oauth`: each person connects an account in the browser; `token-exchange`: the caller’s token is exchanged (RFC 8693); `identity-assertion`: the caller’s sign-in is turned into an assertion (ID-JAG) and that into a token, for people who sign in at this gateway too; `client-credentials`: for workloads; `secret`: each person enters a static secret on the Connections page',
    }),
    issuer: optional(url('authorization server that issues it; default for `oauth` and `client-credentials`: the one the upstream names')),
    resource: optional(url('resource identifier of the upstream (RFC 8707); default its URL')),
    audience: optional(text({ what: 'an audience', maxLength: 2048, doc: '`audience` of a token exchange' })),
    scopes: optional(
      list(text({ what: 'a scope', maxLength: 256, pattern: SCOPE, doc: 'a scope' }), {
        max: 64,
        doc: 'scopes to ask for; default: those the upstream asks for',
      }),
    ),
    ...clientFields,
    identityProvider: optional(
      record(
        { issuer: url('issuer of the identity provider'), ...clientFields },
        {
          doc: '`identity-assertion`: the identity provider that makes the assertion, and the gateway’s client there; default: `identity.login`, if it has a `clientSecret`',
        },
      ),
    ),
    header: text({
      what: 'a header name',
      maxLength: 256,
      pattern: HEADER,
      fallback: 'Authorization',
      doc: '`secret`: the request header that carries it',
    }),
    prefix: optional(
      text({
        what: 'text in front of it',
        maxLength: 64,
        pattern: /^[\x20-\x7e]+$/,
        doc: '`secret`: what stands in front of it in the header; default `Bearer ` for Authorization, else nothing',
      }),
    ),
    env: optional(
      text({
        what: 'an environment variable name',
        maxLength: 256,
        pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
        doc: '`secret` of a stdio upstream: the variable that carries it in the environment of this person’s own process',
      }),
    ),
  },
  {
    doc: 'a credential of its own for every principal; without one of theirs nobody gets anything, there is no shared fallback',
    aliases: { type: 'kind', scope: 'scopes', authorizationServer: 'issuer', token: 'clientSecret' },
  },
)
export type CredentialDocument = ValueOf<typeof credential>
