// What servers list and say of themselves, as inspection lets it pass: each definition is read once, whatever is left out is on record before anybody gets the list.

import { digestOfInstructions, digestOfPrimitive, type PrimitiveKind } from '../admission/primitive.ts'
import type { Entry, ListKind } from '../catalog/entry.ts'
import type { LiveList } from '../catalog/lists.ts'
import { DEFAULT_TIERS } from '../inspection/tiers.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import { DefinitionReader, type Read } from './definition-reader.ts'
import type { UpstreamEntry } from './entry.ts'
import { inWords, tiered, together, worstOf, type Inspect, type Inspected } from './inspected.ts'

/**
 * What became of a definition in which something was found. `accepted`: held, and named by the configuration. `lowered`: it passes only because the
 * configuration says less of a code that blocks. `noted`: a remark.
 */
type Fate = 'blocked' | 'held' | 'accepted' | 'lowered' | 'noted'
export type JudgedDefinition = {
  readonly kind: PrimitiveKind | 'instructions' | 'beside'
  readonly name: string
  /** of the definition, as `acceptedDefinitions` takes it; absent where it has none */
  readonly digest?: string
  readonly is: Fate
  readonly inspected: Inspected
}
/** Told once per change. */
export type DefinitionFindings = {
  readonly alias: string
  readonly list: ListKind | 'instructions'
  readonly judged: readonly JudgedDefinition[]
}

export type InspectedDefinitionsDeps = {
  readonly inspect: Inspect
  /** durable when it resolves; rejects when it may not be, and then the list is not used */
  readonly record: (findings: DefinitionFindings) => Promise<void>
  /** gives other work a turn */
  readonly pause: () => Promise<void>
}

type At = Pick<UpstreamEntry, 'alias' | 'admission' | 'inspection' | 'accepted'>
type Verdict = {
  readonly by: Pick<At, 'admission' | 'inspection' | 'accepted'>
  readonly version: number
  readonly leftOut: ReadonlyMap<string, JudgedDefinition>
  readonly visible: LiveList
  readonly findings: DefinitionFindings
}

const PRIMITIVE_OF: Readonly<Record<ListKind, PrimitiveKind>> = {
  tools: 'tool',
  prompts: 'prompt',
  resources: 'resource',
  templates: 'resourceTemplate',
}
const UNRECORDED: Stop = { stop: 'audit-unavailable', detail: 'the audit log cannot be written' }
/** Bytes inspected between two pauses, and what each definition counts for on top. */
const TURN_BYTES = 16_384
const ENTRY_COST = 512
/** Definitions judged between two pauses, some 10 us each where something was found. */
const TURN_ENTRIES = 100
const MAX_ROUNDS = 3
/** Judgements remembered as told, in all. */
const MAX_TOLD = 4096

export class InspectedDefinitions {
  readonly #deps: InspectedDefinitionsDeps
  readonly #reader: DefinitionReader
  readonly #verdicts = new WeakMap<LiveList, Verdict>()
  readonly #entries = new WeakMap<Entry, Pick<Verdict, 'by' | 'version'> & { readonly judged: JudgedDefinition | undefined }>()
  readonly #told = new Set<string>()

  constructor(deps: InspectedDefinitionsDeps) {
    this.#deps = deps
    this.#reader = new DefinitionReader(deps.inspect)
  }

  /** A list that was just read, before anybody gets it: inspected in turns, its names known to whoever describes another server's tools. */
  async read(list: LiveList): Promise<LiveList | Stop> {
    try {
      let done = 0
      for (const each of list.entries) {
        if ((done += each.raw.length + ENTRY_COST) > TURN_BYTES) {
          done = 0
          await this.#deps.pause()
        }
        this.#reader.entry(list.kind, each)
      }
      this.#reader.beside(list)
      this.#reader.inventory.add(list.alias, list.kind === 'tools' ? list.entries.map(({ name }) => name) : [])
      return list
    } catch {
      // What broke the detector may be text of the list.
      return { stop: 'internal-fault', detail: `the ${list.kind} of \`${list.alias}\` cannot be inspected` }
    }
  }

  /** The server is another one now, or gone: its names are nobody's. */
  drop(alias: string): void {
    this.#reader.inventory.drop(alias)
  }

