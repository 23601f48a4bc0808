// Documents of a version that statements name by digest: its surface, the definitions behind it, lock files. Which of those that come along are kept.

import { hash } from 'node:crypto'
import { isStop, type Stop } from '../kernel/errors.ts'

export const LOCK_FILES = ['package-lock.json', 'requirements.txt'] as const
type DocumentKind = 'surface' | 'definitions' | `lock:${(typeof LOCK_FILES)[number]}`

/** `signed`: the digest that a statement names; of definitions that of the surface they are behind. `sha256`: of the content. Both hexadecimal. */
export type StoredDocument = {
  readonly kind: DocumentKind
  readonly signed: string
  readonly sha256: string
  readonly content: Buffer
}
export type DocumentInfo = Omit<StoredDocument, 'content'> & { readonly bytes: number }

/** Documents come with a publication or an attestation (VersionStore), and are read here. A kept document never changes and never goes away. */
export interface DocumentStore {
  /** what is kept of a version, oldest first */
  documents(name: string, version: string): Promise<readonly DocumentInfo[]>
  /** one of them by the digest of its content; undefined where there is none. Never other bytes than the digest says: they are compared */
  document(name: string, version: string, sha256: string): Promise<StoredDocument | undefined>
  /** bytes of everything that is kept of a namespace: server.json, bundles, documents */
  usedBytes(namespace: string): Promise<number>
}

export const MAX_DEFINITIONS_BYTES = 8 * 1024 * 1024
/** of a lock file or surface */
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
/** of all documents of one version */
export const MAX_VERSION_BYTES = 16 * 1024 * 1024

/** What came along, as it came: JSON texts of surface and definitions, lock files by name. */
export type Offered = {
  readonly surface?: string
  readonly definitions?: string
  readonly locks?: ReadonlyMap<string, string>
}
/** What a verified statement says of documents. `text`: the surface's canonical JSON, where the statement holds it. */
export type SaidOfDocuments = {
  readonly surface: { readonly digest: string; readonly text?: string }
  /** by file name: SHA-256 */
  readonly locks: ReadonlyMap<string, string>
}

/** How the texts are read. Neither rejects for what is wrong with them: a Stop says it. */
export type DocumentReaders = {
  /** canonical JSON of a surface */
  readonly surface: (json: string) => string | Stop
  /** `{instructions, tools: {name: "JSON text"}, …}`: its one canonical text, and the digests of what stands in it as a surface has them */
  readonly definitions: (json: string) => Promise<{ readonly text: string; readonly digests: Digests } | Stop>
}
/** A surface without its mode. */
export type Digests = { readonly instructions: string | null } & Readonly<
  Record<(typeof PRIMITIVES)[number], Readonly<Record<string, string>>>
>
const PRIMITIVES = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const

/** What is to be kept of what came along: each is exactly what the statements name, or nothing is kept. A surface that a statement holds is kept without asking. */
export async function documentsOf(
  { surface, definitions, locks }: Offered,
  said: readonly SaidOfDocuments[],
  readers: DocumentReaders,
): Promise<readonly StoredDocument[] | Stop> {
  const surfaces = new Map<string, string>()
  for (const { digest, text } of said.map(each => each.surface)) if (text !== undefined) surfaces.set(digest, text)
  if (surface !== undefined) {
    const text = readers.surface(surface)
    if (typeof text !== 'string') return text
    const digest = hash('sha256', text)
    if (said.some(each => each.surface.digest !== digest)) return notSigned('surface')
    surfaces.set(digest, text)
  }
  const found = [...surfaces].map(([digest, text]) => documentOf('surface', digest, text))
  for (const [name, text] of locks ?? []) {
    const known = LOCK_FILES.find(each => each === name)
    if (!known) return { stop: 'params-invalid', detail: `expected \`locks\` with members ${LOCK_FILES.join(' or ')}` }
    if (!text.isWellFormed()) return { stop: 'params-invalid', detail: `expected text without lone surrogates in \`${known}\`` }
    const digest = hash('sha256', text)
    if (said.some(each => each.locks.get(known) !== digest)) return notSigned(known)
    found.push(documentOf(`lock:${known}`, digest, text))
  }
  const behind = definitions === undefined ? undefined : await definitionsOf(definitions, surfaces, readers)
  if (behind && isStop(behind)) return behind
  return whyTooLarge([...found, ...(behind ?? [])]) ?? [...found, ...(behind ?? [])]
}

async function definitionsOf(
  json: string,
  surfaces: ReadonlyMap<string, string>,
  readers: DocumentReaders,
): Promise<readonly StoredDocument[] | Stop> {
  if (surfaces.size === 0)
    return { stop: 'params-invalid', detail: '`definitions` came without the surface they are behind', fix: 'send `surface` too' }
  const read = await readers.definitions(json)
  if (isStop(read)) return read
  const { text, digests } = read
  const others: string[] = []
  const found: StoredDocument[] = []
  for (const [digest, surface] of surfaces) {
    const other = whyOther(digests, JSON.parse(surface) as Digests)
    if (other === undefined) found.push(documentOf('definitions', digest, text))
    else others.push(other)
  }
  return found.length > 0 ? found : notSigned(`definitions: ${others[0] ?? ''}`)
}

/** The first that is not as signed; all of them have to be there, or what is missing could never be added. */
function whyOther(here: Digests, signed: Digests): string | undefined {
  if (here.instructions !== signed.instructions) return 'instructions'
  for (const kind of PRIMITIVES) {
    const names = new Set([...Object.keys(here[kind]), ...Object.keys(signed[kind])])
    for (const name of names)
      if (own(here[kind], name) !== own(signed[kind], name)) return `${kind} ${PLAIN.test(name) ? name : 'of an odd name'}`
  }
  return undefined
}
/** Names are a stranger's: only plain ones are told. */
const PLAIN = /^[\w./:{}-]{1,100}$/
const own = (digests: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(digests, name) ? digests[name] : undefined

function whyTooLarge(documents: readonly StoredDocument[]): Stop | undefined {
  const large = documents.find(
    ({ kind, content }) => content.length > (kind === 'definitions' ? MAX_DEFINITIONS_BYTES : MAX_DOCUMENT_BYTES),
  )
  if (large)
    return {
      stop: 'quota-exceeded',
      detail: `expected at most ${large.kind === 'definitions' ? MAX_DEFINITIONS_BYTES : MAX_DOCUMENT_BYTES} bytes of \`${large.kind}\``,
    }
  const sum = documents.reduce((bytes, { content }) => bytes + content.length, 0)
  return sum > MAX_VERSION_BYTES
    ? { stop: 'quota-exceeded', detail: `expected at most ${MAX_VERSION_BYTES} bytes of documents` }
    : undefined
}

function documentOf(kind: DocumentKind, signed: string, text: string): StoredDocument {
  const content = Buffer.from(text)
  return { kind, signed, sha256: hash('sha256', content), content }
}

const notSigned = (what: string): Stop => ({
  stop: 'attestation-invalid',
  detail: `document-mismatch: \`${what}\` is not what was signed`,
  fix: 'send the file that was signed, or sign the one that is there',
})
