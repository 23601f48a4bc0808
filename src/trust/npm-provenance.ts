// npm's own attestations: who built a package from what (SLSA provenance), and that the registry took it. Made by others, so only what is needed is read of them.

import { hash } from 'node:crypto'
import { deny, shown, type Denial } from './denial.ts'
import { jsonAt, listAt, objectAt, reading, textAt, VISIBLE } from './shape.ts'

const STATEMENTS = ['https://in-toto.io/Statement/v0.1', 'https://in-toto.io/Statement/v1']
const PROVENANCE = ['https://slsa.dev/provenance/v0.2', 'https://slsa.dev/provenance/v1']
const PUBLISH = 'https://github.com/npm/attestation/tree/main/specs/publish/v0.1'

export type Provenance = { readonly kind: 'provenance' | 'publish'; readonly predicateType: string }

/** What a verified payload says of one package. It must be about exactly this one, by name, version and bytes. */
export function readProvenance(payload: Buffer, expected: { readonly purl: string; readonly sha512: string }): Provenance | Denial {
  return reading(
    () => {
      const statement = objectAt(jsonAt(payload, 'statement'), 'statement')
      if (!STATEMENTS.includes(statement['_type'] as string)) return deny('statement-type', 'expected an in-toto statement')
      const predicateType = textAt(statement['predicateType'], 'predicateType', VISIBLE)
      const kind = PROVENANCE.includes(predicateType) ? 'provenance' : predicateType === PUBLISH ? 'publish' : undefined
      if (!kind) return deny('predicate-type', `expected npm provenance, got ${shown(predicateType)}`)
      const [subject, ...others] = listAt(statement['subject'], 'subject', 16).map((each, i) => objectAt(each, `subject[${i}]`))
      if (!subject || others.length > 0) return deny('subject-absent', 'expected one package as subject')
      if (subject['name'] !== expected.purl) return deny('artifact-mismatch', `it is not about ${shown(expected.purl)}`)
      if (objectAt(subject['digest'], 'digest')['sha512'] !== expected.sha512)
        return deny('artifact-mismatch', `it is about other bytes than those of ${shown(expected.purl)}`)
      return { kind, predicateType }
    },
    detail => deny('statement-shape', detail),
  )
}

/** SPKI of a P-256 key: 26 bytes that are always the same, then the point. */
const P256_SPKI_BYTES = 91
const POINT_BYTES = 65

/** How npm names its keys: the fingerprint OpenSSH prints for them (RFC 4253 section 6.6, RFC 5656 section 3.1). Undefined for kinds npm does not use. */
export function npmKeyId(spki: Buffer): string | undefined {
  if (spki.length !== P256_SPKI_BYTES) return undefined
  const fields = ['ecdsa-sha2-nistp256', 'nistp256', spki.subarray(-POINT_BYTES)].map(field => {
    const bytes = Buffer.from(field as string)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  })
  return `SHA256:${hash('sha256', Buffer.concat(fields), 'base64').replace(/=+$/, '')}`
}
