// How commands reach administration: over the network with a person's own token, or, under break-glass, by a file on the gateway's machine.

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { askLocally } from '../../adapters/local-acts.ts'
import { isLoopback, urlProblem } from '../../config/addresses.ts'
import { loadConfig } from '../../config/load.ts'
import type { Snapshot } from '../../config/schema.ts'
import { requestToken } from '../../evaluation/request-token.ts'
import { Fault } from '../../kernel/errors.ts'
import { readToken } from '../../stdio/tokens.ts'
import { EXIT, type CommandArgs } from '../command.ts'
import { faultText, shortName } from '../config-check.ts'
import { renew } from '../login/authorize.ts'
import { LoginCache } from '../login/cache.ts'
import { ASKING } from '../options.ts'

/** What the gateway answered to one act: its result, or the members of its refusal. */
export type ActAnswer = { readonly ok: true; readonly body: Record<string, unknown> } | { readonly ok: false; readonly error: ActError }
type ActError = { readonly message: string; readonly reason: string; readonly fix?: string; readonly requestId?: string }
/** Why a command cannot even ask. */
class Unable extends Error {
  readonly exit: number
  constructor(exit: number, message: string) {
    super(message)
    this.exit = exit
  }
}

type Sent = { readonly path: string; readonly body?: string; readonly token?: string | undefined }

const FETCH_MS = 30_000

/** One act. Reading acts have no `params`. Throws Unable (what is wrong with the call) or a Fault (of the login or the local files). */
export async function act(args: CommandArgs, name: string, params?: object): Promise<ActAnswer> {
  if (args.flag('break-glass')) return actLocally(args, `admin/${name}`, params ?? {})
  return send(args, `/admin/${name}`, params === undefined ? undefined : JSON.stringify(params))
}

/** One request with the same token; `body` (JSON text) is posted as it is. Throws as `act` does. */
export async function send(args: CommandArgs, path: string, body?: string): Promise<ActAnswer> {
  const { gateway, snapshot } = await gatewayOf(args)
  return sendWith(gateway, { path, ...(body !== undefined && { body }), token: await tokenFor(args, gateway, snapshot) })
}

/** The same, for an answer that is read as it comes. Rejects where nobody answers. */
export async function openPath(
  args: CommandArgs,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const { gateway, snapshot } = await gatewayOf(args)
  const token = await tokenFor(args, gateway, snapshot)
  return fetch(`${gateway}${path}`, { headers: { ...headers, authorization: `Bearer ${token}` }, redirect: 'error', signal })
}

/** One request with another token, or none. */
export async function sendWith(gateway: string, { path, body, token }: Sent): Promise<ActAnswer> {
  const answer = await fetch(`${gateway}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_MS),
  }).catch((cause: unknown) => {
    throw new Unable(EXIT.unavailable, `no gateway answers at ${gateway}; is \`gatehouse serve\` running? (${codeOf(cause)})`)
  })
  return answerOf(answer.status, await answer.json().catch(() => undefined))
}

/** The same by a file; needs the configuration for its `dataDir`. */
export async function actLocally(args: CommandArgs, name: string, params: object): Promise<ActAnswer> {
  const { dataDir } = await snapshotOf(args)
  const { status, body } = await askLocally(dataDir, name, params)
  return answerOf(status, body)
}

/** `https://gateway.example.com`, and the configuration where it was needed to know it. */
export async function gatewayOf(args: CommandArgs): Promise<{ readonly gateway: string; readonly snapshot: Snapshot | undefined }> {
  const given = args.text('url')
  if (given === undefined) {
    const snapshot = await snapshotOf(args)
    return { gateway: snapshot.publicUrl, snapshot }
  }
  const problem = urlProblem(given)
  if (problem !== undefined) throw new Unable(EXIT.usage, `--url: ${problem}`)
  const url = new URL(given)
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new Unable(EXIT.usage, '--url: over http a token could be read on its way; use https beyond this machine')
  return { gateway: given.replace(/\/+$/, ''), snapshot: undefined }
}

