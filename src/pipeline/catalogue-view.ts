// The catalog room joined to upstreams and entitlements: names resolved, lists fetched for their caller, views kept, results renamed.

import { plainCapabilities } from '../admission/plain-capabilities.ts'
import type { Entry, ListKind } from '../catalog/entry.ts'
import { matchesTemplate } from '../catalog/uri-template.ts'
import type { LiveList } from '../catalog/lists.ts'
import { qualifyName, qualifyUri, splitName, splitUri } from '../catalog/names.ts'
import { Views } from '../catalog/views.ts'
import { rewriteResult } from '../catalog/rewrite.ts'
import { toolToLegacy, toolToModern } from '../bridge/translate-tools.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import type { Era } from '../mcp/revisions.ts'
import type { Primitive } from '../policy/allow-list.ts'
import type { PolicyRules } from '../policy/evaluate.ts'
import { CallerLists, type CallerListsDeps } from './caller-lists.ts'
import type { Asked, Catalogue, ListMethod, NameKind, Resolved, Verified } from './catalogue.ts'
import type { Colliding, Judgement, Used } from './colliding.ts'
import { heldStop, LISTS_OF } from './collision-stop.ts'
import type { GatewayDeps } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import { narrow } from './held-entries.ts'
import type { Defined } from './judge-entities.ts'
import { headersIn, metaFor, wraps } from './list-entries.ts'
import { outsideOfRoots } from './resource-roots.ts'
import type { Authenticated, Classified, Endpoint, Joined, Received } from './path.ts'

type Asking = Received & Classified & Authenticated & Joined
export type CatalogueDeps = CallerListsDeps &
  Pick<GatewayDeps, 'upstreams' | 'sealer' | 'judge'> & {
    readonly colliding: Colliding
    readonly serverInfo: object
  }

const KINDS: Readonly<Record<NameKind, ListKind>> = { tool: 'tools', prompt: 'prompts', resource: 'resources' }
const METHODS: Readonly<Record<ListMethod, ListKind>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'templates',
}
const PRIMITIVES: Readonly<Record<ListKind, Primitive>> = { tools: 'tool', prompts: 'prompt', resources: 'resource', templates: 'resource' }
const MAX_TTL_MS = 86_400_000
type ResourceLists = { readonly resources: LiveList; readonly templates: LiveList }
/**
 * Where the configuration alone admits, a list that cannot be had says nothing against a call: nobody has seen a definition of it here. One that was read
 * and could not be judged or recorded does.
 */
const unlisted = ({ admission }: UpstreamEntry, why: Stop): Verified | Stop =>
  admission === 'required' || why.stop === 'internal-fault' || why.stop === 'audit-unavailable' ? why : { by: 'configuration' }
