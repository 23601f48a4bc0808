// Policies as this process runs them: loaded in a thread, tested, swapped whole; what does not load, or fails its tests, leaves the old ones in force.

import { CedarEngine } from '../adapters/cedar/engine.ts'
import { fingerprintOfFolder } from '../adapters/still-policy-folder.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Snapshot } from '../config/schema.ts'
import { Fault } from '../kernel/errors.ts'
import { PolicyRules } from '../policy/evaluate.ts'
import type { PolicyFault } from '../policy/load.ts'
import { loadCandidate, type ReadYaml } from './policy-candidate.ts'

export type PoliciesParts = {
  readonly logger: Pick<Logger, 'info' | 'warn'>
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly readYaml: ReadYaml
  /** other rules are in force: hosts are told that lists changed */
  readonly changed: () => void
}

/** `take` brings them into force, once what they replace is to go. */
type Staged = {
  /** asked beside, and decides nothing */
  readonly shadow?: PolicyRules | undefined
  readonly rules: PolicyRules | undefined
  readonly fingerprint: string
  readonly warnings: readonly string[]
}

export class Policies {
  readonly #parts: PoliciesParts
  #engine: CedarEngine | undefined
  #force: Staged = { rules: undefined, fingerprint: '', warnings: [] }
  /** the configuration the rules in force were made with */
  #snapshot: Snapshot
  /** what was tried last, and what it looked like when it was seen last */
  #tried = ''
  #settling = ''
  #work: Promise<unknown> = Promise.resolve()
  #isLooking = false

  private constructor(snapshot: Snapshot, parts: PoliciesParts) {
    this.#snapshot = snapshot
    this.#parts = parts
  }

  /** Rejects with Fault `policies-invalid`, which names every fault: nothing is served by rules that did not load. */
  static async open(snapshot: Snapshot, parts: PoliciesParts): Promise<Policies> {
    const policies = new Policies(snapshot, parts)
    const staged = await policies.#stage(snapshot)
    if ('faults' in staged)
      throw new Fault('policies-invalid', `policies do not load:\n${faultLines(snapshot.policies?.folder, staged.faults)}`)
    await policies.#take(snapshot, staged)
    return policies
  }

  /** In force now; undefined where the configuration names no folder. */
  get rules(): PolicyRules | undefined {
    return this.#force.rules
  }

  /** Asked beside the rules; undefined where there is none, or it did not load. */
  get shadow(): PolicyRules | undefined {
    return this.#force.shadow
  }

  /** For the next configuration: a text says why its policies do not load; otherwise they come into force with it. */
  async prepare(next: Snapshot): Promise<string | (() => Promise<void>)> {
    const staged = await this.#next(() => this.#stage(next))
    if ('faults' in staged) return `policies do not load: ${faultLines(next.policies?.folder, staged.faults)}`
    return () => this.#next(() => this.#take(next, staged))
  }

