// What the log says was ended: blocked, revoked, disconnected, frozen, marked. A database that is older than the log learns it from here (`gatehouse restore`),
// so that nothing lives again because a copy of an earlier moment was put back.

/** `by`: principal key of who did it; `atSeconds`: since the epoch. */
type Act = { readonly by: string; readonly atSeconds: number }
/** `kind` and `target` as `identity/blocks.ts` and `registry/store.ts` write them. */
type TargetAct = Act & { readonly kind: string; readonly target: string }
/** `version` `*`: all of them. */
type StatusAct = Act & { readonly name: string; readonly version: string; readonly status: 'deleted' | 'deprecated' }
/** An account was connected anew, in place of the one before. */
type ReplacedAct = { readonly principal: string; readonly server: string; readonly atSeconds: number }
/** Contents of a labelled server that were read. */
export type ReadAct = {
  readonly principal: string
  readonly client: string
  readonly server: string
  readonly method: string
  readonly name: string
  readonly labels: readonly string[]
  readonly atMs: number
}

/** *Span*: the part of the log that the database knows nothing of. */
export type Ended = {
  /** blocked in the span and not freed again */
  readonly blocks: readonly TargetAct[]
  /** ids of grants that were revoked, ever: no id is used twice */
  readonly connections: readonly string[]
  readonly replaced: readonly ReplacedAct[]
  /** revoked in the registry, ever: nobody takes one back */
  readonly revocations: readonly TargetAct[]
  /** deleted, ever; deprecated in the span */
  readonly statuses: readonly StatusAct[]
  /** frozen in the span, or owned, proved or signed for otherwise */
  readonly namespaces: readonly string[]
  /** recorded or withdrawn in the span, by id */
  readonly advisories: readonly string[]
  /** names of keys that were rotated in the span */
  readonly rotatedKeys: readonly string[]
  /** in the span, the last of each principal, client and server */
  readonly reads: readonly ReadAct[]
  /** acts whose target the log does not hold whole: somebody has to look */
  readonly unreadable: readonly string[]
}

/** A change under the two-person rule, as the database keeps it: the log names one that was approved by its id alone, but where it says what was applied. */
export type ProposedChange = { readonly id: string; readonly action: string; readonly target: string }

type Draft = { readonly [K in Exclude<keyof Ended, 'blocks' | 'reads'>]: Ended[K][number][] } & {
  readonly blocks: Map<string, TargetAct>
  readonly reads: Map<string, ReadAct>
}
type Take = (draft: Draft, target: string, act: Act) => void
/** `ever`: it counts wherever in the log it stands. */
type Row = { readonly ever?: true; readonly take: Take }

const kindOf = (text: string): { readonly kind: string; readonly target: string } => {
  const at = text.indexOf(' ')
  return { kind: text.slice(0, at), target: text.slice(at + 1) }
}
const lastWord = (text: string): string => text.slice(text.lastIndexOf(' ') + 1)
/** `namespace <name>`, with what may follow it; a proof by token is recorded before anybody knows which name it shows. */
const freeze: Row = {
  take: (draft, target) => {
    const [, name = '', article] = target.split(' ')
    if (name === 'of' && article === 'a') draft.unreadable.push(`namespaces/verify ${target}`)
    else draft.namespaces.push(name)
  },
}
const advise: Row = { take: (draft, target) => draft.advisories.push(lastWord(target)) }

