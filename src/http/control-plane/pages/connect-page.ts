// What a person agrees to before an account is connected: which server, which application, which rights, and where it will be asked (R119).

import type { ConnectQuestion } from '../../../identity/consent.ts'
import { html, type Html } from './html.ts'
import { facts, hidden, type Page, type Viewer } from './shell.ts'

export type ConnectView = {
  readonly question: ConnectQuestion
  /** the name under which the person allowed the application; absent = not known here */
  readonly clientName: string | undefined
  readonly link: string
  readonly csrf: string
  readonly viewer: Viewer
}

export const connectPage = ({ question, clientName, link, csrf, viewer }: ConnectView): Page => ({
  title: `Connect ${question.title}`,
  isQuestion: true,
  viewer,
  body: html`<section>
    <h1>
      ${question.kind === 'consent' ? html`Use your account at ${question.title}?` : html`Connect your account at ${question.title}?`}
    </h1>
    <p>${why(question)}</p>
    ${facts([['Server', html`${question.title} <span class="tag">${question.alias}</span><br /><code>${question.server}</code>`], ['Application', applicationOf(question.client, clientName)], ...more(question)])}
    <form method="post" action="/oauth/connect/${link}" autocomplete="off">
      ${hidden({ csrf })}
      ${
        question.kind === 'secret' &&
        html`<label class="field"
          ><span>Your secret for ${question.title}</span
          ><input type="password" name="secret" maxlength="4096" autocomplete="off" spellcheck="false"
        /></label>`
      }
      <div class="actions">
        <button class="go" name="answer" value="allow">${question.kind === 'sign-in' ? 'Go on' : 'Allow'}</button>
        <button name="answer" value="deny">Cancel</button>
      </div>
      <p class="soft">Only your own calls ever use this account. You can take it back at any time on the Connections page.</p>
    </form>
  </section>`,
})

function applicationOf(client: string, name: string | undefined): Html | string {
  if (client === '') return 'none: you began this yourself'
  return name === undefined ? html`<code>${client}</code>` : html`<strong>${name}</strong><br /><code>${client}</code>`
}

function why({ kind, title }: ConnectQuestion): string {
  if (kind === 'consent') return 'The account is connected already. This application may not use it yet.'
  if (kind === 'secret') return `Calls to ${title} in your name need a secret of yours.`
  return `Calls to ${title} in your name need an account of yours. You will sign in where the account is, not here.`
}

function more(question: ConnectQuestion): (readonly [string, Html | string])[] {
  if (question.kind === 'secret') return []
  const { scopes } = question
  const rights: readonly [string, Html | string] = [
    'It may',
    scopes.length === 0 ? 'what the server decides' : html`${scopes.map((scope, i) => html`${i > 0 && ' '}<code>${scope}</code>`)}`,
  ]
  if (question.kind === 'consent') return [rights]
  return [rights, ['Sign in at', html`<code>${question.issuer}</code>`], ['It comes back to', html`<code>${question.redirect}</code>`]]
}
