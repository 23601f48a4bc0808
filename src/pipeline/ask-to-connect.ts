// `connection-required` on its way to the host: asked where the host's era and capabilities know how, told with the link otherwise (R96, R97, R102).

import { INPUT_METHODS, readInputResponses, writeInputRequired } from '../bridge/input-requests.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { member, textOf, isJsonFault, readJson } from '../mcp/json.ts'
import { CODE, META } from '../mcp/revisions.ts'
import { setMember } from '../mcp/splice.ts'
import { awaitConnection } from './connect-notices.ts'
import type { ConnectLink, GatewayDeps } from './deps.ts'
import type { UpstreamEntry } from './entry.ts'
import type { Authenticated, Classified, Joined, Received } from './path.ts'
import { readRound, type RoundInput } from './round-input.ts'
import { mintRoundState } from './round-state.ts'
import type { Prepared } from './stages/prepare-arguments.ts'
import type { Routed } from './stages/resolve-route.ts'

export type AskDeps = Pick<GatewayDeps, 'credentials' | 'callers' | 'sealer' | 'now' | 'serverInfo' | 'recorder'>
type Asking = Received & Classified & Authenticated & Joined & Partial<Routed & Prepared>

const KEY = 'connect'

/** Any other stop is handed back as it is. */
export async function askToConnect(x: Asking, entry: UpstreamEntry, stop: Stop, deps: AskDeps): Promise<Stop> {
  if (stop.stop !== 'connection-required') return stop
  const link = await deps.credentials.connect(x, entry)
  if (isStop(link)) return link
  const { title } = entry.credential ?? { title: entry.alias }
  const told: Stop = {
    stop: 'connection-required',
    detail: `${stop.detail === undefined ? '' : `${stop.detail}; `}connect \`${title}\` at ${link.url}`,
    fix: 'open the link in a browser, sign in as yourself, agree, then try again',
    data: { url: link.url, server: entry.alias },
  }
  const round = roundOf(x, deps)
  if (isStop(round)) return round
  if (!deps.callers.declared(x).kinds.has('elicitation.url') || hasDeclined(round)) return told
  if (x.era === 'modern') return asked(x, { told, link, title, entry, before: round.state }, deps)
  awaitConnection(x, entry, link, deps)
  return withElicitation(told, link, title)
}

/** Also of a call that is stopped before its arguments are prepared: without an account there is no list to hold it against. */
const roundOf = (x: Asking, deps: AskDeps): RoundInput | Stop =>
  x.prepared ?? (x.route ? readRound({ ...x, route: x.route }, deps) : undefined) ?? NO_ROUND
const NO_ROUND: RoundInput = {}

type Question = {
  readonly told: Stop
  readonly link: ConnectLink
  readonly title: string
  readonly entry: UpstreamEntry
  readonly before: RoundInput['state']
}

const messageOf = (title: string): string => `Connect your account at ${title}, then try again.`

/** 2026-07-28: the call ends with a question, and its retry finds the credential (R71-R75). Only for methods that may ask, and not for ever. */
function asked(x: Asking, { told, link, title, entry, before }: Question, deps: AskDeps): Stop {
  const { route } = x
  if (!route || !INPUT_METHODS.has(x.method)) return told
  const round = (before?.round ?? 0) + 1
  if (round > entry.rounds) return told
  const request = {
    key: KEY,
    method: 'elicitation/create',
    params: Buffer.from(JSON.stringify({ mode: 'url', message: messageOf(title), url: link.url })),
  }
  const sealed = mintRoundState(
    deps.sealer,
    { ...x, route },
    {
      round,
      asked: [{ key: KEY, kind: 'elicitation.url' }],
      own: 'connect',
      call: before?.call ?? x.requestId,
      nowMs: deps.now(),
      lifeMs: CONNECT_MS,
    },
  )
  if (sealed === undefined) return told
  const meta = `{"${META.serverInfo}":${JSON.stringify(deps.serverInfo)}}`
  return { ...told, ask: { result: setMember(writeInputRequired([request], sealed), '_meta', meta) } }
}
/** Time a person has to connect before the host's retry has to begin anew. */
const CONNECT_MS = 30 * 60_000

/** 2025-11-25: the error that asks (R97). */
const withElicitation = (told: Stop, link: ConnectLink, title: string): Stop => ({
  ...told,
  data: { ...told.data, elicitations: [{ mode: 'url', elicitationId: link.id, url: link.url, message: messageOf(title) }] },
  ask: { code: CODE.urlElicitationLegacy },
})

/** The person was asked in the round before and said no: asking again would be nagging. */
function hasDeclined({ state, inputResponses }: RoundInput): boolean {
  if (state?.own !== 'connect') return false
  const answers = readInputResponses(inputResponses, [KEY])
  const raw = typeof answers === 'string' ? undefined : answers.get(KEY)
  const doc = raw && readJson(raw, { indexDepth: 1 })
  if (!doc || isJsonFault(doc)) return true
  const action = member(doc.root, 'action')
  return action?.kind !== 'string' || textOf(doc, action) !== 'accept'
}
