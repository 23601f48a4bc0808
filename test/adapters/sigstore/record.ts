// Writes recorded/: a genuine bundle of a private Sigstore that existed for a moment, and its trusted root. `node test/adapters/sigstore/record.ts`; run it only
// when the statement's format changes. What is in there verifies for ever: its time is its own.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signPayload } from '../../../src/adapters/sigstore/sign.ts'
import { writeServerStatement } from '../../../src/trust/statement.ts'
import { identityToken, startSigstore } from '../../support/sigstore.ts'
import { ISSUER, SAN, statement } from '../../trust/samples.ts'

const folder = join(import.meta.dirname, 'recorded')
const { url, root, close } = await startSigstore()
const claims = { iss: ISSUER, sub: SAN, repository_id: '890', repository_owner_id: '182', runner_environment: 'github-hosted' }
const source = { kind: 'keyless', fulcio: url, identityToken: identityToken(claims) } as const
const { bundle } = await signPayload(writeServerStatement(statement()), source, { rekor: url, tsa: url })
writeFileSync(join(folder, 'bundle.json'), `${JSON.stringify(JSON.parse(bundle.toString()), null, 2)}\n`)
writeFileSync(join(folder, 'root.json'), `${JSON.stringify(JSON.parse(root.toString()), null, 2)}\n`)
await close()
