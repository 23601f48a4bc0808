// The life of a legacy session: initialize, ping, log level, cancel, posted answers, end (R45-R53).

import type { Stop } from '../../kernel/errors.ts'
import { isLogLevel, MAX_CAPABILITIES_BYTES } from '../../mcp/era.ts'
import { member, rawOf, textOf, type JsonDoc, type JsonNode } from '../../mcp/json.ts'
import { LEGACY_VERSIONS, type LegacyVersion } from '../../mcp/revisions.ts'
import type { GatewayDeps } from '../deps.ts'
import type { Answered, Authenticated, Classified, Joined, Received, Stage } from '../path.ts'

type Known = Received & Classified & Authenticated
const EMPTY = Buffer.from('{}')
const done: Answered = { answer: { kind: 'accepted' } }
const empty: Answered = { answer: { kind: 'result', result: EMPTY, outcome: 'ok' } }

/** What a client says of itself is kept as long as its session, so more than this is not passed on. */
const MAX_CLIENT_INFO_BYTES = 65_536

/** R45: the version asked for when supported, else our newest; what the host declares is what it gets asked for later. */
export const initializeStage = (deps: Pick<GatewayDeps, 'sessions' | 'faces'>): Stage<Known, Answered> => ({
  name: 'open-session',
  run: async x => {
    const asked = x.doc && stringOf(x.doc, member(x.params, 'protocolVersion'))
    const declared = member(x.params, 'capabilities')
    const clientInfo = member(x.params, 'clientInfo')
    if (!x.doc || asked === undefined || declared?.kind !== 'object')
      return { stop: 'params-invalid', detail: 'expected `protocolVersion` and `capabilities` in `params`' }
    if (declared.end - declared.start > MAX_CAPABILITIES_BYTES)
      return { stop: 'params-invalid', detail: `\`capabilities\` are larger than ${MAX_CAPABILITIES_BYTES} bytes` }
    if (x.headers.sessionId !== undefined)
      return { stop: 'header-invalid', detail: 'initialize carries a session id', fix: 'leave out Mcp-Session-Id' }
    const version: LegacyVersion = LEGACY_VERSIONS.find(v => v === asked) ?? LEGACY_VERSIONS[0]
    const capabilities = x.doc.bytes.toString('utf8', declared.start, declared.end)
    const isKept = clientInfo?.kind === 'object' && clientInfo.end - clientInfo.start <= MAX_CLIENT_INFO_BYTES
    const clientInfoBytes = isKept ? Buffer.from(rawOf(x.doc, clientInfo)) : undefined
    const hostFace = { version, capabilities, ...(clientInfoBytes && { clientInfo: clientInfoBytes }) }
    const about = await deps.faces.initializeResult({ ...x, hostFace })
    if ('stop' in about) return about
    const session = deps.sessions.open(x.principal, x.endpoint, hostFace)
    if ('stop' in session) return session
    return { answer: { kind: 'result', result: about, outcome: 'ok', sessionId: session.id } }
  },
})

export const pingStage: Stage<Known & Joined, Answered> = { name: 'answer-ping', run: () => empty }

/** Kept in the session; sent with every later request (research/protocol.md section 2, row logging). */
export const setLevelStage: Stage<Known & Joined, Answered> = {
  name: 'set-level',
  run: x => {
    const level = x.doc && stringOf(x.doc, member(x.params, 'level'))
    if (level === undefined || !isLogLevel(level)) return { stop: 'params-invalid', detail: 'expected a log level in `params.level`' }
    if (x.session) x.session.logLevel = level
    return empty
  },
}

/** Only requests of the host's own session can be cancelled (N103); an unknown id is no error: the answer may have crossed it. */
export const cancelStage: Stage<Known & Joined, Answered> = {
  name: 'cancel-request',
  run: x => {
    const id = member(x.params, 'requestId')
    if (x.session && x.doc && id && (id.kind === 'string' || id.kind === 'number'))
      x.session.cancel(rawOf(x.doc, id).toString(), 'the client cancelled')
    return done
  },
}

/** Notifications that change nothing here: `initialized`, progress of the host's own work, roots/list_changed, and unknown ones. */
export const acceptStage: Stage<Known, Answered> = { name: 'accept', run: () => done }

/** Batches exist in 2025-03-26 sessions only (R52). */
export const allowBatchStage: Stage<Known & Joined, Answered> = {
  name: 'allow-batch',
  run: x => (x.session?.version === '2025-03-26' ? done : { stop: 'message-invalid', detail: 'batches exist in 2025-03-26 sessions only' }),
}

/** A posted response answers a question of this very session, or is refused (N090). What it says goes on to an upstream, so it is recorded first. */
export const replyStage: Stage<Known & Joined, Answered> = {
  name: 'take-reply',
  effect: true,
  run: x => {
    const message = x.message
    const refused: Stop = { stop: 'message-invalid', detail: 'no question of this session has that id' }
    if (message?.kind !== 'response' || message.id === undefined || !x.session) return refused
    const { doc } = message
    const answer = message.result
      ? ({ kind: 'result', result: { doc, node: message.result } } as const)
      : ({ kind: 'error', ...errorOf(doc, message.error) } as const)
    return x.session.answered(message.id, answer) ? done : refused
  },
}

export const endSessionStage = (deps: Pick<GatewayDeps, 'sessions'>): Stage<Known & Joined, Answered> => ({
  name: 'end-session',
  run: x => {
    if (x.session) deps.sessions.end(x.session.id)
    return done
  },
})

const stringOf = (doc: JsonDoc, node: JsonNode | undefined): string | undefined => (node?.kind === 'string' ? textOf(doc, node) : undefined)

function errorOf(doc: JsonDoc, error: JsonNode | undefined): { code: number; message: string } {
  const code = member(error, 'code')
  const message = member(error, 'message')
  return {
    code: code?.kind === 'number' ? Math.trunc(Number(rawOf(doc, code).toString())) : -32603,
    message: (message?.kind === 'string' ? textOf(doc, message) : 'the client refused').slice(0, 1024),
  }
}
