// A server's question that people have to let through before a host is asked: one exact question, within one exact call, once. The exchange of the call waits a while
// for them; the server's answer is whole by then, or its call is parked.

import { bindingDigest, demandsDigest, SELF, type Approval, type Binding, type Demand } from '../approvals/approval.ts'
import type { Approvals } from '../approvals/approvals.ts'
import { keptText, type Kept } from '../approvals/kept.ts'
import type { ApprovalNews } from '../approvals/news.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import type { RequestKind } from '../bridge/capabilities.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { rawOf } from '../mcp/json.ts'
import { cameFrom, requestDigest, requestText, unshowable } from './approval-subject.ts'
import { neededFor, permitsWith, type Needed } from './approved-verdict.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Question } from './inspect-question.ts'
import type { Judge, Judged } from './judge.ts'
import type { Ready } from './ready.ts'

export type QuestionApprovalDeps = {
  readonly approvals: Pick<Approvals, 'ask' | 'spend'>
  readonly news: Pick<ApprovalNews, 'wait'>
  readonly store: Pick<ApprovalStore, 'find'>
  readonly judge: Pick<Judge, 'rules' | 'question' | 'serverFacts'>
  readonly upstreams: () => ReadonlyMap<string, UpstreamEntry>
  readonly seal: (text: string, id: string) => string
  readonly linkTo: (id: string) => string
  readonly fault: (what: string, cause: unknown) => void
}

/** `entry` as it is configured now. */
type Wanted = { readonly question: Question; readonly kind: RequestKind; readonly entry: UpstreamEntry }
/** `by`: what lets it through, for the record; `use`: right before it travels, once, looking at everything again. '' and absent: nobody has to. */
type Through = { readonly by: string; readonly use?: () => Promise<Stop | undefined> }
export type QuestionApproval = (x: Ready, wanted: Wanted) => Promise<Through | Stop>

/** As long as a retried call waits for people (ask-to-approve.ts). */
const HOLD_MS = 45_000
const TTL_SECONDS = 900

/** Why a person has to let it through: a rule, or the settings of the server. Undefined: nobody has to. */
function needsPeople(
  x: Ready,
  { kind, entry }: Omit<Wanted, 'question'>,
  judge: Pick<Judge, 'rules' | 'question'>,
): Judged | 'settings' | undefined | Stop {
  const { rules } = judge
  const judged = rules && judge.question(rules, x, entry, kind)
  if (judged?.policy.outcome === 'approval') return judged
  // Rules in force that do not permit it, or cannot speak of it: a reload may have come since it was judged.
  if (rules && judged?.policy.outcome !== 'allow')
    return { stop: 'gated', detail: `the rules in force do not permit \`${entry.alias}\` to ask for ${kind}` }
  return entry.gates.approval.has(kind) ? 'settings' : undefined
}

export const createQuestionApproval =
  (deps: QuestionApprovalDeps): QuestionApproval =>
  (x, wanted) =>
    kept(deps, async () => {
      const held = await through(x, wanted, deps)
      if (!('approval' in held)) return held
      const { approval } = held
      return { by: `approval:${approval.id}`, use: () => kept(deps, () => used(x, wanted, approval, deps)) }
    })

async function kept<T>({ fault }: QuestionApprovalDeps, run: () => Promise<T | Stop>): Promise<T | Stop> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'audit-unavailable') throw cause
    fault('approvals of questions cannot be kept', cause)
    return { stop: 'state-unavailable', detail: 'approvals cannot be kept now' }
  }
}

/** An approval that people gave; or that nobody has to. */
type Held = { readonly by: '' } | { readonly approval: Approval }

async function through(x: Ready, wanted: Wanted, deps: QuestionApprovalDeps): Promise<Held | Stop> {
  const needs = needsPeople(x, wanted, deps.judge)
  if (!needs) return { by: '' }
  if (needs !== 'settings' && isStop(needs)) return needs
  // A task shows its question at every look, and an approval lets it be shown once.
  if (x.route.kind === 'task')
    return { stop: 'approval-required', detail: `\`${wanted.entry.alias}\` asks within a task, where nobody can let it through yet` }
  if (isReplaced(x, deps)) return REPLACED
  const needed = needs === 'settings' ? bySettings(wanted.entry) : neededFor(needs)
  if (isStop(needed)) return needed
  const { params } = wanted.question
  const asks = params ? rawOf(params.doc, params.node).toString() : '{}'
  const call = requestText(x)
  if (typeof call !== 'string') return call
  const unshown = unshowable(asks)
  if (unshown) return unshown
  const demands = needed.demands.map(withoutStanding)
  const binding = bindingOf(x, wanted, { asks, call, demands: demandsDigest(demands, needed.quorum) })
  const id = bindingDigest(binding)
  const body = (): string => deps.seal(keptText(keptOf(x, wanted, { asks, needs, demands }, deps)), id)
  const asked = await deps.approvals.ask({ binding, demands, quorum: needed.quorum, body })
  if (isStop(asked)) return asked
  const decided = asked.state === 'pending' ? await waitFor(x, asked, deps) : asked
  return isStop(decided) ? decided : (notGiven(decided) ?? { approval: decided })
}

