// Which versions of the registry are in force: judged before they are used, at every connect, after every change and twice a minute; ended when they no longer hold.

import type { Digest } from '../admission/primitive.ts'
import { pinnedSurface } from '../admission/signed-surface.ts'
import type { Admission } from '../admission/statement.ts'
import type { ServedRow } from '../adapters/served-report.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { ConfiguredUpstream, ServedTransport, Snapshot, UpstreamTransport } from '../config/schema.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import type { ContentStore, Launchable } from '../trust/content.ts'
import { deny, isDenial, type Denial } from '../trust/denial.ts'
import { floorKey, type Floors } from '../trust/floors.ts'
import { inForceOf, isSameContent, isSameServer, type InForceStore } from '../trust/in-force.ts'
import type { Served } from '../trust/served-version.ts'
import { Retries } from './retries.ts'
import type { ServedTrust } from './served-trust.ts'
import { another, describeServed, pinOf, STOPPING, stopOf, verifying } from './served-words.ts'

/** What is behind an alias. `key`: differs whenever it is another server, or started otherwise. */
type InUse = {
  readonly kind: 'served'
  readonly pin: Pinned
  readonly served: Served
  readonly key: string
  readonly transport: UpstreamTransport
  readonly admission: Admission
  readonly launchable?: Launchable
}
type Standing = InUse | { readonly kind: 'stopped'; readonly stop: Stop; readonly denial?: Denial }
type Pinned = { readonly settings: ConfiguredUpstream; readonly transport: ServedTransport; readonly key: string }

export type ServingParts = {
  readonly trust: Pick<ServedTrust, 'judge' | 'whyNotNow'>
  readonly content: ContentStore
  readonly floors: Floors
  readonly inForce: InForceStore
  /** durable when it resolves */
  readonly record: (detail: Readonly<Record<string, unknown>>) => Promise<void>
  /** for commands: how it stands */
  readonly report: (row: ServedRow) => void
  /** another server, or none, is behind the alias from here on; `stop`: what runs on the old one ends with it, undefined = it may finish */
  readonly changed: (alias: string, stop: Stop | undefined) => void
  /** what reviewers admitted of it changed, and nothing else */
  readonly decided: (alias: string) => void
  readonly logger: Pick<Logger, 'warn' | 'info'>
  /** wall clock, milliseconds */
  readonly now: () => number
}

/** How long a start or a reload waits for versions to be verified and fetched; what takes longer comes into force when it is done. */
const PATIENCE_MS = 10_000
/** How long what is in force goes on while it cannot be judged: less than the time between two looks, so that the second ends it. */
const MOMENT_MS = 15_000

export class Serving {
  readonly #parts: ServingParts
  #pins: ReadonlyMap<string, Pinned> = new Map()
  readonly #standings = new Map<string, Standing>()
  /** judgements of one alias follow each other; `next` has not begun */
  readonly #work = new Map<string, { readonly running: Promise<void>; next?: Promise<void> }>()
  /** what is in force and could not be judged when it was tried last */
  readonly #unsure = new Map<string, { readonly denial: Denial; readonly sinceMs: number }>()
  readonly #retries = new Retries()
  #isClosed = false

  constructor(parts: ServingParts) {
    this.#parts = parts
  }

