// The gate for server-to-client requests, in whichever shape they come: only what host and rules share passes, in bounds, labelled, and each is recorded first.

import { readCapabilities, type RequestKind } from '../bridge/capabilities.ts'
import { INPUT_METHODS, kindOf } from '../bridge/input-requests.ts'
import { docOf } from '../bridge/slices.ts'
import type { Slice } from '../bridge/upstream.ts'
import { examine, type Examined } from '../gates/examine.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { member, rawOf } from '../mcp/json.ts'
import { MODERN_VERSION } from '../mcp/revisions.ts'
import type { Entry } from '../mcp/splice.ts'
import type { QuestionApproval } from './approve-question.ts'
import type { GatewayDeps } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import { inspectQuestion, type Question } from './inspect-question.ts'
import { findingsText, type Inspected } from './inspected.ts'
import type { Ready } from './ready.ts'
import { recordOf } from './verdict.ts'

export type GateDeps = Pick<GatewayDeps, 'recorder' | 'upstreams' | 'entitlement' | 'callers' | 'judge' | 'inspect' | 'spendQuestion'> & {
  /** has people let it through where they have to */
  readonly approveQuestion: QuestionApproval
}

/** A question as a host may be asked it. */
export type Permitted = {
  /** instead of the server's own */
  readonly params?: Slice
  /** members of them that are shown otherwise than the server wrote them */
  readonly shown: readonly Entry[]
  /** what its answer is held against */
  readonly expects: string
}

/** `isAgain`: the host was asked just this before, and sees it once. */
type Asked = Question & { readonly isAgain?: boolean }

/** One question, as `gateAll`. */
export async function gate(x: Ready, question: Asked, deps: GateDeps): Promise<Stop | Permitted> {
  const all = await gateAll(x, [question], deps)
  return isStop(all) ? all : (all[0] ?? UNEXAMINED)
}

/**
 * Judges, examines, inspects and counts questions that travel together, has people let them through where they have to, and records them. None travels where one
 * may not: each pass is through all of them before the next, so that people are asked only about what would travel, and their word is used last.
 */
export async function gateAll<Q extends Asked>(
  x: Ready,
  questions: readonly Q[],
  deps: GateDeps,
): Promise<readonly (Q & Permitted)[] | Stop> {
  let steps: readonly Step<Q>[] = questions.map(question => ({ question, by: '' }))
  for (const pass of PASSES) {
    steps = await Promise.all(steps.map(async step => ({ ...step, ...(await pass(x, step, deps)) })))
    const refused = steps.filter(({ stop }) => stop)
    for (const { question, stop, looked } of refused) await record(x, question, { stop, inspected: looked?.inspected }, deps)
    if (refused[0]?.stop) return refused[0].stop
  }
  const permitted: (Q & Permitted)[] = []
  for (const { question, looked, by } of steps) {
    await record(x, question, { stop: undefined, inspected: looked?.inspected, by }, deps)
    const each = permittedBy(looked?.examined)
    if (isStop(each)) return each
    permitted.push({ ...question, ...each })
  }
  return permitted
}
const UNEXAMINED: Stop = { stop: 'internal-fault', detail: 'a question was not examined' }

/** How far a question came. `by`: what of people lets it through; `use`: uses that, once */
type Step<Q extends Asked = Asked> = Came & { readonly question: Q; readonly by: string }
type Came = { readonly looked?: Looked; readonly stop?: Stop | undefined; readonly by?: string; readonly use?: Use }
type Use = () => Promise<Stop | undefined>
type Pass = (x: Ready, step: Step, deps: GateDeps) => Came | Promise<Came>

const lookAt: Pass = (x, { question }, deps) => {
  const looked = look(x, question, deps)
  return { looked, stop: looked.stop }
}

/** What is refused for another reason costs nothing. */
const spend: Pass = async (x, { question, looked }, deps) =>
  question.isAgain === true ? {} : { stop: await deps.spendQuestion(x.principal, entryNow(x, deps), looked?.examined?.tokens ?? 0) }

const approve: Pass = async (x, { question, looked }, deps) => {
  if (looked?.kind === undefined) return { stop: UNEXAMINED }
  const through = await deps.approveQuestion(x, { question, kind: looked.kind, entry: entryNow(x, deps) })
  return isStop(through) ? { stop: through } : through
}

/** Whoever decided may have taken long: what may be asked at all, and how, is looked at again. */
const lookAgain: Pass = (x, step, deps) => (step.by === '' ? {} : lookAt(x, step, deps))

const use: Pass = async (_, { use: once }) => (once ? { stop: await once() } : {})

const PASSES: readonly Pass[] = [lookAt, spend, approve, lookAgain, use]

type Looked = {
  readonly kind?: RequestKind
  readonly stop?: Stop | undefined
  readonly examined?: Examined | undefined
  readonly inspected?: Inspected | undefined
}

function look(x: Ready, question: Question, deps: GateDeps): Looked {
  const kind = judge(x, question, deps)
  if (typeof kind === 'object') return { stop: kind }
  const entry = entryNow(x, deps)
  const { alias, gates } = entry
  const examined = examine(kind, question.params, { alias, gates, hasMeta: x.era === 'legacy' })
  const inspected = inspectQuestion(deps.inspect, entry, { ...question, kind })
  if (isStop(examined)) return { stop: examined, inspected }
  return { kind, examined, inspected, stop: inspected.stop }
}

