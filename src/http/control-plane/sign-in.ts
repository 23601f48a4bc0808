// Signing in and out in the browser: a page that says where one is sent, the way to the identity provider and back, and the end of a session.

import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Identity, SignIn, SignIns } from '../../identity/sign-in.ts'
import { Fault } from '../../kernel/errors.ts'
import type { Sealer } from '../../kernel/seal.ts'
import { isReturnPath, redirect, type BrowserSessions } from './browser-session.ts'
import { createCookieJar } from './cookies.ts'
import { loginPage, signedOutPage } from './pages/login-page.ts'
import { problemPage, sendPage } from './pages/shell.ts'

/** The identity provider as the browser meets it. See adapters/login. Faults `login-refused`, `login-unavailable`. */
interface LoginPort {
  readonly issuer: string
  begin(isFresh: boolean): Promise<{ readonly url: URL; readonly attempt: Attempt }>
  finish(callback: URL, attempt: Attempt): Promise<{ readonly identity: Identity; readonly refreshToken?: string }>
}
type Attempt = { readonly state: string; readonly nonce: string; readonly verifier: string }

export type SignInDeps = {
  readonly publicUrl: string
  readonly login: LoginPort
  readonly sessions: BrowserSessions
  readonly signIns: Pick<SignIns, 'open'>
  readonly sealer: Sealer
  /** life of a sign-in whose account the provider confirms again and again, and of one where it cannot be asked; seconds */
  readonly lifeSeconds: { readonly confirmed: number; readonly unconfirmed: number }
  /** seconds since the epoch */
  readonly now: () => number
  /** writes down who signed in; must be durable before it resolves */
  readonly record: (what: 'sign-in' | 'sign-out', signIn: SignIn) => Promise<void>
}

export type SignInPages = {
  showLogin(req: IncomingMessage, res: ServerResponse): void
  startLogin(req: IncomingMessage, res: ServerResponse): Promise<void>
  finishLogin(req: IncomingMessage, res: ServerResponse): Promise<void>
  signOut(req: IncomingMessage, res: ServerResponse): Promise<void>
  showSignedOut(req: IncomingMessage, res: ServerResponse): void
}

const COOKIE = 'gatehouse-login'
const ATTEMPT_SECONDS = 600
const MAX_COOKIE_CHARACTERS = 3000
/** States that came back, so that none does twice; past that the oldest is forgotten (its code is spent at the provider all the same). */
const MAX_USED = 10_000

type Kept = Attempt & { readonly returnTo: string; readonly expiresAtSeconds: number }

export function createSignInPages(deps: SignInDeps): SignInPages {
  const { sessions, login, now } = deps
  const jar = createCookieJar(deps.publicUrl)
  const used = new Set<string>()

  // INVARIANT: what is sealed was made by startLogin; who cannot open the seal cannot make one.
  function keptOf(req: IncomingMessage): Kept | undefined {
    const text = jar.read(req, COOKIE)
    const bytes = text === undefined ? undefined : deps.sealer.open('login', text, MAX_COOKIE_CHARACTERS)
    const kept = bytes && (JSON.parse(bytes.toString()) as Kept)
    return kept && kept.expiresAtSeconds > now() && !used.has(kept.state) ? kept : undefined
  }

  async function accept(req: IncomingMessage, res: ServerResponse, kept: Kept): Promise<void> {
    const callback = new URL(req.url ?? '', deps.publicUrl)
    const { identity, refreshToken } = await login.finish(callback, kept)
    const life = refreshToken === undefined ? deps.lifeSeconds.unconfirmed : deps.lifeSeconds.confirmed
    const times = { startedAtSeconds: now(), checkedAtSeconds: now(), endsAtSeconds: now() + life }
    const signIn: SignIn = { ...identity, ...times, id: randomBytes(16).toString('base64url') }
    await deps.record('sign-in', signIn)
    await deps.signIns.open(signIn, refreshToken)
    await sessions.open(req, res, signIn)
    redirect(res, kept.returnTo)
  }

  return {
    showLogin(req, res) {
      if (!sessions.isAtHome(req, res)) return
      const wish = new URL(req.url ?? '', deps.publicUrl).searchParams
      const returnTo = wish.get('return') ?? '/connections'
      if (!isReturnPath(returnTo)) {
        sendPage(res, BAD_RETURN)
        return
      }
      sendPage(res, loginPage({ provider: login.issuer, returnTo, isFresh: wish.has('fresh') }))
    },

    async startLogin(req, res) {
      if (!sessions.isAtHome(req, res)) return
      const wish = new URL(req.url ?? '', deps.publicUrl).searchParams
      const returnTo = wish.get('return') ?? ''
      if (!isReturnPath(returnTo)) {
        sendPage(res, BAD_RETURN)
        return
      }
      try {
        const { url, attempt } = await login.begin(wish.has('fresh'))
        const kept: Kept = { ...attempt, returnTo, expiresAtSeconds: now() + ATTEMPT_SECONDS }
        jar.write(res, COOKIE, { value: deps.sealer.seal('login', Buffer.from(JSON.stringify(kept))), maxAgeSeconds: ATTEMPT_SECONDS })
        redirect(res, url.href)
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        sendPage(res, UNAVAILABLE)
      }
    },

    async finishLogin(req, res) {
      if (!sessions.isAtHome(req, res)) return
      const kept = keptOf(req)
      jar.clear(res, COOKIE)
      if (!kept) {
        sendPage(res, STRAY)
        return
      }
      spend(used, kept.state)
      try {
        await accept(req, res, kept)
      } catch (error) {
        if (!(error instanceof Fault) || !error.code.startsWith('login-')) throw error
        sendPage(res, error.code === 'login-refused' ? REFUSED : UNAVAILABLE)
      }
    },

    async signOut(req, res) {
      const sent = await sessions.requireForm(req, res, 'sign-out')
      if (!sent) return
      await deps.record('sign-out', sent.person.signIn)
      await sessions.close(req, res)
      redirect(res, '/oauth/signed-out')
    },

    showSignedOut(req, res) {
      if (sessions.isAtHome(req, res)) sendPage(res, signedOutPage())
    },
  }
}

function spend(used: Set<string>, state: string): void {
  const [oldest] = used
  if (used.size >= MAX_USED && oldest !== undefined) used.delete(oldest)
  used.add(state)
}

const BAD_RETURN = problemPage(400, 'That is no page of this gateway', {
  what: 'The address you came by wants to send you somewhere else after signing in, which Gatehouse does not do.',
  mend: 'Start again from your application.',
})
const STRAY = problemPage(400, 'This sign-in has expired', {
  what: 'It took more than ten minutes, was finished already, or was begun in another browser or a later tab.',
  mend: 'Start again from your application.',
})
const REFUSED = problemPage(400, 'You were not signed in', {
  what: 'The identity provider refused, or its answer does not belong to this sign-in. Nothing was changed.',
  mend: 'Start again from your application.',
})
const UNAVAILABLE = problemPage(503, 'Your identity provider cannot be reached', {
  what: 'Nobody can sign in until it answers.',
  mend: 'Try again in a minute. If it stays like this, tell whoever runs this gateway: `gatehouse doctor` shows why.',
})
