// The gateway's own client metadata document, where it is published elsewhere: authorization servers of upstreams believe what stands there.

import { clientDocument, redirectUriOf } from '../../adapters/upstream-oauth/client-metadata.ts'
import type { Snapshot } from '../../config/schema.ts'
import { fail, ok } from './check.ts'
import type { Check, World } from './check.ts'
import { memberOf, readJson, textOf } from './metadata.ts'

export async function checkClientDocument(world: World, { clientMetadataUrl, publicUrl }: Snapshot): Promise<Check[]> {
  if (clientMetadataUrl === undefined) return []
  const name = 'client document'
  const own = { publicUrl, metadataUrl: clientMetadataUrl }
  const mend = `publish there what stands at ${publicUrl}/oauth/client-metadata.json`
  const read = await readJson(world, clientMetadataUrl)
  if (!read) return [fail(name, `${clientMetadataUrl} gives no JSON document`, mend)]
  if (textOf(read.value, 'client_id') !== textOf(clientDocument(own), 'client_id'))
    return [fail(name, `the document at ${clientMetadataUrl} names another client id than its own URL`, mend)]
  const redirects = memberOf(read.value, 'redirect_uris')
  if (!Array.isArray(redirects) || !redirects.includes(redirectUriOf(own)))
    return [fail(name, `the document at ${clientMetadataUrl} does not name this gateway’s redirect ${redirectUriOf(own)}`, mend)]
  if (textOf(read.value, 'token_endpoint_auth_method') !== 'none')
    return [fail(name, `the document at ${clientMetadataUrl} wants another proof than this gateway gives (\`none\`)`, mend)]
  return [ok(name, `${clientMetadataUrl} is this gateway’s`)]
}
