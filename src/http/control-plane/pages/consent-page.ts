// The page that asks whether an application may act for a person. Everything it shows of the application was chosen by a stranger.

import { html, type Html } from './html.ts'
import { facts, hidden, notice, type Page, type Viewer } from './shell.ts'
import { oddities } from './visible-text.ts'

/** One thing a token may let through. */
export type OfferedScope = {
  readonly name: string
  /** in words, e.g. `Read files (server “files”)` */
  readonly title: string
  /** since when the server behind it is the one that it is, where that is known: what was allowed before was of another */
  readonly sinceMs?: number
}

export type ConsentView = {
  readonly viewer: Viewer
  readonly client: { readonly id: string; readonly name: string }
  /** how this gateway knows the client */
  readonly origin: 'configured' | 'document' | 'registered'
  readonly redirect: string
  /** what the token would be for, e.g. `All your servers` */
  readonly endpoint: string
  readonly resource: string
  /** the token would administer this gateway, by the person's roles; there are no scopes then */
  readonly administers: boolean
  readonly scopes: readonly OfferedScope[]
  /** words the client asked for that are not given */
  readonly withheld: readonly string[]
  /** why the person is asked again though they agreed before */
  readonly changed?: string
  /** other applications the person or the administrator knows, to warn of look-alikes */
  readonly known: readonly { readonly name: string; readonly id: string }[]
  readonly action: string
  readonly csrf: string
}

export function consentPage(view: ConsentView): Page {
  const { client, viewer, scopes, withheld, action, csrf, changed, administers, origin } = view
  const odd = odditiesOf(view)
  return {
    title: `Allow ${client.name}?`,
    viewer,
    isQuestion: true,
    body: html`<section>
      <h1>Allow “${client.name}” to act for you?</h1>
      <p>
        ${administers ? 'It could then administer this gateway with every role that is yours.' : 'It could then use MCP servers in your name.'}
        Gatehouse still decides, call by call, what is permitted to you, and writes it down.
      </p>
      ${warnings(view, odd)} ${changed !== undefined && notice('warn', html`<p>You allowed this application before, but ${changed}.</p>`)}
      ${facts([
        [
          'Application',
          html`<strong>${client.name}</strong>${origin !== 'configured' && html`<br /><small>the name it gives itself</small>`}`,
        ],
        ['Known by', identityOf(view)],
        ['Sends you back to', destinationOf(view.redirect)],
        ['For', html`${view.endpoint}<br /><code>${view.resource}</code>`],
        ['You are', html`<strong>${viewer.name}</strong>`],
      ])}
      <form method="post" action="${action}">
        ${hidden({ csrf })}
        ${scopes.length > 0 ? scopeFields(scopes) : !administers && html`<p>It asks for no permission that you could give here: it will be able to sign in, and to use nothing.</p>`}
        ${withheld.length > 0 && html`<p class="soft">Not given, because they are not yours to give or do not exist: ${withheld.map((word, i) => html`${i > 0 && ', '}<code>${word}</code>`)}</p>`}
        <div class="actions">${odd.length === 0 ? html`${allow('go')}${refuse('')}` : html`${refuse('go')}${allow('')}`}</div>
        <p class="soft">You can take this back at any time on the Connections page.</p>
      </form>
    </section>`,
  }
}

// What is likely to be right stands first, in colour.
const allow = (kind: 'go' | ''): Html => html`<button class="${kind}" name="answer" value="allow">Allow</button>`
const refuse = (kind: 'go' | ''): Html => html`<button class="${kind}" name="answer" value="refuse">Refuse</button>`

function odditiesOf({ client, known, origin }: ConsentView): readonly string[] {
  const odd = oddities(
    client.name,
    known.filter(other => other.id !== client.id),
  )
  const host = hostOf(client.id)
  if (origin === 'document' && host !== undefined && /(^|\.)xn--/.test(host))
    odd.push(`its address has letters that may look like others (${host})`)
  return odd
}

const warnings = ({ origin }: ConsentView, odd: readonly string[]): Html =>
  html`${
    odd.length > 0 &&
    notice(
      'bad',
      html`<p><strong>Be careful: this name may be meant to mislead.</strong></p>
        <ul>
          ${odd.map(each => html`<li>${each}</li>`)}
        </ul>`,
    )
  }
  ${origin === 'registered' && notice('warn', html`<p><strong>Anybody can register under this name.</strong> Allow it only if you have just started signing in from an application on this machine.</p>`)}`

const hostOf = (id: string): string | undefined => URL.parse(id)?.host

function identityOf({ client, origin }: ConsentView): Html {
  if (origin === 'document')
    return html`<strong>${hostOf(client.id) ?? ''}</strong><br /><small>published at <code>${client.id}</code></small>`
  if (origin === 'configured') return html`<code>${client.id}</code><br /><small>known to this gateway beforehand</small>`
  return html`<code>${client.id}</code><br /><small>registered itself</small>`
}

function destinationOf(redirect: string): Html {
  const url = URL.parse(redirect)
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
  const where = !isWeb ? 'a program on this machine' : url.protocol === 'http:' ? 'a program on this machine' : url.host
  return html`<strong>${where}</strong><br /><code>${redirect}</code>`
}

const scopeFields = (scopes: readonly OfferedScope[]): Html =>
  html`<fieldset>
    <legend>It may</legend>
    <ul class="plain">
      ${scopes.map(
        ({ name, title }) =>
          html`<li>
            <label class="pick"
              ><input type="checkbox" name="scope" value="${name}" checked /><span
                >${title}<br /><small><code>${name}</code></small></span
              ></label
            >
          </li>`,
      )}
    </ul>
  </fieldset>`
