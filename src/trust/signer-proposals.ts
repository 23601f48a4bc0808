// Another signer for a namespace, proposed: what the policies would say then. Nothing counts by it until keyholders, or whoever keeps the policies file, sign or write it.

import { hash } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import { Fault, type Stop } from '../kernel/errors.ts'
import { readTrustPolicies } from './signer-policy.ts'

/** `policy`: canonical JSON of one member of `namespaces` in the policies; `digest`: SHA-256 of namespace and policy, hexadecimal. */
export type ProposedSigner = { readonly namespace: string; readonly policy: string; readonly digest: string }
/** As the policies say it now. */
export type KnownSigner = { readonly namespace: string; readonly policy: unknown; readonly digest: string }

/**
 * What was proposed, until long after it could be approved. Durability: what resolved survives a crash. Errors: a rejection means that it may or may not be kept.
 */
export interface SignerProposalStore {
  /** the same once more changes nothing; forgets what is older than any proposal */
  keep(proposed: ProposedSigner, atSeconds: number): Promise<void>
  find(digest: string): Promise<ProposedSigner | undefined>
  /** newest first, a few hundred at most */
  list(): Promise<readonly ProposedSigner[]>
}

/** Of one policy: as much as a row of a table should have. */
const MAX_BYTES = 65_536
const NONE = Buffer.from('{"version":1,"namespaces":{}}')

/** `policy`: as it was sent, judged to be JSON already. */
export function proposedSigner(namespace: string, policy: string): ProposedSigner | Stop {
  const canonical = policy.length > MAX_BYTES ? undefined : canonicalJson(JSON.parse(policy))
  if (canonical === undefined)
    return { stop: 'params-invalid', detail: `expected \`policy\` with one canonical form and at most ${MAX_BYTES} bytes` }
  const key = namespace.toLowerCase()
  return { namespace: key, policy: canonical, digest: hash('sha256', `${key}\0${canonical}`) }
}

/** The whole policies with this signer; a Stop says what is wrong with it, there or beside it. Everything else stays as it is. */
export function withSigner(
  document: Buffer | undefined,
  { namespace, policy }: Pick<ProposedSigner, 'namespace' | 'policy'>,
): Buffer | Stop {
  const before = JSON.parse((document ?? NONE).toString('utf8')) as { readonly namespaces: Readonly<Record<string, unknown>> }
  const others = Object.entries(before.namespaces).filter(([name]) => name.toLowerCase() !== namespace.toLowerCase())
  const namespaces = Object.fromEntries([...others, [namespace, JSON.parse(policy) as unknown]])
  const next = Buffer.from(`${JSON.stringify({ ...before, namespaces }, undefined, 2)}\n`)
  try {
    readTrustPolicies(next)
    return next
  } catch (error) {
    if (error instanceof Fault && error.code === 'policy-invalid')
      return { stop: 'params-invalid', detail: error.message, fix: 'see docs/signing.md' }
    throw error
  }
}

/** Who may sign for what. Throws Fault `policy-invalid`. */
export function signersIn(document: Buffer | undefined): readonly KnownSigner[] {
  if (!document) return []
  const { namespaces } = readTrustPolicies(document)
  const { namespaces: said } = JSON.parse(document.toString('utf8')) as { readonly namespaces: Readonly<Record<string, unknown>> }
  return Object.entries(said).map(([namespace, policy]) => ({
    namespace,
    policy,
    digest: namespaces.get(namespace.toLowerCase())?.digest ?? '',
  }))
}

/** `<namespace> <digest>`, as a change that somebody approves names it; undefined for another text. */
export function proposedIn(target: string): Pick<ProposedSigner, 'namespace' | 'digest'> | undefined {
  const [namespace = '', digest = '', ...more] = target.split(' ')
  return more.length === 0 && /^[0-9a-f]{64}$/.test(digest) ? { namespace, digest } : undefined
}
