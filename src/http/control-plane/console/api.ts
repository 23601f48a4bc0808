// What the console's pages ask for: acts of administration, walked as whoever signed in to the console, and the session itself. JSON both ways.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStop, type Reason, type Stop } from '../../../kernel/errors.ts'
import type { Principal } from '../../../kernel/principal.ts'
import { errorObject, httpStatusOf } from '../../../mcp/replies.ts'
import type { EventStream } from '../../../pipeline/path.ts'
import { readBody } from '../../body.ts'
import { checkContent, readHeaders } from '../../edge.ts'
import { httpMethodOf, type AdminAct, type AdminAnswer } from '../admin.ts'
import { isSameToken } from '../forms.ts'
import type { ConsoleSession, ConsoleSessions } from './session.ts'

export type ConsoleApiDeps = {
  readonly publicUrl: string
  readonly sessions: () => Promise<ConsoleSessions>
  /** walks one act; never rejects */
  readonly run: (act: AdminAct) => Promise<AdminAnswer>
  /** a standing stream of this principal, watched by `isStillGood`; undefined = the browser is gone */
  readonly openStream: (
    exchanged: { readonly req: IncomingMessage; readonly res: ServerResponse },
    principal: Principal,
    isStillGood: () => Promise<boolean>,
  ) => EventStream | undefined
  readonly addressOf: (req: IncomingMessage) => string
}

const API = '/console/api/'
const MAX_BODY_BYTES = 16_384
const EMPTY = Buffer.from('{}')
export const isApiPath = (path: string): boolean => path.startsWith(API)

/** Every path below /console/api/. Rejects with faults of the stores. */
export async function serveConsoleApi(deps: ConsoleApiDeps, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const name = (req.url ?? '').split('?', 1)[0]?.slice(API.length) ?? ''
  const sessions = await deps.sessions()
  const session = whyForged(req, deps.publicUrl) ?? (await sessionOf(sessions, req))
  if ('stop' in session) {
    send(res, refused(session))
    return
  }
  const answer = await answerOf(deps, { name, req, res, session, sessions })
  if (!answer.stream) {
    send(res, answer)
    return
  }
  const stream = deps.openStream({ req, res }, session.principal, () => sessions.isGood(session))
  if (!stream) return
  stream.onClose(sessions.hold(session, () => stream.end()))
  answer.stream.open(stream)
}

type Asked = {
  readonly name: string
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly session: ConsoleSession
  readonly sessions: ConsoleSessions
}

async function answerOf(deps: ConsoleApiDeps, { name, req, res, session, sessions }: Asked): Promise<AdminAnswer> {
  const method = `admin/${name}`
  const expected = name === 'session' ? 'GET' : name === 'sign-out' ? 'POST' : httpMethodOf(method)
  if (req.method !== expected) return refused({ stop: 'http-method-refused', detail: `expected ${expected}` })
  if (name === 'session') return told(session)
  if (name === 'sign-out') {
    await sessions.close(req, res, session)
    return answered({})
  }
  const body = expected === 'GET' ? EMPTY : await bodyOf(req)
  if (isStop(body)) return refused(body)
  return deps.run({ method, body, address: deps.addressOf(req), person: session.principal })
}

/** Of whoever asks, with the token that shows that a page of ours does where something is to change. */
async function sessionOf(sessions: ConsoleSessions, req: IncomingMessage): Promise<ConsoleSession | Stop> {
  const session = await sessions.find(req)
  if (session === 'unavailable') return { stop: 'issuer-unavailable', detail: 'it cannot confirm your sign-in now', retryAfterSeconds: 5 }
  if (session === 'nobody') return { ...SIGNED_OUT, data: { provider: sessions.provider } }
  const isOurs = req.method === 'GET' || isSameToken(session.csrf, header(req, 'x-gatehouse-csrf') ?? null)
  return isOurs ? session : FORGED
}

/**
 * Requests of other pages, whatever cookies they carry. Browsers send Origin with every POST, and say of each request whether a page of this origin made it
 * (Fetch Metadata); `none`, an address typed in, is no page of ours either.
 */
function whyForged(req: IncomingMessage, publicUrl: string): Stop | undefined {
  const { host, origin } = new URL(publicUrl)
  const site = header(req, 'sec-fetch-site')
  const isOurs = req.headers.host?.toLowerCase() === host && (site === undefined || site === 'same-origin')
  const isAsked =
    req.method === 'GET' ? [undefined, origin].includes(req.headers.origin) : req.method === 'POST' && req.headers.origin === origin
  return isOurs && isAsked ? undefined : FORGED
}

const told = ({ signIn: { name, issuer, subject }, csrf, endsAtSeconds }: ConsoleSession): AdminAnswer =>
  answered({ name, issuer, subject, csrf, endsAtSeconds })

function bodyOf(req: IncomingMessage): Promise<Buffer | Stop> {
  const headers = readHeaders(req.rawHeaders)
  const fault = isStop(headers) ? headers : checkContent(headers)
  if (fault) return Promise.resolve(fault)
  return new Promise(resolve => readBody(req, { maxBytes: MAX_BODY_BYTES, enlarge: () => undefined }, resolve))
}

const header = (req: IncomingMessage, name: string): string | undefined => {
  const value = req.headers[name]
  return Array.isArray(value) ? value.join() : value
}

const SIGNED_OUT = { stop: 'console-signed-out' satisfies Reason, fix: 'sign in at `/console`' } as const
const FORGED: Stop = { stop: 'console-forged', fix: 'load the page again' }

const answered = (body: object, status = 200): AdminAnswer => ({ status, body: Buffer.from(JSON.stringify(body)), headers: {} })

function refused(stop: Stop): AdminAnswer {
  const { message, data } = JSON.parse(errorObject(stop, '')) as { message: string; data: object }
  return answered({ error: { message, ...data } }, httpStatusOf(stop, 'modern'))
}

/** Text of strangers, for our own pages alone: nothing of it is taken for a page or a script, wherever somebody opens it. */
const ALWAYS = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
} as const

function send(res: ServerResponse, { status, body, headers }: AdminAnswer): void {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, { ...headers, ...ALWAYS }).end(body)
}
