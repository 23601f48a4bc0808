// What our own API gives of the registry beside the official one: what was signed of a version, its documents and differences, resolutions, pins, revocations.

import { isStop, type Stop } from '../kernel/errors.ts'
import { neutral } from '../kernel/neutral-json.ts'
import { UNKNOWN } from './actor.ts'
import type { AdvisoryBook } from './advisories/book.ts'
import type { DocumentStore } from './documents.ts'
import { parseServerName } from './names.ts'
import { bundleJson, isWhole, serverResponse } from './official.ts'
import { resolve, type Pin } from './resolve.ts'
import { revocationsSince } from './revocations.ts'
import { surfaceOf, type SurfaceTexts } from './signed-surface.ts'
import type { Entry, RevocationLog, VersionStore } from './store.ts'
import { decoded, isSeen, type RegistryView } from './view.ts'

export type OwnReaderParts = {
  readonly versions: VersionStore
  readonly revocations: RevocationLog
  readonly documents: DocumentStore
  readonly advisories: Pick<AdvisoryBook, 'page'>
  /** versions that the configuration runs */
  readonly pins: () => readonly Pin[]
  /** URLs of this gateway where the servers of a view are served; patterns where there is no view */
  readonly endpoints: (aliases: readonly string[] | undefined) => readonly string[]
  /** how one version's surface differs from another's, as members of an object; a Stop where they cannot be compared here */
  readonly compare: (from: SurfaceTexts, to: SurfaceTexts) => object | Stop
}
/** JSON text, or a document byte for byte. */
export type OwnAnswer = string | Buffer | Stop
type Asked = { readonly path: string; readonly params: URLSearchParams }

export const PATH_UNKNOWN: Stop = { stop: 'path-unknown' }

export async function readOwn(parts: OwnReaderParts, view: RegistryView, { path, params }: Asked): Promise<OwnAnswer> {
  switch (path) {
    case '/v1/revocations':
      // They name servers of every view, so they are read with the whole registry alone.
      return view.only ? PATH_UNKNOWN : revocationsSince(parts.revocations, params)
    case '/v1/exports/osv':
      return view.only ? PATH_UNKNOWN : advisories(parts, params)
    case '/v1/pins':
      return JSON.stringify({ pins: pinsIn(parts, view) })
    case '/v1/exports/allowed-mcp-servers':
      return allowedServers(parts, view)
    case '/v1/resolve': {
      const [name, version] = ['name', 'version'].map(param => params.get(param) ?? undefined)
      if (name === undefined || params.getAll('name').length > 1 || params.getAll('version').length > 1)
        return { stop: 'params-invalid', detail: 'expected `name`, and perhaps `version`, once' }
      return isVisible(view, name) ? resolve(parts, name, version) : UNKNOWN
    }
  }
  const [, name, version = '', what = '', which] = VERSION_PATH.exec(path) ?? []
  if (name === undefined) return PATH_UNKNOWN
  const found = await entryOf(parts, view, { name: decoded(name), version: decoded(version) })
  return isStop(found) ? found : ofVersion(parts, view, { found, what, which, params })
}

const VERSION_PATH =
  /^\/v1\/servers\/([^/]+)\/versions\/([^/]+)(?:\/(attestations|artifacts|surface|definitions|diff|documents(?:\/([0-9a-f]{64}))?))?$/

const isVisible = (view: RegistryView, name: string): boolean => {
  const server = parseServerName(name)
  return server !== undefined && isSeen(view, server)
}

/** Revoked ones too: whoever has one wants to know what it was. */
async function entryOf(
  { versions }: OwnReaderParts,
  view: RegistryView,
  { name, version }: { readonly name: string | undefined; readonly version: string | undefined },
): Promise<Entry | Stop> {
  const server = parseServerName(name ?? '')
  if (!server || version === undefined || !isSeen(view, server)) return UNKNOWN
  const found = await versions.find(server.key, version)
  return found && isWhole(found) && (found.standing !== 'quarantined' || view.withQuarantined) ? found : UNKNOWN
}

type OfVersion = { readonly found: Entry; readonly what: string; readonly which: string | undefined; readonly params: URLSearchParams }

