// Who a verified Fulcio certificate is for: its one subject alternative name, its issuer, and its claims, each read from DER and each there once.

import type { ObjectIdentifierValuePair, Signer as VerifiedSigner } from '@sigstore/verify'
import { deny, type Denial } from '../../trust/denial.ts'
import { CLAIM_OIDS, type ClaimName } from '../../trust/signer-policy.ts'
import type { Signer } from '../../trust/signer.ts'

const FULCIO = '1.3.6.1.4.1.57264.1.'
const ISSUER_V1 = `${FULCIO}1`
const ISSUER_V2 = `${FULCIO}8`
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'
/** Tags of GeneralName (RFC 5280 section 4.2.1.6). */
const RFC822_NAME = 0x81
const URI = 0x86
const SEQUENCE = 0x30
const UTF8_STRING = 0x0c

const ambiguous = (why: string): Denial => deny('signer-ambiguous', why)

/** INVARIANT: nothing is believed of a certificate that has an extension twice: one reader would take the first, another the last. */
export function certificateSigner(identity: VerifiedSigner['identity']): Signer | Denial {
  const extensions = new Map<string, Buffer>()
  for (const { oid, value } of identity?.oids ?? ([] as ObjectIdentifierValuePair[])) {
    const id = oid?.id.join('.') ?? ''
    if (extensions.has(id)) return ambiguous('the certificate has an extension twice')
    extensions.set(id, Buffer.from(value))
  }
  const san = oneName(extensions.get(SUBJECT_ALTERNATIVE_NAME))
  if (san === undefined) return ambiguous('expected exactly one name, a URI or an address')
  const issuer = issuerOf(extensions)
  if (issuer === undefined) return ambiguous('expected one issuer of the identity')
  const claims: Partial<Record<ClaimName, string>> = {}
  for (const [name, number] of Object.entries(CLAIM_OIDS) as [ClaimName, number][]) {
    const given = extensions.get(`${FULCIO}${number}`)
    const text = given && textOf(given, UTF8_STRING)
    if (given && text === undefined) return ambiguous(`the claim ${name} is no text`)
    if (text !== undefined) claims[name] = text
  }
  return { kind: 'certificate', issuer, san, claims }
}

/** Version 1 is bare text, version 2 is DER (fulcio, docs/oid-info.md); where both are there they have to agree. */
function issuerOf(extensions: ReadonlyMap<string, Buffer>): string | undefined {
  const [first, second] = [extensions.get(ISSUER_V1)?.toString('utf8'), extensions.get(ISSUER_V2)]
  if (!second) return first
  const text = textOf(second, UTF8_STRING)
  return first === undefined || first === text ? text : undefined
}

function oneName(value: Buffer | undefined): string | undefined {
  const names = value && contentOf(value, SEQUENCE)
  if (!names) return undefined
  return textOf(names, URI) ?? textOf(names, RFC822_NAME)
}

/** The text of one DER value that fills `bytes` to the end; ASCII without control characters for names and claims. */
function textOf(bytes: Buffer, tag: number): string | undefined {
  const text = contentOf(bytes, tag)?.toString('latin1')
  return text !== undefined && /^[ -~]+$/.test(text) ? text : undefined
}

/** The content of one DER value of a tag that fills `bytes` to the end, lengths up to 65,535. */
function contentOf(bytes: Buffer, tag: number): Buffer | undefined {
  const first = bytes[1] ?? 0xff
  const sizeBytes = first < 0x80 ? 0 : first - 0x80
  if (bytes[0] !== tag || sizeBytes > 2 || bytes.length < 2 + sizeBytes) return undefined
  const length = sizeBytes === 0 ? first : bytes.readUIntBE(2, sizeBytes)
  return bytes.length === 2 + sizeBytes + length ? bytes.subarray(2 + sizeBytes) : undefined
}
