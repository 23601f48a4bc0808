// What is kept of advisories, and what their store promises. Implemented on state.db (adapters/sqlite/advisory-store.ts).

import type { PrincipalKey } from '../../kernel/principal.ts'
import type { Entry } from '../store.ts'
import type { Ecosystem } from './ecosystems.ts'
import type { Affected } from './osv.ts'

/** A document as it came. `affected`: one for each package, empty where it is withdrawn. Times are milliseconds since the epoch. */
export type AdvisoryDocument = {
  readonly id: string
  readonly modifiedMs: number
  readonly isWithdrawn: boolean
  readonly isMalware: boolean
  readonly summary?: string
  readonly document: string
  readonly affected: readonly Affected[]
  readonly by: PrincipalKey
  readonly atMs: number
}
export type PackageName = { readonly ecosystem: Ecosystem; readonly name: string }
/** What one advisory in force says of one package. */
export type AboutPackage = Pick<AdvisoryDocument, 'id' | 'isMalware' | 'summary'> & { readonly affected: Affected }

/**
 * Advisories: every document that ever counted is kept, the latest of an id counts. Durability: what resolved survives a crash. Atomicity: a document and what
 * it says of packages change together. Concurrency: of any number of documents of one id the latest is what counts in the end. Errors: a rejection means that
 * the change may or may not have happened.
 */
export interface AdvisoryStore {
  /** false: a document as late as this one, or later, counts already */
  record(document: AdvisoryDocument): Promise<boolean>
  /** the document that counts, withdrawn ones included */
  find(id: string): Promise<Omit<AdvisoryDocument, 'affected'> | undefined>
  /** documents that count, by id, from behind `after`; fewer than `limit` where they are long, none only behind the last */
  page(after: string, limit: number): Promise<readonly Omit<AdvisoryDocument, 'affected'>[]>
  /** by name as the ecosystem compares names */
  about(packages: readonly PackageName[]): Promise<readonly AboutPackage[]>
  /** versions here that may be made of these packages, by server and sequence from behind `after`: at least those that are */
  made(of: readonly PackageName[], after: VersionMark | undefined, limit: number): Promise<readonly Entry[]>
}
export type VersionMark = { readonly server: string; readonly sequence: number }
