// `npm run admissions`: reviews every server that the repository's own commands run and signs what it lists anew, with a key that is made for this and thrown
// away. To run when such a server changes; `git diff` is the review.

import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { signatureFile, statementFile } from '../src/adapters/admission/admission-folder.ts'
import { definitionsFile } from '../src/adapters/admission/definitions-file.ts'
import { signPayload } from '../src/adapters/sigstore/sign.ts'
import { digestOfSurface } from '../src/admission/pinned-surface.ts'
import { emptySeen, readSeen, seenText, surfaceSeen } from '../src/admission/seen-surface.ts'
import { statementOf } from '../src/admission/statement.ts'
import { stageDemo } from '../src/demo/configuration.ts'
import { startServers, stopServers } from '../src/demo/deputy/servers.ts'
import { CLIENT_SCENARIOS } from '../test/conformance/clients.ts'

const REPOSITORY = resolve(import.meta.dirname, '..')
const CLI = join(REPOSITORY, 'src/cli.ts')
const REVIEWER = 'examples'
const PUBLIC_KEY = join(import.meta.dirname, 'reviewer.pem')
const run = promisify(execFile)

const work = await mkdtemp(join(tmpdir(), 'gatehouse-admissions-'))
const key = join(work, 'reviewer.key')
try {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  await writeFile(PUBLIC_KEY, publicKey.export({ type: 'spki', format: 'pem' }))
  await firstRun(join(work, 'first-run'))
  await deputy(join(work, 'deputy'))
  await inPlace(join(REPOSITORY, 'bench'), ['bench'])
  await inPlace(join(REPOSITORY, 'test/conformance'), [
    'legacy',
    'modern',
    'tasks',
    'everything',
    'filesystem',
    'memory',
    'sequential-thinking',
  ])
  await suite()
  process.stdout.write(`signed with a key that is gone now; its public half is ${PUBLIC_KEY.slice(REPOSITORY.length + 1)}\n`)
} finally {
  await rm(work, { recursive: true, force: true })
}

/** In a folder of its own, as the demo does: with its fourth server, and without the data of `npm start`. */
async function firstRun(root: string): Promise<void> {
  const folder = join(import.meta.dirname, 'first-run')
  const committed = join(folder, 'gatehouse.yaml')
  const { file } = await stageDemo(await readFile(committed, 'utf8'), { file: committed, root, port: 8400, identityPort: 8401 })
  const admissions = join(root, 'examples/first-run/admissions')
  await rm(admissions) // a link
  await mkdir(admissions)
  await admitAll(file, ['everything', 'files', 'memory', 'booking'])
  await rm(join(folder, 'admissions'), { recursive: true, force: true })
  await cp(admissions, join(folder, 'admissions'), { recursive: true })
}

/** The suite's own servers, by scenario: what each lists is what a gateway kept that asked it in a run of the suite. */
async function suite(): Promise<void> {
  const folder = join(REPOSITORY, 'test/conformance')
  const recorded = join(work, 'suite')
  const legs = ['client-2025', 'client-2026', 'auth-2026']
  for (const leg of legs) {
    const only = leg === 'auth-2026' ? ['--scenarios', 'auth/metadata-default'] : []
    const args = [join(folder, 'run.ts'), '--only', leg, '--retries', '0', '--out', join(work, 'out'), ...only]
    // Exit code 1: while they are recorded, what servers list is held.
    await run('env', [`CONFORMANCE_RECORD=${recorded}`, process.execPath, ...args]).catch(() => {})
  }
  const names = [
    'suite-auth',
    ...Object.entries(CLIENT_SCENARIOS).flatMap(([revision, scenarios]) => scenarios.map(scenario => `suite-${scenario}-${revision}`)),
  ]
  for (const name of names) {
    const file = join(recorded, `${name}.json`)
    // A server that lists nothing leaves nothing.
    const seen = existsSync(file) ? readSeen(await readFile(file), 'suite') : emptySeen('suite')
    if (!seen) throw new Error(`${name} cannot be read`)
    const surface = surfaceSeen(seen, 'subset')
    const launch = { transport: 'http', url: `urn:gatehouse:conformance:${name}`, headers: {} }
    // eslint-disable-next-line no-restricted-syntax -- nobody hands the time in
    const reviewedAt = new Date().toISOString()
    const statement = statementOf({ alias: name, verdict: 'passed', surface, launch, reviewer: REVIEWER, reviewedAt })
    const { bundle } = await signPayload(Buffer.from(statement), { kind: 'file', file: key }, {})
    const admissions = join(folder, 'admissions')
    await writeFile(definitionsFile(admissions, name), seenText({ ...seen, alias: name }))
    await writeFile(statementFile(admissions, name), statement)
    await writeFile(signatureFile(admissions, name), bundle)
    process.stdout.write(`${name}: surface ${digestOfSurface(surface).slice(0, 12)}\n`)
  }
}

/** With both servers where the committed configuration has them. */
async function deputy(folder: string): Promise<void> {
  const committed = join(import.meta.dirname, 'deputy')
  const servers = await startServers([8412, 8413])
  try {
    await mkdir(folder)
    const text = await readFile(join(committed, 'gatehouse.yaml'), 'utf8')
    await writeFile(join(folder, 'gatehouse.yaml'), text.replace('../reviewer.pem', PUBLIC_KEY).replace('../../.gatehouse/deputy', 'data'))
    await admitAll(join(folder, 'gatehouse.yaml'), ['ledger', 'mirror'])
    await rm(join(committed, 'admissions'), { recursive: true, force: true })
    await cp(join(folder, 'admissions'), join(committed, 'admissions'), { recursive: true })
  } finally {
    await stopServers(servers)
  }
}

/** A configuration whose servers need nothing but themselves; its data goes elsewhere. */
async function inPlace(folder: string, aliases: readonly string[]): Promise<void> {
  const text = await readFile(join(folder, 'gatehouse.yaml'), 'utf8')
  const config = join(folder, '.admissions.yaml')
  await rm(join(folder, 'admissions'), { recursive: true, force: true })
  try {
    await writeFile(config, text.replace(/^dataDir: .*$/m, `dataDir: ${await mkdtemp(join(work, 'data-'))}`), { mode: 0o600 })
    await admitAll(config, aliases)
  } finally {
    await rm(config, { force: true })
  }
}

async function admitAll(config: string, aliases: readonly string[]): Promise<void> {
  const gatehouse = async (...words: string[]): Promise<string> =>
    (await run(process.execPath, [CLI, ...words, '--config', config], { maxBuffer: 64 * 1024 * 1024 })).stdout
  for (const alias of aliases) {
    const [, surface = '', launch = ''] =
      /--surface ([0-9a-f]{64}) --launch ([0-9a-f]{64})/.exec(await gatehouse('server', 'review', alias)) ?? []
    await gatehouse('server', 'approve', alias, '--surface', surface, '--launch', launch, '--reviewer', REVIEWER, '--key', key)
    process.stdout.write(`${alias}: surface ${surface.slice(0, 12)}, launch ${launch.slice(0, 12)}\n`)
  }
}
