// The statement a publisher signs: one server version, its server.json, artifacts and lock file, its surface, and how it starts. Built and read strictly.

import { hash } from 'node:crypto'
import { canonicalJson } from '../kernel/canonical-json.ts'
import { Fault } from '../kernel/errors.ts'
import { deny, shown, type Denial } from './denial.ts'
import {
  instantAt,
  integerAt,
  jsonAt,
  listAt,
  objectAt,
  reading,
  recordAt,
  SHA256,
  SHA512,
  textAt,
  VISIBLE,
  wrong,
  type TextRule,
} from './shape.ts'

/** in-toto's media type inside of DSSE. */
export const IN_TOTO = 'application/vnd.in-toto+json'
/** in-toto Attestation Framework, Statement v1. */
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
/** `.example` belongs to nobody (RFC 2606), so this names the format and no owner (docs/adr/0014-signatures.md). */
export const SERVER_PREDICATE = 'https://gatehouse.example/attestations/mcp-server/v1'

const MAX_SUBJECTS = 64
const MAX_PRIMITIVES = 4096

/** Digests in lower-case hexadecimal. */
type Digests = { readonly sha256?: string; readonly sha512?: string }
/** What is signed about: `server.json`, an artifact by its package URL, a lock file or `surface` by its name. */
export type Subject = { readonly name: string; readonly digest: Digests }

/** A server's surface by digests of its primitives. `subset`: fewer may be served, as clients with fewer capabilities see; `exact`: all of them or none. */
export type SignedSurface = {
  readonly mode: 'subset' | 'exact'
  readonly instructions: string | null
  readonly tools: Readonly<Record<string, string>>
  readonly prompts: Readonly<Record<string, string>>
  readonly resources: Readonly<Record<string, string>>
  readonly resourceTemplates: Readonly<Record<string, string>>
}
type SignedRemote = { readonly url: string; readonly spkiSha256?: readonly string[]; readonly oauthIssuer?: string }
/** What a process may be given: names of environment variables, hosts it may reach. */
type SignedLaunch = { readonly envNames: readonly string[]; readonly egress: readonly string[] }

export type ServerStatement = {
  readonly subjects: readonly Subject[]
  readonly server: { readonly name: string; readonly version: string; readonly sequence: number }
  /** the registry it was signed for */
  readonly registry: string
  /** SHA-256 of the payload of the version before; null for the first */
  readonly previous: string | null
  /** RFC 3339, UTC */
  readonly notAfter: string
  readonly surface: SignedSurface
  readonly remotes: readonly SignedRemote[]
  readonly launch: SignedLaunch
}

