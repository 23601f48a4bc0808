// `npm run seeds`: makes the seeds in registry/servers anew: asks the configured npm registry what was published, starts each server to record what it lists,
// and signs a review of all of it with a key that is made for this and thrown away. `git diff` is the review; registry/README.md says what it means.

import { execFile } from 'node:child_process'
import { generateKeyPairSync, hash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { signPayload } from '../src/adapters/sigstore/sign.ts'
import { canonicalJsonOf } from '../src/kernel/canonical-json.ts'
import { surfaceDigest, writeReview } from '../src/trust/review.ts'
import { readSurface } from '../src/trust/statement.ts'

const REPOSITORY = resolve(import.meta.dirname, '..')
const REGISTRY = join(REPOSITORY, 'registry')
const CLI = join(REPOSITORY, 'src/cli.ts')
const VERIFIER = 'https://gatehouse.example/reviewers/seeds'
const SCHEMA = 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json'
/** Before it no such key was made; a clock that is somewhat behind does not keep the seeds out. */
const START = '2026-01-01T00:00:00Z'
const run = promisify(execFile)
const LARGE = { maxBuffer: 64 * 1024 * 1024 }

/** What is published of each says the rest. `args`: to start it once; `more`: how it is started elsewhere. */
type Wanted = {
  readonly identifier: string
  readonly title: string
  readonly args: (empty: string) => readonly string[]
  readonly more: object
}
const WANTED: readonly Wanted[] = [
  {
    identifier: '@modelcontextprotocol/server-everything',
    title: 'Everything',
    args: () => ['stdio'],
    more: {
      packageArguments: [{ type: 'positional', value: 'stdio' }],
      environmentVariables: [
        {
          name: 'GZIP_ALLOWED_DOMAINS',
          description: 'Domains that gzip-file-as-resource may fetch from, separated by commas; any without it.',
        },
        { name: 'GZIP_MAX_FETCH_SIZE', description: 'The most bytes that it fetches.', format: 'number' },
        { name: 'GZIP_MAX_FETCH_TIME_MILLIS', description: 'The longest time that it fetches.', format: 'number' },
      ],
    },
  },
  {
    identifier: '@modelcontextprotocol/server-filesystem',
    title: 'Filesystem',
    args: empty => [empty],
    more: {
      packageArguments: [
        {
          type: 'positional',
          valueHint: 'directory',
          description: 'A directory that may be read and written.',
          format: 'filepath',
          isRequired: true,
          isRepeated: true,
        },
      ],
    },
  },
  {
    identifier: '@modelcontextprotocol/server-memory',
    title: 'Memory',
    args: () => [],
    more: { environmentVariables: [{ name: 'MEMORY_FILE_PATH', description: 'The file that memories are kept in.', format: 'filepath' }] },
  },
  {
    identifier: '@modelcontextprotocol/server-sequential-thinking',
    title: 'Sequential thinking',
    args: () => [],
    more: {
      environmentVariables: [{ name: 'DISABLE_THOUGHT_LOGGING', description: 'Whether thoughts stay out of the log.', format: 'boolean' }],
    },
  },
]

const work = await mkdtemp(join(tmpdir(), 'gatehouse-seeds-'))
try {
  const key = join(work, 'reviewer.key')
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const { devDependencies } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8')) as Manifest
  for (const wanted of WANTED) await record(wanted, devDependencies[wanted.identifier] ?? '')
  // All of them anew, those of earlier versions too: nobody can sign with the key of last time.
  for (const place of await versions()) await review(place, key)
  const signer = { mode: 'key', keys: [{ publicKey: publicKey.export({ type: 'spki', format: 'pem' }), validFor: { start: START } }] }
  await write(join(REGISTRY, 'policies.json'), { version: 1, namespaces: {}, reviewers: [{ verifier: VERIFIER, signer }] })
  process.stdout.write('signed with a key that is gone now; its public half is in registry/policies.json\n')
} finally {
  await rm(work, { recursive: true, force: true })
}

type Manifest = { readonly devDependencies: Readonly<Record<string, string>> }
type Published = { readonly mcpName: string; readonly description: string; readonly 'dist.integrity': string }

/** What was published under this version, its lock file, and what the server lists when it is started from exactly these. */
async function record({ identifier, title, args, more }: Wanted, version: string): Promise<void> {
  const seen = await npm(work, 'view', `${identifier}@${version}`, 'mcpName', 'description', 'dist.integrity', '--json')
  const published = JSON.parse(seen) as Published
  const name = published.mcpName
  const place = join(REGISTRY, 'servers', name, version)
  const project = join(work, name.replace('/', '.'))
  await mkdir(project)
  await write(join(project, 'package.json'), { name: 'seed', version: '1.0.0', private: true, dependencies: { [identifier]: version } })
  await npm(project, 'install', '--package-lock-only', '--ignore-scripts', '--omit-lockfile-registry-resolved')
  await npm(project, 'ci', '--ignore-scripts')
  const lock = await readFile(join(project, 'package-lock.json'), 'utf8')
  const { packages } = JSON.parse(lock) as { packages: Record<string, { integrity?: string; resolved?: string }> }
  if (packages[`node_modules/${identifier}`]?.integrity !== published['dist.integrity']) throw new Error(`${identifier}: two integrities`)
  if (Object.values(packages).some(({ resolved }) => resolved !== undefined)) throw new Error(`${identifier}: the lock file names a host`)
  await rm(place, { recursive: true, force: true })
  await mkdir(place, { recursive: true })
  await writeFile(join(place, 'package-lock.json'), lock)
  await write(join(place, 'server.json'), {
    $schema: SCHEMA,
    name,
    title,
    description: published.description,
    repository: { url: 'https://github.com/modelcontextprotocol/servers', source: 'github' },
    version,
    packages: [{ registryType: 'npm', identifier, version, transport: { type: 'stdio' }, ...more }],
  })
  const config = join(project, 'gatehouse.yaml')
  const empty = join(project, 'empty')
  await mkdir(empty)
  const { bin } = JSON.parse(await readFile(join(project, 'node_modules', identifier, 'package.json'), 'utf8')) as {
    bin: Record<string, string>
  }
  const program = join('node_modules', identifier, Object.values(bin)[0] ?? '')
  // JSON is YAML
  await write(config, {
    version: 1,
    dataDir: 'data',
    identity: { issuers: [{ issuer: 'https://issuer.example' }] },
    upstreams: {
      seed: {
        admission: 'configured',
        stdio: { command: process.execPath, args: [program, ...args(empty)], cwd: '.' },
        // Some tools are listed only to hosts that can be asked: a surface has all there are.
        allow: [
          { id: 'seed', subjects: ['*'], serverRequests: ['elicitation.form', 'elicitation.url', 'sampling', 'sampling.tools', 'roots'] },
        ],
      },
    },
  })
  await gatehouse(config, 'server', 'review', 'seed')
  await writeFile(join(place, 'surface.json'), await gatehouse(config, 'server', 'surface', 'seed'))
  await writeFile(join(place, 'definitions.json'), await gatehouse(config, 'server', 'surface', 'seed', '--definitions'))
  process.stdout.write(`${name}@${version}\n`)
}

/** `sequence`: which version of its server it is, by when it came to be a seed. */
type Place = { readonly folder: string; readonly sequence: number }
async function versions(): Promise<readonly Place[]> {
  const places: Place[] = []
  const root = join(REGISTRY, 'servers')
  for (const namespace of await readdir(root))
    for (const name of await readdir(join(root, namespace))) {
      const known = await readdir(join(root, namespace, name))
      const inOrder = known.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      for (const [i, version] of inOrder.entries()) places.push({ folder: join(root, namespace, name, version), sequence: i + 1 })
    }
  return places
}

async function review({ folder, sequence }: Place, file: string): Promise<void> {
  const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8')
  const serverJson = await text('server.json')
  const { name, version, packages } = JSON.parse(serverJson) as { name: string; version: string; packages: { identifier: string }[] }
  const lock = await text('package-lock.json')
  const { packages: locked } = JSON.parse(lock) as { packages: Record<string, { integrity: string }> }
  const payload = writeReview({
    subjects: [
      { name: 'server.json', digest: { sha256: hash('sha256', canonicalJsonOf(serverJson) ?? '') } },
      ...packages.map(({ identifier }) => ({
        name: `pkg:npm/${identifier.replace('@', '%40')}@${version}`,
        digest: {
          sha512: Buffer.from(locked[`node_modules/${identifier}`]?.integrity.replace('sha512-', '') ?? '', 'base64').toString('hex'),
        },
      })),
      { name: 'package-lock.json', digest: { sha256: hash('sha256', lock) } },
      { name: 'surface', digest: { sha256: surfaceDigest(readSurface(Buffer.from(await text('surface.json')))) } },
    ],
    server: { name, version },
    verifierId: VERIFIER,
    timeVerified: new Date(performance.timeOrigin + performance.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    policy: { uri: 'file:rules.md', digest: hash('sha256', await readFile(join(REGISTRY, 'rules.md'))) },
    inputs: [],
    sequence,
  })
  await writeFile(join(folder, 'review.sigstore.json'), (await signPayload(payload, { kind: 'file', file }, {})).bundle)
}

async function npm(cwd: string, ...words: string[]): Promise<string> {
  return (await run('npm', [...words, '--no-audit', '--no-fund'], { cwd, ...LARGE })).stdout
}
async function gatehouse(config: string, ...words: string[]): Promise<string> {
  return (await run(process.execPath, [CLI, ...words, '--config', config], LARGE)).stdout
}
function write(file: string, value: object): Promise<void> {
  return writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`)
}