const pause = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export class CatalogueView implements Catalogue {
  readonly #deps: CatalogueDeps
  readonly #lists: CallerLists
  readonly #views: Views

  constructor(deps: CatalogueDeps) {
    this.#deps = deps
    this.#views = new Views({
      sealer: deps.sealer,
      pause,
      adapt: (entry, target) => this.#adapt(entry, target),
      resultMeta: metaFor(deps.serverInfo),
    })
    this.#lists = new CallerLists(deps, pause)
  }

  resolve(x: Asking, kind: NameKind, exposed: string): Promise<Resolved | undefined> | Resolved | undefined {
    const [only] = x.endpoint.aliases
    if (x.endpoint.kind === 'server') {
      const entry = only === undefined ? undefined : this.#deps.upstreams().get(only)
      return entry && { entry, name: exposed }
    }
    if (kind === 'resource') {
      const own = this.ownUri(x.endpoint, exposed)
      const entry = own && this.#deps.upstreams().get(own.alias)
      return own && entry && { entry, name: own.uri }
    }
    const split = splitName(exposed)
    const entry = split && x.endpoint.aliases.includes(split.alias) ? this.#deps.upstreams().get(split.alias) : undefined
    if (!split || !entry) return undefined
    if (split.name === undefined) return this.#resolveEscaped(x, entry, KINDS[kind], exposed)
    const own = this.#deps.colliding.resolutions.own(split.alias, KINDS[kind], split.name)
    return own === undefined ? undefined : { entry, name: own }
  }
  /** Escaped names are known by the upstream's list only. */
  async #resolveEscaped(x: Asking, entry: UpstreamEntry, kind: ListKind, exposed: string): Promise<Resolved | undefined> {
    // An upstream is not even asked on behalf of somebody for whom it does not exist.
    if (this.#deps.entitlement(x, entry).isEmpty) return undefined
    const list = await this.#lists.list(x, entry, kind)
    const found = isStop(list) ? undefined : list.findExposed(exposed)
    // What has been given another name is not found under its own.
    if (!found) return undefined
    return this.#said(entry.alias, kind, found.name) === found.name ? { entry, name: found.name } : undefined
  }
  readonly #said = (alias: string, kind: ListKind, name: string): string => this.#deps.colliding.resolutions.said(alias, kind, name)

  expose(endpoint: Endpoint, alias: string, kind: NameKind, name: string): string {
    if (endpoint.kind === 'server') return name
    return kind === 'resource' ? qualifyUri(alias, name) : qualifyName(alias, this.#said(alias, KINDS[kind], name))
  }
  ownUri(endpoint: Endpoint, exposed: string): { readonly alias: string; readonly uri: string } | undefined {
    const [only] = endpoint.aliases
    if (endpoint.kind === 'server') return only === undefined ? undefined : { alias: only, uri: exposed }
    const own = splitUri(exposed)
    return own && endpoint.aliases.includes(own.alias) ? own : undefined
  }

  toolHeaders(x: Asking, entry: UpstreamEntry, tool: string): ReturnType<Catalogue['toolHeaders']> {
    const list = this.#lists.visible(x, entry, 'tools')
    return list instanceof Promise ? list.then(l => headersIn(l, tool)) : headersIn(list, tool)
  }

  async isOutputWrapped(x: Asking, entry: UpstreamEntry, tool: string): Promise<boolean> {
    const list = await this.#lists.visible(x, entry, 'tools')
    const found = isStop(list) ? undefined : list.find(tool)
    return found !== undefined && wraps(found)
  }

  /** Every upstream is asked at the same time; one that cannot list is left out of an aggregate, and said so by a ttl of 0. */
  async list(x: Asking, method: ListMethod, cursor: string | undefined): Promise<Buffer | Stop> {
    const kind = METHODS[method]
    const entries = x.endpoint.aliases.flatMap(alias => this.#deps.upstreams().get(alias) ?? [])
    // Captured now: a reload while pages are built must not put names into a view that belongs to the old entitlement.
    const permits = new Map(entries.map(entry => [entry.alias, this.#deps.entitlement(x, entry)]))
    const { rules } = this.#deps.judge
    // Which rules it was made by; they are asked about each entry, and the record would be as long as the list.
    if (rules) x.judged = JSON.stringify({ digest: rules.bundle.digest })
    const visible = entries.filter(entry => permits.get(entry.alias)?.isEmpty === false)
    const listed = await Promise.all(visible.map(async entry => this.#lists.listed(x, entry, kind)))
    // Only now: what one server says of another's tools shows once both are read.
    const read = await Promise.all(listed.map(async (list, i) => (visible[i] ? this.#lists.uninspected(visible[i], list) : list)))
    const judgement = await this.#deps.colliding.judgement(
      x.endpoint,
      visible.flatMap((entry, i) => this.#used(x, entry, read[i])),
    )
    const { resolutions } = judgement
    const lists = read.map(list => (isStop(list) ? list : narrow(judgement, list)))
    const shown = rules && (await this.#shown(rules, x, { visible, lists }))
    const failed = lists.find(isStop)
    const isAggregated = x.endpoint.kind !== 'server'
    if (failed && !isAggregated) return failed
    const parts = lists.flatMap((list, i) => (isStop(list) ? [] : [{ alias: visible[i]?.alias ?? '', list }]))
    const view = this.#views.of({
      endpoint: x.endpoint.resource,
      kind,
      isAggregated,
      entitlement: [...visible.map(entry => permits.get(entry.alias)?.digest ?? ''), resolutions.digest].join(' '),
      parts,
      isComplete: failed === undefined,
      maxTtlMs: Math.min(...visible.map(entry => this.#deps.listSettings(entry.alias)?.ttlMs ?? 0), MAX_TTL_MS),
      said: (of, alias, name) => resolutions.said(alias, of, name),
      isPermitted: (of, alias, name) =>
        shown
          ? (shown.get(alias)?.has(name) ?? false) && permits.get(alias)?.isBlocked?.(PRIMITIVES[of], name) !== true
          : permits.get(alias)?.permits(PRIMITIVES[of], name) !== undefined,
    })
    return view.page(x.era, cursor, x.principal.key)
  }
  /** By server: names that the rules show to this principal. One server after the other, so that each has its turns. */
  async #shown(
    rules: PolicyRules,
    x: Asking,
    { visible, lists }: { readonly visible: readonly UpstreamEntry[]; readonly lists: readonly (LiveList | Stop)[] },
  ): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const { judge, admitting } = this.#deps
    const shown = new Map<string, ReadonlySet<string>>()
    for (const [i, entry] of visible.entries()) {
      const list = lists[i]
      if (!list || isStop(list)) continue
      const digest = (each: Entry): string => admitting.digestIn(entry, list.kind, each)
      shown.set(entry.alias, await judge.shown(rules, x, { entry, list, digest }))
    }
    return shown
  }
  /** Tool definitions say the same in both eras, in each era's own form (research/protocol.md section 2, row lists). */
  #adapt(entry: Buffer, { kind, alias, era }: { readonly kind: ListKind; readonly alias: string; readonly era: Era }): Buffer {
    const upstreamEra = this.#deps.upstreams().get(alias)?.upstream.status().era
    if (kind !== 'tools' || upstreamEra === era) return entry
    return era === 'legacy' ? toolToLegacy(entry) : toolToModern(entry)
  }

  rewriteResult(endpoint: Endpoint, alias: string, method: string, result: Buffer): Buffer {
    return endpoint.kind === 'server' ? result : rewriteResult(alias, method, result)
  }

  verify(x: Asking, entry: UpstreamEntry, asked: Asked): Promise<Verified | Stop> | Verified | Stop {
    const outside = outsideOfRoots(x, entry, asked)
    if (outside) return outside
    const admitted = this.#admitted(x, entry, asked)
    return admitted instanceof Promise
      ? admitted.then(verdict => this.#apart(x, { entry, asked, verdict }))
      : this.#apart(x, { entry, asked, verdict: admitted })
  }
  /** What is admitted passes unless it could be taken for something else at this endpoint. */
  #apart(
    x: Asking,
    { entry, asked, verdict }: { readonly entry: UpstreamEntry; readonly asked: Asked; readonly verdict: Verified | Stop },
  ): Promise<Verified | Stop> | Verified | Stop {
    const kinds = LISTS_OF[asked.kind]
    if (isStop(verdict) || !kinds) return verdict
    const judged = this.#judgedFor(x, { entry, asked, kinds })
    const conclude = (judgement: Judgement | Stop): Verified | Stop =>
      isStop(judgement) ? judgement : (heldStop(judgement, entry.alias, asked) ?? verdict)
    return judged instanceof Promise ? judged.then(conclude) : conclude(judged)
  }
  /**
   * The judgement that knows this server's lists of these kinds: nothing is called that nobody could have compared. Its lists alone are waited for. A tool or
   * prompt that no compared list has is looked for in the caller's own: it may stand there since, or his list may have made room for others'.
   */
  #judgedFor(
    x: Asking,
    { entry, asked, kinds }: { readonly entry: UpstreamEntry; readonly asked: Asked; readonly kinds: readonly ListKind[] },
  ): Promise<Judgement | Stop> | Judgement {
    const now = this.#deps.colliding.judgement(x.endpoint)
    if (!(now instanceof Promise)) {
      const known = now.known.get(entry.alias)
      const isKnown = asked.kind === 'resource' || kinds.some(kind => known?.of[kind].has(asked.name))
      if (isKnown && kinds.every(kind => known?.hasRead(kind))) return now
    }
    return Promise.all(kinds.map(async kind => this.#lists.visible(x, entry, kind))).then(
      lists =>
        lists.find(isStop) ??
        this.#deps.colliding.judgement(
          x.endpoint,
          lists.flatMap(list => this.#used(x, entry, list)),
        ),
    )
  }
  /** A server under review that nobody admitted is shown to nobody, and compared with nobody. */
  #used(x: Asking, entry: UpstreamEntry, list: LiveList | Stop | undefined): readonly Used[] {
    if (!list || isStop(list) || this.#deps.admitting.held(entry)) return []
    const isShared = this.#deps.listSettings(entry.alias)?.isShared === true
    return [{ entry, list, caller: isShared ? '' : `${x.principal.key}\n${x.hostFace.capabilities}` }]
  }
  #admitted(x: Asking, entry: UpstreamEntry, asked: Asked): Promise<Verified | Stop> | Verified | Stop {
    // Nothing is asked of a server that nobody may use.
    const { admitting, inspected } = this.#deps
    const standing = admitting.standing(entry)
    if (standing) return standing
    const { kind, name } = asked
    const verdict = (stop: Stop | undefined): Verified | Stop => stop ?? admitting.admittedBy(entry)
    if (kind === 'resource')
      return this.#resourceLists(x, entry).then(lists =>
        isStop(lists)
          ? unlisted(entry, lists)
          : this.#defined(
              entry,
              lists.resources,
              name,
              verdict(admitting.checkResource(entry, lists, name) ?? this.#inspectedResource(entry, lists, name)),
            ),
      )
    // A task belongs to a call that was verified; methods of extensions have no definitions to compare.
    if (kind === 'task' || kind === 'method') return verdict(undefined)
    const list = this.#lists.list(x, entry, KINDS[kind])
    const check = (read: LiveList | Stop): Verified | Stop =>
      isStop(read)
        ? unlisted(entry, read)
        : this.#defined(entry, read, name, verdict(admitting.check(entry, read, name) ?? inspected.check(entry, read, name)))
    return list instanceof Promise ? list.then(check) : check(list)
  }
  /** With the digest of what was asked for, where it stands in that list and somebody admitted it. */
  #defined(entry: UpstreamEntry, list: LiveList, name: string, verdict: Verified | Stop): Verified | Stop {
    if (isStop(verdict) || verdict.by === 'configuration') return verdict
    const found = list.find(name)
    const definition = found && this.#deps.admitting.digestIn(entry, list.kind, found)
    return definition ? { by: verdict.by, definition } : verdict
  }
  /** By its own definition, or by the templates that make its URI and pass. */
  #inspectedResource(entry: UpstreamEntry, { resources, templates }: ResourceLists, uri: string): Stop | undefined {
    const { admitting, inspected } = this.#deps
    if (resources.find(uri)) return inspected.check(entry, resources, uri)
    const admitted = admitting.visible(entry, templates)
    return inspected.checkMade(
      entry,
      templates,
      template => admitted.find(template) !== undefined && (template === uri || matchesTemplate(template, uri)),
    )
  }
  async #resourceLists(x: Asking, entry: UpstreamEntry): Promise<ResourceLists | Stop> {
    const [resources, templates] = await Promise.all([this.#lists.list(x, entry, 'resources'), this.#lists.list(x, entry, 'templates')])
    if (isStop(resources)) return resources
    return isStop(templates) ? templates : { resources, templates }
  }
  definition(x: Asking, entry: UpstreamEntry, kind: 'tool' | 'prompt', name: string): ReturnType<Catalogue['definition']> {
    const list = this.#lists.visible(x, entry, KINDS[kind])
    const find = (read: LiveList | Stop): Defined | Stop | undefined => {
      if (isStop(read)) return read
      const found = read.find(name)
      return found && { entry: found, digest: this.#deps.admitting.digestIn(entry, read.kind, found) }
    }
    return list instanceof Promise ? list.then(find) : find(list)
  }
  standing(entry: UpstreamEntry): Stop | undefined {
    return this.#deps.admitting.standing(entry)
  }
  held(entry: UpstreamEntry): Stop | undefined {
    return this.#deps.admitting.held(entry)
  }
  isHeldNow(endpoint: Endpoint, alias: string, uri: string): boolean {
    const judgement = this.#deps.colliding.latest(endpoint)
    return !judgement || heldStop(judgement, alias, { kind: 'resource', name: uri }) !== undefined
  }
  onDecision(alias: string, listener: () => void): () => void {
    const { admitting, colliding } = this.#deps
    const ends = [admitting.onDecision(alias, listener), colliding.onChange(alias, listener)]
    return () => {
      for (const end of ends) end()
    }
  }
  async instructions(entry: UpstreamEntry, text: string | undefined): Promise<string | undefined | Stop> {
    const admitted = await this.#deps.admitting.instructions(entry, text)
    return typeof admitted === 'string' ? this.#deps.inspected.instructions(entry, admitted) : admitted
  }
  capabilities(entry: UpstreamEntry, capabilities: object): object {
    // What nobody pinned may say nothing.
    const isPlain = entry.admission === 'required' || !this.#deps.inspected.isHarmless(entry, capabilities)
    return isPlain ? plainCapabilities(capabilities) : capabilities
  }

  forget(alias: string): void {
    this.#lists.changed(alias)
  }
  /** The upstream is another one now, or gone. */
  drop(alias: string): void {
    this.#lists.forget(alias)
    this.#deps.colliding.drop(alias)
    this.#deps.inspected.drop(alias)
  }
  /** Lets go of change streams that nobody's lists need any more; called by the one timer. */
  sweep(): void {
    this.#lists.sweep()
  }
}
