// The Connections page: which applications act for a person, and which accounts of theirs upstream servers use.

import { html, type Html } from './html.ts'
import { facts, hidden, notice, type Page, type Viewer } from './shell.ts'

/** An application the person allowed, at one or several endpoints. */
export type ApplicationView = {
  readonly client: string
  readonly name: string
  readonly uses: readonly { readonly endpoint: string; readonly scopes: readonly string[]; readonly sinceSeconds: number }[]
}

/** A grant in the vault: what an upstream may be used with in this person's name. */
export type ConnectionView = {
  readonly id: string
  /** the upstream's alias and title */
  readonly alias: string
  readonly title: string
  /** how it was obtained, in words, e.g. `signed in at github.com` or `secret you entered` */
  readonly how: string
  /** the account at the upstream, where it said so */
  readonly account?: string
  readonly scopes: readonly string[]
  readonly sinceSeconds: number
  readonly endsAtSeconds?: number
}

/** An upstream that needs an account of the person and has none. */
export type MissingConnection = {
  readonly alias: string
  readonly title: string
  /** `secret`: entered here; `sign-in`: connected when a host first needs it, or at `path` */
  readonly kind: 'secret' | 'sign-in'
  readonly path?: string
}

export type ConnectionsView = {
  readonly viewer: Viewer
  readonly applications: readonly ApplicationView[]
  readonly connections: readonly ConnectionView[]
  readonly missing: readonly MissingConnection[]
  /** what was just done, as a whole sentence */
  readonly done?: string
  readonly csrf: string
}

export const connectionsPage = (view: ConnectionsView): Page => ({
  title: 'Connections',
  viewer: view.viewer,
  at: '/connections',
  body: html`<h1>Connections</h1>
    ${view.done !== undefined && notice('good', html`<p>${view.done}</p>`)}
    <section aria-labelledby="applications">
      <h2 id="applications">Applications that act for you</h2>
      ${view.applications.length === 0 ? html`<p class="soft">None. An application appears here once you allowed it.</p>` : view.applications.map(each => applicationOf(view, each))}
    </section>
    <section aria-labelledby="accounts">
      <h2 id="accounts">Accounts that servers use in your name</h2>
      ${view.connections.length === 0 ? html`<p class="soft">None. Each is yours alone: no other person’s calls ever use it.</p>` : view.connections.map(each => connectionOf(view, each))}
      ${view.missing.map(each => missingOf(view, each))}
    </section>`,
})

const applicationOf = ({ csrf }: ConnectionsView, { client, name, uses }: ApplicationView): Html =>
  html`<article class="entry">
    <div class="row">
      <div>
        <strong>${name}</strong><br /><small><code>${client}</code></small>
      </div>
      <form method="post" action="/connections/applications/revoke">
        ${hidden({ csrf, client })}<button class="danger">Revoke<span class="unseen"> ${name}</span></button>
      </form>
    </div>
    ${facts(uses.map(({ endpoint, scopes, sinceSeconds }) => [endpoint, html`${scopes.length > 0 && html`${scopeList(scopes)}<br />`}<small>since ${day(sinceSeconds)}</small>`] as const))}
  </article>`

const connectionOf = ({ csrf }: ConnectionsView, connection: ConnectionView): Html =>
  html`<article class="entry">
    <div class="row">
      <div><strong>${connection.title}</strong> <span class="tag">${connection.alias}</span><br /><small>${connection.how}</small></div>
      <form method="post" action="/connections/revoke">
        ${hidden({ csrf, id: connection.id })}<button class="danger">Revoke<span class="unseen"> ${connection.title}</span></button>
      </form>
    </div>
    ${facts([
      ...(connection.account === undefined ? [] : [['Account', connection.account] as const]),
      ...(connection.scopes.length === 0 ? [] : [['May', scopeList(connection.scopes)] as const]),
      ['Since', day(connection.sinceSeconds)],
      ...(connection.endsAtSeconds === undefined ? [] : [['Until', day(connection.endsAtSeconds)] as const]),
    ])}
  </article>`

const missingOf = ({ csrf }: ConnectionsView, { alias, title, kind, path }: MissingConnection): Html =>
  html`<article class="entry">
    <div class="row">
      <div><strong>${title}</strong> <span class="tag">${alias}</span><br /><small>not connected</small></div>
      ${path !== undefined && html`<a class="button" href="${path}">Connect<span class="unseen"> ${title}</span></a>`}
    </div>
    ${
      kind === 'secret'
        ? html`<form method="post" action="/connections/secret" autocomplete="off">
            ${hidden({ csrf, alias })}
            <label class="field"
              ><span>Your secret for ${title}</span
              ><input type="password" name="secret" required maxlength="4096" autocomplete="off" spellcheck="false"
            /></label>
            <p class="soft">It is kept sealed, used for your calls alone, and never shown again.</p>
            <div class="actions"><button class="go">Save</button></div>
          </form>`
        : path === undefined && html`<p class="soft">Your host will offer a link when it first needs this account.</p>`
    }
  </article>`

const scopeList = (scopes: readonly string[]): Html => html`${scopes.map((scope, i) => html`${i > 0 && ' '}<code>${scope}</code>`)}`

/** RFC 3339 date, in UTC: the same for everybody. */
const day = (seconds: number): Html => {
  const text = new Date(seconds * 1000).toISOString()
  return html`<time datetime="${text}">${text.slice(0, 10)}</time>`
}