function permittedBy(examined: Examined | undefined): Permitted | Stop {
  if (!examined) return UNEXAMINED
  const { params, shown, expects } = examined
  const doc = params && docOf(params, 2)
  return { shown, expects, ...(doc && { params: { doc, node: doc.root } }) }
}

/** For a question that was asked, before its answer travels on: the rules may be others by now. Only a refusal has a record of its own. */
export async function stillGated(x: Ready, question: Question, deps: GateDeps): Promise<Stop | undefined> {
  const judged = judge(x, question, deps)
  if (typeof judged !== 'object') return undefined
  await record(x, question, { stop: judged }, deps)
  return judged
}

/** `by`: the approval that let it through, or ''. */
type Outcome = { readonly stop: Stop | undefined; readonly inspected?: Inspected | undefined; readonly by?: string }

async function record(x: Ready, { method, params }: Question, { stop, inspected, by = '' }: Outcome, deps: GateDeps): Promise<void> {
  const findings = inspected && findingsText(inspected)
  const kind = kindOf(method, params)
  await deps.recorder.serverRequest(x, {
    method: method.slice(0, 128),
    decision: stop ? 'refused' : 'allowed',
    rules: stop ? [] : by === '' ? x.permit.rules : [by, ...x.permit.rules],
    ...(params && { params: rawOf(params.doc, params.node) }),
    ...(stop && { stop }),
    ...(kind && policyOf(x, kind, deps)),
    ...(findings !== undefined && { findings }),
  })
}

/** As it is configured now; of a server that is gone nothing is asked anyway. */
export const entryNow = (x: Ready, deps: Pick<GateDeps, 'upstreams'>): UpstreamEntry =>
  deps.upstreams().get(x.route.entry.alias) ?? x.route.entry

/** What the rules in force say of a question of this kind, for the record. */
function policyOf(x: Ready, kind: RequestKind, deps: GateDeps): { readonly policy?: string } {
  const { rules } = deps.judge
  const given = rules && deps.judge.question(rules, x, entryNow(x, deps), kind)
  return given ? { policy: recordOf(given) } : {}
}

/** What may be asked for at this moment: by the rules in force, not by those the call began under. Of a server that is gone or blocked, nothing. */
export function kindsNow(x: Ready, deps: Pick<GateDeps, 'upstreams' | 'entitlement' | 'callers'>): ReadonlySet<RequestKind> {
  const entry = deps.upstreams().get(x.route.entry.alias)
  return entry ? deps.callers.kinds(x, entry, deps.entitlement(x, entry)) : NOTHING
}
const NOTHING: ReadonlySet<RequestKind> = new Set()

export const METHODS: Readonly<Record<RequestKind, string>> = {
  'elicitation.form': 'elicitation/create',
  'elicitation.url': 'elicitation/create',
  sampling: 'sampling/createMessage',
  'sampling.tools': 'sampling/createMessage',
  roots: 'roots/list',
}

/**
 * -32021 of a modern upstream, the whole error: it would ask for something that the host declared and no rule permits. The host is told who
 * withholds it instead of being asked to declare what it did. `undefined` = nothing of the kind, the error speaks of the host.
 */
export async function gateMissing(x: Ready, error: Slice, deps: GateDeps): Promise<Stop | undefined> {
  const required = member(member(error.node, 'data'), 'requiredCapabilities')
  if (required?.kind !== 'object') return undefined
  const { host } = x.prepared.face
  const kinds = kindsNow(x, deps)
  const needed = readCapabilities(rawOf(error.doc, required).toString(), 'modern', MODERN_VERSION).kinds
  const kind = [...needed].find(k => host.kinds.has(k) && !kinds.has(k))
  if (kind === undefined) return undefined
  const stop = notPermitted(x.route.entry.alias, kind)
  await deps.recorder.serverRequest(x, { method: METHODS[kind], decision: 'refused', rules: [], stop, ...policyOf(x, kind, deps) })
  return stop
}

/** The kind of what is asked for, where it may be. */
function judge(x: Ready, question: Question, deps: GateDeps): RequestKind | Stop {
  const { alias } = x.route.entry
  // R90: questions of a task are questions like any other.
  if (!INPUT_METHODS.has(x.method) && x.route.kind !== 'task')
    return { stop: 'upstream-invalid', detail: `\`${alias}\` asked for input where the protocol has none` }
  const kind = kindOf(question.method, question.params)
  if (kind === undefined) return { stop: 'upstream-invalid', detail: `\`${alias}\` asked for something the protocol does not know` }
  if (kindsNow(x, deps).has(kind)) return kind
  return x.prepared.face.host.kinds.has(kind) ? notPermitted(alias, kind) : notDeclared(alias, kind)
}

export const notPermitted = (alias: string, kind: RequestKind): Stop => ({
  stop: 'gated',
  detail: `no allow rule of \`${alias}\` permits ${kind}`,
  fix: `add it to serverRequests in upstreams.${alias}.allow`,
})
const notDeclared = (alias: string, kind: RequestKind): Stop => ({
  stop: 'host-incapable',
  detail: `\`${alias}\` asked for ${kind}, which this client did not declare`,
})
