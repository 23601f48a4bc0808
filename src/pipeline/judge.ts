// The rules in force as the pipeline asks them: about a server, its entries, one request, what a server asks, an endpoint. Without rules it is off, and allow rules decide alone.

import type { Entry, ListKind } from '../catalog/entry.ts'
import type { LiveList } from '../catalog/lists.ts'
import type { Marks } from '../flow/marks.ts'
import type { Mark } from '../flow/store.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Principal } from '../kernel/principal.ts'
import type { Era } from '../mcp/revisions.ts'
import type { Entitlement, Primitive, ServerRequestKind } from '../policy/allow-list.ts'
import { ASKS } from '../policy/allow-policies.ts'
import type { PolicyDecision, PolicyRules } from '../policy/evaluate.ts'
import type { ServerFacts } from '../policy/facts.ts'
import type { DecisionRecord } from '../policy/record.ts'
import type { ContextFacts, Entity, LateFacts, PolicyRequest } from '../policy/request.ts'
import { shapes } from './content-demands.ts'
import type { UpstreamEntry } from './entry.ts'
import { JudgeContexts, type Known } from './judge-contexts.ts'
import { Entities, namedEntity, type Defined, type Wanted } from './judge-entities.ts'
import type { Endpoint } from './path.ts'

/** Who asks, and from where; a page for people asks from no endpoint. */
export type Asker = { readonly principal: Principal; readonly endpoint?: Pick<Endpoint, 'path'>; readonly era?: Era }

export type JudgeDeps = {
  /** in force now; undefined = there are none */
  readonly rules: () => PolicyRules | undefined
  /** asked beside, and decides nothing */
  readonly shadow?: () => PolicyRules | undefined
  /** the same object while nothing of it changes */
  readonly serverFacts: (entry: UpstreamEntry) => ServerFacts
  /** in front of a group of this issuer, where several could hold it */
  readonly groupPrefix: (issuer: string) => string
  /** what was read before; absent = nobody is asked */
  readonly marks?: Pick<Marks, 'of' | 'sourcesOf'>
  /** wall clock, milliseconds */
  readonly now: () => number
  readonly monotonic: () => number
  /** gives other work a turn */
  readonly pause: () => Promise<void>
}

/** What rules that decide nothing would have come to. */
type ShadowDecision = Pick<DecisionRecord, 'digest' | 'outcome' | 'code' | 'rules'>

/** What the rules say of one request: the call itself, and whether what it is for is shown. */
export type Judged = {
  readonly request: PolicyRequest
  readonly policy: PolicyDecision
  readonly list?: PolicyDecision
  readonly rules: PolicyRules
  /** where what was read before came from, latest first */
  readonly readFrom?: () => readonly Mark[]
  /** only where it is something else */
  readonly shadow?: ShadowDecision
}

const DENIED: Entitlement = { permits: () => undefined, serverRequests: new Set(), digest: 'nothing', isEmpty: true }
const LIST_ACTION: Readonly<Record<ListKind, string>> = {
  tools: 'tools/list',
  prompts: 'prompts/list',
  resources: 'resources/list',
  templates: 'resources/templates/list',
}
/** Longest stretch of decisions about a list before other work has a turn. */
const TURN_MS = 2
/** Decisions between two looks at the clock. */
const LOOK_EVERY = 8
/** Ways of seeing one list that are kept. */
const MAX_SHOWN = 256

type Shown = ReadonlySet<string>

export class Judge {
  readonly #deps: JudgeDeps
  readonly #entities: Entities
  readonly #contexts: JudgeContexts
  readonly #shown = new WeakMap<LiveList, Map<string, Shown | Promise<Shown>>>()

  constructor(deps: JudgeDeps) {
    this.#deps = deps
    this.#entities = new Entities(deps.groupPrefix)
    const { marks, now } = deps
    this.#contexts = new JudgeContexts(now, marks && (principal => marks.of(principal)))
  }

  get rules(): PolicyRules | undefined {
    return this.#deps.rules()
  }

  /** What is known of a server, as rules are told it. */
  serverFacts(entry: UpstreamEntry): ServerFacts {
    return this.#deps.serverFacts(entry)
  }

  /** What this principal may use of one server, by the rules in force now. The same object while nothing it is made of changes. */
  entitlement(rules: PolicyRules, asker: Asker, entry: UpstreamEntry): Entitlement {
    const facts = this.#deps.serverFacts(entry)
    const { context, entitlements } = this.#knownOf(asker)
    const groupPrefix = this.#deps.groupPrefix(asker.principal.issuer)
    const known = entitlements.get(entry.alias)
    if (known?.facts === facts && known.rules === rules && known.groupPrefix === groupPrefix) return known.entitlement
    const entitlement = this.#entitlementOf(rules, { asker, facts, context })
    entitlements.set(entry.alias, { rules, facts, groupPrefix, entitlement })
    return entitlement
  }