  /**
   * Takes the pins of a configuration over. What is pinned anew is judged at once; the version before goes on until then. `wait`: until all are judged, or
   * patience ends. What is pinned no longer stands until `settled`.
   */
  configure({ upstreams }: Pick<Snapshot, 'upstreams'>): { readonly wait: () => Promise<void>; readonly settled: () => void } {
    const before = this.#pins
    this.#retries.clear()
    this.#pins = new Map(
      [...upstreams].flatMap(([alias, settings]) => {
        const { transport } = settings
        return transport.kind === 'server' ? [[alias, { settings, transport, key: pinKey(settings, transport) }] as const] : []
      }),
    )
    const fresh = [...this.#pins].filter(([alias, { key }]) => before.get(alias)?.key !== key)
    const judged = Promise.all(fresh.map(([alias]) => this.#refresh(alias)))
    return {
      wait: () => withinPatience(judged),
      settled: () => {
        for (const alias of this.#standings.keys()) if (!this.#pins.has(alias)) this.#standings.delete(alias)
      },
    }
  }

  /** Why nothing of it passes; for each request. Undefined also where it is no server of the registry. */
  standing(alias: string): Stop | undefined {
    const standing = this.#standings.get(alias)
    if (!standing) return this.#pins.has(alias) ? verifying(alias) : undefined
    if (standing.kind === 'stopped') return standing.stop
    const denial = this.#parts.trust.whyNotNow(standing.served)
    return denial && stopOf(alias, denial)
  }

  admission(alias: string): Admission | undefined {
    const standing = this.#standings.get(alias)
    return standing?.kind === 'served' ? standing.admission : undefined
  }

  /** What is started or connected to, under which key; undefined = nothing is, and `standing` says why. */
  inUse(alias: string): (Pick<InUse, 'key' | 'transport' | 'served'> & { readonly sinceMs: number }) | undefined {
    const standing = this.#standings.get(alias)
    if (standing?.kind !== 'served') return undefined
    return { ...standing, sinceMs: this.#parts.inForce.current(alias)?.sinceMs ?? Infinity }
  }

  /** Before a process is started or a connection opened for what has this key: all of it is judged again, its files compared. Never rejects. */
  async check(alias: string, key: string): Promise<Stop | undefined> {
    await this.#refresh(alias)
    const standing = this.#standings.get(alias)
    const why = this.#whyNotStarted(alias, key)
    if (why || standing?.kind !== 'served' || !standing.launchable) return why
    const refused = await this.#parts.content.check(standing.launchable)
    // Files take their time: it may have been renewed meanwhile, or be another.
    if (!refused) return this.#whyNotStarted(alias, key)
    const now = this.#standings.get(alias)
    // Comparing that took too long says nothing of the files, and ends nobody else's calls.
    if (refused.denied !== 'verification-unavailable' && now?.kind === 'served' && now.key === key) await this.#end(alias, now, refused)
    return stopOf(alias, refused)
  }

  #whyNotStarted(alias: string, key: string): Stop | undefined {
    const standing = this.#standings.get(alias)
    if (this.#isClosed) return STOPPING
    if (standing?.kind !== 'served' || standing.key !== key) return this.standing(alias) ?? another(alias)
    const unsure = this.#unsure.get(alias)
    return unsure ? stopOf(alias, unsure.denial) : this.standing(alias)
  }

  /** Nothing more is judged or started; resolves when what is under way is over, so that nothing is written afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#work.size > 0) await Promise.all([...this.#work.values()].map(({ running, next }) => next ?? running))
  }

  /** Something changed: trust documents, revocations, standings. Never rejects. */
  async look(): Promise<void> {
    await Promise.all([...this.#pins.keys()].map(alias => this.#refresh(alias)))
  }

  /** Time alone ends some; called each second. */
  tick(): void {
    for (const [alias, standing] of this.#standings) {
      if (standing.kind !== 'served') continue
      const denial = this.#parts.trust.whyNotNow(standing.served)
      if (denial) void this.#end(alias, standing, denial)
    }
  }

  /** Judged from what is so after it was asked for; who asks while one waits shares it. */
  #refresh(alias: string): Promise<void> {
    const work = this.#work.get(alias)
    if (!work) return this.#run(alias)
    work.next ??= work.running.then(() => this.#run(alias))
    return work.next
  }

  #run(alias: string): Promise<void> {
    const running = this.#update(alias)
      .catch((cause: unknown) => this.#failed(alias, cause))
      .finally(() => {
        const work = this.#work.get(alias)
        if (work?.running === running && !work.next) this.#work.delete(alias)
      })
    this.#work.set(alias, { running })
    return running
  }

  /** What cannot be kept or recorded is no judgement: what was so before goes on no longer than without one. Never rejects. */
  async #failed(alias: string, cause: unknown): Promise<void> {
    const why = cause instanceof Error ? cause.message : 'unknown'
    this.#parts.logger.warn('a version could not be brought into force', { upstream: alias, why })
    const pin = this.#pins.get(alias)
    if (pin) await this.#refused(alias, pin, deny('content-failed', 'that it comes into force could not be kept'))
  }

  async #update(alias: string): Promise<void> {
    const pin = this.#pins.get(alias)
    if (!pin || !this.#isCurrent(alias, pin)) return
    const { trust, inForce } = this.#parts
    const served = await trust.judge(pinOf(pin.settings, pin.transport), inForce.current(alias))
    // Whoever waits for this wants it judged: another pin that came meanwhile is no answer.
    if (!this.#isCurrent(alias, pin)) return this.#update(alias)
    if (isDenial(served)) return this.#refused(alias, pin, served)
    const standing = this.#standings.get(alias)
    if (standing?.kind === 'served' && standing.pin.key === pin.key && isSameLaunch(standing.served, served))
      return this.#renewed(alias, standing, { pin, served })
    const ready = await this.#ready(alias, pin, served)
    if (!this.#isCurrent(alias, pin)) return this.#update(alias)
    if (isDenial(ready)) return this.#refused(alias, pin, ready)
    await this.#comesIntoForce(alias, { ...ready, pin, served })
  }

  /** A reload makes every pin another object; this is about what it says. */
  readonly #isCurrent = (alias: string, { key }: Pinned): boolean => !this.#isClosed && this.#pins.get(alias)?.key === key

  /** What is in force and could not be judged once is judged again a moment later, and starts nothing meanwhile; whoever connects often makes no moment longer or shorter. */
  async #refused(alias: string, pin: Pinned, denial: Denial): Promise<void> {
    const standing = this.#standings.get(alias)
    if (standing?.kind === 'served') {
      const nowMs = this.#parts.now()
      const { sinceMs = nowMs } = this.#unsure.get(alias) ?? {}
      const isMoment = denial.denied === 'verification-unavailable' && nowMs - sinceMs < MOMENT_MS
      this.#unsure.set(alias, { denial, sinceMs })
      const isOther = standing.pin.key !== pin.key
      if (isOther || !isMoment) await this.#end(alias, standing, denial)
      // Its last word is about what is pinned.
      if (isOther) await this.#tell(alias, 'refused', { denial })
      return
    }
    const isTold = standing?.denial?.rule === denial.rule
    this.#standings.set(alias, { kind: 'stopped', stop: stopOf(alias, denial), denial })
    if (isTold) return
    await this.#tell(alias, 'refused', { denial })
  }

  /** It stops at once, what runs on it ends, and that is on record. */
  async #end(alias: string, standing: InUse, denial: Denial): Promise<void> {
    if (this.#standings.get(alias) !== standing) return
    const stop = stopOf(alias, denial)
    this.#standings.set(alias, { kind: 'stopped', stop, denial })
    this.#unsure.delete(alias)
    this.#parts.changed(alias, stop)
    await this.#tell(alias, 'ended', { denial, served: standing.served })
  }

  /** The same server, vouched for anew: perhaps with another surface. */
  async #renewed(alias: string, standing: InUse, { pin, served }: Pick<InUse, 'pin' | 'served'>): Promise<void> {
    const isOther = !isSameContent(inForceOf(standing.served, 0), served) || standing.served.countsAs !== served.countsAs
    if (isOther) await this.#keep(alias, served)
    // It ended meanwhile: nothing of it is taken up again without being judged.
    if (this.#standings.get(alias) !== standing) return this.#update(alias)
    const admission = served.surfaceDigest === standing.served.surfaceDigest ? standing.admission : admissionOf(pin, served)
    this.#unsure.delete(alias)
    this.#standings.set(alias, { ...standing, pin, served, admission })
    if (admission !== standing.admission) this.#parts.decided(alias)
  }

  async #ready(alias: string, pin: Pinned, served: Served): Promise<Pick<InUse, 'transport' | 'launchable'> | Denial> {
    const { now } = this.#parts
    const what = `${pin.key} ${inForceOf(served, 0).content}`
    const waiting = this.#retries.denial(alias, what, now())
    if (waiting) return waiting
    const ready = await this.#launchable(pin, served)
    if (isDenial(ready)) this.#retries.failed(alias, what, ready, now())
    else this.#retries.done(alias)
    return ready
  }

  async #launchable(pin: Pinned, served: Served): Promise<Pick<InUse, 'transport' | 'launchable'> | Denial> {
    const { launch } = served
    if ('url' in launch) {
      const { kind, url, headers } = launch
      return { transport: { kind, url: new URL(url).href, headers, ...(served.spkiSha256 && { spkiSha256: served.spkiSha256 }) } }
    }
    const { content } = this.#parts
    const { artifact, packageIndex, env } = launch
    const launchable = await content.keep({
      artifact,
      digest: served.artifacts.get(artifact.purl) ?? '',
      ...(served.lock && { lock: served.lock }),
      server: served.serverJson,
      packageIndex,
      ownArgs: pin.transport.args,
    })
    if (isDenial(launchable)) return launchable
    const { command, args, cwd } = launchable
    const { uid, gid, launcher } = pin.transport
    const confined = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }), ...(launcher && { launcher }) }
    return (await content.check(launchable)) ?? { transport: { kind: 'stdio', command, args, env, cwd, ...confined }, launchable }
  }

  async #comesIntoForce(alias: string, ready: Omit<InUse, 'kind' | 'key' | 'admission'>): Promise<void> {
    const { served, transport } = ready
    // Files took their time: what held when it was judged may not hold now.
    const denial = this.#parts.trust.whyNotNow(served)
    if (denial) return this.#refused(alias, ready.pin, denial)
    await this.#keep(alias, served)
    const key = digestOf(JSON.stringify([served.name, served.version, served.digest, transport]))
    this.#unsure.delete(alias)
    this.#standings.set(alias, { kind: 'served', ...ready, key, admission: admissionOf(ready.pin, served) })
    this.#parts.changed(alias, undefined)
    this.#lookAtSiblings(alias, served)
  }

