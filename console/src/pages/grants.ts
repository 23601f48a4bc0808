// Standing grants: what may run without asking again, until when, and taking it back.

import type { GrantList, GrantSummary, Revoked } from '../../../src/approvals/shapes.ts'
import { get, post } from '../api.ts'
import type { Page } from '../context.ts'
import { h, type Child } from '../dom.ts'
import { code, empty, facts, moment, pieces, tag, twice } from '../words.ts'

export const grantsPage: Page = async context => {
  const { grants, more } = await get<GrantList>('grants/list')
  const [own, others] = [grants.filter(each => each.isOwn), grants.filter(each => !each.isOwn)]
  const revoke = (grant: GrantSummary): void => {
    post<Revoked>('grants/revoke', { id: grant.id }).then(() => {
      context.go('/console/grants')
      context.say('good', h('p', {}, 'Revoked. The next call of ', pieces(grant.name), ' asks again.'))
    }, context.failed)
  }
  const list = (of: readonly GrantSummary[]): Child =>
    h(
      'ul',
      { class: 'list' },
      of.map(grant => row(grant, () => revoke(grant))),
    )
  return [
    h('h1', {}, 'Standing grants'),
    h(
      'p',
      { class: 'lead' },
      'What runs without asking again. A grant ends by itself, and as soon as the tool’s definition, its server or the rules change.',
    ),
    grants.length === 0 && empty('No standing grants', 'One can be given with an approval, where rules let people.'),
    own.length > 0 && [h('h2', {}, 'Yours'), list(own)],
    others.length > 0 && [h('h2', {}, 'Of others'), list(others)],
    more && h('p', { class: 'soft' }, 'There are more: gatehouse grants list'),
  ]
}

const row = (grant: GrantSummary, revoke: () => void): Child => {
  const { name, server, holder, isOwn, endpoint, definition, givenBy, givenAt, expiresAt, uses, usedAt } = grant
  return h(
    'li',
    { class: 'row' },
    h(
      'div',
      { class: 'what' },
      h('strong', { class: 'call' }, pieces(name)),
      ' at ',
      server,
      ' ',
      tag(['ends ', moment(expiresAt)], 'info'),
      facts([
        ['For', [isOwn ? 'you' : holder.subject, holder.client !== '' && [', by ', code(holder.client)]]],
        ['At', code(endpoint)],
        ['Given', [moment(givenAt), ' by ', givenBy.map(({ subject }) => subject).join(', ')]],
        ['Used', uses === 0 ? 'not yet' : [uses === 1 ? 'once' : `${uses} times`, usedAt !== undefined && [', last ', moment(usedAt)]]],
        ['Definition', definition !== '' && code(definition)],
      ]),
    ),
    h(
      'div',
      { class: 'act' },
      twice(
        'Revoke',
        'Really revoke?',
        revoke,
        `Revoke ${name.map(piece => (typeof piece === 'string' ? piece : piece.code)).join('')} of ${holder.subject}`,
      ),
    ),
  )
}
