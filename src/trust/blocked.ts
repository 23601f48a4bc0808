// What a registry withdrew, ready to be asked: versions, namespaces, artifacts, bundles and signers.

import { hash } from 'node:crypto'
import { namespaceOf, type Revocation } from './signer-policy.ts'

/** One revocation that blocks. `target` by kind: `name@version`, a digest, a key's hint, `<issuer> <subject>`, a namespace. */
export type Withdrawal = {
  readonly kind: 'version' | 'artifact' | 'bundle' | 'key' | 'identity' | 'namespace'
  readonly target: string
  /** of keys and identities: signatures with a trusted time before it stay good; absent = none does */
  readonly notBeforeMs?: number
}

export class Blocked {
  readonly #targets: ReadonlySet<string>
  /** for the policies: signers that are not believed any more */
  readonly signers: readonly Revocation[]

  constructor(withdrawals: readonly Withdrawal[]) {
    this.#targets = new Set(withdrawals.map(keyOf))
    this.signers = withdrawals.flatMap(signerOf)
  }

  version(name: string, version: string): boolean {
    return this.#targets.has(keyOf({ kind: 'version', target: `${name}@${version}` }))
  }
  namespace(serverName: string): boolean {
    return this.#targets.has(keyOf({ kind: 'namespace', target: namespaceOf(serverName) }))
  }
  artifact(digest: string): boolean {
    return this.#targets.has(keyOf({ kind: 'artifact', target: digest }))
  }
  /** By its bytes, by those with a line break at their end as files have it, or by the statement in it. */
  bundle(bytes: Buffer, payloadDigest: string): boolean {
    const digests = [hash('sha256', bytes), hash('sha256', Buffer.concat([bytes, LINE_BREAK])), payloadDigest]
    return digests.some(target => this.#targets.has(keyOf({ kind: 'bundle', target })))
  }
}

const LINE_BREAK = Buffer.from('\n')

/** Names are compared without case, versions with it. */
function keyOf({ kind, target }: Withdrawal): string {
  if (kind === 'namespace') return `namespace ${target.toLowerCase()}`
  if (kind !== 'version') return `${kind} ${target}`
  const at = target.lastIndexOf('@')
  return `version ${target.slice(0, at).toLowerCase()}${target.slice(at)}`
}

function signerOf({ kind, target, notBeforeMs = 0 }: Withdrawal): readonly Revocation[] {
  if (kind === 'key') return [{ notBeforeMs, hint: target }]
  if (kind !== 'identity') return []
  const space = target.indexOf(' ')
  return [{ notBeforeMs, issuer: target.slice(0, space), san: target.slice(space + 1) }]
}