  /** Takes over what changed in the folder, once it has stood still between two looks; called by the one timer. Never rejects: what fails is tried again. */
  async look(): Promise<void> {
    const { policies } = this.#snapshot
    if (!policies || this.#isLooking) return
    this.#isLooking = true
    try {
      const now = await fingerprintOf(policies)
      const isStill = now === this.#settling
      this.#settling = now
      if (isStill && now !== this.#tried) await this.#next(() => this.#reload(now))
    } catch (cause) {
      // The log could not be written: nothing is taken over that is not on record.
      this.#parts.logger.warn('policies were not taken over, the old ones stay in force', { why: String(cause) })
    } finally {
      this.#isLooking = false
    }
  }

  /** One after the other: a reload of the configuration and one of the folder never mix. */
  #next<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#work.then(run)
    this.#work = done.catch(() => {})
    return done
  }

  async #reload(fingerprint: string): Promise<void> {
    const snapshot = this.#snapshot
    if (snapshot.policies === undefined || fingerprint === this.#tried) return
    const staged = await this.#stage(snapshot)
    if ('faults' in staged) return this.#refused(snapshot, fingerprint, staged.faults)
    // It changed again since it was seen: it has not stood still.
    if (staged.fingerprint !== fingerprint) return
    if (isOther(staged, this.#force)) await this.#take(snapshot, staged)
    this.#tried = fingerprint
  }

  async #refused(snapshot: Snapshot, fingerprint: string, faults: readonly PolicyFault[]): Promise<void> {
    this.#tried = fingerprint
    const { logger, log, encoder } = this.#parts
    const inForce = this.#force.rules?.bundle.digest ?? ''
    logger.warn('policies were not taken over, the old ones stay in force', {
      inForce,
      faults: faults.length,
      first: faultLines(snapshot.policies?.folder, faults),
    })
    await log
      .append(
        encoder.lifecycle('policies-refused', {
          inForce,
          faults: faults.length,
          first: faultLines(snapshot.policies?.folder, faults.slice(0, 1)),
        }),
      )
      .catch(() => {})
  }

  async #stage(snapshot: Snapshot): Promise<Staged | { readonly faults: readonly PolicyFault[] }> {
    const { policies } = snapshot
    if (!policies) return { rules: undefined, fingerprint: '', warnings: [] }
    const loaded = await this.#load(policies.folder, snapshot)
    if ('faults' in loaded) return loaded
    const { rules, warnings } = loaded
    if (policies.shadow === undefined) return loaded
    const shadow = await this.#load(policies.shadow, snapshot)
    const fingerprint = bothOf(loaded.fingerprint, shadow.fingerprint)
    if ('rules' in shadow) return { rules, shadow: shadow.rules, fingerprint, warnings }
    // It decides nothing, so nothing waits for it to be mended.
    return { rules, fingerprint, warnings: [...warnings, `the shadow does not load: ${faultLines(policies.shadow, shadow.faults)}`] }
  }

  async #load(
    folder: string,
    snapshot: Snapshot,
  ): Promise<Omit<Staged, 'shadow' | 'rules'> & ({ readonly rules: PolicyRules } | { readonly faults: readonly PolicyFault[] })> {
    const { fingerprint, ...candidate } = await loadCandidate(folder, snapshot, this.#parts.readYaml)
    if ('faults' in candidate) return { ...candidate, fingerprint, warnings: [] }
    const rules = new PolicyRules(candidate.bundle, (this.#engine ??= new CedarEngine()))
    await rules.prepare(pause)
    return { rules, warnings: candidate.warnings, fingerprint }
  }

  /** On record first; then in force, whole. */
  async #take(snapshot: Snapshot, staged: Staged): Promise<void> {
    const { logger, log, encoder, changed } = this.#parts
    const before = this.#force.rules?.bundle.digest
    const now = staged.rules?.bundle.digest
    if (isOther(staged, this.#force)) {
      const detail = {
        ...(now !== undefined && { digest: now, rules: staged.rules?.bundle.policies.length ?? 0 }),
        ...(before !== undefined && { before }),
        ...(staged.shadow && { shadow: staged.shadow.bundle.digest }),
      }
      await log.append(encoder.lifecycle('policies', detail))
      logger.info('policies are in force', detail)
      for (const warning of staged.warnings) logger.warn('a policy does less than it says', { why: warning })
    }
    // The same rules keep what they remember.
    this.#force = before === now ? { ...staged, rules: this.#force.rules } : staged
    this.#snapshot = snapshot
    this.#tried = staged.fingerprint
    if (before !== now && before !== undefined) changed()
  }
}

/** Other rules, another shadow, or another reason why one does less than it says. */
const isOther = (a: Staged, b: Staged): boolean => seenOf(a) !== seenOf(b)
const seenOf = ({ rules, shadow, warnings }: Staged): string => JSON.stringify([rules?.bundle.digest, shadow?.bundle.digest, warnings])
const fingerprintOf = async ({ folder, shadow }: NonNullable<Snapshot['policies']>): Promise<string> =>
  shadow === undefined ? fingerprintOfFolder(folder) : bothOf(await fingerprintOfFolder(folder), await fingerprintOfFolder(shadow))
const bothOf = (folder: string, shadow: string): string => `${folder}\n\n${shadow}`

const pause = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const MAX_TOLD = 5
function faultLines(folder = '', faults: readonly PolicyFault[]): string {
  const lines = faults.slice(0, MAX_TOLD).map(({ file, line, column, id, message, fix }) => {
    const place = line > 0 ? `:${line}:${column}` : ''
    return `${folder}/${file}${place} ${id === undefined ? '' : `${id}: `}${message}${fix === undefined ? '' : `; ${fix}`}`
  })
  return [...lines, ...(faults.length > MAX_TOLD ? [`and ${faults.length - MAX_TOLD} more: \`gatehouse policy validate\``] : [])].join('\n')
}