/** Acts of administration that end something, by method; how each writes its target is the `aim` of its stage. */
const ADMIN: Readonly<Record<string, Row>> = {
  'admin/block': { take: (draft, target, act) => draft.blocks.set(target, { ...kindOf(target), ...act }) },
  'admin/connections/revoke': { ever: true, take: (draft, target) => draft.connections.push(lastWord(target)) },
  'admin/registry/revoke': { ever: true, take: (draft, target, act) => draft.revocations.push({ ...kindOf(target), ...act }) },
  'admin/registry/status': {
    ever: true,
    take: (draft, target, act) => {
      const [, name = '', version = '', status] = /^server (\S+)@(\S+) (deleted|deprecated)$/.exec(target) ?? []
      if (status === 'deleted' || status === 'deprecated') draft.statuses.push({ name, version, status, ...act })
    },
  },
  'admin/namespaces/freeze': freeze,
  'admin/namespaces/members': freeze,
  'admin/namespaces/verify': freeze,
  'admin/namespaces/reassign': freeze,
  'admin/registry/advise': advise,
  'admin/registry/withdraw': advise,
  'admin/keys/rotate': { take: (draft, target) => draft.rotatedKeys.push(lastWord(target)) },
}
/** Acts that a change stands for, with how their intents write its target. Other changes end nothing. */
const CHANGES: Readonly<Record<string, readonly [method: string, prefix: string]>> = {
  'reassign-namespace': ['admin/namespaces/reassign', 'namespace'],
  'rotate-key': ['admin/keys/rotate', 'key'],
}
const isOfSpanAlone = (method: string, target: string): boolean => ADMIN[method]?.ever !== true || target.endsWith(' deprecated')

/** Cheap, before a line is parsed: nothing else can matter. */
const MATTERS = /"\/admin"|"person\/|"marks":\[|"lifecycle"/
/** A stop that leaves open whether it happened. After every other one it did not. */
const UNSURE: readonly unknown[] = ['state-unavailable', 'internal-fault']

type Event = Readonly<Record<string, unknown>>
type Noted = { readonly request: string; readonly method: string; readonly target: string; readonly act: Act }
const APPROVE = 'admin/proposals/approve'
/** Freed by an operator (compose/administration.ts). */
const FREED = 'freed'

/**
 * Takes the lines of a log one by one, oldest first; what is no event is passed over. An act counts from its intent on: whether it was carried out before a crash
 * is not asked, and only what the gateway itself refused is left out. Memory: one small entry for each act.
 */
