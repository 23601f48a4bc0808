// Who sits at the browser: a random cookie, kept as a digest, that rests on a sign-in at the identity provider.

import { hash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { principalOf, type BrowserSessionStore, type SignIn, type SignIns } from '../../identity/sign-in.ts'
import type { Stop } from '../../kernel/errors.ts'
import type { Principal } from '../../kernel/principal.ts'
import { createCookieJar } from './cookies.ts'
import { formToken, isSameToken, readForm } from './forms.ts'
import { problemPage, sendPage, type Viewer } from './pages/shell.ts'

export type BrowserSessionDeps = {
  /** without a trailing slash; pages are served under no other name, because cookies hold for one */
  readonly publicUrl: string
  readonly sessions: BrowserSessionStore
  readonly signIns: SignIns
  /** why a principal may do nothing at all (a block); undefined = it may */
  readonly stopOf: (principal: Principal) => Stop | undefined
  /** 32 bytes; the tokens of forms are derived from it */
  readonly formKey: Buffer
  /** seconds since the epoch */
  readonly now: () => number
}

/** A person who proved, in this browser, who they are. */
export type Person = {
  readonly principal: Principal
  readonly signIn: SignIn
  /** digest of the cookie: names the session and is none */
  readonly session: string
  /** what a page shows of them */
  readonly viewer: Viewer
  /** the hidden field `csrf` of a form; see formToken() */
  csrf(form: string): string
}

export type BrowserSessions = {
  /** The person at this browser, or why there is none; answers nothing. */
  find(req: IncomingMessage): Promise<Person | 'nobody' | 'unavailable' | 'blocked'>
  /** The person at this browser. Undefined = answered: the browser was sent to sign in and back here, or told why not. */
  requirePerson(req: IncomingMessage, res: ServerResponse): Promise<Person | undefined>
  /** The same, and the fields of the form they sent, which must be ours, of this session and this `form`. Undefined = answered. */
  requireForm(
    req: IncomingMessage,
    res: ServerResponse,
    form: string,
  ): Promise<{ readonly person: Person; readonly fields: URLSearchParams } | undefined>
  /** Begins a session for a sign-in and ends the one this browser had. */
  open(req: IncomingMessage, res: ServerResponse, signIn: SignIn): Promise<void>
  close(req: IncomingMessage, res: ServerResponse): Promise<void>
  /** Whether the request came under the public name; a GET that did not is sent there. False = answered. */
  isAtHome(req: IncomingMessage, res: ServerResponse): boolean
}

const COOKIE = 'gatehouse'
/** A session of a browser lasts this long, or as long as its sign-in; seconds. */
const SESSION_SECONDS = 12 * 3600

/**
 * Paths of our own that one may be sent to after signing in: nothing else is ever redirected to (N040). attacker-controlled: compared as a whole, so no
 * scheme, host, dot segment, escape or query gets in.
 */
const RETURN =
  /^\/(?:connections|console\/enter(?:\/[a-z]{1,16}(?:\/[A-Za-z0-9_-]{1,128})?)?|admin(?:\/[a-z0-9-]{1,64}){0,4}|oauth\/(?:consent|connect)\/[A-Za-z0-9_-]{8,128})$/
export const isReturnPath = (path: string): boolean => RETURN.test(path)

export function createBrowserSessions(deps: BrowserSessionDeps): BrowserSessions {
  const { sessions, signIns, now, formKey } = deps
  const jar = createCookieJar(deps.publicUrl)
  const home = new URL(deps.publicUrl)

  async function person(req: IncomingMessage): Promise<Person | 'nobody' | 'unavailable' | 'blocked'> {
    const value = jar.read(req, COOKIE)
    if (value === undefined || !/^[A-Za-z0-9_-]{43}$/.test(value)) return 'nobody'
    const session = digestOf(value)
    const found = await sessions.find(session, now())
    if (!found) return 'nobody'
    const signIn = await signIns.current(found.signInId)
    if (signIn === 'ended') return 'nobody'
    if (signIn === 'unavailable') return signIn
    const principal = principalOf(signIn)
    if (deps.stopOf(principal)) return 'blocked'
    const csrf = (form: string): string => formToken(formKey, session, form)
    return { principal, signIn, session, viewer: { name: signIn.name, signOutToken: csrf('sign-out') }, csrf }
  }

  function isAtHome(req: IncomingMessage, res: ServerResponse): boolean {
    if (req.headers.host?.toLowerCase() === home.host) return true
    if (req.method === 'GET') redirect(res, deps.publicUrl + (req.url ?? '/'))
    else sendPage(res, FORGED)
    return false
  }

  async function requirePerson(req: IncomingMessage, res: ServerResponse): Promise<Person | undefined> {
    if (!isAtHome(req, res)) return undefined
    const found = await person(req)
    if (found === 'unavailable') sendPage(res, OUTAGE)
    else if (found === 'blocked') sendPage(res, BLOCKED)
    else if (found !== 'nobody') return found
    else {
      const path = (req.url ?? '').split('?', 1)[0] ?? ''
      redirect(res, `/oauth/login?return=${encodeURIComponent(isReturnPath(path) ? path : '/connections')}`)
    }
    return undefined
  }

  return {
    find: person,
    requirePerson,
    isAtHome,
    async requireForm(req, res, form) {
      if (!isAtHome(req, res)) return undefined
      // Browsers send Origin with every POST; one of another page, or none, is not our form.
      const found = req.headers.origin === home.origin ? await person(req) : 'nobody'
      const fields = typeof found === 'string' ? undefined : await readForm(req)
      if (typeof found !== 'string' && fields && isSameToken(found.csrf(form), fields.get('csrf'))) return { person: found, fields }
      sendPage(res, found === 'unavailable' ? OUTAGE : found === 'blocked' ? BLOCKED : FORGED)
      return undefined
    },
    async open(req, res, signIn) {
      const before = jar.read(req, COOKIE)
      if (before !== undefined) await sessions.close(digestOf(before))
      const value = randomBytes(32).toString('base64url')
      const endsAtSeconds = Math.min(now() + SESSION_SECONDS, signIn.endsAtSeconds)
      await sessions.open(digestOf(value), { signInId: signIn.id, endsAtSeconds })
      jar.write(res, COOKIE, { value, maxAgeSeconds: endsAtSeconds - now() })
    },
    async close(req, res) {
      const value = jar.read(req, COOKIE)
      if (value !== undefined) await sessions.close(digestOf(value))
      jar.clear(res, COOKIE)
    },
  }
}

const digestOf = (value: string): string => hash('sha256', `gatehouse browser session ${value}`, 'base64url')

/** 303: whatever the request was, the next one is a GET (RFC 9700 section 4.12). */
export function redirect(res: ServerResponse, location: string): undefined {
  res.writeHead(303, { Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end()
  return undefined
}

const FORGED = problemPage(403, 'This form is not valid any more', {
  what: 'It came from another page, from another sign-in, or was sent before. Nothing was changed.',
  mend: 'Go back, load the page again and repeat what you wanted to do.',
})

const BLOCKED = problemPage(403, 'Your access is blocked', {
  what: 'Somebody who administers this gateway blocked you, or ended your sessions. Nothing was changed.',
  mend: 'Ask them why.',
})

const OUTAGE = problemPage(503, 'Your identity provider does not answer', {
  what: 'Gatehouse asks it whether your account is still good, and got no answer. Nothing was changed.',
  mend: 'Try again in a minute.',
})
