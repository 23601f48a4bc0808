// Who sits at the console: a session of its own, short, of a fresh sign-in, by a cookie that no other site's request carries. Kept as a digest.

import { hash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { principalOf, type BrowserSessionStore, type SignIn, type SignIns } from '../../../identity/sign-in.ts'
import type { Principal } from '../../../kernel/principal.ts'
import { redirect, type BrowserSessions } from '../browser-session.ts'
import { createCookieJar } from '../cookies.ts'
import { formToken } from '../forms.ts'
import { problemPage, sendPage } from '../pages/shell.ts'

export type ConsoleSessionDeps = {
  /** without a trailing slash */
  readonly publicUrl: string
  /** issuer of the identity provider people sign in at, for the page that says so */
  readonly provider: string
  readonly store: BrowserSessionStore
  readonly signIns: Pick<SignIns, 'current'>
  /** the session of this browser that consent and connections use: a console session rests on the same sign-in */
  readonly browser: Pick<BrowserSessions, 'find' | 'isAtHome' | 'close'>
  /** 32 bytes; the token against forged requests is derived from it */
  readonly formKey: Buffer
  /** seconds since the epoch */
  readonly now: () => number
  /** writes down that a session began or was ended by its person; durable before it resolves */
  readonly record: (what: 'console-opened' | 'console-closed', signIn: SignIn) => Promise<void>
}

/** A session that counts now. */
export type ConsoleSession = {
  readonly principal: Principal
  readonly signIn: SignIn
  /** digest of the cookie: names the session and is none */
  readonly id: string
  readonly endsAtSeconds: number
  /** what each changing request has to carry in `X-Gatehouse-Csrf` */
  readonly csrf: string
}

export type ConsoleSessions = {
  readonly provider: string
  /** The session of this request. `nobody`: there is none, or it ended. `unavailable`: the identity provider cannot be asked. */
  find(req: IncomingMessage): Promise<ConsoleSession | 'nobody' | 'unavailable'>
  /** `GET /console/enter…`: begins a session and goes on to the page behind; by way of the identity provider where the sign-in is not fresh. */
  enter(req: IncomingMessage, res: ServerResponse): Promise<void>
  /** Ends it, its streams, and the session that consent and connections use in this browser. */
  close(req: IncomingMessage, res: ServerResponse, session: ConsoleSession): Promise<void>
  /** A stream of this session is open until the returned function is called; `end` is called when the session is closed before. */
  hold(session: ConsoleSession, end: () => void): () => void
  /** whether a session still counts, for streams of it that stay open */
  isGood(session: ConsoleSession): Promise<boolean>
}

const COOKIE = 'gatehouse-console'
export const ENTER_PATH = '/console/enter'
/** The whole life of a session; seconds. */
const SESSION_SECONDS = 8 * 3600
/** A session without a request or an open stream ends; seconds. */
const IDLE_SECONDS = 30 * 60
/** A session begins with a sign-in no older than this; older ones go to the identity provider again. Seconds. */
const FRESH_SECONDS = 15 * 60
/** Sessions whose last use is known; who is forgotten counts as just used. */
const MAX_KNOWN = 10_000
/** The client of principals in the console: `gatehouse block client gatehouse-console` closes it to everybody. */
const CONSOLE_CLIENT = 'gatehouse-console'

/** When sessions were used last. In memory: after a restart one counts as used at its first request, and its whole life still ends it. */
class Uses {
  readonly #now: () => number
  readonly #last = new Map<string, number>()
  readonly #streams = new Map<string, Set<() => void>>()
  constructor(now: () => number) {
    this.#now = now
  }

  use(id: string): void {
    this.#last.delete(id)
    this.#last.set(id, this.#now())
    const [oldest] = this.#last.keys()
    if (this.#last.size > MAX_KNOWN && oldest !== undefined) this.#last.delete(oldest)
  }
  isIdle(id: string): boolean {
    const last = this.#last.get(id)
    return !this.#streams.has(id) && last !== undefined && last + IDLE_SECONDS <= this.#now()
  }
  end(id: string): void {
    this.#last.delete(id)
    for (const stop of this.#streams.get(id) ?? []) stop()
  }
  /** An open stream is use; the time without begins when the last one is closed. */
  hold(id: string, stop: () => void): () => void {
    const held = this.#streams.get(id) ?? new Set()
    this.#streams.set(id, held.add(stop))
    return () => {
      held.delete(stop)
      if (held.size > 0) return
      this.#streams.delete(id)
      this.use(id)
    }
  }
}

export function createConsoleSessions(deps: ConsoleSessionDeps): ConsoleSessions {
  const { store, signIns, now } = deps
  const jar = createCookieJar(deps.publicUrl, 'Strict')
  const uses = new Uses(now)

  async function end(id: string): Promise<void> {
    await store.close(id)
    uses.end(id)
  }

  /** `kept`: as it is in the store, where it is still there. */
  async function judge(id: string): Promise<{ readonly signIn: SignIn; readonly endsAtSeconds: number } | 'nobody' | 'unavailable'> {
    const kept = await store.find(id, now())
    if (!kept) return 'nobody'
    if (uses.isIdle(id)) {
      await end(id)
      return 'nobody'
    }
    const signIn = await signIns.current(kept.signInId)
    if (signIn === 'ended') return 'nobody'
    return signIn === 'unavailable' ? signIn : { signIn, endsAtSeconds: kept.endsAtSeconds }
  }

  async function enter(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (!deps.browser.isAtHome(req, res)) return
    const path = (req.url ?? '').split('?', 1)[0] ?? ''
    const person = await deps.browser.find(req)
    if (person === 'unavailable') sendPage(res, OUTAGE)
    else if (person === 'blocked') sendPage(res, BLOCKED)
    else if (person === 'nobody' || person.signIn.startedAtSeconds + FRESH_SECONDS <= now())
      redirect(res, `/oauth/login/start?return=${encodeURIComponent(path)}`)
    else {
      // A new one at each entrance, whatever came with the request: a cookie that somebody planted becomes nobody's session.
      const before = jar.read(req, COOKIE)
      if (before !== undefined) await end(digestOf(before))
      const value = randomBytes(32).toString('base64url')
      const endsAtSeconds = Math.min(now() + SESSION_SECONDS, person.signIn.endsAtSeconds)
      await deps.record('console-opened', person.signIn)
      await store.open(digestOf(value), { signInId: person.signIn.id, endsAtSeconds })
      jar.write(res, COOKIE, { value, maxAgeSeconds: endsAtSeconds - now() })
      redirect(res, `/console${path.slice(ENTER_PATH.length)}`)
    }
  }

  return {
    provider: deps.provider,
    async find(req) {
      const value = jar.read(req, COOKIE)
      // attacker-controlled: of the shape that we make, or nothing
      if (value === undefined || !/^[A-Za-z0-9_-]{43}$/.test(value)) return 'nobody'
      const id = digestOf(value)
      const found = await judge(id)
      if (typeof found === 'string') return found
      uses.use(id)
      const { signIn, endsAtSeconds } = found
      // The sign-in is no older than the session: whatever ended what this person had open until then ended this session, too.
      const issued = { issuedAtSeconds: signIn.startedAtSeconds, expiresAtSeconds: endsAtSeconds }
      const principal = { ...principalOf(signIn), client: CONSOLE_CLIENT, ...issued }
      return { principal, signIn, id, endsAtSeconds, csrf: formToken(deps.formKey, id, 'console') }
    },
    enter,
    async close(req, res, session) {
      await deps.record('console-closed', session.signIn)
      await end(session.id)
      jar.clear(res, COOKIE)
      await deps.browser.close(req, res)
    },
    hold: ({ id }, stop) => uses.hold(id, stop),
    async isGood({ id }) {
      return typeof (await judge(id)) === 'object'
    },
  }
}

/** Another domain than that of the other browser sessions, which lie in the same table: neither cookie is the other. */
const digestOf = (value: string): string => hash('sha256', `gatehouse console session ${value}`, 'base64url')

const BLOCKED = problemPage(403, 'Your access is blocked', {
  what: 'Somebody who administers this gateway blocked you, or ended your sessions.',
  mend: 'Ask them why.',
})
const OUTAGE = problemPage(503, 'Your identity provider does not answer', {
  what: 'Gatehouse asks it whether your account is still good, and got no answer.',
  mend: 'Try again in a minute.',
})
