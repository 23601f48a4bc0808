// `npm run admissions`: reviews every server that the repository's own commands run and signs what it lists anew, with a key that is made for this and thrown
// away. To run when such a server changes; `git diff` is the review.

import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { stageDemo } from '../src/demo/configuration.ts'

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
