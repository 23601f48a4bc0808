// Keeps verified artifacts by digest and says how they are started: the port of src/trust/content.ts on a disk.

import { hash, randomBytes } from 'node:crypto'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { deny, isDenial, type Denial } from '../../trust/denial.ts'
import type { ContentStore, Launchable, WantedArtifact } from '../../trust/content.ts'
import type { SafeFetch } from '../safe-fetch.ts'
import { Checks } from './checks.ts'
import { ContentThread } from './content-thread.ts'
import { run, type Installation } from './installation.ts'
import { CONTENT_LIMITS, type ContentLimits } from './limits.ts'
import { installMcpb, readBundle } from './mcpb.ts'
import { npmEntryPoint } from './npm-entry-point.ts'
import { installNpm } from './npm.ts'
import { verifyOci } from './oci.ts'
import { verifyPypi } from './pypi.ts'
import { ContentRecords } from './records.ts'
import { serverPackageOf, type ServerPackage } from './server-package.ts'
import type { Budget, ContentSources } from './source.ts'
import { Turns } from './turns.ts'

export type ContentStoreParts = {
  /** absolute; made where it is missing, and nobody else's to write */
  readonly folder: string
  /** absolute path of `<dataDir>/trust` */
  readonly trustFolder: string
  readonly fetch: SafeFetch
  /** asked at each installation */
  readonly sources: () => ContentSources
  /** what was installed lies there no more as it was, and is installed anew: the only trace of whoever changed it while nothing ran */
  readonly onChanged?: (artifact: string) => void
  /** for tests; default CONTENT_LIMITS */
  readonly limits?: Partial<ContentLimits>
}

/** Installations under way at once; further ones wait. */
const INSTALLING = 2

/** Of folders that are being filled, and of such that were replaced. No id begins so. */
const [FRESH, OLD] = ['.new-', '.old-']

export class FileContentStore implements ContentStore {
  readonly #parts: ContentStoreParts
  readonly #limits: ContentLimits
  readonly #records: ContentRecords
  readonly #installing = new Map<string, Promise<string | Denial>>()
  readonly #installs = new Turns(INSTALLING)
  readonly #checks: Checks
  /** of installations under way */
  readonly #budgets = new Set<Budget>()
  #swept: Promise<void> | undefined
  #isClosed = false

  /** Throws Fault `content-invalid`. */
  constructor(parts: ContentStoreParts) {
    this.#parts = parts
    this.#limits = { ...CONTENT_LIMITS, ...parts.limits }
    this.#records = new ContentRecords(parts.trustFolder)
    this.#checks = new Checks(parts.folder, this.#limits)
  }

  async keep(wanted: WantedArtifact): Promise<Launchable | Denial> {
    const asked = serverPackageOf(wanted)
    if (isDenial(asked)) return asked
    if (wanted.artifact.digest !== undefined && wanted.artifact.digest !== wanted.digest)
      return deny('artifact-mismatch', 'server.json names another digest than was signed')
    const id = idOf(wanted)
    const running = this.#installing.get(id) ?? this.#kept(id, wanted, asked).finally(() => this.#installing.delete(id))
    this.#installing.set(id, running)
    const treeDigest = await running
    return typeof treeDigest === 'string' ? launchOf(join(this.#parts.folder, id), asked, treeDigest) : treeDigest
  }

  async check({ folder, treeDigest }: Launchable): Promise<Denial | undefined> {
    const id = basename(folder)
    if (this.#isClosed) return deny('content-failed', 'the gateway is stopping')
    const record = dirname(folder) === this.#parts.folder ? this.#records.of(id) : undefined
    if (!record) return deny('tree-unknown', 'nothing is known of what lies there')
    const found = await this.#checks.digestOf(id)
    if (typeof found !== 'string') return deny(found.rule, `${record.artifact}: ${found.detail}`)
    const isSame = found === record.treeDigest && found === treeDigest
    return isSame ? undefined : deny('tree-changed', `${record.artifact}: what lies there is not what was installed`)
  }

  /** Ends its thread and what is being installed; resolves when nothing more is written. What is asked meanwhile and afterwards is refused. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#checks.close()
    for (const budget of this.#budgets) budget.stop()
    await Promise.all(this.#installing.values())
  }

  /** The digest of the tree, installed anew where nothing right lies there. Never rejects. */
  async #kept(id: string, wanted: WantedArtifact, asked: ServerPackage): Promise<string | Denial> {
    const record = this.#records.of(id)
    if (record && !this.#isClosed) {
      const found = await this.#checks.digestOf(id)
      if (found === record.treeDigest) return found
      if (typeof found === 'string' || found.rule === 'tree-changed') this.#parts.onChanged?.(record.artifact)
    }
    return this.#installs.take(async () => {
      try {
        return await this.#install(id, wanted, asked)
      } catch (error) {
        const { code } = error as { readonly code?: unknown }
        return deny('content-failed', `it cannot be kept${typeof code === 'string' ? ` (${code})` : ''}`)
      }
    })
  }

