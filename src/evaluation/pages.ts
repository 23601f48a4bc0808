// The evaluation provider's pages: plain HTML without script; everything that came from outside is escaped.

import { hash } from 'node:crypto'

export type ClientView = { readonly name: string; readonly id: string; readonly redirect: string }

const escape = (text: string): string => text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)

const STYLE = `:root{color-scheme:light dark;--line:#8884;--accent:#2457c5}
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1.25rem}
h1{font-size:1.4rem}dl{border:1px solid var(--line);border-radius:.6rem;padding:.4rem 1rem}
dt{opacity:.7;font-size:.85rem;margin-top:.5rem}dd{margin:0 0 .5rem;overflow-wrap:anywhere}
form{margin:.6rem 0}button{font:inherit;width:100%;padding:.7rem 1rem;border:1px solid var(--line);border-radius:.6rem;cursor:pointer;text-align:left}
button small{opacity:.7}.go{background:var(--accent);color:#fff;text-align:center}.no{text-align:center;background:none}
.warn{border:1px solid #c80;border-radius:.6rem;padding:.6rem 1rem;font-size:.9rem}code{font-size:.9em}`

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
<body><h1>${escape(title)}</h1>
${body}
<p class="warn"><strong>For evaluation only.</strong> This identity provider asks for no passwords and runs on this machine alone.</p>
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
