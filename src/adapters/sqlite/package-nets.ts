// Where the packages of a version are looked for when an advisory comes (registry_version_packages): a wide net, what it catches is compared exactly.

import type { Ecosystem } from '../../registry/advisories/ecosystems.ts'
import { lockedPackages } from '../../registry/advisories/locked.ts'
import type { StoredDocument } from '../../registry/documents.ts'
import type { Statement } from './state-db.ts'

type Kind = Exclude<Ecosystem, 'MCP'>
const TYPES: Readonly<Record<Kind, string>> = { npm: 'npm', PyPI: 'pypi', NuGet: 'nuget', OCI: 'oci' }

/** As the trigger of 0008_advisories.sql writes it. An image's net holds tag and digest behind its name. */
export function netOf(ecosystem: Kind, name: string): readonly [type: string, from: string, to: string] {
  const net = ecosystem === 'npm' ? name : ecosystem === 'PyPI' ? name.toLowerCase().replace(/[-_.]/g, '') : name.toLowerCase()
  return [TYPES[ecosystem], net, ecosystem === 'OCI' ? `${net}\x7f` : net]
}

/** For what a kept lock file pins; in a transaction in which its version is there. */
export function lockNets(name: string, version: string, documents: readonly StoredDocument[]): Statement[] {
  const nets = documents
    .filter(({ kind }) => kind.startsWith('lock:'))
    .flatMap(({ kind, content }) => lockedPackages({ kind, text: content.toString('utf8') }))
    .flatMap(({ ecosystem, name: of }) => (ecosystem === 'MCP' ? [] : [netOf(ecosystem, of).slice(0, 2)]))
  if (nets.length === 0) return []
  const sql = `INSERT OR IGNORE INTO registry_version_packages (ecosystem, net, server, version)
    SELECT w.value ->> 0, w.value ->> 1, n.name, ? FROM registry_servers n, json_each(?) w WHERE n.name = ?`
  return [{ sql, params: [version, JSON.stringify(nets), name] }]
}