/** Names and versions as the registry's schema has them. */
export const SERVER_NAME: TextRule = {
  pattern: /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,98}[a-zA-Z0-9])?\/[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,98}[a-zA-Z0-9])?$/,
  what: 'a server name such as `io.github.acme/weather`',
}
export const SERVER_VERSION: TextRule = { pattern: /^(?!latest$)[0-9A-Za-z][0-9A-Za-z.+_-]{0,254}$/, what: 'one exact version' }
const REGISTRY: TextRule = VISIBLE
const ENV_NAME: TextRule = { pattern: /^[A-Za-z_][A-Za-z0-9_]{0,127}$/, what: 'the name of an environment variable' }
const HOST: TextRule = { pattern: /^[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?(?::[1-9][0-9]{0,4})?$/, what: 'a host, perhaps with a port' }
const HTTPS: TextRule = { pattern: /^https:\/\/[!-~]{1,2040}$/, what: 'an https URL' }
const SPKI: TextRule = SHA256

/** Payload of the statement: canonical JSON. Throws Fault `statement-invalid` for what `readServerStatement` would refuse. */
export function writeServerStatement(statement: ServerStatement): Buffer {
  const { subjects, remotes, launch, ...predicate } = statement
  const payload = writeStatement(subjects, SERVER_PREDICATE, {
    ...predicate,
    ...(remotes.length > 0 && { remote: remotes }),
    launch,
  })
  const read = readServerStatement(payload)
  if ('denied' in read) throw new Fault('statement-invalid', read.detail)
  return payload
}

/** Any in-toto statement as canonical JSON. */
export function writeStatement(subject: readonly Subject[], predicateType: string, predicate: object): Buffer {
  const text = canonicalJson({ _type: STATEMENT_TYPE, subject, predicateType, predicate })
  if (text === undefined) throw new Fault('statement-invalid', 'expected text without lone surrogates in a statement')
  return Buffer.from(text)
}

/** A server's statement from a payload whose signature was verified. Unknown members are refused: they might be conditions. */
export function readServerStatement(payload: Buffer): ServerStatement | Denial {
  const statement = readStatement(payload, SERVER_PREDICATE)
  if ('denied' in statement) return statement
  const { subjects } = statement
  if (!subjects.some(subject => subject.name === 'server.json')) return deny('subject-absent', 'expected a subject `server.json`')
  return reading(
    () => serverPredicate(subjects, statement.predicate),
    detail => deny('statement-shape', detail),
  )
}

/** SHA-256 of a payload: what the next version names as `previous`. */
export const statementDigest = (payload: Buffer): string => hash('sha256', payload)

type AnyStatement = { readonly subjects: readonly Subject[]; readonly predicate: unknown }

/** The frame of a statement of one predicate type. */
export function readStatement(payload: Buffer, predicateType: string): AnyStatement | Denial {
  return reading(
    () => {
      const statement = recordAt(jsonAt(payload, 'statement'), 'statement', ['_type', 'subject', 'predicateType', 'predicate'])
      if (statement._type !== STATEMENT_TYPE) return deny('statement-type', `expected \`${STATEMENT_TYPE}\``)
      if (statement.predicateType !== predicateType) {
        const got = typeof statement.predicateType === 'string' ? shown(statement.predicateType) : 'none'
        return deny('predicate-type', `expected \`${predicateType}\`, got ${got}`)
      }
      return { subjects: subjectsAt(statement.subject), predicate: statement.predicate }
    },
    detail => deny('statement-shape', detail),
  )
}

function subjectsAt(value: unknown): readonly Subject[] {
  const subjects = listAt(value, 'subject', MAX_SUBJECTS).map((each, i): Subject => {
    const path = `subject[${i}]`
    const { name, digest } = recordAt(each, path, ['name', 'digest'])
    return { name: textAt(name, `${path}.name`, VISIBLE), digest: digestsAt(digest, `${path}.digest`) }
  })
  if (subjects.length === 0) throw wrong('subject', 'at least one')
  // Of two subjects with one name, one reader would believe the first and another the last.
  if (new Set(subjects.map(subject => subject.name)).size !== subjects.length) throw wrong('subject', 'each name once')
  return subjects
}

function digestsAt(value: unknown, path: string): Digests {
  const { sha256, sha512 } = recordAt(value, path, [], ['sha256', 'sha512'])
  if (sha256 === undefined && sha512 === undefined) throw wrong(path, 'sha256 or sha512')
  return {
    ...(sha256 !== undefined && { sha256: textAt(sha256, `${path}.sha256`, SHA256) }),
    ...(sha512 !== undefined && { sha512: textAt(sha512, `${path}.sha512`, SHA512) }),
  }
}

function serverPredicate(subjects: readonly Subject[], value: unknown): ServerStatement {
  const predicate = recordAt(value, 'predicate', ['server', 'registry', 'previous', 'notAfter', 'surface', 'launch'], ['remote'])
  const server = recordAt(predicate.server, 'server', ['name', 'version', 'sequence'])
  instantAt(predicate.notAfter, 'notAfter')
  return {
    subjects,
    server: {
      name: textAt(server.name, 'server.name', SERVER_NAME),
      version: textAt(server.version, 'server.version', SERVER_VERSION),
      sequence: integerAt(server.sequence, 'server.sequence', 1),
    },
    registry: textAt(predicate.registry, 'registry', REGISTRY),
    previous: predicate.previous === null ? null : textAt(predicate.previous, 'previous', SHA256),
    notAfter: predicate.notAfter as string,
    surface: surfaceAt(predicate.surface, 'surface'),
    remotes: predicate.remote === undefined ? [] : listAt(predicate.remote, 'remote', 16).map((each, i) => remoteAt(each, `remote[${i}]`)),
    launch: launchAt(predicate.launch),
  }
}

/** A surface file, or the surface in a statement. */
function surfaceAt(value: unknown, path: string): SignedSurface {
  const kinds = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const
  const surface = recordAt(value, path, ['mode', 'instructions', ...kinds])
  if (surface.mode !== 'subset' && surface.mode !== 'exact') throw wrong(`${path}.mode`, 'subset or exact')
  const [tools, prompts, resources, resourceTemplates] = kinds.map(kind => primitivesAt(surface[kind], `${path}.${kind}`))
  return {
    mode: surface.mode,
    instructions: surface.instructions === null ? null : textAt(surface.instructions, `${path}.instructions`, SHA256),
    tools: tools ?? {},
    prompts: prompts ?? {},
    resources: resources ?? {},
    resourceTemplates: resourceTemplates ?? {},
  }
}

function primitivesAt(value: unknown, path: string): Readonly<Record<string, string>> {
  const entries = Object.entries(objectAt(value, path))
  if (entries.length > MAX_PRIMITIVES) throw wrong(path, `at most ${MAX_PRIMITIVES}`)
  for (const [, digest] of entries) textAt(digest, path, SHA256)
  return Object.fromEntries(entries) as Readonly<Record<string, string>>
}

function remoteAt(value: unknown, path: string): SignedRemote {
  const { url, spkiSha256, oauthIssuer } = recordAt(value, path, ['url'], ['spkiSha256', 'oauthIssuer'])
  return {
    url: textAt(url, `${path}.url`, HTTPS),
    ...(spkiSha256 !== undefined && {
      spkiSha256: listAt(spkiSha256, `${path}.spkiSha256`, 8).map(pin => textAt(pin, `${path}.spkiSha256`, SPKI)),
    }),
    ...(oauthIssuer !== undefined && { oauthIssuer: textAt(oauthIssuer, `${path}.oauthIssuer`, HTTPS) }),
  }
}

function launchAt(value: unknown): SignedLaunch {
  const { envNames, egress } = recordAt(value, 'launch', ['envNames', 'egress'])
  return {
    envNames: listAt(envNames, 'launch.envNames', 256).map(name => textAt(name, 'launch.envNames', ENV_NAME)),
    egress: listAt(egress, 'launch.egress', 256).map(host => textAt(host, 'launch.egress', HOST)),
  }
}

/** A surface file. Throws Fault `surface-invalid`, which says where. */
export function readSurface(bytes: Buffer): SignedSurface {
  return reading(
    () => surfaceAt(jsonAt(bytes, 'surface'), 'surface'),
    detail => {
      throw new Fault('surface-invalid', detail)
    },
  )
}
