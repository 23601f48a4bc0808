// Which versions came into force, kept apart from every database: while the trust repository cannot be reached, those go on and no others.

import { hash } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import type { Served } from './served-version.ts'
import type { SignedSurface } from './statement.ts'

/** A version as it came into force. `content`: digest over all that was signed of it. */
export type InForce = {
  readonly name: string
  readonly version: string
  /** SHA-256 of the canonical server.json */
  readonly digest: string
  readonly content: string
  readonly sequence: number
  readonly countsAs: number
  readonly surface: SignedSurface
  /** since when it is this server.json of this version: what was allowed of the alias before was of another */
  readonly sinceMs: number
}

/**
 * By alias. `put` is durable once it returns, atomic, and moves the one before to `previous`; it throws a Fault where that cannot be, and the version must then
 * not be used.
 */
export interface InForceStore {
  current(alias: string): InForce | undefined
  /** the version before, for differences */
  previous(alias: string): InForce | undefined
  put(alias: string, version: InForce): void
}

/** Everything that was signed: server.json, artifacts, lock file, surface. */
const contentOf = ({ digest, artifacts, lock, surfaceDigest }: Served): string =>
  hash('sha256', canonicalJson([digest, [...artifacts].sort(([a], [b]) => (a < b ? -1 : 1)), lock?.sha256 ?? null, surfaceDigest]) ?? '')

export const inForceOf = (served: Served, sinceMs: number): InForce => {
  const { name, version, digest, sequence, countsAs, surface } = served
  return { name, version, digest, content: contentOf(served), sequence, countsAs, surface, sinceMs }
}

/** Whether it is this server.json of this version, whoever vouches for it. */
export const isSameServer = (known: InForce | undefined, { name, version, digest }: Pick<Served, 'name' | 'version' | 'digest'>): boolean =>
  known?.name === name && known.version === version && known.digest === digest

/** Whether it is the very version that was in force, with everything that was signed of it. */
export const isSameContent = (known: InForce | undefined, served: Served): boolean =>
  known?.name === served.name && known.version === served.version && known.content === contentOf(served)