  #entitlementOf(
    rules: PolicyRules,
    { asker, facts, context }: { readonly asker: Asker; readonly facts: ServerFacts; readonly context: ContextFacts },
  ): Entitlement {
    const principal = this.#entities.principal(asker.principal)
    const server = this.#entities.server(facts)
    if (!principal || !server) return DENIED
    const allows = (action: string, resource: Entity, detail = ''): string | undefined => {
      const asked = detail === '' ? context : { ...context, detail }
      const { outcome, rules: by } = rules.decide({ principal, action, resource, context: asked })
      return outcome === 'allow' ? (by[0] ?? '') : undefined
    }
    const asAsked = (action: string): boolean => {
      const { outcome, obligations } = rules.decide({ principal, action, resource: server, context })
      return outcome === 'allow' && !shapes(obligations)
    }
    const isEmpty = allows('servers/list', server) === undefined
    let kinds: ReadonlySet<ServerRequestKind> | undefined
    let digest: string | undefined
    let mayFollowTasks: boolean | undefined
    return {
      isEmpty,
      get mayFollowTasks() {
        // A notification brings the result of a task without the call that a demand on results would shape: who is to have it so asks for it.
        return (mayFollowTasks ??= !isEmpty && asAsked('tasks/get'))
      },
      permits: (kind, name) => {
        const resource = isEmpty ? undefined : namedEntity(facts, kind, name)
        return resource && allows(SEEN[kind], resource) !== undefined
          ? allows(USED[kind], resource, kind === 'method' ? name : '')
          : undefined
      },
      get serverRequests() {
        const all = isEmpty ? [] : (Object.keys(ASKS) as ServerRequestKind[])
        // What people approve first may be asked for: the gate holds each question.
        const mayAsk = ({ action, detail }: (typeof ASKS)[ServerRequestKind]): boolean =>
          ASKABLE.has(
            rules.decide({ principal, action, resource: server, context: detail === '' ? context : { ...context, detail } }).outcome,
          )
        return (kinds ??= new Set(all.filter(kind => mayAsk(ASKS[kind]))))
      },
      get digest() {
        return (digest ??= digestOf(JSON.stringify([rules.bundle.digest, facts, rules.standpoint(principal, context)])))
      },
    }
  }

  /** A request about a server or something of it. `defined`: as its list has it, for tools and prompts; undefined = it is not listed. */
  request(
    rules: PolicyRules,
    asker: Asker,
    entry: UpstreamEntry,
    about: Wanted & { readonly defined?: Defined | undefined; readonly late: LateFacts },
  ): Judged | undefined {
    const principal = this.#entities.principal(asker.principal)
    const facts = this.#deps.serverFacts(entry)
    const resource = this.#entities.resource(facts, about)
    if (!principal || !resource) return undefined
    const { kind, method, late } = about
    const isMethod = kind === 'method'
    const plain = this.#contextOf(asker)
    const context = isMethod ? { ...plain, detail: method } : plain
    // Only what is called has arguments; lists are the same whatever they hold.
    const request: PolicyRequest = { principal, action: isMethod ? 'extension' : method, resource, context, late }
    const listAction = LISTED[resource.type] ?? 'servers/list'
    const list = rules.decide({ principal, action: listAction, resource, context })
    const server = this.#entities.server(facts)
    return this.#beside({ request, rules, policy: rules.decide(request), list, ...this.#readFrom(asker) }, shadow => {
      // Here resolve-route has seen to it that the server exists for the principal.
      const isThere = server && shadow.decide({ principal, action: 'servers/list', resource: server, context })
      return isThere?.outcome === 'deny' ? isThere : shadow.decide({ principal, action: listAction, resource, context })
    })
  }

  /** What a server asks of the host of a call. */
  question(rules: PolicyRules, asker: Asker, entry: UpstreamEntry, kind: ServerRequestKind): Judged | undefined {
    const principal = this.#entities.principal(asker.principal)
    const resource = this.#entities.server(this.#deps.serverFacts(entry))
    if (!principal || !resource) return undefined
    const { action, detail } = ASKS[kind]
    const request: PolicyRequest = { principal, action, resource, context: { ...this.#contextOf(asker), detail } }
    return { request, rules, policy: rules.decide(request) }
  }

  /** An act that is about no server: sessions, streams, administration. */
  endpoint(rules: PolicyRules, asker: Asker, action: string, late: LateFacts = {}): Judged | undefined {
    const principal = this.#entities.principal(asker.principal)
    const resource = this.#entities.endpoint(asker.endpoint?.path ?? '')
    if (!principal || !resource) return undefined
    const request: PolicyRequest = { principal, action, resource, context: this.#contextOf(asker), late }
    return this.#beside({ request, rules, policy: rules.decide(request), ...this.#readFrom(asker) })
  }

  /**
   * Names of a list that are shown to the asker: decided in turns, and remembered for everybody from the same standpoint. `digest` of an entry as admission
   * has it.
   */
  shown(
    rules: PolicyRules,
    asker: Asker,
    { entry, list, digest }: { readonly entry: UpstreamEntry; readonly list: LiveList; readonly digest: (each: Entry) => string },
  ): Shown | Promise<Shown> {
    const principal = this.#entities.principal(asker.principal)
    if (!principal) return NOTHING
    const facts = this.#deps.serverFacts(entry)
    const context = this.#contextOf(asker)
    const key = `${rules.bundle.digest}\n${JSON.stringify(facts)}\n${rules.standpoint(principal, context)}`
    const perList = this.#shown.get(list) ?? new Map<string, Shown | Promise<Shown>>()
    this.#shown.set(list, perList)
    const known = perList.get(key)
    if (known) return known
    if (perList.size >= MAX_SHOWN) perList.clear()
    const isShown = (each: Entry): boolean => {
      const resource = this.#entities.entry(facts, list.kind, { entry: each, digest: digest(each) })
      return resource !== undefined && rules.decide({ principal, action: LIST_ACTION[list.kind], resource, context }).outcome === 'allow'
    }
    const deciding = this.#inTurns(list.entries, isShown).then(
      shown => {
        perList.set(key, shown)
        return shown
      },
      (cause: unknown) => {
        perList.delete(key)
        throw cause
      },
    )
    perList.set(key, deciding)
    return deciding
  }

  async #inTurns(entries: readonly Entry[], isShown: (each: Entry) => boolean): Promise<Shown> {
    const { monotonic, pause } = this.#deps
    const shown = new Set<string>()
    let since = monotonic()
    let at = 0
    for (const each of entries) {
      if (++at % LOOK_EVERY === 0 && monotonic() - since > TURN_MS) {
        await pause()
        since = monotonic()
      }
      if (isShown(each)) shown.add(each.name)
    }
    return shown
  }

  /** What the shadow would have come to, where it is something else. */
  #beside(judged: Judged, listBy?: (shadow: PolicyRules) => PolicyDecision): Judged {
    const shadow = this.#deps.shadow?.()
    if (!shadow) return judged
    const policy = shadow.decide(judged.request)
    const list = listBy?.(shadow)
    const own = joined(judged)
    const other = joined({ policy, ...(list && { list }) })
    return own.outcome === other.outcome ? judged : { ...judged, shadow: { digest: shadow.bundle.digest, ...other } }
  }

  #knownOf({ principal, endpoint, era = 'modern' }: Asker): Known {
    return this.#contexts.of(principal, endpoint?.path ?? '', era)
  }
  #contextOf(asker: Asker): ContextFacts {
    return this.#knownOf(asker).context
  }

  #readFrom({ principal }: Asker): Pick<Judged, 'readFrom'> {
    const { marks } = this.#deps
    return marks ? { readFrom: () => marks.sourcesOf(principal) } : {}
  }
}

const ASKABLE: ReadonlySet<PolicyDecision['outcome']> = new Set(['allow', 'approval'])

/** As the table of decisions has it: what is not shown is not used. */
function joined({ policy, list }: Pick<Judged, 'policy' | 'list'>): Omit<ShadowDecision, 'digest'> {
  const { outcome, code, rules } = list && list.outcome !== 'allow' ? { ...list, outcome: 'deny' as const } : policy
  return { outcome, code, rules }
}

const NOTHING: Shown = new Set()
/** What has to be allowed for a name to be seen, and to be used where only its name is known. */
const SEEN: Readonly<Record<Primitive, string>> = {
  tool: 'tools/list',
  prompt: 'prompts/list',
  resource: 'resources/list',
  method: 'servers/list',
}
const USED: Readonly<Record<Primitive, string>> = {
  tool: 'tools/list',
  prompt: 'prompts/list',
  resource: 'resources/subscribe',
  method: 'extension',
}
const LISTED: Readonly<Record<string, string>> = {
  Tool: 'tools/list',
  Prompt: 'prompts/list',
  Resource: 'resources/list',
  Template: 'resources/templates/list',
  Server: 'servers/list',
}
