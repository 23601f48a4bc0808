// The registry in memory; can fail before or after it keeps a change.

import { orderKey } from '../../src/registry/versions.ts'
import { skeletonOf } from '../../src/kernel/look-alikes.ts'
import {
  MAX_VERSIONS,
  type Artifact,
  type Attestation,
  type Entry,
  type PageQuery,
  type Revocation,
  type RevocationLog,
  type RevocationTarget,
  type StandingRecord,
  type StandingStore,
  type VersionStore,
} from '../../src/registry/store.ts'
import type { DocumentStore, StoredDocument } from '../../src/registry/documents.ts'
import type { Failing } from './memory-blocks.ts'

type Kept = {
  entry: Entry
  readonly search: string
  readonly attestations: Attestation[]
  readonly artifacts: Artifact[]
  readonly documents: StoredDocument[]
}
type KeptServer = { readonly name: string; readonly versions: Kept[]; readonly history: StandingRecord[]; looksLike?: string }

export type MemoryRegistry = {
  readonly versions: VersionStore
  readonly standings: StandingStore
  readonly revocations: RevocationLog
  readonly documents: DocumentStore
}

export function memoryRegistry(failing: Failing = {}): MemoryRegistry {
  const servers = new Map<string, KeptServer>()
  const revocations: Revocation[] = []
  const change = async <T>(run: () => T): Promise<T> => {
    await Promise.resolve()
    if (failing.before) throw new Error('the store failed')
    const done = run()
    if (failing.after) throw new Error('the store failed')
    return done
  }
  const server = (name: string): KeptServer | undefined => servers.get(name.toLowerCase())
  const isServed = ({ standing }: Entry): boolean => standing === 'admitted' || standing === 'deprecated'
  /** highest first */
  const byOrder = (a: Kept, b: Kept): number => {
    const [left, right] = [orderKey(a.entry.version), orderKey(b.entry.version)]
    return left === right ? b.entry.sequence - a.entry.sequence : left < right ? 1 : -1
  }
  const shown = (of: KeptServer, kept: Kept): Entry => ({
    ...kept.entry,
    isLatest: of.versions.filter(({ entry }) => isServed(entry)).sort(byOrder)[0] === kept,
    isSigned: kept.attestations.length > 0,
  })
  const find = (name: string, version: string): Entry | undefined => {
    const of = server(name)
    return of?.versions.map(kept => shown(of, kept)).find(entry => (version === 'latest' ? entry.isLatest : entry.version === version))
  }
  const documentsOf = (name: string, version: string): readonly StoredDocument[] =>
    server(name)?.versions.find(({ entry }) => entry.version === version)?.documents ?? []
  return {
    versions: {
      publish: publication =>
        change(() => {
          const { name, version, serverJson, digest, search, publishedBy: by, atSeconds, standing, artifacts } = publication
          const of = server(name) ?? { name, versions: [], history: [], ...(publication.looksLike && { looksLike: publication.looksLike }) }
          if (of.versions.some(({ entry }) => entry.version === version)) return 'exists'
          if (of.versions.length >= MAX_VERSIONS) return 'full'
          const sequence = of.versions.length + 1
          if (publication.sequence !== undefined && publication.sequence !== sequence) return 'sequence'
          const attestations = [...publication.attestations]
          const times = { publishedAtSeconds: atSeconds, changedAtSeconds: atSeconds }
          const flags = { isLatest: false, isSigned: false }
          const entry = { name: of.name, version, sequence, serverJson, digest, standing, ...times, ...flags }
          of.versions.push({ entry, search, attestations, artifacts: [...artifacts], documents: [...(publication.documents ?? [])] })
          of.history.push({ version, standing, by, atSeconds })
          servers.set(name.toLowerCase(), of)
          const kept = find(name, version)
          if (!kept) throw new Error('not kept')
          return kept
        }),
      find: (name, version) => Promise.resolve(find(name, version)),
      versions: (name, { withRevoked, withQuarantined, limit, before = Infinity }) => {
        const of = server(name)
        const all = of?.versions.map(kept => shown(of, kept)) ?? []
        const isShown = ({ standing }: Entry): boolean =>
          (standing !== 'revoked' || withRevoked) && (standing !== 'quarantined' || withQuarantined)
        return Promise.resolve(
          all
            .filter(entry => isShown(entry) && entry.sequence < before)
            .reverse()
            .slice(0, limit),
        )
      },
      page: query => Promise.resolve(pageOf([...servers.values()], query, shown)),
      attest: (name, version, { attestation, artifacts, documents = [] }) =>
        change(() => {
          const kept = server(name)?.versions.find(({ entry }) => entry.version === version)
          if (!kept) throw new Error('no such version')
          const isThere = ({ kind, signed }: StoredDocument): boolean =>
            kept.documents.some(other => other.kind === kind && other.signed === signed)
          kept.documents.push(...documents.filter(document => !isThere(document)))
          if (kept.attestations.some(({ digest }) => digest === attestation.digest)) return false
          kept.attestations.push(attestation)
          kept.artifacts.push(...artifacts.filter(({ identifier }) => !kept.artifacts.some(known => known.identifier === identifier)))
          return true
        }),
      evidence: (name, version) => {
        const kept = server(name)?.versions.find(({ entry }) => entry.version === version)
        return Promise.resolve({ attestations: kept?.attestations ?? [], artifacts: kept?.artifacts ?? [] })
      },
    },
    documents: {
      documents: (name, version) =>
        Promise.resolve(documentsOf(name, version).map(({ content, ...rest }) => ({ ...rest, bytes: content.length }))),
      document: (name, version, sha256) => Promise.resolve(documentsOf(name, version).find(document => document.sha256 === sha256)),
      usedBytes: namespace =>
        Promise.resolve(
          [...servers.values()]
            .filter(({ name }) => name.toLowerCase().startsWith(`${namespace.toLowerCase()}/`))
            .flatMap(of => of.versions)
            .flatMap(({ entry, attestations, documents }) => [
              1024 + Buffer.byteLength(entry.serverJson),
              ...attestations.map(({ bundle }) => Buffer.byteLength(bundle)),
              ...documents.map(({ content }) => content.length),
            ])
            .reduce((sum, bytes) => sum + bytes, 0),
        ),
    },
    standings: {
      change: ({ name, version, to, message, by, byOperator, atSeconds }, from) =>
        change(() => {
          const of = server(name)
          let changed = 0
          for (const kept of of?.versions ?? []) {
            const { entry } = kept
            if ((version !== undefined && entry.version !== version) || !from.includes(entry.standing) || entry.standing === 'revoked')
              continue
            if (entry.byOperator && entry.standing === 'deprecated' && !byOperator && to !== 'revoked') continue
            const said = message === undefined ? {} : { message }
            const operator = byOperator ? { byOperator: true as const } : {}
            kept.entry = { ...withoutMessage(entry), standing: to, changedAtSeconds: atSeconds, ...said, ...operator }
            of?.history.push({ version: entry.version, standing: to, by, atSeconds, ...said })
            changed++
          }
          return changed
        }),
      history: name => Promise.resolve([...(server(name)?.history ?? [])]),
      server: name => {
        const of = server(name)
        return Promise.resolve(of && { name: of.name, ...(of.looksLike && { looksLike: of.looksLike }) })
      },
      clear: name =>
        change(() => {
          const of = server(name)
          if (!of?.looksLike) return false
          delete of.looksLike
          return true
        }),
      servers: length =>
        Promise.resolve([...servers.values()].map(({ name }) => name).filter(name => Math.abs(skeletonOf(name).length - length) <= 1)),
    },
    revocations: {
      touching: targets => {
        const isSame = (a: RevocationTarget, b: RevocationTarget): boolean => {
          const at = a.kind === 'version' ? a.target.lastIndexOf('@') : a.kind === 'namespace' ? a.target.length : 0
          const name = (of: RevocationTarget): string => of.target.slice(0, at).toLowerCase() + of.target.slice(at)
          return a.kind === b.kind && name(a) === name(b)
        }
        return Promise.resolve(revocations.filter(kept => targets.some(target => isSame(kept, target))))
      },
      append: revocation =>
        change(() => {
          const kept = { ...revocation, sequence: revocations.length + 1 }
          revocations.push(kept)
          return kept
        }),
      blocking: kind => Promise.resolve(revocations.filter(kept => kept.kind === kind && kept.action === 'block')),
      since: (sequence, limit) => Promise.resolve(revocations.filter(kept => kept.sequence > sequence).slice(0, limit)),
    },
  }
}

