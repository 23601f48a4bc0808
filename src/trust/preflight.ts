// What is looked at before a bundle reaches the verifier: size, shape and every text in it that a parser would run ahead of a signature. It trusts nothing it reads.

import { isJsonFault, readJson, valueOf } from '../mcp/json.ts'
import { deny, shown, type Denial, type TrustRule } from './denial.ts'
import { isReadWithin } from './der-steps.ts'

/** Largest bundle, in bytes. */
export const MAX_BUNDLE_BYTES = 256 * 1024
/** Most log entries, and most timestamps. */
const MAX_ENTRIES = 4
const MAX_CERTIFICATES = 4
/** A proof has one hash for each level of a tree, and no tree has 2^64 leaves. */
const MAX_PROOF_HASHES = 64
const MAX_CHECKPOINT_CHARACTERS = 8192
const MAX_CHECKPOINT_SIGNATURES = 16

/** Values in one certificate or timestamp; genuine ones have some hundred. */
const MAX_DER_VALUES = 4096

const VERSION_3 = ['application/vnd.dev.sigstore.bundle.v0.3+json', 'application/vnd.dev.sigstore.bundle+json;version=0.3']
const EARLIER = ['application/vnd.dev.sigstore.bundle+json;version=0.1', 'application/vnd.dev.sigstore.bundle+json;version=0.2']

const INTEGER = /^(?:0|[1-9]\d{0,18})$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/
/** Names of logs are host names, at times with a port, a path and what Rekor puts behind ` - `. Nothing in them can be read as a pattern of consequence. */
const ORIGIN = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}(?: - [0-9]{1,20})?$/
const SIGNER_NAME = /^[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}$/

/** What an unverified bundle says of itself. Good for choosing what to verify it against, and for nothing else. */
export type BundleClaims = {
  /** how it claims to be signed: `certificate` = keyless */
  readonly signedBy: { readonly kind: 'certificate' } | { readonly kind: 'key'; readonly hint: string }
  /** which key the envelope names; nobody signs for it */
  readonly keyid: string
  readonly content: 'statement' | 'file'
}

class Refused extends Error {
  readonly denial: Denial
  constructor(rule: TrustRule, detail: string) {
    super(detail)
    this.denial = deny(rule, detail)
  }
}
const refuse = (rule: TrustRule, detail: string): never => {
  throw new Refused(rule, detail)
}

export type PreflightOptions = {
  /** also versions 0.1 and 0.2: npm's provenance that was imported; never what is published here */
  readonly allowEarlier?: boolean
  /** default MAX_BUNDLE_BYTES */
  readonly maxBytes?: number
}

/** Judges the bytes of a bundle; linear in their length, no part of it is run as a pattern. Never throws. */
export function preflight(bytes: Buffer, options: PreflightOptions = {}): BundleClaims | Denial {
  const { maxBytes = MAX_BUNDLE_BYTES } = options
  if (bytes.length > maxBytes) return deny('bundle-size', `expected at most ${maxBytes} bytes, got ${bytes.length}`)
  const doc = readJson(bytes, { maxDepth: 16, indexDepth: 0 })
  if (isJsonFault(doc)) return deny('bundle-json', `expected strict JSON, got ${doc.fault} at byte ${doc.at}`)
  try {
    return bundle(object(valueOf(doc, doc.root), 'the bundle'), options.allowEarlier === true)
  } catch (error) {
    if (error instanceof Refused) return error.denial
    throw error
  }
}

type Members = Readonly<Record<string, unknown>>

function bundle(root: Members, allowEarlier: boolean): BundleClaims {
  const { mediaType } = root
  if (typeof mediaType !== 'string') return refuse('bundle-version', 'expected a mediaType')
  const isEarlier = EARLIER.includes(mediaType)
  if (!VERSION_3.includes(mediaType) && !(isEarlier && allowEarlier))
    return refuse('bundle-version', `expected a bundle of version 0.3, got ${shown(mediaType)}`)
  const material = object(root['verificationMaterial'], 'verificationMaterial')
  entries(material['tlogEntries'])
  stamps(material['timestampVerificationData'])
  const signer = signedBy(material, isEarlier)
  const { kind, keyid } = content(root)
  // Two names of the key that differ: verifiers that go by the other one would check another key.
  if (keyid !== '' && keyid !== (signer.kind === 'key' ? signer.hint : ''))
    refuse('bundle-shape', 'expected a keyid that is the hint of the key, or none')
  return { signedBy: signer, content: kind, keyid }
}

