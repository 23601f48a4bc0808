// An identity assertion (ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant) as an identity provider gave it, looked at before it travels on (R118).

import { numericDate } from '../../identity/claims.ts'
import { readCompact, textMember, typeOf } from '../../identity/jws.ts'
import { member, textOf, valueOf, type JsonDoc } from '../../mcp/json.ts'

/** What was asked for. `subject`: whom it has to speak of; absent where the provider calls people otherwise towards each client. */
type AssertionAsked = {
  readonly issuer: string
  /** the authorization server that it is for */
  readonly audience: string
  /** the gateway's client there */
  readonly clientId: string
  readonly resource: string
  readonly subject: string | undefined
  readonly nowSeconds: number
}

const TYPE = 'oauth-id-jag+jwt'

/**
 * What is wrong with it, or undefined. Its signature is the authorization server's to check, who knows the provider's keys; this keeps one for somebody
 * else, for another server or for another client from ever being sent (N052). Never holds a value of it.
 */
export function wrongIn(assertion: string, asked: AssertionAsked): string | undefined {
  const read = readCompact(assertion)
  if ('fault' in read) return 'is no signed JWT'
  const { header, claims } = read
  if (typeOf(header) !== TYPE) return `is not of the type \`${TYPE}\``
  if (textMember(claims, 'iss') !== asked.issuer) return 'was issued by another provider'
  if (onlyOf(claims, 'aud') !== asked.audience) return 'is for another authorization server'
  if (textMember(claims, 'client_id') !== asked.clientId) return 'is for another client'
  if (member(claims.root, 'resource') && onlyOf(claims, 'resource') !== asked.resource) return 'is for another resource'
  const subject = textMember(claims, 'sub')
  if (subject === undefined || subject === '') return 'names nobody'
  if (asked.subject !== undefined && subject !== asked.subject) return 'speaks of somebody else'
  const end = numericDate(claims, 'exp')
  return end === undefined || end <= asked.nowSeconds ? 'has expired' : undefined
}

/** A text, alone or as the one entry of a list. */
function onlyOf(claims: JsonDoc, name: string): string | undefined {
  const node = member(claims.root, name)
  if (node?.kind === 'string') return textOf(claims, node)
  const values = node?.kind === 'array' ? (valueOf(claims, node) as unknown[]) : []
  const [only] = values
  return values.length === 1 && typeof only === 'string' ? only : undefined
}
