// `approval-pending` on its way to the host: its person is sent to the page where it is decided, in whichever way the host knows, and the call goes on from there
// where it can wait (R96, R97, R102). Hosts that cannot be asked are told the link and may call again.

import type { Approval } from '../approvals/approval.ts'
import type { ApprovalNews } from '../approvals/news.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import { INPUT_METHODS, readInputResponses, writeInputRequired } from '../bridge/input-requests.ts'
import type { Stop } from '../kernel/errors.ts'
import { inertAscii } from '../kernel/json-string.ts'
import { isJsonFault, member, rawOf, readJson, textOf } from '../mcp/json.ts'
import { CODE, META } from '../mcp/revisions.ts'
import { setMember } from '../mcp/splice.ts'
import type { Subject } from './approval-subject.ts'
import type { GatewayDeps } from './deps.ts'
import { notification } from './feed-messages.ts'
import type { RoundInput } from './round-input.ts'
import { mintRoundState } from './round-state.ts'

export type AskApprovalDeps = Pick<GatewayDeps, 'callers' | 'sealer' | 'now' | 'serverInfo' | 'recorder'> & {
  readonly news: ApprovalNews
  readonly store: Pick<ApprovalStore, 'find'>
  /** where people decide it */
  readonly linkTo: (id: string) => string
}

/** The host is to be told; or it was waited for, and is to be looked at again. */
type Asked = Stop | 'decided'

const KEY = 'approve'
const METHOD = 'elicitation/create'
const COMPLETE = 'notifications/elicitation/complete'
/** How long a retry of a modern host waits for people before it is asked again: less than hosts wait for an answer. */
const HOLD_MS = 45_000
/** Questions of one session whose end it is told of later. */
const MAX_AWAITED = 8

/** Shown under our own name: what a name says in it is a name, on one line, and nothing that draws nothing or turns the rest. */
const messageOf = (x: Subject): string =>
  `${x.method} of "${inertAscii(x.route.name, 200)}" at ${x.route.entry.alias} waits for approval. Open the link to see and decide it.`

/** A pending approval, and the host of the call that wants it. */
export async function askToApprove(x: Subject, approval: Approval, deps: AskApprovalDeps): Promise<Asked> {
  const url = deps.linkTo(approval.id)
  const told: Stop = {
    stop: 'approval-pending',
    detail: `by \`${approval.demands.map(({ rule }) => rule).join('`, `')}\`; it is decided at ${url}`,
    fix: 'have it approved there, then make the same call again',
    data: { url, approval: approval.id, server: x.route.entry.alias, expiresAt: new Date(approval.expiresSeconds * 1000).toISOString() },
  }
  const round: RoundInput = x.prepared ?? {}
  if (!deps.callers.declared(x).kinds.has('elicitation.url') || hasDeclined(round)) return told
  return x.era === 'modern' ? askModern(x, { approval, told, url, round }, deps) : askLegacy(x, { approval, told, url }, deps)
}

type Asking = { readonly approval: Approval; readonly told: Stop; readonly url: string }

/** 2026-07-28: the call ends with a question. Its retry waits a while, and finds the approval or is asked again (R71-R75). */
async function askModern(
  x: Subject,
  { approval, told, url, round }: Asking & { readonly round: RoundInput },
  deps: AskApprovalDeps,
): Promise<Asked> {
  const { state } = round
  // One that was used since, and asked for anew, is not what this retry comes back for.
  if (state?.own === 'approve' && state.approval?.id === approval.id) {
    const waited = await waitFor(x, { approval, ms: HOLD_MS }, deps)
    if (waited === 'decided') return 'decided'
    if (waited === 'cancelled') return { stop: 'cancelled' }
  }
  const { route } = x
  const next = (state?.round ?? 0) + 1
  // In the middle of an upstream's questions there is no room for one of ours: its state and the host's answers would be lost.
  const isElsewhere = state !== undefined && state.own === undefined
  if (!INPUT_METHODS.has(x.method) || isElsewhere || next > route.entry.rounds) return told
  const sealed = mintRoundState(deps.sealer, x, {
    round: next,
    asked: [{ key: KEY, kind: 'elicitation.url' }],
    own: 'approve',
    approval: { id: approval.id, round: 0 },
    call: state?.call ?? x.requestId,
    nowMs: deps.now(),
    lifeMs: Math.max(1000, approval.expiresSeconds * 1000 - deps.now()),
  })
  if (sealed === undefined) return told
  const params = Buffer.from(JSON.stringify({ mode: 'url', message: messageOf(x), url }))
  const result = writeInputRequired([{ key: KEY, method: METHOD, params }], sealed)
  return { ...told, ask: { result: setMember(result, '_meta', `{"${META.serverInfo}":${JSON.stringify(deps.serverInfo)}}`) } }
}

