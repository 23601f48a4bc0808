// A gateway that serves a version of its own registry: published over HTTP by its owner, reviewed, pinned in the configuration, started from a store of artifacts.

import { hash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { modernBody } from '../attacks/world.ts'
import { send, type Answer } from '../attacks/wire.ts'
import { digestOfInstructions, digestOfPrimitive } from '../../src/admission/primitive.ts'
import type { ContentStore, Launchable, WantedArtifact } from '../../src/trust/content.ts'
import { deny, type Denial } from '../../src/trust/denial.ts'
import { surfaceDigest } from '../../src/trust/review.ts'
import type { SignedSurface } from '../../src/trust/statement.ts'
import { ISSUER, startTestGateway, type TestGateway } from './gateway.ts'
import { LOCK, NAME, serverJson, Signers, subjectsOf, TARBALL } from './served.ts'
import { nodeServer } from './upstreams/stdio.ts'

export const PATH = '/servers/weather/mcp'
const digest = (kind: Parameters<typeof digestOfPrimitive>[0], definition: object): string =>
  digestOfPrimitive(kind, JSON.stringify(definition)) ?? ''

/** What upstreams/flipping-stdio.ts shows before it turns. */
export const FLIPPING: SignedSurface = {
  mode: 'subset',
  instructions: digestOfInstructions('Ask for one city at a time.') ?? null,
  tools: {
    get_weather: digest('tool', {
      name: 'get_weather',
      description: 'Tells the weather of a city.',
      annotations: { readOnlyHint: true },
      inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
    }),
  },
  prompts: { greet: digest('prompt', { name: 'greet', description: 'Greets.' }) },
  resources: { 'mem://one': digest('resource', { uri: 'mem://one', name: 'one' }) },
  resourceTemplates: { 'mem://items/{id}': digest('resourceTemplate', { uriTemplate: 'mem://items/{id}', name: 'items' }) },
}

/** Keeps artifacts as the port promises, from bytes a test lays out: the downloads of a world without a network. */
class MemoryContent implements ContentStore {
  /** what the package registry answers with, by package URL; the tarball otherwise */
  readonly tarballs = new Map<string, string>()
  readonly kept: WantedArtifact[] = []
  /** starts that were asked for */
  checks = 0
  /** what lies on disk is not what was installed */
  tampered: Denial | undefined
  readonly #args: readonly string[]

  constructor(flipAfter = Infinity) {
    this.#args = nodeServer('flipping', String(flipAfter)).args
  }
  keep(wanted: WantedArtifact): Promise<Launchable | Denial> {
    this.kept.push(wanted)
    const bytes = this.tarballs.get(wanted.artifact.purl) ?? TARBALL
    if (hash('sha512', bytes) !== wanted.digest || wanted.lock?.bytes.toString() !== LOCK)
      return Promise.resolve(deny('artifact-mismatch', `the bytes of \`${wanted.artifact.purl}\` are not those that were signed`))
    const launchable = {
      command: process.execPath,
      args: [...this.#args, ...(wanted.ownArgs ?? [])],
      cwd: process.cwd(),
      folder: process.cwd(),
    }
    return Promise.resolve({ ...launchable, treeDigest: wanted.digest })
  }
  check(): Promise<Denial | undefined> {
    this.checks += 1
    return Promise.resolve(this.tampered)
  }
}

export type ServedGateway = Awaited<ReturnType<typeof startServed>>

/** `registry`: how the registry is configured, given the policies of those who sign. `packed`: artifacts come from a registry of packages over HTTP and lie in a real folder; what was signed is this tarball with this lock file. */
type ServedOptions = {
  /** people sign in at the gateway itself */
  readonly identity?: { readonly login: Readonly<Record<string, unknown>>; readonly authorizationServer: Readonly<Record<string, unknown>> }
  readonly flipAfter?: number
  readonly config?: object
  readonly registry?: (policies: string) => object | Promise<object>
  readonly packed?: { readonly npm: string; readonly tarball: Buffer; readonly lock: string }
}

export async function startServed({ flipAfter = Infinity, config = {}, registry, packed, identity }: ServedOptions = {}) {
  let url = ''
  const signers = new Signers(() => url)
  const content = new MemoryContent(flipAfter)
  const policies = join(signers.folder, 'policies.json')
  writeFileSync(policies, signers.policies())
  const base = {
    operators: [`${ISSUER} root`],
    administration: { twoPerson: false, roles: { publisher: { subjects: [`${ISSUER} pat`] } } },
    registry: { ...((await registry?.(signers.policies())) ?? { trust: { policies } }), ...(packed && { artifacts: { npm: packed.npm } }) },
    ...config,
  }
  const { lock = LOCK, tarball = TARBALL } = packed ?? {}
  const running: TestGateway = await startTestGateway(base, { ...identity, ...(!packed && { content }) })
  url = running.snapshot.publicUrl
  const post = async (path: string, body: string, who: string): Promise<Answer> =>
    send(Number(new URL(running.url).port), {
      method: 'POST',
      path,
      headers: { authorization: `Bearer ${await running.token('/admin', { sub: who })}`, 'content-type': 'application/json' },
      body,
    })
  const owned = await post('/admin/namespaces/register', JSON.stringify({ target: `com.example ${ISSUER} pat`, why: 'ours' }), 'root')
  if (owned.status !== 200) throw new Error(owned.text)

  /** publishes as the owner, with what publisher and reviewer sign; bundles can be given instead */
  async function publish(version: string, sequence: number, more: { json?: string; bundles?: readonly string[] } = {}): Promise<Answer> {
    const json = more.json ?? serverJson(version)
    const subjects = subjectsOf(json, { tarball, lock })
    const surface = { name: 'surface', digest: { sha256: surfaceDigest(FLIPPING) } }
    const bundles = more.bundles ?? [
      await signers.publish(json, sequence, { surface: FLIPPING, subjects }),
      await signers.review(json, { surface: FLIPPING, subjects: [...subjects, surface] }),
    ]
    const locks = JSON.stringify({ 'package-lock.json': lock })
    return post('/v1/publish', `{"serverJson":${json},"bundles":[${bundles.join(',')}],"locks":${locks}}`, 'pat')
  }
  const pinned = (version: string, server: object = {}, more: object = {}) => ({
    ...base,
    upstreams: {
      weather: {
        server: { name: NAME, version, ...server },
        allow: [{ subjects: ['*'], tools: ['*'], prompts: ['*'], resources: ['*'] }],
        ...more,
      },
    },
  })
  const ask = async (method: string, params: any = {}, sub = 'alice'): Promise<Answer> =>
    send(Number(new URL(running.url).port), {
      path: PATH,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${await running.token(PATH, { sub })}`,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        'mcp-name': params.name ?? params.uri,
      },
      body: modernBody(method, params),
    })
  return {
    running,
    signers,
    content,
    policies,
    base,
    pinned,
    publish,
    post,
    ask,
    call: (sub?: string) => ask('tools/call', { name: 'get_weather', arguments: { city: 'Ulm' } }, sub),
    revoke: (kind: string, target: string) =>
      post('/v1/revocations', JSON.stringify({ kind, target, reason: 'malware', action: 'block' }), 'root'),
    events: (what: string) => running.events().filter(e => e['what'] === what),
    async stop() {
      await running.stop()
      signers.remove()
    },
  }
}
