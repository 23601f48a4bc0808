// The pages around signing in: where one is about to be sent, and that one is signed out.

import { html } from './html.ts'
import { facts, type Page } from './shell.ts'

export type LoginView = {
  /** the identity provider's issuer URL */
  readonly provider: string
  readonly returnTo: string
  /** somebody wants the person asked again, though they are signed in */
  readonly isFresh: boolean
}

export function loginPage({ provider, returnTo, isFresh }: LoginView): Page {
  const host = URL.parse(provider)?.host ?? provider
  // A link and no form: a provider may send the browser on to others before it asks anything, and form-action would stop that.
  const start = `/oauth/login/start?${String(new URLSearchParams({ return: returnTo, ...(isFresh && { fresh: 'yes' }) }))}`
  return {
    title: isFresh ? 'Sign in again' : 'Sign in',
    isQuestion: true,
    body: html`<section>
      <h1>${isFresh ? 'Sign in again' : 'Sign in'}</h1>
      <p>${purposeOf(returnTo)}</p>
      ${facts([['You sign in at', html`<code>${host}</code>`]])}
      <p class="soft">Gatehouse has no passwords of its own and never sees yours.</p>
      <div class="actions"><a class="button go" href="${start}" rel="nofollow">Continue to ${host}</a></div>
    </section>`,
  }
}

function purposeOf(returnTo: string): string {
  if (returnTo.startsWith('/oauth/consent/'))
    return 'An application wants to use MCP servers in your name. Sign in to see what it asks for; nothing is allowed yet.'
  if (returnTo.startsWith('/oauth/connect/'))
    return 'A server needs an account of yours. Sign in first, so that it is connected to you and to nobody else.'
  if (returnTo.startsWith('/admin')) return 'Sign in to administer this gateway.'
  return 'Sign in to see which applications act for you and which accounts are connected.'
}

export const signedOutPage = (): Page => ({
  title: 'Signed out',
  isQuestion: true,
  body: html`<section>
    <h1>Signed out</h1>
    <p>This browser is signed out of Gatehouse. Applications that you allowed keep working; you end them on the Connections page.</p>
    <p class="soft">Your identity provider may still know you: on a machine that others use, sign out there too.</p>
    <div class="actions"><a class="button" href="/connections">Sign in</a></div>
  </section>`,
})
