// Consent: between an authorization request and its answer stands a person, who is asked for each application before any code is issued.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isAnswered, redirectSetDigest, type Consent, type ConsentStore, type PendingAuthorization } from '../../identity/consent.ts'
import type { Stop } from '../../kernel/errors.ts'
import type { Principal } from '../../kernel/principal.ts'
import { redirect, type BrowserSessions, type Person } from './browser-session.ts'
import { consentPage, type ConsentView, type OfferedScope } from './pages/consent-page.ts'
import { onwardPage, problemPage, sendPage } from './pages/shell.ts'

/** The authorization server, as far as this page asks it. */
interface AuthorizationPort {
  pending(req: IncomingMessage, res: ServerResponse): Promise<PendingAuthorization | undefined>
  /** both: where the browser has to go next */
  allow(
    req: IncomingMessage,
    res: ServerResponse,
    answer: { readonly signInId: string; readonly scopes: readonly string[] },
  ): Promise<string>
  refuse(req: IncomingMessage, res: ServerResponse): Promise<string>
}

export type ConsentDeps = {
  readonly server: AuthorizationPort
  readonly sessions: BrowserSessions
  readonly consents: ConsentStore
  /** what a principal is entitled to at an endpoint (resource identifier), in words; undefined = no such endpoint */
  readonly offered: (resource: string, principal: Principal) => readonly OfferedScope[] | undefined
  /** the endpoint in words */
  readonly endpointTitle: (resource: string) => string
  /** whether its tokens administer this gateway, by the person's roles and not by scopes */
  readonly isAdministration: (resource: string) => boolean
  /** why a principal may not use this client, or nothing at all (a block) */
  readonly stopOf: (principal: Principal) => Stop | undefined
  /** clients of the configuration */
  readonly configured: () => readonly { readonly id: string; readonly name: string }[]
  /** seconds since the epoch */
  readonly now: () => number
  /** writes down what was decided; must be durable before it resolves */
  readonly record: (what: 'allowed' | 'refused', person: Person, consent: Consent) => Promise<void>
}

export type ConsentPages = {
  show(req: IncomingMessage, res: ServerResponse): Promise<void>
  answer(req: IncomingMessage, res: ServerResponse): Promise<void>
}

/** What is asked of one person, and how it stands with what they said before. */
type Question = {
  readonly pending: PendingAuthorization
  readonly person: Person
  readonly offered: readonly OfferedScope[]
  readonly withheld: readonly string[]
  readonly redirects: string
  readonly earlier: Consent | undefined
}

export function createConsentPages(deps: ConsentDeps): ConsentPages {
  const { server, sessions, consents, now } = deps

  async function questionOf(pending: PendingAuthorization, person: Person): Promise<Question | undefined> {
    const principal = { ...person.principal, client: pending.client.id }
    const all = deps.offered(pending.resource, principal)
    if (!all || deps.stopOf(principal)) return undefined
    // A client that names nothing gets what the person chooses of everything that is theirs to give.
    const offered = pending.scopes.length === 0 ? all : all.filter(({ name }) => pending.scopes.includes(name))
    const withheld = pending.scopes.filter(word => !all.some(({ name }) => name === word))
    const earlier = await consents.find(person.principal, pending.client.id, pending.resource)
    return { pending, person, offered, withheld, redirects: redirectSetDigest(pending.client.redirects), earlier }
  }

  async function conclude(req: IncomingMessage, res: ServerResponse, question: Question, scopes: readonly string[]): Promise<string> {
    const consent = consentOf(question, scopes, now())
    // On record, then in the registry, then a code: a crash in between leaves no code without its record.
    await deps.record('allowed', question.person, consent)
    await consents.put(question.person.principal, consent)
    return server.allow(req, res, { signInId: question.person.signIn.id, scopes })
  }

  return {
    async show(req, res) {
      if (!sessions.isAtHome(req, res)) return
      const pending = await pendingHere(server, req, res)
      if (!pending) {
        sendPage(res, EXPIRED)
        return
      }
      const person = await sessions.requirePerson(req, res)
      if (!person) return
      if (pending.wantsLogin && person.signIn.startedAtSeconds < pending.startedAtSeconds) {
        redirect(res, `/oauth/login?fresh=yes&return=${encodeURIComponent(pathOf(req))}`)
        return
      }
      const question = await questionOf(pending, person)
      if (!question) {
        sendPage(res, IMPOSSIBLE)
        return
      }
      const names = question.offered.map(({ name }) => name)
      const asked = { redirect: pending.redirect, redirects: question.redirects, scopes: names, sinceMs: sinceOf(question) }
      if (!pending.wantsConsent && pending.scopes.length > 0 && isAnswered(question.earlier, asked)) {
        // A page and no redirect: where the provider's form led here, its form-action would be held against the application's address too.
        sendPage(res, onwardPage(await conclude(req, res, question, names), allowedText(pending)))
        return
      }
      sendPage(res, consentPage(await viewOf(deps, question)))
    },

    async answer(req, res) {
      const pending = await pendingHere(server, req, res)
      if (!pending) {
        sendPage(res, EXPIRED)
        return
      }
      const sent = await sessions.requireForm(req, res, formOf(pending))
      if (!sent) return
      const { person, fields } = sent
      if (pending.wantsLogin && person.signIn.startedAtSeconds < pending.startedAtSeconds) {
        sendPage(res, EXPIRED)
        return
      }
      const question = await questionOf(pending, person)
      if (!question) {
        sendPage(res, IMPOSSIBLE)
        return
      }
      if (fields.get('answer') !== 'allow') {
        await deps.record('refused', person, consentOf(question, [], now()))
        sendPage(
          res,
          onwardPage(await server.refuse(req, res), { title: 'Refused', what: `Nothing was allowed. Back to ${pending.client.name} …` }),
        )
        return
      }
      // What the person saw may have been of a server that is another by now.
      if (sinceOf(question) > pending.startedAtSeconds * 1000) {
        sendPage(res, EXPIRED)
        return
      }
      const next = await conclude(req, res, question, tickedIn(fields, question))
      sendPage(res, onwardPage(next, allowedText(pending)))
    },
  }
}