function notGiven({ state, rejected }: Approval): Stop | undefined {
  switch (state) {
    case 'approved':
      return undefined
    case 'rejected':
      return { stop: 'approval-rejected', detail: rejected?.why ?? 'no reason was given', fix: 'do something else' }
    case 'expired':
      return { stop: 'approval-spent', detail: 'nobody decided in time', fix: 'make the call again' }
    default:
      return { stop: 'approval-spent', detail: 'it was used meanwhile', fix: 'make the call again' }
  }
}

/** Whether another server stands under this name by now than the one that asked: people would let through what is nobody's question any more. */
const isReplaced = ({ route: { entry } }: Ready, { upstreams }: QuestionApprovalDeps): boolean =>
  upstreams().get(entry.alias)?.identity !== entry.identity
const REPLACED: Stop = { stop: 'approval-spent', detail: 'the server is another by now', fix: 'make the call again' }

/** `gates.approval`: whoever made the call decides; others do where a rule names them. */
const bySettings = ({ alias }: UpstreamEntry): Needed => ({
  demands: [{ rule: `upstreams.${alias}.gates.approval`, approvers: [SELF], ttlSeconds: TTL_SECONDS }],
  quorum: 1,
})
/** Each question is let through by itself. */
const withoutStanding = ({ rule, approvers, ttlSeconds, escalation }: Demand): Demand => ({
  ...{ rule, approvers, ttlSeconds },
  ...(escalation && { escalation }),
})

function bindingOf(
  x: Ready,
  { question, entry }: Wanted,
  { asks, call, demands }: { readonly asks: string; readonly call: string; readonly demands: string },
): Binding {
  const { principal, endpoint, route, caller } = x
  return {
    kind: 'question',
    principal: principal.key,
    client: principal.client ?? '',
    endpoint: endpoint.resource,
    server: entry.alias,
    identity: entry.identity,
    account: caller.credential?.id ?? '',
    definition: '',
    method: question.method,
    name: route.name,
    request: requestDigest(asks),
    within: requestDigest(call),
    demands,
  }
}

function keptOf(
  x: Ready,
  { entry }: Wanted,
  { asks, needs, demands }: { readonly asks: string; readonly needs: Judged | 'settings'; readonly demands: readonly Demand[] },
  { judge }: QuestionApprovalDeps,
): Kept {
  const { caller } = x
  const rules = needs === 'settings' ? undefined : needs.rules
  return {
    server: { ...judge.serverFacts(entry), labels: entry.labels, identity: entry.identity },
    account: caller.credential?.id ?? '',
    request: asks,
    from: cameFrom(x),
    policy: {
      digest: rules?.bundle.digest ?? '',
      rules: demands.map(({ rule, approvers }) => {
        const policy = rules?.policy(rule)
        return { id: rule, title: policy?.title ?? '', advice: policy?.advice ?? '', approvers }
      }),
    },
    findings: [],
  }
}

/** For a while; then the host is told where it is decided, and its next call finds it. */
async function waitFor(x: Ready, approval: Approval, { news, store, linkTo }: QuestionApprovalDeps): Promise<Approval | Stop> {
  const { id, binding, demands } = approval
  const url = linkTo(id)
  const pending: Stop = {
    stop: 'approval-pending',
    detail: `\`${binding.server}\` asks for \`${binding.method}\`, by \`${demands.map(({ rule }) => rule).join('`, `')}\`; it is decided at ${url}`,
    fix: 'have it approved there, then make the same call again',
    data: { url, approval: id, server: binding.server, expiresAt: new Date(approval.expiresSeconds * 1000).toISOString() },
  }
  const look = async (): Promise<boolean> => (await store.find({ id }))?.state !== 'pending'
  const waited = await news.wait({ id, principal: x.principal.key, ms: Math.min(HOLD_MS, x.route.entry.parkMs) }, look, listener =>
    x.host.cancellation.onCancel(listener),
  )
  if (waited === 'cancelled') return { stop: 'cancelled' }
  const found = waited === 'decided' ? await store.find({ id }) : undefined
  return found && found.state !== 'pending' ? found : pending
}

async function used(x: Ready, wanted: Wanted, approval: Approval, deps: QuestionApprovalDeps): Promise<Stop | undefined> {
  if (isReplaced(x, deps)) return REPLACED
  // People may have taken long: the rules are asked again, with their word in it, and have to ask the same people for it.
  const now = needsPeople(x, wanted, deps.judge)
  if (now && now !== 'settings' && isStop(now)) return now
  const needed = !now ? undefined : now === 'settings' ? bySettings(wanted.entry) : neededFor(now)
  if (needed && isStop(needed)) return needed
  const count = new Set(approval.votes.map(({ by }) => by)).size
  const isSame = !needed || demandsDigest(needed.demands.map(withoutStanding), needed.quorum) === approval.binding.demands
  if (!isSame || (now && now !== 'settings' && !permitsWith(now, count)))
    return { stop: 'approval-spent', detail: 'the rules ask for something else by now', fix: 'make the call again' }
  const spent = await deps.approvals.spend(approval, x.requestId)
  return isStop(spent) ? spent : undefined
}