async function snapshotOf(args: CommandArgs): Promise<Snapshot> {
  const loaded = await loadConfig(args.configFile, { env: args.io.env })
  if (loaded.ok) return loaded.snapshot
  throw new Unable(EXIT.configInvalid, faultText(loaded, shortName(args.configFile, args.io.cwd)).trimEnd())
}

/** In this order: --token-file, GATEHOUSE_ADMIN_TOKEN, the login kept for this gateway (renewed when it ends), the evaluation provider. */
async function tokenFor(args: CommandArgs, gateway: string, snapshot: Snapshot | undefined): Promise<string> {
  const { io } = args
  const file = args.text('token-file')
  if (file !== undefined) return readToken(await readFile(resolve(io.cwd, file), 'utf8'), `\`${file}\``)
  const own = io.env['GATEHOUSE_ADMIN_TOKEN']
  if (own !== undefined) return readToken(own, 'GATEHOUSE_ADMIN_TOKEN')
  const kept = await keptToken(args, gateway)
  if (kept !== undefined) return kept
  if (!snapshot?.evaluation) throw new Unable(EXIT.failed, 'nobody is signed in; run `gatehouse login`')
  const user = args.text('user') ?? operatorOf(snapshot)
  return (await requestToken(snapshot, { resource: '/admin', ...(user !== undefined && { user }) })).token
}

/** Whether the call says as whom a gateway is to be asked: by an option, by GATEHOUSE_ADMIN_TOKEN, or by a login that is kept. */
export async function isSignedIn(args: CommandArgs): Promise<boolean> {
  if (Object.keys(ASKING).some(option => args.text(option) !== undefined)) return true
  if (args.io.env['GATEHOUSE_ADMIN_TOKEN'] !== undefined) return true
  try {
    return (await new LoginCache(args.io).find((await gatewayOf(args)).gateway)) !== undefined
  } catch (error) {
    if (error instanceof Unable) return false
    throw error
  }
}

const RENEW_BEFORE_SECONDS = 30

async function keptToken({ io }: CommandArgs, gateway: string): Promise<string | undefined> {
  const cache = new LoginCache(io)
  const nowSeconds = (): number => Math.floor(io.now() / 1000)
  const isFresh = (login: { readonly expiresAtSeconds: number }): boolean => login.expiresAtSeconds - RENEW_BEFORE_SECONDS > nowSeconds()
  const login = await cache.find(gateway)
  if (!login || isFresh(login)) return login?.accessToken
  const renewed = await cache.update(gateway, async now => (now && !isFresh(now) ? renew(now, { gateway, nowSeconds }) : now))
  return renewed?.accessToken
}

/** The first operator whom the evaluation provider knows. */
function operatorOf({ operators = [], evaluation }: Snapshot): string | undefined {
  const subjects = operators.map(key => key.slice(key.indexOf(' ') + 1))
  return subjects.find(subject => evaluation?.users.some(({ name }) => name === subject))
}

function answerOf(status: number, body: unknown): ActAnswer {
  const members = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  if (status === 200) return { ok: true, body: members }
  // The registry's API has its error as a text, and what belongs to it beside.
  const { error = {} } = members
  const { message, reason, fix, requestId } =
    typeof error === 'string' ? { ...members, message: error } : (error as Record<string, unknown>)
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const [more, id] = [text(fix), text(requestId)]
  return {
    ok: false,
    error: {
      message: text(message) ?? `the gateway answered with status ${status}`,
      reason: text(reason) ?? 'unknown',
      ...(more !== undefined && { fix: more }),
      ...(id !== undefined && { requestId: id }),
    },
  }
}

function codeOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return inner instanceof Error && 'code' in inner ? String(inner.code) : 'no answer'
}

/** What a refusal or a failure of `act` means for a person, and the exit code. */
export function explain(args: CommandArgs, command: string, error: unknown): number {
  if (error instanceof Unable || error instanceof Fault) args.io.err(`gatehouse ${command}: ${error.message}\n`)
  else throw error
  if (error instanceof Unable) return error.exit
  return error.code === 'gateway-silent' || error.code === 'evaluation-unreachable' || error.code === 'gateway-unreachable'
    ? EXIT.unavailable
    : EXIT.failed
}
