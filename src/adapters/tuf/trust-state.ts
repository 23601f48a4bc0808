// What was last seen of a repository of trust, `<dataDir>/trust/tuf.json`: the metadata and documents as they were signed, and when. No backup holds it.

import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import { readFloors } from '../../trust/floors.ts'
import type { TrustDocuments } from '../../trust/freshness.ts'
import { readRevocations } from '../../trust/revocations.ts'
import { readTrustPolicies } from '../../trust/signer-policy.ts'
import { readTrustedRoot } from '../../trust/trusted-root.ts'
import { readSyncedFile, replaceSyncedFile } from '../synced-file.ts'

/** Texts by name. `metadata`: by role; `documents`: by target path. Times in milliseconds since the epoch. */
export type TrustState = {
  readonly lastSeenMs: number
  readonly freshUntilMs: number | undefined
  readonly metadata: Readonly<Record<string, string>>
  readonly documents: Readonly<Record<string, string>>
  /** each root after the pinned one, by version: only they say that the newest is one */
  readonly roots: Readonly<Record<string, string>>
  /** SHA-256 of each part of the index (index-parts.ts) */
  readonly index: Readonly<Record<string, string>>
}

/** The documents there are besides the index: the role that signs each (as of docs/runbooks/trust.md) and the target path. */
export const DOCUMENTS = {
  trustedRoot: { role: 'targets', path: 'trusted_root.json' },
  policies: { role: 'namespaces', path: 'namespaces/policies.json' },
  floors: { role: 'namespaces', path: 'namespaces/floors.json' },
  revocations: { role: 'revocations', path: 'revocations/revocations.json' },
} as const
export type DocumentName = keyof typeof DOCUMENTS

const MAX_STATE_BYTES = 64 * 1024 * 1024

const READERS: { readonly [Name in DocumentName]: (bytes: Buffer) => NonNullable<TrustDocuments[Name]> } = {
  trustedRoot: readTrustedRoot,
  policies: readTrustPolicies,
  floors: readFloors,
  revocations: readRevocations,
}

/** Reads one document; throws what its reader throws. */
export const readDocument = (name: DocumentName, bytes: Buffer): TrustDocuments => ({ [name]: READERS[name](bytes) })

/** All documents of a state. */
export const readDocuments = (texts: TrustState['documents']): TrustDocuments =>
  Object.assign(
    {},
    ...(Object.keys(DOCUMENTS) as DocumentName[]).map(name => {
      const text = texts[DOCUMENTS[name].path]
      return text === undefined ? {} : readDocument(name, Buffer.from(text))
    }),
  ) as TrustDocuments

/** The file. */
export class TrustStateFile {
  readonly #file: string

  constructor(trustFolder: string) {
    this.#file = join(trustFolder, 'tuf.json')
  }

  /** Undefined before anything was seen. Throws Fault `trust-state-invalid`: a lost state would let old metadata in again. */
  read(): TrustState | undefined {
    const bytes = readSyncedFile(this.#file, 'trust-state', MAX_STATE_BYTES)
    if (bytes === undefined) return undefined
    try {
      return stateOf(JSON.parse(bytes.toString('utf8')))
    } catch (cause) {
      throw new Fault('trust-state-invalid', `\`${this.#file}\` is not what was written; docs/runbooks/trust.md says how to begin anew`, {
        cause,
      })
    }
  }

  write(state: TrustState): void {
    const { lastSeenMs, freshUntilMs, metadata, roots, documents, index } = state
    const text = JSON.stringify(
      {
        version: 1,
        lastSeen: new Date(lastSeenMs).toISOString(),
        ...(freshUntilMs !== undefined && { freshUntil: new Date(freshUntilMs).toISOString() }),
        metadata,
        roots,
        documents,
        index,
      },
      undefined,
      2,
    )
    replaceSyncedFile(this.#file, 'trust-state', `${text}\n`)
  }
}

function stateOf(value: unknown): TrustState {
  const { version, lastSeen, freshUntil, metadata, roots = {}, documents, index = {} } = value as Readonly<Record<string, unknown>>
  const lastSeenMs = instantOf(lastSeen)
  if (version !== 1 || lastSeenMs === undefined || !isTexts(metadata) || !isTexts(documents) || !isTexts(roots) || !isDigests(index))
    throw new TypeError('unexpected members')
  if (freshUntil !== undefined && instantOf(freshUntil) === undefined) throw new TypeError('freshUntil is no time')
  return { lastSeenMs, freshUntilMs: instantOf(freshUntil), metadata, roots, documents, index }
}

const instantOf = (value: unknown): number | undefined => {
  const ms = typeof value === 'string' ? Date.parse(value) : NaN
  return Number.isNaN(ms) ? undefined : ms
}

const isTexts = (value: unknown): value is Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(each => typeof each === 'string')

const isDigests = (value: unknown): value is Readonly<Record<string, string>> =>
  isTexts(value) && Object.entries(value).every(([part, digest]) => /^[0-9a-f]{2}$/.test(part) && /^[0-9a-f]{64}$/.test(digest))
