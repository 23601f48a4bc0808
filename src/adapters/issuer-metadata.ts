// What an issuer publishes about itself, read strictly: the places of its keys and endpoints.

import { Fault } from '../kernel/errors.ts'
import { isJsonFault, member, readJson, textOf } from '../mcp/json.ts'
import type { SafeFetch } from './safe-fetch.ts'

/** A text member of the document; undefined when it is absent or no text. */
type Metadata = (name: string) => string | undefined

/**
 * OpenID Connect Discovery 1.0, then RFC 8414. The document must name exactly this issuer (RFC 8414 section 3.3: mix-up).
 * Throws Fault `discovery-failed`, or one of safe-fetch, that of the last place tried.
 */
export async function readIssuerMetadata(fetch: SafeFetch, issuer: string): Promise<Metadata> {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  let failure = new Fault('discovery-failed', 'the issuer has no metadata')
  for (const url of [`${origin}${path}/.well-known/openid-configuration`, `${origin}/.well-known/oauth-authorization-server${path}`]) {
    try {
      const { status, body } = await fetch.get(url)
      if (status === 200) return judged(body, issuer)
      failure = new Fault('discovery-failed', `the issuer's metadata answered with status ${status}`)
    } catch (error) {
      failure = error instanceof Fault ? error : new Fault('discovery-failed', "the issuer's metadata cannot be read", { cause: error })
    }
  }
  throw failure
}

function judged(body: Buffer, issuer: string): Metadata {
  const doc = readJson(body, { indexDepth: 1 })
  if (isJsonFault(doc)) throw new Fault('discovery-failed', "the issuer's metadata is not strict JSON")
  const metadata: Metadata = name => {
    const node = member(doc.root, name)
    return node?.kind === 'string' ? textOf(doc, node) : undefined
  }
  if (metadata('issuer') !== issuer) throw new Fault('discovery-failed', "the issuer's metadata names another issuer")
  return metadata
}
