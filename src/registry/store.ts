// What the registry keeps, and what its stores promise. Implemented on state.db (adapters/sqlite/registry-store.ts).

import type { PrincipalKey } from '../kernel/principal.ts'
import type { StoredDocument } from './documents.ts'
import type { Standing } from './standing.ts'

/** What a verified statement says is to be run: `identifier` as a package URL or origin, `digest` hexadecimal. */
export type Artifact = { readonly identifier: string; readonly algorithm: 'sha256' | 'sha512'; readonly digest: string }

/** A bundle that was verified. `digest`: SHA-256 of the bundle's bytes, hexadecimal. publisher: who signs for the namespace; review: a reviewer admits. */
export type Attestation = {
  readonly digest: string
  readonly kind: 'publisher' | 'review'
  readonly bundle: string
  /** whom the verification found, in words */
  readonly signer: string
}

/** A version about to be kept. `serverJson`: the text as it was published; `digest`: SHA-256 over its canonical form (RFC 8785), hexadecimal. */
export type Publication = {
  readonly name: string
  readonly namespace: string
  readonly version: string
  readonly serverJson: string
  readonly digest: string
  /** lower case: what a search looks through */
  readonly search: string
  /** another name that this one could be mistaken for; it waits for a reviewer */
  readonly looksLike?: string
  readonly publishedBy: PrincipalKey
  readonly atSeconds: number
  /** the sequence number it must get, where its statement names one; otherwise the next */
  readonly sequence?: number
  readonly artifacts: readonly Artifact[]
  readonly attestations: readonly Attestation[]
  readonly standing: 'quarantined' | 'admitted'
  /** what its statements vouch for beside server.json (documents.ts) */
  readonly documents?: readonly StoredDocument[]
}

/** One version as it stands. Times are seconds since the epoch. */
export type Entry = {
  readonly name: string
  readonly version: string
  /** 1 for the first version of a server, then always one more: what rollbacks are recognised by */
  readonly sequence: number
  readonly serverJson: string
  readonly digest: string
  readonly publishedAtSeconds: number
  readonly standing: Standing
  readonly message?: string
  readonly changedAtSeconds: number
  /** it was an operator who brought it to this standing */
  readonly byOperator?: true
  /** the highest version of those served, for display alone */
  readonly isLatest: boolean
  readonly isSigned: boolean
}

/** Where a page begins: behind this entry. `changedAtSeconds` counts only in an order by change. */
export type PageMark = { readonly server: string; readonly sequence: number; readonly changedAtSeconds: number }
/** Entries that are served: admitted and deprecated ones, revoked ones where asked for. Quarantined ones are asked for alone. */
export type PageQuery = {
  readonly limit: number
  readonly after?: PageMark
  /** lower case */
  readonly search?: string
  /** orders by change, revoked ones included */
  readonly sinceSeconds?: number
  /** `latest`, or exactly this one */
  readonly version?: string
  readonly withRevoked: boolean
  /** instead of what is served what waits for a reviewer, by time */
  readonly waiting?: true
  /** only these servers, and those of these namespaces; absent = all */
  readonly view?: { readonly servers: readonly string[]; readonly namespaces: readonly string[] }
}

/** A change of standing. `version` absent: every version of the server that can change. */
export type StandingChange = {
  readonly name: string
  readonly version?: string
  readonly to: Standing
  readonly message?: string
  readonly by: PrincipalKey
  /** absent: nobody who acts as an operator */
  readonly byOperator?: boolean
  readonly atSeconds: number
}
export type StandingRecord = {
  readonly version: string
  readonly standing: Standing
  readonly message?: string
  readonly by: PrincipalKey
  readonly atSeconds: number
}

/** Versions of one server at most: nobody publishes more in earnest. */
export const MAX_VERSIONS = 10_000

/** At most `limit`; `before`: behind the one of this sequence number. */
type VersionsQuery = {
  readonly withRevoked: boolean
  readonly withQuarantined: boolean
  readonly limit: number
  readonly before?: number
}

/** What comes to a version later. */
type Further = {
  readonly attestation: Attestation
  readonly artifacts: readonly Artifact[]
  readonly documents?: readonly StoredDocument[]
  readonly atSeconds: number
}

