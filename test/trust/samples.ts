// A server version as a publisher would sign it, and the parts of a world in which it counts.

import { generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import type { Presented } from '../../src/trust/binding.ts'
import { isDenial } from '../../src/trust/denial.ts'
import { surfaceDigest, type ReviewStatement } from '../../src/trust/review.ts'
import { readServerJson, type ServerDocument } from '../../src/trust/server-json.ts'
import { readTrustPolicies, type TrustPolicies } from '../../src/trust/signer-policy.ts'
import type { ServerStatement, SignedSurface } from '../../src/trust/statement.ts'

export const NOW = Date.UTC(2026, 10, 26, 21, 0, 0)
export const PURL = 'pkg:npm/%40acme/weather@1.2.0'
export const ISSUER = 'https://token.actions.githubusercontent.com'
export const SAN = 'https://github.com/acme/weather/.github/workflows/release.yml@refs/tags/v1.2.0'
export const CLAIMS = { ownerId: '182', repositoryId: '890', runner: 'github-hosted' }

export const sha256 = (bytes: Buffer | string): string => hash('sha256', bytes)
export const sha512 = (bytes: Buffer | string): string => hash('sha512', bytes)

export const serverObject = (change: object = {}): object => ({
  $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
  name: 'io.github.acme/weather',
  description: 'Weather',
  version: '1.2.0',
  packages: [
    {
      registryType: 'npm',
      identifier: '@acme/weather',
      version: '1.2.0',
      transport: { type: 'stdio' },
      environmentVariables: [{ name: 'WEATHER_KEY', isSecret: true }],
    },
  ],
  ...change,
})
export const serverJson = (change: object = {}): Buffer => Buffer.from(JSON.stringify(serverObject(change), null, 2))

export const SURFACE: SignedSurface = {
  mode: 'subset',
  instructions: sha256('be kind'),
  tools: { forecast: sha256('forecast'), now: sha256('now') },
  prompts: {},
  resources: {},
  resourceTemplates: {},
}
const TARBALL = 'the tarball'
const LOCK = 'the lock file'

export const presented = (change: Partial<Presented> = {}): Presented & { readonly surface: SignedSurface } => ({
  serverJson: serverJson(),
  artifacts: new Map([[PURL, sha512(TARBALL)]]),
  locks: new Map([['package-lock.json', sha256(LOCK)]]),
  surface: SURFACE,
  ...change,
})

export function documentOf(bytes: Buffer): ServerDocument {
  const document = readServerJson(bytes)
  if (isDenial(document)) throw new Error(document.detail)
  return document
}

export const statement = (change: Partial<ServerStatement> = {}): ServerStatement => ({
  subjects: [
    { name: 'server.json', digest: { sha256: documentOf(serverJson()).digest } },
    { name: PURL, digest: { sha512: sha512(TARBALL) } },
    { name: 'package-lock.json', digest: { sha256: sha256(LOCK) } },
  ],
  server: { name: 'io.github.acme/weather', version: '1.2.0', sequence: 7 },
  registry: 'local',
  previous: sha256('the statement before'),
  notAfter: '2027-11-26T00:00:00Z',
  surface: SURFACE,
  remotes: [],
  launch: { envNames: ['WEATHER_KEY'], egress: ['api.weather.example:443'] },
  ...change,
})

export const VERIFIER_ID = 'https://acme.example/reviewers/rita'
export const review = (change: Partial<ReviewStatement> = {}): ReviewStatement => ({
  subjects: [...statement().subjects, { name: 'surface', digest: { sha256: surfaceDigest(SURFACE) } }],
  server: { name: 'io.github.acme/weather', version: '1.2.0' },
  verifierId: VERIFIER_ID,
  timeVerified: '2026-11-26T20:00:00Z',
  policy: { uri: 'https://acme.example/review-rules', digest: sha256('the rules') },
  inputs: [],
  ...change,
})

export const keyless = (change: object = {}): object => ({
  mode: 'keyless',
  identities: [
    {
      issuer: ISSUER,
      sanPattern: 'https://github.com/acme/weather/.github/workflows/release.yml@refs/tags/v*',
      claims: CLAIMS,
      ...change,
    },
  ],
})
export type Curve = 'P-256' | 'P-384' | 'ed25519'
export function keyPair(curve: Curve = 'P-256'): { readonly publicKey: string; readonly privateKey: KeyObject } {
  const { publicKey, privateKey } = curve === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: curve })
  return { publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string, privateKey }
}
export const keyed = (publicKey: string, change: object = {}, validFor: object = { start: '2026-01-01T00:00:00Z' }): object => ({
  mode: 'key',
  keys: [{ publicKey, validFor }],
  ...change,
})

export const policies = (file: {
  readonly namespaces?: object
  readonly reviewers?: object[]
  readonly revocations?: object[]
}): TrustPolicies => readTrustPolicies(Buffer.from(JSON.stringify({ version: 1, namespaces: {}, ...file })))

/** The one text of `value`; members that are undefined are left out. */
export const canonical = (value: unknown): Buffer => Buffer.from(canonicalJson(JSON.parse(JSON.stringify(value))) ?? '')

/** The rule of a denial, or what was believed instead. */
export const ruleOf = (answer: object | undefined): unknown => (answer && isDenial(answer) ? answer.rule : (answer ?? 'believed'))