  /** Durable before it is used: the floor, what came into force, and the record of it. */
  async #keep(alias: string, served: Served): Promise<void> {
    const { floors, inForce, now } = this.#parts
    floors.raise(new Map([[floorKey(served.name), served.countsAs]]))
    const before = inForce.current(alias)
    if (!isSameContent(before, served))
      inForce.put(alias, inForceOf(served, before && isSameServer(before, served) ? before.sinceMs : now()))
    await this.#tell(alias, 'in-force', { served, ...(before && { before: `${before.name}@${before.version}` }) })
  }

  /** One gateway serves one version of a server: an older one pinned under another alias is below the floor from here on. */
  #lookAtSiblings(alias: string, { name }: Served): void {
    for (const [other, { transport }] of this.#pins)
      if (other !== alias && floorKey(transport.name) === floorKey(name)) void this.#refresh(other)
  }

  async #tell(
    alias: string,
    is: 'in-force' | 'refused' | 'ended',
    about: { readonly denial?: Denial; readonly served?: Served; readonly before?: string },
  ): Promise<void> {
    const { record, logger } = this.#parts
    const pin = this.#pins.get(alias)?.transport
    const detail = describeServed(alias, is, { ...about, ...(pin && { pin }) })
    this.#parts.report({
      ...detail,
      upstream: alias,
      is,
      at: new Date(this.#parts.now()).toISOString(),
      ...(about.denial && { fix: about.denial.fix }),
    })
    logger[is === 'in-force' ? 'info' : 'warn'](WORDS[is], detail)
    const written = record(detail)
    // What ended has ended, also where the log cannot be written: the log says itself why.
    await (is === 'in-force' ? written : written.catch(() => {}))
  }
}

