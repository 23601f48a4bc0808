// The pinned trusted root (sigstore_trustroot.proto as JSON): which logs, authorities and certificate issuers count, and from when.

import { hash } from 'node:crypto'
import { Fault } from '../kernel/errors.ts'
import { jsonAt, listAt, objectAt, reading, wrong, type Members } from './shape.ts'

const MAX_ROOT_BYTES = 1024 * 1024
const MEDIA_TYPE = 'application/vnd.dev.sigstore.trustedroot+json;version=0.1'
const MEDIA_TYPE_2 = 'application/vnd.dev.sigstore.trustedroot.v0.2+json'

export type TrustedRootFile = { readonly json: string; readonly digest: string }

/** For keys alone, as behind an air gap: no certificate, log or timestamp counts. */
export const KEYS_ONLY: TrustedRootFile = rootOf(
  Buffer.from(`{"mediaType":"${MEDIA_TYPE}","tlogs":[],"certificateAuthorities":[],"ctlogs":[],"timestampAuthorities":[]}`),
)

/**
 * Checks what verifiers take on trust. A log or authority without a beginning would count for all the past, so it is refused. Throws Fault
 * `trusted-root-invalid`, which says where.
 */
export function readTrustedRoot(bytes: Buffer): TrustedRootFile {
  const refuse = (detail: string): never => {
    throw new Fault('trusted-root-invalid', `trusted root: ${detail}`)
  }
  if (bytes.length > MAX_ROOT_BYTES) return refuse(`expected at most ${MAX_ROOT_BYTES} bytes`)
  return reading(() => {
    const root = objectAt(jsonAt(bytes, 'file'), 'file')
    if (root['mediaType'] !== MEDIA_TYPE && root['mediaType'] !== MEDIA_TYPE_2) throw wrong('mediaType', `\`${MEDIA_TYPE}\``)
    for (const kind of ['tlogs', 'ctlogs'] as const)
      for (const [path, log] of itemsAt(root, kind)) startAt(objectAt(log['publicKey'], `${path}.publicKey`), `${path}.publicKey`)
    for (const kind of ['certificateAuthorities', 'timestampAuthorities'] as const)
      for (const [path, authority] of itemsAt(root, kind)) startAt(authority, path)
    return rootOf(bytes)
  }, refuse)
}

function rootOf(bytes: Buffer): TrustedRootFile {
  return { json: bytes.toString('utf8'), digest: hash('sha256', bytes) }
}

function itemsAt(root: Members, kind: string): readonly (readonly [path: string, item: Members])[] {
  return listAt(root[kind] ?? [], kind, 64).map((each, i) => [`${kind}[${i}]`, objectAt(each, `${kind}[${i}]`)])
}

function startAt(item: Members, path: string): void {
  const { start } = objectAt(item['validFor'], `${path}.validFor`)
  if (typeof start !== 'string' || Number.isNaN(Date.parse(start))) throw wrong(`${path}.validFor.start`, 'a time')
}
