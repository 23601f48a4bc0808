// Admission joined to lists: what an upstream lists is held against what a reviewer admitted, for every caller, before anybody sees or calls it.

import type { Admissions, SeenSurfaces, Unreadable } from '../admission/admissions.ts'
import { areInstructionsAdmitted, compare, type Comparison, type Difference } from '../admission/compare.ts'
import { whyNotLaunched } from '../admission/launch.ts'
import type { PinnedSurface } from '../admission/pinned-surface.ts'
import { digestOfInstructions, digestOfPrimitive, type Digest, type PrimitiveKind } from '../admission/primitive.ts'
import type { Admission } from '../admission/statement.ts'
import { decisionOf, strangerOf, type Stranger, type Strangers } from '../admission/strangers.ts'
import type { Entry, ListKind } from '../catalog/entry.ts'
import type { LiveList } from '../catalog/lists.ts'
import { matchesTemplate } from '../catalog/uri-template.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import type { UpstreamEntry } from './entry.ts'

/** What is listed and what was admitted differ; told once per difference. */
export type Drift = {
  readonly alias: string
  readonly list: ListKind | 'instructions'
  /** of the admitted surface; absent = nobody has reviewed the server */
  readonly admitted?: Digest
  readonly held: readonly Difference[]
  readonly missing: readonly string[]
}

export type AdmittingDeps = {
  readonly admissions: Admissions
  /** why a version of the registry may not be used now; undefined = it may, or the server is none. At once, for each request. Absent: none is served */
  readonly versions?: { standing(alias: string): Stop | undefined }
  readonly seen: SeenSurfaces
  /** `exact` surfaces that listed a stranger: held until somebody reviews them anew */
  readonly strangers: Strangers
  /** durable when it resolves; rejects when it may not be, and then the list is not used */
  readonly record: (drift: Drift) => Promise<void>
  /** gives other work a turn */
  readonly pause: () => Promise<void>
  /** a decision is in force, before hosts hear of it */
  readonly changed?: () => void
}

type Judged = { readonly admission: Standing; readonly comparison: Comparison; readonly visible: LiveList }
type Standing = Admission | Unreadable | undefined

const PRIMITIVE_OF: Readonly<Record<ListKind, PrimitiveKind>> = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  templates: 'resourceTemplate',
}
const UNRECORDED: Stop = { stop: 'audit-unavailable', detail: 'the audit log cannot be written' }
/** Definitions digested between two pauses. */
const PAUSE_ENTRIES = 50
/** Definitions whose digest is remembered by their bytes, in all. */
const MAX_BY_BYTES = 20_000
/** Differences remembered as told, in all; an upstream that shows new ones all the time is told again. */
const MAX_TOLD = 4096

export class Admitting {
  readonly #deps: AdmittingDeps
  readonly #digests = new WeakMap<Entry, Digest | 'unreadable'>()
  readonly #byBytes = new Map<string, Digest | 'unreadable'>()
  readonly #judged = new WeakMap<LiveList, Judged>()
  readonly #told = new Set<string>()
  readonly #listeners = new Map<string, Set<() => void>>()

  constructor(deps: AdmittingDeps) {
    this.#deps = deps
  }