/** 2025-11-25: asked on the stream of its own call, which goes on once it is decided; where that cannot wait, the error that asks (R97). */
async function askLegacy(x: Subject, asking: Asking, deps: AskApprovalDeps): Promise<Asked> {
  const { approval, told, url } = asking
  const { host, session } = x
  const elicitation = { mode: 'url', elicitationId: approval.id, url, message: messageOf(x) }
  const error: Stop = { ...told, data: { ...told.data, elicitations: [elicitation] }, ask: { code: CODE.urlElicitationLegacy } }
  if (!host.ask || !session) return error
  const params = Buffer.from(JSON.stringify(elicitation))
  await deps.recorder.later(x)({ method: METHOD, params, decision: 'allowed', rules: [`approval:${approval.id}`] })
  const lifeMs = Math.min(x.route.entry.parkMs, Math.max(1000, approval.expiresSeconds * 1000 - deps.now()))
  const refused = Promise.withResolvers<undefined>()
  const ask = host.ask.bind(host)
  const begin = (): void =>
    void ask(METHOD, params, lifeMs).then(answer => {
      if (answer.kind === 'error' || (answer.kind === 'result' && actionOf(rawOf(answer.result.doc, answer.result.node)) !== 'accept'))
        refused.resolve(undefined)
    })
  const waited = await waitFor(x, { approval, ms: lifeMs, begin, refused: refused.promise }, deps)
  if (waited === 'cancelled') return host.cancellation.isCancelled ? { stop: 'cancelled' } : told
  if (waited === 'full') {
    tellLater(x, approval, deps)
    return error
  }
  if (waited !== 'decided') return told
  if (session.version === '2025-11-25') host.notify(notification(COMPLETE, JSON.stringify({ elicitationId: approval.id })))
  return 'decided'
}

/** `begin`: once it is listened for; `refused`: whoever was asked does not go there. */
type Wait = { readonly approval: Approval; readonly ms: number; readonly begin?: () => void; readonly refused?: Promise<undefined> }

function waitFor(
  x: Subject,
  { approval: { id }, ms, begin, refused }: Wait,
  { news, store }: AskApprovalDeps,
): ReturnType<ApprovalNews['wait']> {
  const look = async (): Promise<boolean> => {
    begin?.()
    return (await store.find({ id }))?.state !== 'pending'
  }
  return news.wait({ id, principal: x.principal.key, ms }, look, listener => {
    void refused?.then(listener)
    return x.host.cancellation.onCancel(listener)
  })
}

/** A session that cannot wait is told once it is decided, on its standing stream, as long as both last. */
function tellLater(x: Subject, { id }: Approval, deps: AskApprovalDeps): void {
  const { session } = x
  const awaited = session && (session.awaited ??= new Map())
  const key = `approval ${id}`
  if (!session || !awaited || session.version !== '2025-11-25' || awaited.has(key) || awaited.size >= MAX_AWAITED) return
  const record = deps.recorder.later(x)
  const stop = deps.news.once(id, () => {
    stop()
    awaited.delete(key)
    const params = JSON.stringify({ elicitationId: id })
    const tell = async (): Promise<void> => {
      await record({ method: COMPLETE, params: Buffer.from(params), decision: 'allowed', rules: [] })
      session.standalone?.send(notification(COMPLETE, params))
    }
    // Without a durable record nothing is told; that the log cannot be written shows everywhere else.
    tell().catch(() => {})
  })
  awaited.set(key, { account: '', ids: new Set([id]), stop })
}

/** The person was asked in the round before and said no: asking again would be nagging. It waits for others all the same. */
function hasDeclined({ state, inputResponses }: RoundInput): boolean {
  if (state?.own !== 'approve') return false
  const answers = readInputResponses(inputResponses, [KEY])
  const raw = typeof answers === 'string' ? undefined : answers.get(KEY)
  return raw === undefined || actionOf(raw) !== 'accept'
}

function actionOf(raw: Buffer): string | undefined {
  const doc = readJson(raw, { indexDepth: 1 })
  if (isJsonFault(doc)) return undefined
  const action = member(doc.root, 'action')
  return action?.kind === 'string' ? textOf(doc, action) : undefined
}
