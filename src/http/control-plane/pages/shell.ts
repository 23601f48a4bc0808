// What every page of the gateway has in common: frame, headers, small building blocks. No page has a script, an image or anything of another origin.

import type { ServerResponse } from 'node:http'
import { html, Html } from './html.ts'
import { STYLE, STYLE_SOURCE } from './style.ts'

/** The signed-in person a page is shown to. */
export type Viewer = { readonly name: string; /** for the sign-out form of this page */ readonly signOutToken: string }

export type Page = {
  readonly title: string
  readonly body: Html
  /** HTTP status; default 200 */
  readonly status?: number
  readonly viewer?: Viewer
  /** path of the page in the navigation, which is shown only where this is set */
  readonly at?: string
  /** where the browser goes on to by itself, at once: a navigation of its own, which form-action does not bind */
  readonly onwardTo?: string
  /** narrow, for one question; default false */
  readonly isQuestion?: boolean
}

/** Pages in the navigation: path and name. */
const NAVIGATION: readonly (readonly [path: string, name: string])[] = [['/connections', 'Connections']]

/** Sends a page. Nothing of it is kept by a browser or a proxy, and no other page may frame it. */
export function sendPage(res: ServerResponse, page: Page): undefined {
  const { headers, body } = renderPage(page)
  res.writeHead(page.status ?? 200, headers).end(body)
  return undefined
}

/** A page for whoever writes the response itself. */
export const renderPage = (page: Page): { readonly headers: Readonly<Record<string, string>>; readonly body: string } => ({
  headers: PAGE_HEADERS,
  body: frame(page).text,
})

/**
 * Headers of a page. Referrer-Policy is `same-origin`, not `no-referrer`: under that a browser would send our own forms with `Origin: null`.
 * No Cross-Origin-Opener-Policy: hosts on the web open the sign-in in a window of their own and wait for it to come back to their page.
 */
const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; style-src ${STYLE_SOURCE}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), publickey-credentials-get=()',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

const MARK = html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true">
  <path d="M3 21V10a9 9 0 0 1 18 0v11M3 21h18M9 21v-9a3 3 0 0 1 6 0v9M12 12v9" />
</svg>`

function frame({ title, body, viewer, at, isQuestion, onwardTo }: Page): Html {
  const links = NAVIGATION.map(([path, name]) =>
    path === at ? html`<a href="${path}" aria-current="page">${name}</a>` : html`<a href="${path}">${name}</a>`,
  )
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${onwardTo !== undefined && html`<meta http-equiv="refresh" content="0; url=${onwardTo}" />`}
        <title>${title} · Gatehouse</title>
        ${styleElement}
      </head>
      <body>
        <a class="skip" href="#content">To the content</a>
        <header>
          <div class="bar">
            <span class="brand">${MARK} Gatehouse</span>${at !== undefined && html`<nav aria-label="Pages">${links}</nav>`}
            ${
              viewer &&
              html`<div class="who">
                <span>Signed in as <strong>${viewer.name}</strong></span
                >${signOut(viewer)}
              </div>`
            }
          </div>
        </header>
        <main id="content" class="${isQuestion === true ? 'narrow' : 'wide'}">${body}</main>
      </body>
    </html> `
}

// The style sheet is ours and holds no markup. Not a template: its digest is over each byte between the tags.
const styleElement = new Html(`<style>${STYLE}</style>`)

const signOut = ({ signOutToken }: Viewer): Html =>
  html`<form method="post" action="/oauth/sign-out">${hidden({ csrf: signOutToken })}<button class="link">Sign out</button></form>`

/** A list of names and what they are. */
export const facts = (pairs: readonly (readonly [name: string, value: Html | string])[]): Html =>
  html`<dl>
    ${pairs.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`

/** Hidden fields of a form. */
export const hidden = (fields: Readonly<Record<string, string>>): Html =>
  html`${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}`

/** Something a reader must not overlook. */
export const notice = (kind: 'warn' | 'good' | 'bad', content: Html): Html =>
  html`<div class="notice ${kind}" role="${kind === 'good' ? 'status' : 'alert'}">${content}</div>`

/** A page that says what went wrong and what mends it. `details`: names and values without secrets. */
export const problemPage = (status: number, title: string, { what, mend, details = [], viewer, next }: ProblemText): Page => ({
  status,
  title,
  isQuestion: true,
  ...(viewer && { viewer }),
  body: html`<section>
    ${status < 400 ? sign('good', 'M5 12.5l4.5 4.5L19 7.5') : sign('bad', 'M12 6v7.5M12 17.5v.1')}
    <h1>${title}</h1>
    <p>${what}</p>
    ${mend !== undefined && html`<p>${mend}</p>`}${details.length > 0 && facts(details)}
    ${next && html`<div class="actions"><a class="button" href="${next.path}">${next.name}</a></div>`}
  </section>`,
})

/** Tells at a glance what the heading says in words. */
const sign = (kind: 'good' | 'bad', path: string): Html =>
  html`<svg
    class="sign ${kind}"
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="2.4"
    stroke-linecap="round"
    aria-hidden="true"
  >
    <path d="${path}" />
  </svg>`

/**
 * A page in between: the browser goes on by itself, and there is a link for those where it does not. For every way from a form to another origin: browsers hold
 * form-action against all redirects that follow a form, however many, and nobody knows those of others. `to`: http(s) or a path of ours, checked by the caller.
 */
export const onwardPage = (to: string, { title, what }: { readonly title: string; readonly what: string }): Page => ({
  title,
  isQuestion: true,
  onwardTo: to,
  body: html`<section>
    <h1>${title}</h1>
    <p>${what}</p>
    <div class="actions"><a class="button go" href="${to}">Continue</a></div>
  </section>`,
})

export type ProblemText = {
  readonly what: string
  readonly mend?: Html | string
  readonly details?: readonly (readonly [name: string, value: string])[]
  readonly viewer?: Viewer
  /** a page of ours to go on to */
  readonly next?: { readonly path: string; readonly name: string }
}
