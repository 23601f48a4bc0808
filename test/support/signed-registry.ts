// A gateway whose registry verifies by keys that the test holds: a publisher's, a reviewer's, and people with roles.

import { generateKeyPairSync, hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signPayload } from '../../src/adapters/sigstore/sign.ts'
import { canonicalJsonOf } from '../../src/kernel/canonical-json.ts'
import { surfaceDigest, writeReview } from '../../src/trust/review.ts'
import type { SignedSurface } from '../../src/trust/statement.ts'
import { send, type Answer } from '../attacks/wire.ts'
import { startTestGateway, type TestGateway } from './gateway.ts'

const VERIFIER = 'https://reviewers.example/security'
const SURFACE: SignedSurface = { mode: 'subset', instructions: null, tools: {}, prompts: {}, resources: {}, resourceTemplates: {} }

export type SignedRegistry = {
  readonly gateway: TestGateway
  readonly folder: string
  /** an operator `root`, publishers `pat` (of com.example) and `mallory`, an auditor `ann` */
  call(method: string, path: string, body?: string | object, who?: string): Promise<Answer>
  /** a reviewer's bundle for a server.json (text) */
  review(serverJson: string): Promise<string>
  stop(): Promise<void>
}

/** As a proxy in front sends it on, where the gateway has a name of its own. */
export const behindProxy = ({ url, snapshot: { publicUrl } }: TestGateway): Readonly<Record<string, string>> =>
  publicUrl === url ? {} : { host: new URL(publicUrl).host, 'x-forwarded-for': '192.0.2.1' }

/** `config`: further members of the configuration, `registry` beside its policies. */
export async function startSignedRegistry(
  config: { readonly registry?: object; readonly [member: string]: unknown } = {},
): Promise<SignedRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-signed-'))
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = join(folder, 'reviewer.pem')
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const signer = {
    mode: 'key',
    keys: [{ publicKey: publicKey.export({ type: 'spki', format: 'pem' }), validFor: { start: '2020-01-01T00:00:00Z' } }],
  }
  writeFileSync(join(folder, 'policies.json'), JSON.stringify({ version: 1, namespaces: {}, reviewers: [{ verifier: VERIFIER, signer }] }))
  const { registry, ...more } = config
  const gateway = await startTestGateway({
    operators: ['root'],
    administration: { twoPerson: false, roles: { publisher: { subjects: ['pat', 'mallory'] }, auditor: { subjects: ['ann'] } } },
    registry: { trust: { policies: join(folder, 'policies.json') }, ...registry },
    ...more,
  })
  const call: SignedRegistry['call'] = async (method, path, body, who) => {
    const authorization = who === undefined ? undefined : `Bearer ${await gateway.token('/admin', { sub: who })}`
    return send(Number(new URL(gateway.url).port), {
      method,
      path,
      headers: {
        authorization,
        ...behindProxy(gateway),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  }
  const owned = await call('POST', '/admin/namespaces/register', { target: 'com.example pat', why: 'ours' }, 'root')
  if (owned.status !== 200) throw new Error(JSON.stringify(owned.body))
  return {
    gateway,
    folder,
    call,
    async review(serverJson) {
      const {
        name,
        version,
        packages = [],
      } = JSON.parse(serverJson) as {
        name: string
        version: string
        packages?: readonly { registryType: string; identifier: string; version: string }[]
      }
      const payload = writeReview({
        subjects: [
          { name: 'server.json', digest: { sha256: hash('sha256', canonicalJsonOf(serverJson) ?? '') } },
          ...packages.map(({ registryType, identifier, version: at }) => ({
            name: `pkg:${registryType}/${identifier.replace('@', '%40')}@${at}`,
            digest: registryType === 'npm' ? { sha512: hash('sha512', identifier + at) } : { sha256: hash('sha256', identifier + at) },
          })),
          ...(packages.some(({ registryType }) => registryType === 'npm')
            ? [{ name: 'package-lock.json', digest: { sha256: hash('sha256', 'lock') } }]
            : []),
          { name: 'surface', digest: { sha256: surfaceDigest(SURFACE) } },
        ],
        server: { name, version },
        verifierId: VERIFIER,
        timeVerified: '2026-01-01T00:00:00Z',
        policy: { uri: 'https://reviewers.example/rules', digest: hash('sha256', 'rules') },
        inputs: [],
      })
      return (await signPayload(payload, { kind: 'file', file: key }, {})).bundle.toString().trim()
    },
    async stop() {
      await gateway.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