  /** Without what is left out. At once where that is on record. Throws where a detector fails. */
  visible(at: At, list: LiveList): LiveList | Stop | Promise<LiveList | Stop> {
    return this.#isCurrent(at, list) || list.entries.length <= TURN_ENTRIES
      ? this.#recorded(at, list)
      : this.#judgeInTurns(at, list).then(() => this.#recorded(at, list))
  }
  #recorded(at: At, list: LiveList): LiveList | Stop | Promise<LiveList | Stop> {
    const { visible, findings } = this.#judge(at, list)
    return this.#isTold(findings) ? visible : this.#tell(findings).then(isDone => (isDone ? visible : UNRECORDED))
  }

  /** Why a definition may not be used, whoever admitted it. At once. */
  check(at: At, list: LiveList, name: string): Stop | undefined {
    // One look, however long the list is and whatever became known since.
    const entry = list.find(name)
    const found = entry && this.#judgedEntry(at, list.kind, entry)
    return found && isLeftOut(found) ? stopOf(at, found) : undefined
  }
  /** The same for what templates make: left out where all that make it are. */
  checkMade(at: At, list: LiveList, makes: (template: string) => boolean): Stop | undefined {
    const makers = list.entries.filter(({ name }) => makes(name))
    const stops = makers.map(({ name }) => this.check(at, list, name))
    return stops.every(stop => stop !== undefined) ? stops[0] : undefined
  }

  /** What a server says about itself; undefined = hosts are told nothing of it. */
  async instructions(at: At, text: string): Promise<string | undefined | Stop> {
    const read = this.#reader.text(text)
    const judged = this.#judged(at, read, { kind: 'instructions', name: '', digest: () => digestOfInstructions(text) })
    const findings: DefinitionFindings = { alias: at.alias, list: 'instructions', judged: judged ? [judged] : [] }
    if (!(await this.#tell(findings))) return UNRECORDED
    return judged && isLeftOut(judged) ? undefined : text
  }

  /** Whether something that nobody reviewed, and that is no definition, may travel as it came: capabilities. */
  isHarmless(at: At, value: object): boolean {
    const { tier } = tiered(this.#reader.text(value).inspected, 'definition', at.inspection)
    return tier !== 'block' && tier !== 'hold'
  }

  #isCurrent(at: At, list: LiveList): boolean {
    const known = this.#verdicts.get(list)
    return known?.version === this.#reader.inventory.version && isSame(known.by, at)
  }

  /** Definition by definition, so that judging the list finds each judged; what becomes known meanwhile begins it anew, a few times at most. */
  async #judgeInTurns(at: At, list: LiveList): Promise<void> {
    for (let round = 0, version = -1; round < MAX_ROUNDS && version !== this.#reader.inventory.version; round++) {
      version = this.#reader.inventory.version
      let done = 0
      for (const each of list.entries) {
        const judged = this.#judgedEntry(at, list.kind, each)
        if (judged) ownKeyOf(judged)
        if (++done % TURN_ENTRIES === 0) await this.#deps.pause()
      }
    }
  }

  /** Undefined where nothing is to be said of it. Kept until other names are known, or it is configured otherwise. */
  #judgedEntry(at: At, kind: ListKind, entry: Entry): JudgedDefinition | undefined {
    const read = this.#reader.entry(kind, entry)
    if (read.isPlain) return undefined
    const { version } = this.#reader.inventory
    const known = this.#entries.get(entry)
    if (known?.version === version && isSame(known.by, at)) return known.judged
    const digest = (): string | undefined => digestOfPrimitive(PRIMITIVE_OF[kind], entry.raw)
    const judged = this.#judged(at, read, { kind: PRIMITIVE_OF[kind], name: entry.name, digest })
    this.#entries.set(entry, { by: { admission: at.admission, inspection: at.inspection, accepted: at.accepted }, version, judged })
    return judged
  }

  #judge(at: At, list: LiveList): Verdict {
    const { version } = this.#reader.inventory
    const known = this.#verdicts.get(list)
    if (known?.version === version && isSame(known.by, at)) return known
    const judged = list.entries.flatMap(each => this.#judgedEntry(at, list.kind, each) ?? [])
    const beside = this.#judged(at, this.#reader.beside(list), { kind: 'beside', name: '', digest: () => undefined })
    const all = beside ? [...judged, beside] : judged
    const leftOut = new Map(judged.filter(isLeftOut).map(each => [each.name, each]))
    const verdict: Verdict = {
      by: { admission: at.admission, inspection: at.inspection, accepted: at.accepted },
      version,
      leftOut,
      visible: without(list, leftOut, beside !== undefined && isLeftOut(beside)),
      findings: { alias: at.alias, list: list.kind, judged: all },
    }
    this.#verdicts.set(list, verdict)
    return verdict
  }

  #judged(
    at: At,
    read: Read,
    { digest: digestNow, ...what }: Pick<JudgedDefinition, 'kind' | 'name'> & { readonly digest: () => string | undefined },
  ): JudgedDefinition | undefined {
    if (read.isPlain) return undefined
    const crossing = this.#reader.crossTool(at.alias, read)
    if (read.inspected.findings.length + crossing.findings.length === 0) return undefined
    const all = together([read.inspected, crossing])
    const inspected = tiered(all, 'definition', at.inspection)
    const digest = digestNow()
    const is = fateOf(at, { all, inspected, digest })
    return is && { ...what, ...(digest !== undefined && { digest }), is, inspected: is === 'lowered' ? all : inspected }
  }

  #isTold(findings: DefinitionFindings): boolean {
    return findings.judged.length === 0 || this.#told.has(keyOf(findings))
  }
  async #tell(findings: DefinitionFindings): Promise<boolean> {
    if (this.#isTold(findings)) return true
    try {
      await this.#deps.record(findings)
    } catch {
      // The log says itself why it cannot be written.
      return false
    }
    if (this.#told.size >= MAX_TOLD) this.#told.clear()
    this.#told.add(keyOf(findings))
    return true
  }
}

