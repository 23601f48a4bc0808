// Seals the secret part of a grant to the whole of its terms: moved to another row, or with any column changed, it does not open.

import { Fault } from '../kernel/errors.ts'
import type { Sealer } from '../kernel/seal.ts'
import type { Grant, Secret, StoredGrant } from './grant.ts'

/** Bytes of a secret as JSON, and of the terms: tokens of thousands of bytes exist, larger ones fit no header. */
const MAX_SECRET_BYTES = 65_536
const MAX_TERMS_BYTES = 16_384
/** The longest text a secret of that size is sealed to. */
const MAX_SEALED = 90_000

/** Throws Fault `vault-grant-invalid` when secret or terms are too large. */
export function sealGrant(sealer: Sealer, grant: Grant, secret: Secret): StoredGrant {
  const bytes = Buffer.from(JSON.stringify(secret))
  if (bytes.length > MAX_SECRET_BYTES)
    throw new Fault('vault-grant-invalid', `expected a credential of at most ${MAX_SECRET_BYTES} bytes, got ${bytes.length}`)
  const binding = bindingOf(grant)
  if (binding.length > MAX_TERMS_BYTES)
    throw new Fault('vault-grant-invalid', `expected terms of a grant of at most ${MAX_TERMS_BYTES} bytes, got ${binding.length}`)
  return { grant, keyId: sealer.keyId, sealed: sealer.seal('vault', bytes, binding) }
}

/** Undefined when it does not open: an unknown key, or anything in the row is not as it was sealed. */
export function openGrant(sealer: Sealer, { grant, sealed }: StoredGrant): Secret | undefined {
  const bytes = sealer.open('vault', sealed, MAX_SEALED, bindingOf(grant))
  // INVARIANT: authenticated, so it is what sealGrant wrote.
  return bytes && (JSON.parse(bytes.toString()) as Secret)
}

/** An array has one order and every member its place, so no two grants have the same bytes. */
const bindingOf = (grant: Grant): Buffer =>
  Buffer.from(
    JSON.stringify([
      'grant',
      grant.id,
      grant.revision,
      grant.principal,
      grant.upstream,
      grant.issuer,
      grant.resource,
      grant.scopes,
      grant.kind,
      grant.createdAtSeconds,
      grant.expiresAtSeconds ?? null,
      grant.account ?? null,
    ]),
  )
