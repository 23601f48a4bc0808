// The pages between a host's link and a connected account: what is asked, the consent, the way to the authorization server and back.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ConnectQuestion, ConsentStore } from '../../identity/consent.ts'
import type { Principal } from '../../kernel/principal.ts'
import type { BrowserSessions, Person } from './browser-session.ts'
import { connectPage } from './pages/connect-page.ts'
import { onwardPage, problemPage, sendPage, type Page } from './pages/shell.ts'

type Failure = { readonly failed: string; readonly detail: string }
type Problem = 'foreign' | 'gone' | Failure
type Connected = { readonly title: string; readonly alias: string }

/** Every method takes the person who asks, and answers `foreign` for what is another person's. */
export interface ConnectPort {
  look(principal: Principal, link: string): Promise<ConnectQuestion | Problem>
  /** `session`: digest that names this browser; the answer has to come back to it */
  agree(principal: Principal, link: string, session: string): Promise<{ readonly url: string } | { readonly done: Connected } | Problem>
  finish(principal: Principal, session: string, query: string): Promise<Connected | Problem>
  /** a string says why not */
  enter(principal: Principal, link: string, secret: string): Promise<Connected | Problem | { readonly refused: string }>
  /** the gateway's Client ID Metadata Document */
  document(): object
}

export type ConnectDeps = {
  readonly sessions: BrowserSessions
  readonly connect: ConnectPort
  /** applications that people allowed: this page calls one as theirs did */
  readonly consents: Pick<ConsentStore, 'list'>
  /** durable before it resolves */
  readonly record: (what: 'connection-agreed' | 'connection-made' | 'connection-refused', person: Person, name: string) => Promise<void>
}
export type ConnectPages = Record<'show' | 'answer' | 'callback' | 'document', (req: IncomingMessage, res: ServerResponse) => Promise<void>>

const formOf = (link: string): string => `connect ${link}`
/** attacker-controlled: the last segment, compared as a digest of itself */
const linkOf = ({ url = '' }: IncomingMessage): string => /^\/oauth\/connect\/([\w-]{1,128})$/.exec(url)?.[1] ?? ''
const queryOf = ({ url = '' }: IncomingMessage): string => url.split('?', 2)[1] ?? ''

export function createConnectPages({ sessions, connect, consents, record }: ConnectDeps): ConnectPages {
  const finished = async (res: ServerResponse, person: Person, { title, alias }: Connected): Promise<void> => {
    await record('connection-made', person, alias)
    sendPage(res, donePage(title, person))
  }

  return {
    async show(req, res) {
      const person = await sessions.requirePerson(req, res)
      if (!person) return
      const link = linkOf(req)
      const asked = await connect.look(person.principal, link)
      if (isProblem(asked)) {
        sendPage(res, problemOf(asked, person))
        return
      }
      const clientName = (await consents.list(person.principal)).find(({ client }) => client === asked.client)?.clientName
      sendPage(res, connectPage({ question: asked, clientName, link, csrf: person.csrf(formOf(link)), viewer: person.viewer }))
    },

    async answer(req, res) {
      const link = linkOf(req)
      const sent = await sessions.requireForm(req, res, formOf(link))
      if (!sent) return
      const { person, fields } = sent
      if (fields.get('answer') !== 'allow') {
        await record('connection-refused', person, link.slice(0, 8))
        sendPage(res, refusedPage(person))
        return
      }
      const secret = fields.get('secret')
      if (secret !== null) {
        const kept = await connect.enter(person.principal, link, secret)
        if (typeof kept === 'object' && 'refused' in kept)
          sendPage(res, problemPage(400, 'The secret was not saved', { what: kept.refused, viewer: person.viewer }))
        else if (isProblem(kept)) sendPage(res, problemOf(kept, person))
        else await finished(res, person, kept)
        return
      }
      const next = await connect.agree(person.principal, link, person.session)
      if (isProblem(next)) sendPage(res, problemOf(next, person))
      else if ('done' in next) await finished(res, person, next.done)
      else {
        await record('connection-agreed', person, link.slice(0, 8))
        sendPage(res, onwardPage(next.url, { title: 'Going on to sign in', what: 'You are being sent to where the account is.' }))
      }
    },

    async callback(req, res) {
      const person = await sessions.requirePerson(req, res)
      if (!person) return
      const done = await connect.finish(person.principal, person.session, queryOf(req))
      if (isProblem(done)) sendPage(res, problemOf(done, person))
      else await finished(res, person, done)
    },

    // public and the same for everybody: authorization servers fetch it without credentials
    async document(_req, res) {
      const text = JSON.stringify(connect.document())
      res.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=3600' }).end(text)
      await Promise.resolve()
    },
  }
}

const CONNECTIONS = { path: '/connections', name: 'Your connections' }

const isProblem = (value: object | string): value is Problem => typeof value === 'string' || 'failed' in value

/** Never a word of the authorization server, never anything of another person. */
function problemOf(problem: Problem, { viewer }: Person): Page {
  if (problem === 'foreign')
    return problemPage(403, 'This link is not yours', {
      what: 'It was made for somebody else, or begun in another browser. Nothing was connected.',
      mend: 'If somebody sent it to you, do not use it. Otherwise sign in as the person your application acts for, and start again there.',
      viewer,
    })
  if (problem === 'gone')
    return problemPage(400, 'This link does not serve any more', {
      what: 'It was used already, is too old, or its server is gone. Nothing was connected.',
      mend: 'Let your application try again: it gets a new link.',
      viewer,
    })
  return problemPage(problem.failed === 'unavailable' ? 503 : 400, 'The account could not be connected', {
    what: 'Nothing was connected.',
    mend: 'Try again later; if it stays like this, tell the administrator of this gateway what stands below.',
    details: [['What happened', problem.detail]],
    viewer,
  })
}

const donePage = (title: string, { viewer }: Person): Page =>
  problemPage(200, `${title} is connected`, {
    what: 'Go back to your application and let it try again. You can close this page.',
    next: CONNECTIONS,
    viewer,
  })

const refusedPage = ({ viewer }: Person): Page =>
  problemPage(200, 'Nothing was connected', {
    what: 'Your application cannot use this server in your name. You can close this page.',
    viewer,
  })
