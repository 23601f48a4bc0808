// The evaluation provider's pages: plain HTML without script; everything that came from outside is escaped.

import { hash } from 'node:crypto'

export type ClientView = { readonly name: string; readonly id: string; readonly redirect: string }

const escape = (text: string): string => text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)

const STYLE = `:root{color-scheme:light dark;--page:#f3f5f8;--card:#fff;--ink:#141a24;--soft:#566074;--line:#dce1ea;--accent:#1747c9;--on:#fff;--warn:#fff5dc;--warn-ink:#6f4600}
@media (prefers-color-scheme:dark){:root{--page:#0e1218;--card:#171c24;--ink:#e7eaf0;--soft:#a2acbd;--line:#2c3441;--accent:#8fb0ff;--on:#0a1430;--warn:#2a220f;--warn-ink:#ffdc92}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans","DejaVu Sans",sans-serif}
.warn{background:var(--warn);color:var(--warn-ink);text-align:center;margin:0;padding:.6rem 1rem;font-size:.92rem}
main{max-width:34rem;margin:2rem auto;padding:0 1rem}section{background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:1.4rem 1.6rem}
h1{font-size:1.4rem;margin:0 0 .5rem;overflow-wrap:anywhere}p{margin:.4rem 0}.by{color:var(--soft);font-size:.9rem;margin:0 0 .6rem}
dl{border-top:1px solid var(--line);margin:1rem 0}dt{color:var(--soft);font-size:.86rem;padding-top:.5rem}dd{margin:0;padding-bottom:.5rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
form{margin:.6rem 0}button{font:inherit;width:100%;padding:.7rem 1rem;border:1px solid var(--line);border-radius:.6rem;cursor:pointer;text-align:left;background:var(--card);color:inherit}
button:hover{border-color:var(--soft)}button small{color:var(--soft);float:right}.go{background:var(--accent);border-color:var(--accent);color:var(--on);text-align:center;font-weight:600}.no{text-align:center}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}`

/**
 * Headers of every page. `redirect`: where a form may lead in the end, because browsers hold form-action against the redirects that follow.
 * No script, frame, image or other origin.
 */
export function pageHeaders(redirect?: string): Record<string, string> {
  const target = redirect === undefined ? undefined : URL.parse(redirect)
  // Content Security Policy has no spelling for IPv6 hosts.
  const end = target ? ` ${/^https?:$/.test(target.protocol) && !target.hostname.startsWith('[') ? target.origin : target.protocol}` : ''
  const style = hash('sha256', STYLE, 'base64')
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${style}'; form-action 'self'${end}; frame-ancestors 'none'; base-uri 'none'`,
  }
}

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style></head>
<body><p class="warn"><strong>For evaluation only.</strong> This identity provider asks for no passwords and runs on this machine alone.</p>
<main><section><p class="by">Evaluation identity provider</p><h1>${escape(title)}</h1>
${body}</section></main>
</body></html>`

const facts = (pairs: readonly (readonly [string, string])[]): string =>
  `<dl>${pairs.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join('')}</dl>`

const clientFacts = (client: ClientView): (readonly [string, string])[] => [
  ['Application (its own words)', client.name],
  ['Client', client.id],
  ['Sends you back to', client.redirect],
]

/** A button per user. `action`: the interaction's path. `client`: absent where the gateway itself asks. */
export function loginPage(
  action: string,
  client: ClientView | undefined,
  users: readonly { readonly name: string; readonly groups: readonly string[] }[],
): string {
  const buttons = users.map(
    ({ name, groups }) =>
      `<form method="post" action="${escape(action)}/login"><button name="user" value="${escape(name)}">Sign in as <strong>${escape(name)}</strong> <small>${escape(groups.join(', ') || 'no groups')}</small></button></form>`,
  )
  return page(
    'Who are you?',
    `<p>${client ? 'An application wants to use Gatehouse in your name.' : 'Gatehouse wants to know who you are. It asks you itself what applications may do.'}</p>${client ? facts(clientFacts(client)) : ''}${buttons.join('')}${refusal(action)}`,
  )
}

export function consentPage(
  action: string,
  client: ClientView,
  ask: { readonly user: string; readonly resources: readonly string[]; readonly scopes: readonly string[] },
): string {
  const rows: (readonly [string, string])[] = [
    ['Signed in as', ask.user],
    ...clientFacts(client),
    ...ask.resources.map(resource => ['May use', resource] as const),
    ['Scopes', ask.scopes.join(' ')],
  ]
  return page(
    `Let ${client.name} act for you?`,
    `<p>Gatehouse still decides, call by call, what is permitted to you.</p>${facts(rows)}
<form method="post" action="${escape(action)}/consent"><button class="go">Allow</button></form>${refusal(action)}`,
  )
}

const refusal = (action: string): string => `<form method="post" action="${escape(action)}/abort"><button class="no">Refuse</button></form>`

/** `details`: name and value pairs, without secrets. */
export const errorPage = (message: string, details: readonly (readonly [string, string])[] = []): string =>
  page(
    'That did not work',
    `<p>${escape(message)}</p>${details.length > 0 ? facts(details) : ''}<p>Close this page and try again from your application.</p>`,
  )

export const aboutPage = (issuer: string, users: readonly { readonly name: string }[]): string =>
  page(
    'Gatehouse evaluation identity provider',
    `<p>Hosts are sent here to sign you in. There is nothing to do on this page.</p>${facts([
      ['Issuer', issuer],
      ['Users', users.map(user => user.name).join(', ')],
      ['Metadata', `${issuer}/.well-known/oauth-authorization-server`],
    ])}`,
  )
