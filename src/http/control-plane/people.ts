// The part of the control plane that people and their hosts use: signing in, consent, connections, and the authorization server's own endpoints.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Express } from 'express'
import { redirect } from './browser-session.ts'
import type { ConnectPages } from './connect.ts'
import type { ConnectionsPages } from './connections.ts'
import type { ConsentPages } from './consent.ts'
import type { ConsoleSessions } from './console/session.ts'
import { problemPage, sendPage } from './pages/shell.ts'
import type { SignInPages } from './sign-in.ts'

export type People = {
  readonly signIn: SignInPages
  readonly connections: ConnectionsPages
  readonly console: ConsoleSessions
  readonly connect?: ConnectPages
  /** absent where there is no authorization server of our own */
  readonly consent?: ConsentPages
  /** its protocol endpoints */
  readonly server?: { handle(req: IncomingMessage, res: ServerResponse): Promise<void> }
}

export type PeopleDeps = {
  /** built when the first request needs it, so that a gateway nobody signs in at does not carry it; rejects where it cannot be */
  readonly load: () => Promise<People>
  readonly onFault: (cause: unknown) => void
}

type Handler = (people: People, req: IncomingMessage, res: ServerResponse) => unknown

const PROTOCOL = ['/oauth/authorize', '/oauth/authorize/:uid', '/oauth/token', '/oauth/register', '/oauth/revoke', '/oauth/jwks']

/** Routes of the pages and of the protocol. */
export function mountPeople(app: Express, deps: PeopleDeps): void {
  const serve =
    (handler: Handler) =>
    async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
      try {
        await handler(await deps.load(), req, res)
      } catch (error) {
        deps.onFault(error)
        if (res.headersSent) res.destroy()
        else sendPage(res, FAULT)
      }
    }
  const protocol = serve(({ server }, req, res) => (server ? server.handle(req, res) : absent(res)))
  for (const path of [...PROTOCOL, '/.well-known/oauth-authorization-server']) app.all(path, protocol)

  // Who types the gateway's bare address is a person.
  app.get('/', (_req, res) => redirect(res, '/connections'))
  app.get(
    '/oauth/login',
    serve(({ signIn }, req, res) => signIn.showLogin(req, res)),
  )
  app.get(
    '/oauth/login/start',
    serve(({ signIn }, req, res) => signIn.startLogin(req, res)),
  )
  app.get(
    '/oauth/login/callback',
    serve(({ signIn }, req, res) => signIn.finishLogin(req, res)),
  )
  app.post(
    '/oauth/sign-out',
    serve(({ signIn }, req, res) => signIn.signOut(req, res)),
  )
  app.get(
    '/oauth/signed-out',
    serve(({ signIn }, req, res) => signIn.showSignedOut(req, res)),
  )

  app.get(
    '/oauth/consent/:id',
    serve(({ consent }, req, res) => (consent ? consent.show(req, res) : absent(res))),
  )
  app.post(
    '/oauth/consent/:id',
    serve(({ consent }, req, res) => (consent ? consent.answer(req, res) : absent(res))),
  )

  app.get(
    '/oauth/connect/:link',
    serve(({ connect }, req, res) => (connect ? connect.show(req, res) : sendPage(res, NOWHERE))),
  )
  app.post(
    '/oauth/connect/:link',
    serve(({ connect }, req, res) => (connect ? connect.answer(req, res) : sendPage(res, NOWHERE))),
  )
  app.get(
    '/oauth/callback',
    serve(({ connect }, req, res) => (connect ? connect.callback(req, res) : sendPage(res, NOWHERE))),
  )
  app.get(
    '/oauth/client-metadata.json',
    serve(({ connect }, req, res) => (connect ? connect.document(req, res) : sendPage(res, NOWHERE))),
  )

  app.get(
    '/connections',
    serve(({ connections }, req, res) => connections.show(req, res)),
  )
  app.post(
    '/connections/applications/revoke',
    serve(({ connections }, req, res) => connections.revokeApplication(req, res)),
  )
  app.post(
    '/connections/revoke',
    serve(({ connections }, req, res) => connections.revokeConnection(req, res)),
  )
  app.post(
    '/connections/secret',
    serve(({ connections }, req, res) => connections.putSecret(req, res)),
  )
}

const NOWHERE = problemPage(404, 'There is nothing to connect', { what: 'No server of this gateway takes accounts of its users.' })
const absent = (res: ServerResponse): undefined =>
  sendPage(res, problemPage(404, 'There is nothing here', { what: 'This gateway has no authorization server of its own.' }))

const FAULT = problemPage(500, 'Something went wrong here', {
  what: 'The request ended in a fault of the gateway. Nothing was allowed.',
  mend: 'Try again; if it stays like this, the gateway’s log says what it was.',
})