  /** A reviewer's decision about a server is in force: hosts are told that its lists changed. */
  decided(alias: string): void {
    this.#deps.changed?.()
    for (const listener of [...(this.#listeners.get(alias) ?? [])]) listener()
  }

  /** Calls back at each decision, until the function it answers is called. */
  onDecision(alias: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(alias) ?? new Set()
    this.#listeners.set(alias, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(alias) === listeners) this.#listeners.delete(alias)
    }
  }

  /** A list that was just read, before anybody gets it: compared in turns, kept for reviewers, differences recorded. */
  async read(entry: UpstreamEntry, list: LiveList): Promise<LiveList | Stop> {
    if (entry.admission === 'configured') return list
    let done = 0
    for (const each of list.entries) {
      this.#digestOf(list.kind, each)
      if (++done % PAUSE_ENTRIES === 0) await this.#deps.pause()
    }
    const { admission, comparison } = this.#judge(entry, list)
    const held = [...comparison.held.values()]
    if (held.length > 0 || !isAdmission(admission)) {
      const definitions = new Map(list.entries.map(({ name, raw }) => [name, raw]))
      await this.#deps.seen.keep(entry.alias, { kind: PRIMITIVE_OF[list.kind], definitions })
    }
    const drift: Drift = { alias: entry.alias, list: list.kind, ...pinnedBy(admission), held, missing: comparison.missing }
    return (await this.#isTold(drift)) ? list : UNRECORDED
  }

  /** The list as hosts may see it: without what is held, and without what stands beside its entries, which nobody reviewed. At once. */
  visible(entry: UpstreamEntry, list: LiveList): LiveList {
    if (entry.admission === 'configured') return list
    const { visible } = this.#judge(entry, list)
    return this.#strangerOf(entry) || this.#deps.versions?.standing(entry.alias) ? emptied(visible) : visible
  }

  /** Why nothing of this server passes, whatever is asked of it. */
  standing(entry: UpstreamEntry): Stop | undefined {
    const held = this.held(entry)
    if (held) return held
    const stranger = this.#strangerOf(entry)
    return stranger && quarantined(entry.alias, `it was admitted as it is, and ${describe(stranger)}`)
  }

  /** Why this server is not even started or connected to: as it is configured now, nobody has admitted it. */
  held(entry: Pick<UpstreamEntry, 'alias' | 'admission' | 'launch' | 'version'>): Stop | undefined {
    if (entry.admission === 'configured') return undefined
    const unverified = this.#deps.versions?.standing(entry.alias)
    if (unverified) return unverified
    const admission = this.#deps.admissions.of(entry.alias)
    if (!isAdmission(admission)) return quarantined(entry.alias, admission ? admission.unreadable : 'nobody has reviewed what it offers')
    if (admission.verdict === 'failed') return quarantined(entry.alias, `\`${admission.reviewer}\` has put it in quarantine`)
    // How a version of the registry starts is signed, and was verified with everything else of it.
    return entry.version === undefined ? whyNotLaunched(entry.alias, entry.launch, admission) : undefined
  }

  /** What admits a server whose standing is good. */
  admittedBy(entry: UpstreamEntry): { readonly by: Digest | 'configuration' } | Stop {
    const admission = entry.admission === 'configured' ? 'configured' : this.#deps.admissions.of(entry.alias)
    if (admission === 'configured') return { by: 'configuration' }
    return isAdmission(admission) ? { by: admission.surfaceDigest } : quarantined(entry.alias, 'nobody has reviewed what it offers')
  }

  /** Digest of an admitted definition; '' where the configuration alone admits it, or it has none. */
  digestIn(entry: UpstreamEntry, kind: ListKind, each: Entry): string {
    const digest = entry.admission === 'configured' ? 'unreadable' : this.#digestOf(kind, each)
    return digest === 'unreadable' ? '' : digest
  }

  /** What a reviewer admitted of it; undefined where nobody did, or it is in quarantine. */
  surfaceOf(entry: UpstreamEntry): PinnedSurface | undefined {
    const admission = entry.admission === 'configured' ? undefined : this.#deps.admissions.of(entry.alias)
    return isAdmission(admission) && admission.verdict === 'passed' ? admission.surface : undefined
  }

  /** Who admitted this server; undefined where nobody did. */
  reviewerOf(entry: UpstreamEntry): string | undefined {
    const admission = entry.admission === 'configured' ? undefined : this.#deps.admissions.of(entry.alias)
    return isAdmission(admission) && admission.verdict === 'passed' ? admission.reviewer : undefined
  }

  /** Why a definition may not be used. `list`: where it would stand, as it was read last; undefined there = it is not listed, so it cannot be compared either. */
  check(entry: UpstreamEntry, list: LiveList, name: string): Stop | undefined {
    const standing = this.standing(entry)
    if (standing || entry.admission === 'configured') return standing
    const { comparison } = this.#judge(entry, list)
    if (comparison.same.has(name)) return undefined
    const held = comparison.held.get(name)
    if (held) return drifted(entry, describe(held))
    const missing = `its server does not list this ${WORDS[PRIMITIVE_OF[list.kind]]} now`
    // What was never admitted and is not listed does not exist, and is told so.
    return comparison.missing.includes(name) ? drifted(entry, missing) : { stop: 'unknown', detail: `\`${entry.alias}\`: ${missing}` }
  }

  /** A resource by its own definition, or by an admitted template that makes its URI. */
  checkResource(
    entry: UpstreamEntry,
    lists: { readonly resources: LiveList; readonly templates: LiveList },
    uri: string,
  ): Stop | undefined {
    const own = this.check(entry, lists.resources, uri)
    if (!own || this.standing(entry)) return own
    // A held definition of its own is not overruled by a template.
    if (this.#judge(entry, lists.resources).comparison.held.has(uri)) return own
    const { comparison } = this.#judge(entry, lists.templates)
    const makes = (template: string): boolean => template === uri || matchesTemplate(template, uri)
    if ([...comparison.same].some(makes)) return undefined
    const held = [...comparison.held.values()].find(({ name }) => makes(name))
    if (held) return drifted(entry, describe(held))
    return comparison.missing.some(makes) ? drifted(entry, 'its server does not list the template of this resource now') : own
  }

  /** What a server says about itself, where that was admitted; undefined = hosts are told nothing of it. Recorded before it is left out. */
  async instructions(entry: UpstreamEntry, text: string | undefined): Promise<string | undefined | Stop> {
    if (text === undefined || entry.admission === 'configured') return text
    const admission = this.#deps.admissions.of(entry.alias)
    const live = digestOfInstructions(text) ?? 'unreadable'
    const pinned = isAdmission(admission) ? admission : undefined
    if (pinned && !this.standing(entry) && areInstructionsAdmitted(live, pinned.surface)) return text
    await this.#deps.seen.keep(entry.alias, { instructions: text })
    const known = pinned?.surface.instructions ?? undefined
    const difference = { standing: known ? 'changed' : 'new', kind: 'instructions', name: '' } as const
    const held = [{ ...difference, ...(known && { pinned: known }), ...(live !== 'unreadable' && { live }) }]
    return (await this.#isTold({ alias: entry.alias, list: 'instructions', ...pinnedBy(admission), held, missing: [] }))
      ? undefined
      : UNRECORDED
  }

  #judge(entry: UpstreamEntry, list: LiveList): Judged {
    const admission = this.#deps.admissions.of(entry.alias)
    const known = this.#judged.get(list)
    if (known && known.admission === admission) return known
    const surface = isAdmission(admission) && admission.verdict === 'passed' ? admission.surface : undefined
    const kind = PRIMITIVE_OF[list.kind]
    const seen = list.entries.map(each => [each.name, this.#digestOf(list.kind, each)] as const)
    // What the catalog leaves out (too large, a schema that explodes, a name twice) is listed all the same: an admitted one has changed.
    const refused = [...(surface?.primitives[kind].keys() ?? [])].filter(name => list.refusalOf(name) !== undefined)
    const comparison = compare(kind, [...seen, ...refused.map(name => [name, 'unreadable'] as const)], surface)
    const judged = { admission, comparison, visible: visibleOf(list, comparison, isAdmission(admission) ? admission : undefined) }
    this.#judged.set(list, judged)
    const [difference] = comparison.held.values()
    if (difference && surface?.mode === 'exact' && isAdmission(admission) && !this.#strangerOf(entry))
      this.#deps.strangers.keep(entry.alias, strangerOf(difference, decisionOf(admission)))
    return judged
  }

  #strangerOf({ alias }: UpstreamEntry): Stranger | undefined {
    const stranger = this.#deps.strangers.of(alias)
    const admission = stranger && this.#deps.admissions.of(alias)
    return stranger && isAdmission(admission) && stranger.decision === decisionOf(admission) ? stranger : undefined
  }

  #digestOf(kind: ListKind, entry: Entry): Digest | 'unreadable' {
    const known = this.#digests.get(entry)
    if (known !== undefined) return known
    // The same bytes have the same canonical form, and nearly every list that is read again is the same bytes.
    const bytes = `${kind} ${digestOf(entry.raw)}`
    const digest = this.#byBytes.get(bytes) ?? digestOfPrimitive(PRIMITIVE_OF[kind], entry.raw) ?? 'unreadable'
    if (this.#byBytes.size >= MAX_BY_BYTES) this.#byBytes.clear()
    this.#byBytes.set(bytes, digest)
    this.#digests.set(entry, digest)
    return digest
  }

  async #isTold(drift: Drift): Promise<boolean> {
    if (drift.held.length === 0 && drift.missing.length === 0) return true
    const key = digestOf(JSON.stringify(drift))
    if (this.#told.has(key)) return true
    try {
      await this.#deps.record(drift)
    } catch {
      // The log says itself why it cannot be written.
      return false
    }
    if (this.#told.size >= MAX_TOLD) this.#told.clear()
    this.#told.add(key)
    return true
  }
}

const isAdmission = (standing: Standing): standing is Admission => standing !== undefined && 'surface' in standing
const pinnedBy = (standing: Standing): { readonly admitted?: Digest } =>
  isAdmission(standing) && standing.verdict === 'passed' ? { admitted: standing.surfaceDigest } : {}

const WORDS: Readonly<Record<Difference['kind'], string>> = {
  tool: 'tool',
  prompt: 'prompt',
  resource: 'resource',
  resourceTemplate: 'resource template',
  instructions: 'instructions',
}
/** Names are the server's: bounded, and escaped by whoever writes them. */
const describe = ({ kind, name, standing }: Pick<Difference, 'kind' | 'name' | 'standing'>): string =>
  standing === 'new'
    ? `the ${WORDS[kind]} \`${name.slice(0, 128)}\` was not admitted`
    : `the ${WORDS[kind]} \`${name.slice(0, 128)}\` is not the one that was admitted`

const drifted = ({ alias, version }: UpstreamEntry, what: string): Stop => ({
  stop: 'drifted',
  detail: `\`${alias}\`: ${what}`,
  fix:
    version === undefined
      ? fixOf(alias)
      : `a reviewer looks at \`gatehouse server diff ${alias}\`; a version that lists this is published and reviewed anew`,
})
const quarantined = (alias: string, why: string): Stop => ({ stop: 'quarantined', detail: `\`${alias}\`: ${why}`, fix: fixOf(alias) })
const fixOf = (alias: string): string =>
  `a reviewer looks at \`gatehouse server diff ${alias}\`, then \`gatehouse server approve ${alias}\``

/** Equal lists under equal admissions are equal views, so the digest says both. */
function visibleOf(list: LiveList, { same }: Comparison, admission: Admission | undefined): LiveList {
  const may = (entry: Entry | undefined): Entry | undefined => (entry && same.has(entry.name) ? entry : undefined)
  const entries = list.entries.filter(({ name }) => same.has(name))
  return {
    ...list,
    entries,
    meta: undefined,
    extra: [],
    digest: digestOf(`${list.digest} ${admission?.surfaceDigest ?? 'none'} ${admission?.verdict ?? ''}`),
    find: name => may(list.find(name)),
    findExposed: exposed => may(list.findExposed(exposed)),
  }
}

const emptied = (list: LiveList): LiveList => ({
  ...list,
  entries: [],
  digest: digestOf(`${list.digest} held`),
  find: () => undefined,
  findExposed: () => undefined,
})