  /**
   * Into a folder beside its place, which is then renamed. On disk after a crash: leftovers that the next installation removes; a folder that no record
   * names, which is not started; both. The files need no sync: one that is not as the record says is not started either.
   */
  async #install(id: string, wanted: WantedArtifact, asked: ServerPackage): Promise<string | Denial> {
    if (this.#isClosed) return deny('content-failed', 'the gateway is stopping')
    const { folder: all, fetch, sources } = this.#parts
    const thread = new ContentThread(this.#limits)
    const controller = new AbortController()
    const budget: Budget = {
      bytes: this.#limits.totalDownloadBytes,
      untilMs: Date.now() + this.#limits.keepMs,
      signal: controller.signal,
      stop: () => controller.abort(),
    }
    const folder = join(all, `${FRESH}${id}-${randomBytes(8).toString('hex')}`)
    const install: Installation = { wanted, package: asked, sources: sources(), fetch, limits: this.#limits, budget, thread, folder }
    this.#budgets.add(budget)
    try {
      await mkdir(all, { recursive: true, mode: 0o755 })
      await (this.#swept ??= this.#sweep(thread))
      await mkdir(folder, { mode: 0o700 })
      const programs = await fill(install)
      if (isDenial(programs)) return programs
      const entry = await launchOf(folder, asked, '')
      if (isDenial(entry)) return entry
      const treeDigest = await run(install, { kind: 'seal', folder, programs })
      if (typeof treeDigest !== 'string') return treeDigest
      await this.#place(folder, join(all, id), thread)
      this.#records.set(id, { treeDigest, artifact: wanted.artifact.purl })
      return treeDigest
    } finally {
      this.#budgets.delete(budget)
      budget.stop()
      await thread.ask({ kind: 'uproot', folder }, this.#limits.checkMs)
      thread.end()
    }
  }

  /** A folder there is not what was installed, or no record names it. */
  async #place(folder: string, place: string, thread: ContentThread): Promise<void> {
    const old = join(this.#parts.folder, `${OLD}${basename(folder).slice(FRESH.length)}`)
    const isTaken = await rename(place, old).then(
      () => true,
      (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        return false
      },
    )
    await rename(folder, place)
    if (isTaken) await thread.ask({ kind: 'uproot', folder: old }, this.#limits.checkMs)
  }

  /** Before the first installation of a process: what an earlier one left half done. */
  async #sweep(thread: ContentThread): Promise<void> {
    const { folder } = this.#parts
    for (const name of await readdir(folder))
      if (name.startsWith(FRESH) || name.startsWith(OLD))
        await thread.ask({ kind: 'uproot', folder: join(folder, name) }, this.#limits.checkMs)
  }
}

/** Answers with what has to be executable. Never rejects. */
async function fill(install: Installation): Promise<readonly string[] | Denial> {
  switch (install.package.kind) {
    case 'npm':
      return (await installNpm(install)) ?? []
    case 'mcpb':
      return installMcpb(install)
    case 'pypi':
      return verifyPypi(install)
    case 'oci':
      return verifyOci(install)
  }
}

/** INVARIANT: `folder` holds what was installed. */
async function launchOf(folder: string, asked: ServerPackage, treeDigest: string): Promise<Launchable | Denial> {
  const node = process.execPath
  if (asked.kind === 'npm') {
    const script = await npmEntryPoint(folder, asked)
    return typeof script === 'string' ? { command: node, args: [script, ...asked.args], cwd: folder, folder, treeDigest } : script
  }
  const bundle = await readBundle(folder)
  if (isDenial(bundle)) return bundle
  const program = join(folder, bundle.program)
  const args = [...(bundle.kind === 'node' ? [program] : []), ...bundle.args, ...asked.args]
  return { command: bundle.kind === 'node' ? node : program, args, cwd: folder, folder, treeDigest }
}

/** What lies in a folder follows from these alone. */
const idOf = ({ artifact, digest, lock }: WantedArtifact): string =>
  hash('sha256', JSON.stringify(['gatehouse-content/v1', artifact.purl, digest, lock?.sha256 ?? '', process.platform, process.arch]))
