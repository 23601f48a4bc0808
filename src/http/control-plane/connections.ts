// The Connections page as requests: show, revoke an application, revoke an account, enter a secret.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Consent, ConsentStore } from '../../identity/consent.ts'
import type { Principal } from '../../kernel/principal.ts'
import { redirect, type BrowserSessions, type Person } from './browser-session.ts'
import { connectionsPage, type ApplicationView, type ConnectionView, type MissingConnection } from './pages/connections-page.ts'
import { problemPage, sendPage } from './pages/shell.ts'

/** Grants of one principal in the vault. Nobody else's are ever seen or touched: every method takes the principal who asks. */
export interface ConnectionsPort {
  list(principal: Principal): Promise<{ readonly connections: readonly ConnectionView[]; readonly missing: readonly MissingConnection[] }>
  /** false = this principal has no such grant */
  revoke(principal: Principal, id: string): Promise<boolean>
  /** takes away from an application whatever accounts of this principal it could use; resolves also where there are none */
  forgetApplication(principal: Principal, client: string): Promise<void>
  /** keeps a secret the person entered for an upstream that takes one; a string says why not, in words for a page */
  putSecret(principal: Principal, alias: string, secret: string): Promise<undefined | string>
}

export type ConnectionsDeps = {
  readonly sessions: BrowserSessions
  readonly consents: ConsentStore
  readonly connections: ConnectionsPort
  readonly endpointTitle: (resource: string) => string
  /** families of tokens that ended with a consent */
  readonly onEnd: (families: readonly string[]) => Promise<void>
  /** writes down what a person did; must be durable before it resolves */
  readonly record: (what: ConnectionEvent, person: Person, name: string) => Promise<void>
}
type ConnectionEvent = 'application-revoked' | 'connection-revoked' | 'secret-stored'

export type ConnectionsPages = Record<
  'show' | 'revokeApplication' | 'revokeConnection' | 'putSecret',
  (req: IncomingMessage, res: ServerResponse) => Promise<void>
>

const FORM = 'connections'
/** What a page may say was done: the address names one of these, never a text. */
const DONE: Readonly<Record<ConnectionEvent, string>> = {
  'application-revoked': 'The application is revoked. What it held of yours no longer opens anything.',
  'connection-revoked': 'The account is disconnected. Calls that need it stop until you connect it again.',
  'secret-stored': 'The secret is saved.',
}

export function createConnectionsPages(deps: ConnectionsDeps): ConnectionsPages {
  const { sessions, consents, connections } = deps
  const done = async (res: ServerResponse, what: ConnectionEvent, person: Person, name: string): Promise<void> => {
    await deps.record(what, person, name)
    redirect(res, `/connections?done=${what}`)
  }

  return {
    async show(req, res) {
      const person = await sessions.requirePerson(req, res)
      if (!person) return
      const what = new URLSearchParams((req.url ?? '').split('?', 2)[1]).get('done') ?? ''
      const { principal, viewer } = person
      const applications = applicationsOf(await consents.list(principal), deps.endpointTitle)
      sendPage(
        res,
        connectionsPage({
          ...(await connections.list(principal)),
          viewer,
          applications,
          csrf: person.csrf(FORM),
          ...(Object.hasOwn(DONE, what) && { done: DONE[what as ConnectionEvent] }),
        }),
      )
    },

    async revokeApplication(req, res) {
      const sent = await sessions.requireForm(req, res, FORM)
      if (!sent) return
      const client = sent.fields.get('client') ?? ''
      // Accounts first: whatever fails after this, the application stands here still and can be revoked again.
      await connections.forgetApplication(sent.person.principal, client)
      await deps.onEnd(await consents.revoke(sent.person.principal, client))
      await done(res, 'application-revoked', sent.person, client)
    },

    async revokeConnection(req, res) {
      const sent = await sessions.requireForm(req, res, FORM)
      if (!sent) return
      const id = sent.fields.get('id') ?? ''
      if (!(await connections.revoke(sent.person.principal, id))) {
        sendPage(res, GONE)
        return
      }
      await done(res, 'connection-revoked', sent.person, id)
    },

    async putSecret(req, res) {
      const sent = await sessions.requireForm(req, res, FORM)
      if (!sent) return
      const alias = sent.fields.get('alias') ?? ''
      const refused = await connections.putSecret(sent.person.principal, alias, sent.fields.get('secret') ?? '')
      if (refused !== undefined) {
        sendPage(res, problemPage(400, 'The secret was not saved', { what: refused, viewer: sent.person.viewer }))
        return
      }
      await done(res, 'secret-stored', sent.person, alias)
    },
  }
}

/** One entry for each client, in the order of the consents (by name). */
function applicationsOf(consents: readonly Consent[], endpointTitle: (resource: string) => string): ApplicationView[] {
  const byClient = Map.groupBy(consents, ({ client }) => client)
  return [...byClient].map(([client, given]) => ({
    client,
    name: given[0]?.clientName ?? client,
    uses: given.map(({ resource, scopes, grantedAtSeconds }) => ({
      endpoint: endpointTitle(resource),
      scopes,
      sinceSeconds: grantedAtSeconds,
    })),
  }))
}

const GONE = problemPage(404, 'There is no such account', {
  what: 'It was disconnected already, or is not yours.',
  mend: 'Go back and load the page again.',
})
