// Where the supply-chain demo works: a folder with the keys of a publisher and a reviewer, a registry of npm packages, and versions as a publisher makes them.

import { generateKeyPairSync, hash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../kernel/errors.ts'
import { serveNpm, type NpmRegistry } from '../artifacts/npm-registry.ts'
import { lockFileOf, packFiles, packInstalled, type PackedPackage } from '../artifacts/pack.ts'

/** Runs one command line of `gatehouse`; `cwd` is where it is typed. */
export type Gatehouse = (
  argv: readonly string[],
  cwd: string,
) => Promise<{ readonly code: number; readonly out: string; readonly err: string }>

export const SERVER = 'com.example/notes'
const PACKAGE = '@example/notes'
const REAL = '@modelcontextprotocol/server-memory'
const REVIEWER = 'https://example.com/reviewers/rita'
const RULES = 'Each definition was read; each does what it says; hints are not kinder than the tool.\n'

export type Workshop = {
  readonly folder: string
  readonly npm: NpmRegistry
  /** the commands that were run, as a person would type them, each with what it answered first */
  readonly log: string[]
  /** a version, packed, signed by its publisher, published, and admitted by a reviewer's signature */
  release(version: string, sequence: number): Promise<void>
  /** the tarball of a version */
  tarballOf(version: string): Buffer
}

/** `examples`: examples/supply-chain of the repository at `root`. `config`: the gateway's configuration, whose `policies.json` is written beside it. */
export async function openWorkshop(
  run: Gatehouse,
  {
    folder,
    root,
    examples,
    publicUrl,
  }: { readonly folder: string; readonly root: string; readonly examples: string; readonly publicUrl: string },
): Promise<Workshop> {
  const dependencies = packInstalled(root, REAL)
  const npm = await serveNpm(dependencies)
  const keys = { publisher: await keyIn(folder, 'publisher'), reviewer: await keyIn(folder, 'rita') }
  await writeFile(join(folder, 'policies.json'), policies(keys))
  await writeFile(join(folder, 'rules.md'), RULES)
  const log: string[] = []
  const tarballs = new Map<string, Buffer>()
  const config = join(folder, 'gatehouse.yaml')
  const type = async (argv: readonly string[], cwd: string): Promise<string> => {
    const { code, out, err } = await run(argv, cwd)
    if (code !== 0) throw new Fault('demo-command', `gatehouse ${argv.join(' ')}: ${err || out}`)
    return out
  }
  /** typed and shown, without what only the demo needs */
  const shown = async (argv: readonly string[], cwd: string, own: readonly string[] = []): Promise<string> => {
    const out = await type([...argv, ...own], cwd)
    log.push(`$ gatehouse ${argv.map(word => word.replace(`${folder}/`, '')).join(' ')}`, `  ${out.split('\n')[0] ?? ''}`)
    return out
  }
  const surface = await surfaceFiles(type, { folder, examples })
  let previous: string | undefined

  async function release(version: string, sequence: number): Promise<void> {
    const place = join(folder, 'releases', version)
    await mkdir(place, { recursive: true })
    const packed = await packedNotes(examples, version)
    const tarball = `notes-${version}.tgz`
    const files = {
      'server.json': (await readFile(join(examples, 'notes/server.json'), 'utf8')).replaceAll('"1.0.0"', JSON.stringify(version)),
      'package-lock.json': lockFileOf([packed, ...dependencies]),
      'surface.json': surface.digests,
      'definitions.json': surface.definitions,
      [tarball]: packed.tarball,
    }
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(place, name), bytes)
    npm.put(PACKAGE, version, packed.tarball)
    tarballs.set(version, packed.tarball)
    const signed = ['--artifact', tarball, '--lock', 'package-lock.json', '--surface', 'surface.json']
    const statement = ['sign', '--registry', publicUrl, ...signed, '--sequence', String(sequence), '--key', join(folder, 'publisher.pem')]
    const out = await shown(previous === undefined ? statement : [...statement, '--previous', previous], place)
    previous = /--previous ([0-9a-f]{64})/.exec(out)?.[1]
    await shown(['publish'], place, ['--user', 'pat', '--config', config])
    const review = ['--verifier', REVIEWER, '--rules', join(folder, 'rules.md'), '--key', join(folder, 'rita.pem')]
    await shown(['sign', 'review', ...signed, '--input', 'server.json.sigstore.json', ...review], place)
    const bundle = 'server.json.review.sigstore.json'
    await shown(['registry', 'attest', `${SERVER}@${version}`, bundle], place, ['--user', 'olga', '--config', config])
  }

  return {
    folder,
    npm,
    log,
    release,
    tarballOf(version) {
      const found = tarballs.get(version)
      if (!found) throw new TypeError(`${version} was not released`)
      return found
    },
  }
}

async function packedNotes(examples: string, version: string): Promise<PackedPackage> {
  const manifest = await readFile(join(examples, 'notes/package.json'), 'utf8')
  return packFiles([
    { path: 'package.json', bytes: Buffer.from(manifest.replace('"version": "1.0.0"', `"version": ${JSON.stringify(version)}`)) },
    { path: 'index.js', bytes: await readFile(join(examples, 'notes/index.js')), isExecutable: true },
  ])
}

/** What the publisher says that the server lists: recorded from the working copy, as a job of CI would. */
async function surfaceFiles(
  type: (argv: readonly string[], cwd: string) => Promise<string>,
  { folder, examples }: { readonly folder: string; readonly examples: string },
): Promise<{ readonly digests: string; readonly definitions: string }> {
  const config = join(folder, 'publisher.yaml')
  const settings = {
    version: 1,
    listen: '127.0.0.1:8420',
    dataDir: join(folder, 'publisher'),
    identity: { issuers: [{ issuer: 'https://nobody.example' }] },
    operators: ['nobody'],
    upstreams: {
      notes: {
        stdio: {
          command: process.execPath,
          args: [join(examples, 'notes/index.js')],
          env: { MEMORY_FILE_PATH: join(folder, 'publisher.jsonl') },
        },
        allow: [{ subjects: ['nobody'], tools: ['*'] }],
      },
    },
  }
  // JSON is YAML
  await writeFile(config, JSON.stringify(settings), { mode: 0o600 })
  await mkdir(join(folder, 'publisher'), { mode: 0o700 })
  await type(['server', 'review', 'notes', '--config', config], folder).catch(differs)
  return {
    digests: await type(['server', 'surface', 'notes', '--config', config], folder),
    definitions: await type(['server', 'surface', 'notes', '--definitions', '--config', config], folder),
  }
}
/** Exit code 1 says that there is something to review, which there is. */
function differs(error: unknown): void {
  if (!(error instanceof Fault && error.code === 'demo-command')) throw error
}

type Key = { readonly pem: string }
async function keyIn(folder: string, name: string): Promise<Key> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  await writeFile(join(folder, `${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return { pem: publicKey.export({ type: 'spki', format: 'pem' }) as string }
}

function policies({ publisher, reviewer }: { readonly publisher: Key; readonly reviewer: Key }): string {
  const signer = ({ pem }: Key): object => ({ mode: 'key', keys: [{ publicKey: pem, validFor: { start: '2026-01-01T00:00:00Z' } }] })
  const document = {
    version: 1,
    namespaces: { 'com.example': signer(publisher) },
    reviewers: [{ verifier: REVIEWER, signer: signer(reviewer) }],
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

/** The first characters of a digest, to compare by eye. */
export const short = (bytes: Buffer): string => hash('sha512', bytes).slice(0, 12)