function signedBy(material: Members, isEarlier: boolean): BundleClaims['signedBy'] {
  const given = (['publicKey', 'certificate', 'x509CertificateChain'] as const).filter(key => isThere(material[key]))
  const [kind] = given
  if (given.length !== 1 || kind === undefined)
    return refuse('bundle-shape', 'expected exactly one of publicKey, certificate, x509CertificateChain')
  const signer = object(material[kind], kind)
  if (kind === 'publicKey') {
    const { hint } = signer
    return typeof hint === 'string' && hint.length <= 256
      ? { kind: 'key', hint }
      : refuse('bundle-shape', 'expected a hint of the public key')
  }
  if (kind === 'certificate') der(signer['rawBytes'], 'the certificate')
  else {
    if (!isEarlier) return refuse('bundle-shape', 'expected a certificate, got a chain, which version 0.3 does not have')
    const chain = list(signer['certificates'], 'certificates', MAX_CERTIFICATES, 'bundle-shape')
    if (chain.length === 0) return refuse('bundle-shape', 'expected a certificate')
    for (const each of chain) der(object(each, 'a certificate')['rawBytes'], 'a certificate')
  }
  return { kind: 'certificate' }
}

function content(root: Members): { readonly kind: BundleClaims['content']; readonly keyid: string } {
  const { dsseEnvelope: envelope, messageSignature: message } = root
  if (isThere(envelope) === isThere(message)) return refuse('bundle-shape', 'expected exactly one of dsseEnvelope, messageSignature')
  if (isThere(message)) {
    base64(object(message, 'messageSignature')['signature'], 'the signature')
    return { kind: 'file', keyid: '' }
  }
  const { payload, payloadType, signatures } = object(envelope, 'dsseEnvelope')
  base64(payload, 'the payload')
  if (typeof payloadType !== 'string') return refuse('bundle-shape', 'expected a payloadType')
  // Bundles have exactly one (sigstore_bundle.proto); a verifier that takes the first of several says nothing of the others.
  const [signature, ...others] = list(signatures, 'signatures', MAX_ENTRIES, 'bundle-shape')
  if (signature === undefined || others.length > 0) return refuse('bundle-shape', 'expected exactly one signature')
  const { sig, keyid = '' } = object(signature, 'a signature')
  base64(sig, 'the signature')
  return { kind: 'statement', keyid: typeof keyid === 'string' ? keyid : refuse('bundle-shape', 'expected a keyid that is text') }
}

function stamps(data: unknown): void {
  if (!isThere(data)) return
  const { rfc3161Timestamps: given } = object(data, 'timestampVerificationData')
  if (!isThere(given)) return
  const all = list(given, 'rfc3161Timestamps', MAX_ENTRIES, 'bundle-entries')
  const texts = all.map(each => der(object(each, 'a timestamp')['signedTimestamp'], 'a timestamp'))
  if (new Set(texts).size !== texts.length) refuse('bundle-entries', 'a timestamp stands there twice')
}

function entries(given: unknown): void {
  if (!isThere(given)) return
  const seen = new Set<string>()
  for (const each of list(given, 'tlogEntries', MAX_ENTRIES, 'bundle-entries')) {
    const entry = object(each, 'a log entry')
    integer(entry['logIndex'], 'logIndex')
    if (isThere(entry['integratedTime'])) integer(entry['integratedTime'], 'integratedTime')
    const body = base64(entry['canonicalizedBody'], 'canonicalizedBody')
    // The verifier parses it before it believes it.
    if (isJsonFault(readJson(Buffer.from(body, 'base64'), { maxDepth: 16, indexDepth: 0 })))
      refuse('bundle-shape', 'expected JSON in canonicalizedBody')
    const key = base64(object(entry['logId'], 'logId')['keyId'], 'keyId')
    const identity = `${key} ${body}`
    if (seen.has(identity)) refuse('bundle-entries', 'a log entry stands there twice')
    seen.add(identity)
    if (isThere(entry['inclusionProof'])) proof(object(entry['inclusionProof'], 'inclusionProof'))
  }
}