/** The latest that a server behind any of it became the one that it is. */
const sinceOf = ({ offered }: Question): number => Math.max(0, ...offered.map(({ sinceMs = 0 }) => sinceMs))

/** attacker-controlled: what was not offered on the page cannot be ticked */
function tickedIn(fields: URLSearchParams, { offered }: Question): string[] {
  const ticked = new Set(fields.getAll('scope'))
  return offered.map(({ name }) => name).filter(name => ticked.has(name))
}

const allowedText = ({ client }: PendingAuthorization): { readonly title: string; readonly what: string } => ({
  title: 'Allowed',
  what: `Back to ${client.name} …`,
})

/** Words shown of those a client asked for and does not get. */
const MAX_WITHHELD = 12

/** The form of one authorization of one client: its token fits no other (N037, N038). */
const formOf = ({ id, client }: PendingAuthorization): string => `consent ${id} ${client.id}`

/** The browser's cookie has to name the authorization that its path names. */
async function pendingHere(
  server: AuthorizationPort,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<PendingAuthorization | undefined> {
  const pending = await server.pending(req, res)
  return pending && pathOf(req) === `/oauth/consent/${pending.id}` ? pending : undefined
}

const pathOf = (req: IncomingMessage): string => (req.url ?? '').split('?', 1)[0] ?? ''

const consentOf = ({ pending, redirects }: Question, scopes: readonly string[], nowSeconds: number): Consent => ({
  client: pending.client.id,
  clientName: pending.client.name,
  redirect: pending.redirect,
  resource: pending.resource,
  scopes,
  redirects,
  grantedAtSeconds: nowSeconds,
})

async function viewOf(deps: ConsentDeps, question: Question): Promise<ConsentView> {
  const { pending, person, earlier } = question
  const { client, resource } = pending
  const configured = deps.configured()
  const before = (await deps.consents.list(person.principal)).map(consent => ({ name: consent.clientName, id: consent.client }))
  const isConfigured = configured.some(({ id }) => id === client.id)
  const changed = earlier && whatChanged(earlier, question)
  return {
    viewer: person.viewer,
    client,
    origin: isConfigured ? 'configured' : client.id.startsWith('https://') ? 'document' : 'registered',
    redirect: pending.redirect,
    endpoint: deps.endpointTitle(resource),
    resource,
    administers: deps.isAdministration(resource),
    scopes: question.offered,
    withheld: question.withheld.slice(0, MAX_WITHHELD),
    ...(changed !== undefined && { changed }),
    known: [...configured, ...before],
    action: `/oauth/consent/${pending.id}`,
    csrf: person.csrf(formOf(pending)),
  }
}

function whatChanged(earlier: Consent, question: Question): string | undefined {
  if (earlier.redirects !== question.redirects) return 'the addresses it may send you back to have changed since'
  return earlier.grantedAtSeconds * 1000 < sinceOf(question)
    ? 'what it would use has changed since: another version of a server'
    : undefined
}

const EXPIRED = problemPage(400, 'This request has expired', {
  what: 'It is older than ten minutes, was answered already, or was begun in another browser.',
  mend: 'Start again from your application.',
})

const IMPOSSIBLE = problemPage(403, 'This application cannot act for you', {
  what: 'Somebody who administers this gateway blocked it, or what it wants to use is gone.',
  mend: 'Ask them why.',
})
