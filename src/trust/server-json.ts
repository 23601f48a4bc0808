// What of a server.json concerns signatures: its name, its one digest, and which artifacts and remotes a statement has to cover.

import { hash } from 'node:crypto'
import { canonicalJsonOf } from '../kernel/canonical-json.ts'
import { deny, shown, type Denial } from './denial.ts'
import { jsonAt, listAt, objectAt, reading, SHA256, textAt, VISIBLE, wrong, type Members, type TextRule } from './shape.ts'
import { SERVER_NAME, SERVER_VERSION } from './statement.ts'

/** Largest server.json, in bytes. */
export const MAX_SERVER_JSON_BYTES = 256 * 1024
const MAX_PACKAGES = 32

/** An artifact by its package URL; `lock`: the lock file that has to be signed beside it. */
export type NeededArtifact = {
  readonly purl: string
  readonly algorithm: 'sha256' | 'sha512'
  readonly digest?: string
  readonly lock?: string
}

export type ServerDocument = {
  readonly name: string
  readonly version: string
  /** SHA-256 of its canonical JSON: white space and key order do not count */
  readonly digest: string
  readonly artifacts: readonly NeededArtifact[]
  readonly remotes: readonly string[]
  /** environment variables it declares */
  readonly envNames: readonly string[]
}

const NPM_NAME: TextRule = {
  pattern: /^(?:@[a-z0-9~-][a-z0-9._~-]{0,99}\/)?[a-z0-9~-][a-z0-9._~-]{0,199}$/,
  what: 'the name of an npm package',
}
const PYPI_NAME: TextRule = { pattern: /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?$/, what: 'the name of a PyPI package' }
const OCI_REFERENCE: TextRule = {
  pattern: /^[a-z0-9][a-z0-9._/:-]{0,254}@sha256:[0-9a-f]{64}$/,
  what: 'an image by its digest, `...@sha256:...`; tags move',
}
const MCPB_URL: TextRule = { pattern: /^https:\/\/[!-~]{1,2000}$/, what: 'the https URL of an MCPB file' }

/** Three numbers (semver.org): `1`, `1.x` and `next` are ranges and tags to npm. */
const NPM_VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,16}(?:-[0-9A-Za-z.-]{1,100})?(?:\+[0-9A-Za-z.-]{1,100})?$/
const PYPI_VERSION = /^\d[0-9A-Za-z.!+_-]{0,100}$/
const unpinned = (path: string): Denial =>
  deny('version-unpinned', `${path}.version: expected one exact version, got a range, a tag or none`)

/** Reads the parts named above and leaves the rest to the schema. Hostile values elsewhere are covered by the digest and never interpreted here. */
export function readServerJson(bytes: Buffer): ServerDocument | Denial {
  if (bytes.length > MAX_SERVER_JSON_BYTES)
    return deny('server-mismatch', `expected a server.json of at most ${MAX_SERVER_JSON_BYTES} bytes`)
  return reading(
    () => {
      const document = objectAt(jsonAt(bytes, 'server.json'), 'server.json')
      const name = textAt(document['name'], 'name', SERVER_NAME)
      const version = document['version']
      if (typeof version !== 'string' || !SERVER_VERSION.pattern.test(version))
        return deny('version-unpinned', 'version: expected one exact version, got a range, a tag or none')
      const packages = listAt(document['packages'] ?? [], 'packages', MAX_PACKAGES).map((each, i) => objectAt(each, `packages[${i}]`))
      const artifacts: NeededArtifact[] = []
      for (const [i, each] of packages.entries()) {
        const artifact = artifactOf(each, `packages[${i}]`)
        if ('denied' in artifact) return artifact
        artifacts.push(artifact)
      }
      if (new Set(artifacts.map(artifact => artifact.purl)).size !== artifacts.length) throw wrong('packages', 'each artifact once')
      return {
        name,
        version,
        digest: hash('sha256', canonicalJsonOf(bytes.toString('utf8')) ?? ''),
        artifacts,
        remotes: listAt(document['remotes'] ?? [], 'remotes', MAX_PACKAGES).map((each, i) =>
          textAt(objectAt(each, `remotes[${i}]`)['url'], `remotes[${i}].url`, VISIBLE),
        ),
        envNames: packages.flatMap((each, i) => envNamesOf(each, `packages[${i}]`)),
      }
    },
    detail => deny('server-mismatch', `server.json: ${detail}`),
  )
}

/** Package URLs (ECMA-427): what a subject of an artifact is called. */
function artifactOf(given: Members, path: string): NeededArtifact | Denial {
  const { registryType: type, version } = given
  switch (type) {
    case 'npm': {
      const name = textAt(given['identifier'], `${path}.identifier`, NPM_NAME)
      if (typeof version !== 'string' || !NPM_VERSION.test(version)) return unpinned(path)
      return { purl: `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`, algorithm: 'sha512', lock: 'package-lock.json' }
    }
    case 'pypi': {
      // PEP 503: names that differ in case and separators are one
      const name = textAt(given['identifier'], `${path}.identifier`, PYPI_NAME)
        .toLowerCase()
        .replaceAll(/[._-]+/g, '-')
      if (typeof version !== 'string' || !PYPI_VERSION.test(version)) return unpinned(path)
      return { purl: `pkg:pypi/${name}@${encodeURIComponent(version)}`, algorithm: 'sha256', lock: 'requirements.txt' }
    }
    case 'oci': {
      const [reference = '', digest = ''] = textAt(given['identifier'], `${path}.identifier`, OCI_REFERENCE).split('@sha256:')
      const name = reference.slice(reference.lastIndexOf('/') + 1).replace(/:.*/, '')
      const purl = `pkg:oci/${name}@sha256%3A${digest}?repository_url=${encodeURIComponent(reference.replace(/:[^/]*$/, ''))}`
      return { purl, algorithm: 'sha256', digest }
    }
    case 'mcpb': {
      const url = textAt(given['identifier'], `${path}.identifier`, MCPB_URL)
      const digest = textAt(given['fileSha256'], `${path}.fileSha256`, SHA256)
      return { purl: `pkg:generic/mcpb?download_url=${encodeURIComponent(url)}`, algorithm: 'sha256', digest }
    }
    default:
      return deny(
        'artifact-unsupported',
        `${path}.registryType: expected npm, pypi, oci or mcpb, got ${typeof type === 'string' ? shown(type) : 'none'}`,
      )
  }
}

function envNamesOf(given: Members, path: string): string[] {
  return listAt(given['environmentVariables'] ?? [], `${path}.environmentVariables`, 256).map((each, i) =>
    textAt(objectAt(each, path)['name'], `${path}.environmentVariables[${i}].name`, VISIBLE),
  )
}