const WORDS = {
  'in-force': 'a version of the registry is in force',
  refused: 'a version of the registry is not used',
  ended: 'a version of the registry is no longer used',
} as const
/** Everything that makes it another process or connection. */
const isSameLaunch = (a: Served, b: Served): boolean =>
  a.digest === b.digest &&
  a.lock?.sha256 === b.lock?.sha256 &&
  JSON.stringify([[...a.artifacts], a.launch, a.spkiSha256 ?? null]) === JSON.stringify([[...b.artifacts], b.launch, b.spkiSha256 ?? null])

const pinKey = ({ credential }: ConfiguredUpstream, transport: ServedTransport): string =>
  JSON.stringify([transport, credential?.env ?? null])

function admissionOf({ settings: { alias, launch } }: Pinned, { surface, surfaceDigest, review }: Served): Admission {
  return {
    alias,
    launch: launch.specification,
    launchDigest: launch.digest as Digest,
    verdict: 'passed',
    surface: pinnedSurface(surface),
    surfaceDigest: surfaceDigest as Digest,
    reviewer: review.statement.verifierId,
    reviewedAt: review.statement.timeVerified,
  }
}

async function withinPatience(judged: Promise<unknown>): Promise<void> {
  const patience = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => patience.resolve(undefined), PATIENCE_MS)
  await Promise.race([judged, patience.promise])
  clearTimeout(timer)
}
