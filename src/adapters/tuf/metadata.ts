// TUF metadata as it is made and judged outside the client: keys, signatures, thresholds.

import { createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto'
import { Metadata, MetadataKind, Signature, type Root, type Targets } from '@tufjs/models'
import { canonicalJson } from '../../kernel/canonical-json.ts'
import { Fault } from '../../kernel/errors.ts'
import { readPublicKey } from '../../trust/signer-policy.ts'

export type JsonObject = Parameters<typeof Metadata.fromJSON>[1]
export type AnyMetadata = Metadata<Root> | Metadata<Targets>
type Signable = Pick<Metadata<Root>, 'sign' | 'signatures'>

export const SPEC_VERSION = '1.0.31'

/** A JSON object. Throws Fault `trust-metadata-invalid`. */
export function parseJson(bytes: Buffer | string | undefined): JsonObject {
  try {
    const value: unknown = JSON.parse(bytes?.toString() ?? '')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  } catch {
    // reported below, like any other content
  }
  throw new Fault('trust-metadata-invalid', 'expected TUF metadata, a JSON object')
}

/** Root or targets metadata (namespaces, index and revocations are targets). Throws Fault `trust-metadata-invalid`. */
export function parseMetadata(bytes: Buffer | string): AnyMetadata {
  const json = parseJson(bytes)
  try {
    const type = (json['signed'] as JsonObject | undefined)?.['_type']
    if (type === MetadataKind.Root) return Metadata.fromJSON(MetadataKind.Root, json)
    return Metadata.fromJSON(MetadataKind.Targets, json)
  } catch (cause) {
    throw new Fault('trust-metadata-invalid', 'expected TUF root or targets metadata', { cause })
  }
}

export const isRoot = (metadata: AnyMetadata): metadata is Metadata<Root> => metadata.signed.type === MetadataKind.Root

/** The bytes of a metadata file. */
export const metadataBytes = (metadata: Pick<Metadata<Root>, 'toJSON'>): Buffer =>
  Buffer.from(`${JSON.stringify(metadata.toJSON(), undefined, 2)}\n`)

/** A public key as metadata names it. */
export type NamedKey = { readonly id: string; readonly json: JsonObject }

/** From PEM: Ed25519 or P-256. Throws Fault `policy-invalid` or `trust-key-invalid`. */
export function namedKey(pem: string): NamedKey {
  readPublicKey(pem)
  const key = createPublicKey(pem)
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (key.asymmetricKeyType !== 'ed25519' && curve !== 'prime256v1')
    throw new Fault('trust-key-invalid', 'expected a key for Ed25519 or P-256')
  const json: JsonObject =
    curve === undefined
      ? {
          keytype: 'ed25519',
          scheme: 'ed25519',
          keyval: { public: key.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex') },
        }
      : { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pemOf(key) } }
  return { id: hash('sha256', canonicalJson(json) ?? ''), json }
}

const pemOf = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }) as string
export const publicPem = (key: KeyObject): string => pemOf(createPublicKey(key))

/** What a signature is over. */
export function signedBytes(metadata: Signable): Buffer {
  let bytes: Buffer = Buffer.alloc(0)
  const before = { ...metadata.signatures }
  metadata.sign(data => {
    bytes = data
    return new Signature({ keyID: '', sig: '' })
  })
  metadata.signatures = before
  return bytes
}

/** Adds the signature of whoever holds the key of `pem`. Throws Fault `signing-failed` when it is not that key's. */
export function addSignature(metadata: Signable, pem: string, signature: Buffer): void {
  const { id } = namedKey(pem)
  const algorithm = createPublicKey(pem).asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const data = signedBytes(metadata)
  const good = [signature, Buffer.from(signature.toString('latin1').trim(), 'base64')].find(each => verify(algorithm, data, pem, each))
  if (!good) throw new Fault('signing-failed', 'the signature is not one of the public key: another key, or another format than DER')
  metadata.signatures[id] = new Signature({ keyID: id, sig: good.toString('hex') })
}

/** Signs with a private key that is at hand. */
export const signWith = (metadata: Signable, key: KeyObject): void =>
  addSignature(metadata, publicPem(key), sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', signedBytes(metadata), key))

/** How far a role is signed by what its delegator says. `missing`: ids of keys that could still sign. */
export type SignedBy = { readonly threshold: number; readonly signed: readonly string[]; readonly missing: readonly string[] }

/** Throws Fault `trust-metadata-invalid` where the delegator names no such role. */
export function signedBy(delegator: AnyMetadata, role: string, metadata: Signable): SignedBy {
  const { keys, roles } = delegationsOf(delegator)
  const found = roles[role]
  if (!found) throw new Fault('trust-metadata-invalid', `no keys are named for the role \`${role}\``)
  const isSigned = (id: string): boolean => {
    try {
      keys[id]?.verifySignature(metadata as AnyMetadata)
      return keys[id] !== undefined
    } catch {
      return false // unsigned, or by another key
    }
  }
  const ids = [...new Set(found.keyIDs)]
  return { threshold: found.threshold, signed: ids.filter(isSigned), missing: ids.filter(id => !isSigned(id)) }
}

/** The keys that a delegator names for a role. */
export function keysOf(delegator: AnyMetadata, role: string): readonly NamedKey[] {
  const { keys, roles } = delegationsOf(delegator)
  return (roles[role]?.keyIDs ?? []).flatMap(id => (keys[id] ? [{ id, json: keys[id].toJSON() }] : []))
}

export const isComplete = ({ threshold, signed }: SignedBy): boolean => signed.length >= threshold

function delegationsOf({ signed }: AnyMetadata): Pick<Root, 'keys' | 'roles'> {
  if ('consistentSnapshot' in signed) return signed
  return { keys: signed.delegations?.keys ?? {}, roles: signed.delegations?.roles ?? {} }
}

/** Whether one key alone may sign root, targets or namespaces: a trial, where whoever holds that key is trusted with everything. */
export function isEvaluationSigned(root: Metadata<Root>, targets: Metadata<Targets> | undefined): boolean {
  const { roles } = root.signed
  const thresholds = [roles['root'], roles['targets'], ...(targets ? [targets.signed.delegations?.roles?.['namespaces']] : [])]
  return thresholds.some(role => (role?.threshold ?? 2) < 2)
}
