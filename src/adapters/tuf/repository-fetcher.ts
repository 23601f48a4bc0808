// Where metadata and targets come from: a folder, or https through safe-fetch. What comes is believed by nobody here.

import { readFile, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BaseFetcher } from 'tuf-js'
import { DownloadHTTPError } from 'tuf-js/dist/error.js'
import { Fault } from '../../kernel/errors.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import { MAX_REPOSITORY_FILE_BYTES } from './served-files.ts'

/** `folder`: absolute path. `url`: base of `metadata/` and `targets/`. */
export type RepositoryPlace =
  { readonly kind: 'folder'; readonly folder: string } | { readonly kind: 'https'; readonly url: string; readonly fetch: SafeFetch }

/** Base URLs as the client joins them with names. */
export function baseUrls(place: RepositoryPlace): { readonly metadata: string; readonly targets: string } {
  const base = place.kind === 'folder' ? pathToFileURL(`${place.folder}${sep}`).href : place.url.replace(/\/*$/, '/')
  return { metadata: `${base}metadata`, targets: `${base}targets` }
}

/** Reads whole files: the library bounds each by the length that was signed for it. */
export class RepositoryFetcher extends BaseFetcher {
  readonly #place: RepositoryPlace
  readonly #signal: AbortSignal | undefined
  /** texts of roots that were fetched, by version; whether one counts is said by whoever verifies it */
  readonly roots = new Map<string, string>()

  /** `signal`: ends what is under way, and all that would follow: whoever answers slowly holds up one refresh for so long at most. */
  constructor(place: RepositoryPlace, signal?: AbortSignal) {
    super()
    this.#place = place
    this.#signal = signal
  }

  /** A file that is not there rejects with the library's own DownloadHTTPError 404: after the last root, that is the good answer. */
  override async fetch(url: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    if (this.#signal?.aborted) throw new Fault('fetch-timeout', 'the repository took too long')
    const bytes =
      this.#place.kind === 'folder' ? await readBelow(this.#place.folder, url) : await readFrom(this.#place.fetch, url, this.#signal)
    const [, version] = /\/([1-9]\d{0,8})\.root\.json$/.exec(url) ?? []
    if (version !== undefined) this.roots.set(version, bytes.toString('utf8'))
    return new Blob([new Uint8Array(bytes)]).stream()
  }
}

async function readBelow(folder: string, url: string): Promise<Buffer> {
  const file = resolve(fileURLToPath(url))
  // Names of roles and targets are the repository's: none of them leads out of it.
  if (!file.startsWith(resolve(folder) + sep)) throw new Fault('fetch-refused', 'a name in the repository leads out of it')
  try {
    const { size } = await stat(file)
    if (size > MAX_REPOSITORY_FILE_BYTES) throw new Fault('fetch-too-large', `\`${file}\` is too large`)
    return await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new DownloadHTTPError('no such file', 404)
    throw error
  }
}

async function readFrom(fetch: SafeFetch, url: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const asked = { maxBytes: MAX_REPOSITORY_FILE_BYTES, headers: { accept: '*/*' }, ...(signal && { signal }) }
  const { status, body } = await fetch.request(url, asked)
  if (status !== 200) throw new DownloadHTTPError('not found', status)
  return body
}