function proof(given: Members): void {
  integer(given['logIndex'] ?? '0', 'logIndex')
  integer(given['treeSize'], 'treeSize')
  base64(given['rootHash'], 'rootHash')
  for (const hash of list(given['hashes'] ?? [], 'hashes', MAX_PROOF_HASHES, 'bundle-shape')) base64(hash, 'a hash')
  if (!isThere(given['checkpoint'])) return
  const { envelope } = object(given['checkpoint'], 'checkpoint')
  if (typeof envelope !== 'string' || envelope.length > MAX_CHECKPOINT_CHARACTERS) refuse('bundle-checkpoint', 'expected a short text')
  else checkpoint(envelope)
}

/**
 * C2SP tlog-checkpoint and signed-note. Older verifiers hand the name of a signer to the engine of regular expressions before any signature is checked:
 * one changed word of a public bundle then costs minutes (N145 class). So names are matched by patterns of ours first, and by nothing they say.
 */
function checkpoint(envelope: string): void {
  const end = envelope.indexOf('\n\n')
  if (end < 0) refuse('bundle-checkpoint', 'expected a note and its signatures')
  const [origin = '', size = '', root = ''] = envelope.slice(0, end).split('\n')
  if (!ORIGIN.test(origin)) refuse('bundle-checkpoint', `expected the plain name of a log, got ${shown(origin)}`)
  if (!INTEGER.test(size)) refuse('bundle-checkpoint', 'expected the size of the tree in its second line')
  base64(root, 'the root hash', 'bundle-checkpoint')
  const lines = envelope.slice(end + 2).split('\n')
  if (lines.pop() !== '' || lines.length < 1 || lines.length > MAX_CHECKPOINT_SIGNATURES)
    refuse('bundle-checkpoint', `expected one to ${MAX_CHECKPOINT_SIGNATURES} lines of signatures`)
  for (const line of lines) {
    const [dash, name = '', signature, ...rest] = line.split(' ')
    if (dash !== '\u2014' || rest.length > 0 || !SIGNER_NAME.test(name))
      refuse('bundle-checkpoint', `expected the plain name of a signer, got ${shown(name)}`)
    base64(signature, 'a signature', 'bundle-checkpoint')
  }
}

/** Protobuf's JSON takes null for absent. */
const isThere = (value: unknown): boolean => value !== undefined && value !== null

function object(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('bundle-shape', `${what}: expected an object`)
  return value as Members
}

function list(value: unknown, what: string, most: number, rule: TrustRule): readonly unknown[] {
  if (!Array.isArray(value)) return refuse('bundle-shape', `${what}: expected a list`)
  if (value.length > most) return refuse(rule, `${what}: expected at most ${most}, got ${value.length}`)
  return value as readonly unknown[]
}

function base64(value: unknown, what: string, rule: TrustRule = 'bundle-shape'): string {
  return typeof value === 'string' && value !== '' && BASE64.test(value) ? value : refuse(rule, `${what}: expected base64`)
}

/** Base64 of DER that no reader is at for long. */
function der(value: unknown, what: string): string {
  const text = base64(value, what)
  return isReadWithin(Buffer.from(text, 'base64'), MAX_DER_VALUES)
    ? text
    : refuse('bundle-shape', `${what}: it would be read again and again`)
}

/** Protobuf's JSON writes 64-bit integers as text, and readers take numbers too. */
function integer(value: unknown, what: string): void {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string' || !INTEGER.test(text)) refuse('bundle-integer', `${what}: expected an integer of at most 19 digits`)
}