/** What a reviewer admitted has had its person: there a hold is answered, and a block is not. */
function fateOf(
  { admission, accepted }: At,
  { all, inspected, digest }: { readonly all: Inspected; readonly inspected: Inspected; readonly digest: string | undefined },
): Fate | undefined {
  if (inspected.tier === 'block') return 'blocked'
  if (inspected.tier === 'hold' && admission === 'configured') return digest !== undefined && accepted.has(digest) ? 'accepted' : 'held'
  if (all.findings.some(({ code }) => DEFAULT_TIERS.definition.get(code) === 'block')) return 'lowered'
  return inspected.tier === 'annotate' ? 'noted' : undefined
}
const isLeftOut = ({ is }: JudgedDefinition): boolean => is === 'blocked' || is === 'held'
const isSame = (a: Verdict['by'], b: Verdict['by']): boolean =>
  a.admission === b.admission && a.inspection === b.inspection && a.accepted === b.accepted

/** Of each by itself, which is worked out in turns; a list's is made of those. */
const keys = new WeakMap<object, string>()
const kept = (of: object, make: () => string): string => {
  let key = keys.get(of)
  if (key === undefined) keys.set(of, (key = digestOf(make())))
  return key
}
const ownKeyOf = (judged: JudgedDefinition): string => kept(judged, () => JSON.stringify(judged))
const keyOf = (findings: DefinitionFindings): string =>
  kept(findings, () => JSON.stringify([findings.alias, findings.list, findings.judged.map(ownKeyOf)]))

const WORDS: Readonly<Record<JudgedDefinition['kind'], string>> = {
  tool: 'tool',
  prompt: 'prompt',
  resource: 'resource',
  resourceTemplate: 'resource template',
  instructions: 'instructions',
  beside: 'list',
}
function stopOf({ alias }: At, { kind, name, is, inspected, digest = 'none' }: JudgedDefinition): Stop {
  const worst = worstOf(inspected)
  const detail = `\`${alias}\`: the ${WORDS[kind]} \`${name.slice(0, 128)}\` has ${worst ? inWords(worst) : 'findings'}`
  if (is === 'blocked')
    return {
      stop: 'definition-blocked',
      detail,
      fix: `ask whoever runs the server to mend it; an operator may choose another tier under \`upstreams.${alias}.inspection.definition\``,
    }
  return {
    stop: 'definition-held',
    detail,
    fix: `an operator looks at it, and adds ${digest} to \`upstreams.${alias}.acceptedDefinitions\`, or has the server reviewed`,
  }
}

/** Equal lists without the same are equal views, so the digest says both. */
function without(list: LiveList, leftOut: ReadonlyMap<string, unknown>, isBare: boolean): LiveList {
  if (leftOut.size === 0 && !isBare) return list
  const may = (entry: Entry | undefined): Entry | undefined => (entry && !leftOut.has(entry.name) ? entry : undefined)
  return {
    ...list,
    ...(isBare && { meta: undefined, extra: [] }),
    entries: list.entries.filter(({ name }) => !leftOut.has(name)),
    digest: digestOf(JSON.stringify([list.digest, [...leftOut.keys()], isBare])),
    find: name => may(list.find(name)),
    findExposed: exposed => may(list.findExposed(exposed)),
  }
}
