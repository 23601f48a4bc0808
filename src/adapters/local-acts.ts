// Local commands to a running gateway, without a network: files in a folder of its own, that only its own user (or root) can have written.

import { randomBytes } from 'node:crypto'
import { constants, watch, type FSWatcher } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Fault } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson, textOf } from '../mcp/json.ts'

/** `params`: one JSON object. */
export type LocalAct = { readonly method: string; readonly params: Buffer; readonly user: string }
export type LocalAnswer = { readonly status: number; readonly body: Buffer }

const FOLDER = 'break-glass'
const ASK = /^([0-9a-f]{32})\.ask$/
const MAX_BYTES = 65_536
/** Files looked at in one go. */
const MAX_FILES = 16
/** What lay there while no gateway ran is not acted on later. */
const STALE_MS = 30_000

const folderOf = (dataDir: string): string => join(dataDir, FOLDER)
const isOwnOrRoot = (uid: number): boolean => process.geteuid === undefined || uid === process.geteuid() || uid === 0

/** The gateway's side. `look` is called by the one timer and when something changes there; acts run one after the other. */
export class LocalActs {
  readonly #folder: string
  readonly #run: (act: LocalAct) => Promise<LocalAnswer>
  readonly #onFault: (cause: unknown) => void
  readonly #watch: FSWatcher | undefined
  #isLooking = false
  #isNews = false

  private constructor(folder: string, run: (act: LocalAct) => Promise<LocalAnswer>, onFault: (cause: unknown) => void) {
    this.#folder = folder
    this.#run = run
    this.#onFault = onFault
    this.#watch = watchFolder(folder, () => void this.look())
  }

  /** Makes the folder (0700). Throws Fault `local-folder-unsafe` where somebody else could write in it. */
  static async open(dataDir: string, run: (act: LocalAct) => Promise<LocalAnswer>, onFault: (cause: unknown) => void): Promise<LocalActs> {
    const folder = folderOf(dataDir)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const found = await lstat(folder)
    const isSafe = process.geteuid === undefined || (found.uid === process.geteuid() && (found.mode & 0o077) === 0)
    if (!found.isDirectory() || !isSafe)
      throw new Fault('local-folder-unsafe', `\`${folder}\`: others may use it; run \`chmod go= ${folder}\` or remove it`)
    return new LocalActs(folder, run, onFault)
  }

  /** Never rejects; what comes while one looks is looked at afterwards. */
  async look(): Promise<void> {
    this.#isNews = true
    if (this.#isLooking) return
    this.#isLooking = true
    while (this.#isNews) {
      this.#isNews = false
      const names = await readdir(this.#folder).catch((cause: unknown) => (this.#onFault(cause), []))
      // One that cannot be taken holds up no other.
      for (const name of names.slice(0, MAX_FILES)) await this.#take(name).catch(this.#onFault)
    }
    this.#isLooking = false
  }
  close(): void {
    this.#watch?.close()
  }

  async #take(name: string): Promise<void> {
    const path = join(this.#folder, name)
    const id = ASK.exec(name)?.[1]
    if (id === undefined) return this.#tidy(path)
    const asked = await readPrivate(path).catch(() => undefined)
    // Removed before it is acted on: whatever happens then, it happens once.
    await rm(path, { recursive: true, force: true })
    if (!asked) return
    const { status, body } = await this.#run(asked)
    await write(join(this.#folder, `${id}.answer`), `{"status":${status},"body":${body.toString()}}`)
  }

  /** Answers nobody fetched, and halves of files. */
  async #tidy(path: string): Promise<void> {
    const found = await lstat(path).catch(() => undefined) // gone already: it was renamed
    if (found && Date.now() - found.mtimeMs > STALE_MS) await rm(path, { force: true, recursive: true })
  }
}

/** Only to be quicker than the timer: where the system cannot watch, the timer finds it. */
function watchFolder(folder: string, look: () => void): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: false }, look).on('error', () => {})
  } catch {
    return undefined
  }
}

/** The act in a file; undefined when it is stale, too large, no act, or may come from somebody else. The descriptor is what is checked and read. */
async function readPrivate(path: string): Promise<LocalAct | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const found = await file.stat()
    if (!found.isFile() || found.nlink !== 1 || found.size > MAX_BYTES || Date.now() - found.mtimeMs > STALE_MS) return undefined
    if (!isOwnOrRoot(found.uid) || (process.geteuid !== undefined && (found.mode & 0o077) !== 0)) return undefined
    return actIn(await file.readFile(), found.uid)
  } finally {
    await file.close()
  }
}

function actIn(bytes: Buffer, uid: number): LocalAct | undefined {
  const doc = readJson(bytes)
  if (isJsonFault(doc)) return undefined
  const method = member(doc.root, 'method')
  const params = member(doc.root, 'params')
  if (method?.kind !== 'string' || params?.kind !== 'object') return undefined
  return { method: textOf(doc, method), params: rawOf(doc, params), user: uid === userInfo().uid ? userInfo().username : `uid-${uid}` }
}

/** Whole or not at all, private from its first moment. */
async function write(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}`
  const file: FileHandle = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}

/**
 * The command's side: leaves the act and waits for the answer. Throws Fault `gateway-silent` when no gateway takes it within `patienceMs` (then the
 * act has been taken back), `local-folder-missing` when none ever ran with this data directory, `local-folder-denied` for another user.
 */
export async function askLocally(
  dataDir: string,
  method: string,
  params: object,
  patienceMs = 10_000,
): Promise<{ status: number; body: unknown }> {
  const id = randomBytes(16).toString('hex')
  const folder = folderOf(dataDir)
  const ask = join(folder, `${id}.ask`)
  await write(ask, JSON.stringify({ method, params })).catch((cause: unknown) => {
    const code = (cause as NodeJS.ErrnoException).code
    throw code === 'ENOENT'
      ? new Fault('local-folder-missing', `no gateway has run with the data directory \`${dataDir}\``, { cause })
      : new Fault('local-folder-denied', `\`${folder}\` cannot be written: run this as the user the gateway runs as`, { cause })
  })
  const until = performance.now() + patienceMs
  while (performance.now() < until) {
    const answer = await readAnswer(join(folder, `${id}.answer`))
    if (answer) return answer
    await wait(50)
  }
  await rm(ask, { force: true })
  throw new Fault('gateway-silent', `no gateway answers for \`${dataDir}\`; is it running with this configuration?`)
}

async function readAnswer(path: string): Promise<{ status: number; body: unknown } | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined)
  if (!file) return undefined
  try {
    const { status, body } = JSON.parse(await file.readFile('utf8')) as { status: number; body: unknown }
    await rm(path, { force: true })
    return { status, body }
  } finally {
    await file.close()
  }
}