export class EndedActs {
  readonly #noted: Noted[] = []
  readonly #refused = new Set<string>()
  /** proposals that were approved in the span, by id: the request, and whether the log says what was applied */
  readonly #approved = new Map<string, { readonly request: string; readonly act: Act }>()
  readonly #applied = new Set<string>()
  readonly #draft: Draft = {
    blocks: new Map(),
    connections: [],
    replaced: [],
    revocations: [],
    statuses: [],
    namespaces: [],
    advisories: [],
    rotatedKeys: [],
    reads: new Map(),
    unreadable: [],
  }

  /** `isOfSpan`: the database cannot know of it. */
  note(line: string, isOfSpan: boolean): void {
    const event = MATTERS.test(line) ? eventIn(line) : undefined
    if (!event) return
    if (isOfSpan) this.#read(event)
    if (event['type'] === 'lifecycle') {
      if (isOfSpan) this.#life(event)
      return
    }
    const subject = objectOf(event['subject'])
    const [endpoint, method, target] = [subject['endpoint'], textOf(subject['method']), textOf(subject['name'])]
    if (endpoint === '/oauth') this.#person(event, method, target)
    if (endpoint === '/admin') this.#administered(event, { method, target }, isOfSpan)
  }

  /** After the last line. `proposed`: what the database knows of changes that were proposed. */
  end(proposed: readonly ProposedChange[] = []): Ended {
    const draft = this.#draft
    this.#resolve(proposed)
    for (const { request, method, target, act } of this.#noted.splice(0)) {
      if (method === FREED) draft.blocks.delete(target)
      else if (this.#refused.has(request)) continue
      // The log cuts what is too long, and names with `?` what could be no name.
      else if (/…$|[ @]\?(?:[@ ]|$)/.test(target)) draft.unreadable.push(`${method.slice('admin/'.length)} ${target}`)
      else ADMIN[method]?.take(draft, target, act)
    }
    return { ...draft, blocks: [...draft.blocks.values()], reads: [...draft.reads.values()] }
  }

  #administered(event: Event, { method, target }: Pick<Noted, 'method' | 'target'>, isOfSpan: boolean): void {
    const request = textOf(event['request'])
    if (event['type'] === 'outcome' && event['outcome'] === 'stopped' && !UNSURE.includes(event['reason'])) this.#refused.add(request)
    if (event['type'] === 'intent' && method === APPROVE && isOfSpan) this.#approved.set(lastWord(target), { request, act: actOf(event) })
    if (event['type'] !== 'intent' || !Object.hasOwn(ADMIN, method)) return
    if (isOfSpan || !isOfSpanAlone(method, target)) this.#noted.push({ request, method, target, act: actOf(event) })
  }

  /** Approved, and the log does not say what: a log of an older build, or a crash right then. */
  #resolve(proposed: readonly ProposedChange[]): void {
    for (const [id, { request, act }] of this.#approved) {
      if (this.#applied.has(id) || this.#refused.has(request)) continue
      const change = proposed.find(each => each.id === id)
      if (change) this.#changed(change, act)
      else this.#draft.unreadable.push(`proposals/approve proposal ${id}`)
    }
  }

  #changed({ action, target }: Pick<ProposedChange, 'action' | 'target'>, act: Act): void {
    const [method, prefix] = Object.hasOwn(CHANGES, action) ? (CHANGES[action] ?? []) : []
    if (method !== undefined) this.#noted.push({ request: '', method, target: `${prefix} ${target}`, act })
  }

  /** What people do at pages is on record once it is done. */
  #person(event: Event, method: string, target: string): void {
    const { by: principal, atSeconds } = actOf(event)
    if (method === 'person/connection-revoked') this.#draft.connections.push(target)
    if (method === 'person/connection-made' || method === 'person/secret-stored')
      this.#draft.replaced.push({ principal, server: target, atSeconds })
  }

  #life(event: Event): void {
    const detail = objectOf(event['detail'])
    if (event['what'] === 'block-freed')
      this.#noted.push({ request: '', method: FREED, target: textOf(detail['target']), act: actOf(event) })
    if (event['what'] === 'change-applied') {
      this.#applied.add(textOf(detail['proposal']))
      this.#changed({ action: textOf(detail['action']), target: textOf(detail['target']) }, actOf(event))
    }
    if (event['what'] === 'key-rotate') this.#draft.rotatedKeys.push(textOf(detail['key']))
    if (event['what'] === 'namespace-look' && detail['found'] !== 'same') this.#draft.namespaces.push(textOf(detail['namespace']))
  }

  /** Every event of a call says what it reads; the last one says until when. */
  #read(event: Event): void {
    const labels = event['marks']
    if (!Array.isArray(labels) || !event['principal']) return
    const { server, method, name } = objectOf(event['subject'])
    const read: ReadAct = {
      principal: actOf(event).by,
      client: textOf(objectOf(event['principal'])['client']),
      server: textOf(server),
      method: textOf(method),
      name: textOf(name),
      labels: labels.filter(label => typeof label === 'string'),
      atMs: timeOf(event),
    }
    const key = JSON.stringify([read.principal, read.client, read.server])
    const before = this.#draft.reads.get(key)
    this.#draft.reads.set(key, before ? { ...read, labels: [...new Set([...before.labels, ...read.labels])] } : read)
  }
}

function eventIn(line: string): Event | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Event) : undefined
  } catch {
    return undefined // a damaged line is for whoever verifies the log
  }
}
const objectOf = (value: unknown): Event => (typeof value === 'object' && value !== null ? (value as Event) : {})
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const timeOf = (event: Event): number => Date.parse(textOf(event['time'])) || 0
function actOf(event: Event): Act {
  const { issuer, subject } = objectOf(event['principal'])
  return { by: `${textOf(issuer)} ${textOf(subject)}`, atSeconds: Math.floor(timeOf(event) / 1000) }
}
