// A server version as publisher and reviewer sign it with real keys, and a registry whose every text an attacker may write.

import { generateKeyPairSync, hash, createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signPayload } from '../../src/adapters/sigstore/sign.ts'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { surfaceDigest, writeReview, type ReviewStatement } from '../../src/trust/review.ts'
import { hintOf } from '../../src/trust/signer-policy.ts'
import { writeServerStatement, type ServerStatement, type SignedSurface, type Subject } from '../../src/trust/statement.ts'
import type { VersionSource } from '../../src/trust/version-source.ts'

export const NAME = 'com.example/weather'
const VERIFIER = 'https://reviewers.example/security'
const FAR = '2100-01-01T00:00:00Z'
export const LOCK = 'the lock file'
export const TARBALL = 'the tarball'
export const SURFACE: SignedSurface = {
  mode: 'subset',
  instructions: null,
  tools: { forecast: hash('sha256', 'forecast') },
  prompts: {},
  resources: {},
  resourceTemplates: {},
}
export const sha256 = (bytes: string | Buffer): string => hash('sha256', bytes)

export const npmPackage = (more: object = {}): object => ({
  registryType: 'npm',
  identifier: '@example/weather',
  version: '1.0.0',
  transport: { type: 'stdio' },
  environmentVariables: [{ name: 'WEATHER_KEY', isSecret: true }],
  ...more,
})
export const serverJson = (version: string, more: object = {}): string =>
  JSON.stringify({ name: NAME, description: 'Weather.', version, packages: [npmPackage()], ...more })

/** What a statement is about: server.json, the npm package with its lock file. */
export function subjectsOf(
  json: string,
  { tarball = TARBALL, lock = LOCK }: { tarball?: string | Buffer; lock?: string } = {},
): readonly Subject[] {
  const { packages = [] } = JSON.parse(json) as { packages?: { registryType: string; identifier: string; version: string }[] }
  return [
    { name: 'server.json', digest: { sha256: sha256(canonicalJsonOf(json) ?? '') } },
    ...packages
      .filter(({ registryType }) => registryType === 'npm')
      .flatMap(({ identifier, version }) => [
        { name: `pkg:npm/${identifier.replace('@', '%40')}@${version}`, digest: { sha512: hash('sha512', tarball) } },
        { name: 'package-lock.json', digest: { sha256: sha256(lock) } },
      ]),
  ]
}

type Signing = { readonly key?: KeyName }
type KeyName = 'publisher' | 'reviewer' | 'stranger'

export class Signers {
  readonly folder = mkdtempSync(join(tmpdir(), 'gatehouse-signers-'))
  readonly pems = {} as Record<KeyName, string>
  readonly #registry: () => string

  constructor(registry: () => string = () => 'local') {
    this.#registry = registry
    for (const name of ['publisher', 'reviewer', 'stranger'] as const) {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519')
      writeFileSync(this.file(name), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
      this.pems[name] = publicKey.export({ type: 'spki', format: 'pem' }) as string
    }
  }
  file = (name: KeyName): string => join(this.folder, `${name}.pem`)
  hint = (name: KeyName): string => hintOf(createPublicKey(this.pems[name]).export({ type: 'spki', format: 'der' }))
  signer = (name: KeyName, validFor: object = {}): object => ({
    mode: 'key',
    keys: [{ publicKey: this.pems[name], validFor: { start: '2020-01-01T00:00:00Z', ...validFor } }],
  })
  /** a policy file: our namespace signs with its key, one reviewer */
  policies = (more: object = {}): string =>
    JSON.stringify({
      version: 1,
      namespaces: { 'com.example': this.signer('publisher') },
      reviewers: [{ verifier: VERIFIER, signer: this.signer('reviewer') }],
      ...more,
    })
  sign = async (payload: Buffer, key: KeyName): Promise<string> =>
    (await signPayload(payload, { kind: 'file', file: this.file(key) }, {})).bundle.toString().trim()

  async publish(
    json: string,
    sequence: number,
    { key = 'publisher', ...change }: Signing & Partial<ServerStatement> = {},
  ): Promise<string> {
    const { name, version, remotes = [] } = JSON.parse(json) as { name: string; version: string; remotes?: { url: string }[] }
    const statement: ServerStatement = {
      subjects: subjectsOf(json),
      server: { name, version, sequence },
      registry: this.#registry(),
      previous: null,
      notAfter: FAR,
      surface: SURFACE,
      remotes: remotes.map(({ url }) => ({ url })),
      launch: { envNames: ['WEATHER_KEY'], egress: [] },
      ...change,
    }
    return this.sign(writeServerStatement(statement), key)
  }

  async review(
    json: string,
    { key = 'reviewer', surface = SURFACE, ...change }: Signing & Partial<ReviewStatement> & { surface?: SignedSurface } = {},
  ): Promise<string> {
    const { name, version } = JSON.parse(json) as { name: string; version: string }
    const statement: ReviewStatement = {
      subjects: [...subjectsOf(json), { name: 'surface', digest: { sha256: surfaceDigest(surface) } }],
      server: { name, version },
      verifierId: VERIFIER,
      timeVerified: '2026-01-01T00:00:00Z',
      policy: { uri: 'https://reviewers.example/rules', digest: sha256('rules') },
      inputs: [],
      ...change,
    }
    return this.sign(writeReview(statement), key)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A registry as its database has it. */
export class MemorySource implements VersionSource {
  readonly versions = new Map<string, { json: string; bundles: string[]; isRevoked?: boolean }>()
  readonly documents: Buffer[] = [Buffer.from(LOCK)]
  failure: Error | undefined

  put(version: string, json: string, ...bundles: string[]): void {
    this.versions.set(version, { json, bundles })
  }
  find: VersionSource['find'] = (_, version) => {
    if (this.failure) return Promise.reject(this.failure)
    const found = this.versions.get(version)
    return Promise.resolve(
      found && {
        serverJson: Buffer.from(found.json),
        bundles: found.bundles.map(text => Buffer.from(text)),
        isRevoked: found.isRevoked ?? false,
      },
    )
  }
  /** whatever has the digest, or is a surface that has; the last one where nothing has, as an attacker would answer */
  document: VersionSource['document'] = (_, __, { sha256: wanted }) =>
    Promise.resolve(this.documents.find(bytes => sha256(bytes) === wanted || surfaceIn(bytes) === wanted) ?? this.documents.at(-1))
}

function surfaceIn(bytes: Buffer): string | undefined {
  try {
    return sha256(canonicalJsonOf(bytes.toString()) ?? '')
  } catch {
    return undefined // a lock file
  }
}