function withoutMessage(entry: Entry): Entry {
  const rest: Entry & { message?: string; byOperator?: true } = { ...entry }
  delete rest.message
  delete rest.byOperator
  return rest
}

function pageOf(all: readonly KeptServer[], query: PageQuery, shown: (of: KeptServer, kept: Kept) => Entry): readonly Entry[] {
  const { limit, after, search, sinceSeconds, version, withRevoked, view, waiting } = query
  const isByChange = sinceSeconds !== undefined || waiting === true
  type Place = readonly [changed: number, server: string, sequence: number]
  const place = ({ name, sequence, changedAtSeconds }: Entry): Place => [isByChange ? changedAtSeconds : 0, name.toLowerCase(), sequence]
  const compare = (a: Place, b: Place): number => a[0] - b[0] || (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : a[2] - b[2])
  const from = after && ([isByChange ? after.changedAtSeconds : 0, after.server.toLowerCase(), after.sequence] as const)
  return all
    .flatMap(of => of.versions.filter(kept => search === undefined || kept.search.includes(search)).map(kept => shown(of, kept)))
    .filter(({ standing }) => (standing === 'quarantined') === (waiting === true) && (standing !== 'revoked' || withRevoked || isByChange))
    .filter(entry => (version === 'latest' ? entry.isLatest : version === undefined || entry.version === version))
    .filter(({ changedAtSeconds }) => sinceSeconds === undefined || changedAtSeconds >= sinceSeconds)
    .filter(({ name }) => {
      const key = name.toLowerCase()
      return !view || view.servers.includes(key) || view.namespaces.includes(key.split('/')[0] ?? '')
    })
    .filter(entry => !from || compare(place(entry), from) > 0)
    .sort((a, b) => compare(place(a), place(b)))
    .slice(0, limit)
}