async function ofVersion(parts: OwnReaderParts, view: RegistryView, { found, what, which, params }: OfVersion): Promise<OwnAnswer> {
  const { name, version } = found
  if (what === '') return serverResponse(found)
  if (which !== undefined) return (await parts.documents.document(name, version, which))?.content ?? NO_DOCUMENT
  if (what === 'documents') return JSON.stringify({ documents: await parts.documents.documents(name, version) })
  const { attestations, artifacts } = await parts.versions.evidence(name, version)
  if (what === 'artifacts') return neutral(JSON.stringify({ artifacts }))
  if (what === 'attestations')
    return neutral(`{"attestations":[${attestations.map(bundleJson).join(',')}],"artifacts":${JSON.stringify(artifacts)}}`)
  const here = await surfaceOf(parts.documents, found, attestations)
  if (!here) return NO_SURFACE
  if (what === 'surface') return shownText(here.digest, here.surface, `{"sha256":"${here.digest}","surface":${here.surface}}`)
  if (what === 'diff') return diffOf(parts, view, { found, here, from: params.getAll('from') })
  const { definitions, digest } = here
  if (!definitions) return NO_DEFINITIONS
  const { sha256, text } = definitions
  return shownText(sha256, text, `{"surface":"${digest}","sha256":"${sha256}","definitions":${text}}`)
}

/** Making text of strangers inert takes its time; bytes that are given as they are do not. */
const shownText = (sha256: string, text: string, json: string): string | Stop =>
  text.length <= MAX_SHOWN_BYTES
    ? neutral(json)
    : {
        stop: 'quota-exceeded',
        detail: `it has more than ${MAX_SHOWN_BYTES} bytes, and is given byte for byte alone`,
        fix: `ask for \`documents/${sha256}\` of the version`,
      }
const MAX_SHOWN_BYTES = 1024 * 1024

type Differing = { readonly found: Entry; readonly here: SurfaceTexts; readonly from: readonly string[] }
async function diffOf(parts: OwnReaderParts, view: RegistryView, { found, here, from }: Differing): Promise<string | Stop> {
  const [version, ...more] = from
  if (version === undefined || more.length > 0)
    return { stop: 'params-invalid', detail: 'expected `from` once: the version to compare with' }
  const old = await entryOf(parts, view, { name: found.name, version })
  if (isStop(old)) return old
  const { attestations } = await parts.versions.evidence(old.name, old.version)
  const there = await surfaceOf(parts.documents, old, attestations)
  if (!there) return NO_SURFACE
  const compared = parts.compare(there, here)
  if (isStop(compared)) return compared
  const side = (entry: Entry, { digest }: SurfaceTexts): object => ({ version: entry.version, sequence: entry.sequence, surface: digest })
  return neutral(JSON.stringify({ name: found.name, from: side(old, there), to: side(found, here), ...compared }))
}

const pinsIn = ({ pins }: OwnReaderParts, view: RegistryView): readonly Pin[] => pins().filter(({ name }) => isVisible(view, name))

/**
 * `allowedMcpServers` of the managed settings of hosts. URLs alone: an entry by name lets a host start any program under that name.
 */
function allowedServers(parts: OwnReaderParts, view: RegistryView): string {
  const aliases = view.only ? [...new Set(pinsIn(parts, view).map(({ alias }) => alias))] : undefined
  return neutral(JSON.stringify({ allowedMcpServers: parts.endpoints(aliases).map(serverUrl => ({ serverUrl })) }))
}

/** As OSV's own API answers: documents as they came, withdrawn ones too, and where to go on. */
async function advisories(parts: OwnReaderParts, params: URLSearchParams): Promise<string | Stop> {
  const after = params.get('page_token') ?? ''
  if (params.getAll('page_token').length > 1 || after.length > 100)
    return { stop: 'params-invalid', detail: 'expected `page_token` as the last page gave it' }
  const page = await parts.advisories.page(after, MAX_ADVISORIES)
  const last = page.at(-1)
  const next = last && (await parts.advisories.page(last.id, 1)).length > 0 ? `,"next_page_token":${JSON.stringify(last.id)}` : ''
  return neutral(`{"vulns":[${page.map(({ document }) => document).join(',')}]${next}}`)
}
const MAX_ADVISORIES = 100

const NO_DOCUMENT: Stop = { stop: 'registry-unknown', detail: 'no document of this digest is kept' }
const NO_SURFACE: Stop = { stop: 'registry-unknown', detail: 'no surface is kept of it', fix: 'publish or attest with `surface`' }
const NO_DEFINITIONS: Stop = {
  stop: 'registry-unknown',
  detail: 'no definitions are kept of it',
  fix: 'publish or attest with `definitions`',
}
