// My connections: accounts of mine that servers act with, and those that are missing.

import { get, post } from '../api.ts'
import type { Page } from '../context.ts'
import { h, type Child } from '../dom.ts'
import { code, empty, facts, moment, secondsToIso, tag, twice } from '../words.ts'

type Connection = {
  readonly id: string
  readonly server: string
  readonly title: string
  readonly kind: string
  readonly issuer: string
  readonly resource: string
  readonly scopes: readonly string[]
  readonly account?: string
  readonly sinceSeconds: number
}
type Missing = { readonly server: string; readonly title: string; readonly kind: string }

export const connectionsPage: Page = async context => {
  const { connections, missing } = await get<{ connections: Connection[]; missing: Missing[] }>('connections/list')
  const revoke = (connection: Connection): void => {
    post('connections/revoke', { connection: connection.id }).then(() => {
      context.go('/console/connections')
      context.say('good', h('p', {}, connection.title, ' is disconnected. Calls that need it stop until you connect it again.'))
    }, context.failed)
  }
  return [
    h('h1', {}, 'Connections'),
    h(
      'p',
      { class: 'lead' },
      'Accounts of yours that servers act with. Each serves your calls alone. ',
      h('a', { href: '/connections' }, 'Connect accounts and see applications'),
    ),
    connections.length === 0 && missing.length === 0 && empty('No connections', 'No server that you may use needs an account of yours.'),
    connections.length > 0 &&
      h(
        'ul',
        { class: 'list' },
        connections.map(each => row(each, () => revoke(each))),
      ),
    missing.length > 0 && [
      h('h2', {}, 'Not connected'),
      h(
        'ul',
        { class: 'list' },
        missing.map(({ server, title, kind }) =>
          h(
            'li',
            { class: 'row' },
            h(
              'div',
              { class: 'what' },
              h('strong', {}, title),
              ' ',
              tag(server),
              h('div', { class: 'soft' }, kind === 'secret' ? 'takes a secret of yours' : 'takes a sign-in of yours'),
            ),
            h(
              'div',
              { class: 'act' },
              h('a', { class: 'button', href: '/connections' }, 'Connect', h('span', { class: 'unseen' }, ` ${title}`)),
            ),
          ),
        ),
      ),
    ],
  ]
}

function row(connection: Connection, revoke: () => void): Child {
  const { server, title, kind, issuer, scopes, account, sinceSeconds, resource } = connection
  return h(
    'li',
    { class: 'row' },
    h(
      'div',
      { class: 'what' },
      h('strong', {}, title),
      ' ',
      tag(server),
      facts([
        ['Account', account],
        [kind === 'secret' ? 'With' : 'Signed in at', kind === 'secret' ? 'a secret that you entered' : code(issuer)],
        ['For', kind === 'secret' ? undefined : code(resource)],
        ['It may', scopes.length === 0 ? undefined : scopes.map(scope => [code(scope), ' '])],
        ['Since', moment(secondsToIso(sinceSeconds))],
      ]),
    ),
    h('div', { class: 'act' }, twice('Revoke', 'Really revoke?', revoke, `Revoke ${title}`)),
  )
}