/**
 * Versions of servers. Names are compared without case. Durability: what resolved survives a crash. Atomicity: a publication is kept whole or not at all.
 * Concurrency: of any number of publications of one version exactly one is kept, and sequence numbers have neither gaps nor twins. A kept version never changes
 * and never goes away. Errors: a rejection means that the change may or may not have happened.
 */
export interface VersionStore {
  /** `exists`: this version is kept already. `sequence`: another number than the one asked for would follow. `full`: MAX_VERSIONS. */
  publish(publication: Publication): Promise<Entry | 'exists' | 'sequence' | 'full'>
  /** any standing; undefined = no such version */
  find(name: string, version: string): Promise<Entry | undefined>
  /** what is served of one server, newest first; `withQuarantined` for its publisher and for reviewers */
  versions(name: string, which: VersionsQuery): Promise<readonly Entry[]>
  /** at most `limit`, by name and sequence, or by change */
  page(query: PageQuery): Promise<readonly Entry[]>
  /** keeps a further verified bundle of a version, with artifacts and documents that are not there yet; false when the bundle is kept already */
  attest(name: string, version: string, further: Further): Promise<boolean>
  /** what was verified for a version, oldest first, and what it says is to be run */
  evidence(
    name: string,
    version: string,
  ): Promise<{ readonly attestations: readonly Attestation[]; readonly artifacts: readonly Artifact[] }>
}

/**
 * Standings and what became of names. `change` is a compare-and-swap on what was read before: of two at once one changes, the other finds nothing to do.
 * Every change stays in the history. What is revoked never changes again, whoever asks, and what an operator deprecated only operators bring back.
 */
export interface StandingStore {
  /** from any of `from`; how many versions changed */
  change(change: StandingChange, from: readonly Standing[]): Promise<number>
  /** oldest first */
  history(name: string): Promise<readonly StandingRecord[]>
  /** its spelling, and the name it looks like while nobody has cleared it; undefined = nothing was published under it */
  server(name: string): Promise<{ readonly name: string; readonly looksLike?: string } | undefined>
  /** a reviewer says that a look-alike is none; false = it was not held. `by`: in words, the audit log knows more */
  clear(name: string, by: string): Promise<boolean>
  /** names of all servers whose skeleton is as long as this one's, or one longer or shorter: what look-alikes are sought among */
  servers(skeletonLength: number): Promise<readonly string[]>
}

export type Revocation = {
  readonly sequence: number
  readonly kind: RevocationKind
  /** by kind: `name@version`, digest in hexadecimal, hint of a key, `<issuer> <subject>` of an identity, name of a namespace */
  readonly target: string
  readonly reason: RevocationReason
  readonly action: 'block' | 'warn'
  /** of keys and identities: signatures with a trusted time before this stay good */
  readonly notBeforeSeconds?: number
  readonly by: PrincipalKey
  readonly atSeconds: number
}
export const REVOCATION_KINDS = ['version', 'artifact', 'bundle', 'key', 'identity', 'namespace'] as const
export type RevocationTarget = Pick<Revocation, 'kind' | 'target'>
type RevocationKind = (typeof REVOCATION_KINDS)[number]
export const REVOCATION_REASONS = ['malware', 'vulnerable', 'key-compromise', 'account-takeover', 'policy', 'publisher-request'] as const
type RevocationReason = (typeof REVOCATION_REASONS)[number]

/** Revocations: appended, never changed, never taken away. Sequence numbers only rise. Durable when resolved. */
export interface RevocationLog {
  append(revocation: Omit<Revocation, 'sequence'>): Promise<Revocation>
  /** those behind a sequence number, oldest first, at most `limit` */
  since(sequence: number, limit: number): Promise<readonly Revocation[]>
  /** those of one kind that block, oldest first */
  blocking(kind: RevocationKind): Promise<readonly Revocation[]>
  /** all that name any of these, oldest first; versions and namespaces are compared without case */
  touching(targets: readonly RevocationTarget[]): Promise<readonly Revocation[]>
}
