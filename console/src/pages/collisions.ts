// Names that could be taken for others: what is held, what our names keep apart, and which decisions settle what.

import { get } from '../api.ts'
import type { Page } from '../context.ts'
import { h, type Child } from '../dom.ts'
import { code, copyable, empty, sentence as says, tag } from '../words.ts'

type Held = {
  readonly server: string
  readonly kind: string
  readonly name: string
  readonly code: string
  readonly sentence: string
  readonly endpoints: readonly string[]
}
type Apart = { readonly code: string; readonly sentence: string; readonly endpoints: readonly string[] }
type Decision = {
  readonly server: string
  readonly kind: string
  readonly name: string
  readonly resolve: string
  readonly as?: string
  readonly isStale?: true
  readonly isImpossible?: true
}
type Collisions = {
  readonly held: readonly Held[]
  readonly resolved: readonly Apart[]
  readonly decisions: readonly Decision[]
  readonly counts: { readonly held: number; readonly resolved: number }
}

export const collisionsPage: Page = async () => {
  const { held, resolved, decisions, counts } = await get<Collisions>('collisions/list')
  return [
    h('h1', {}, 'Collisions'),
    h(
      'p',
      { class: 'lead' },
      'Names that somebody could take for others. What is held is neither listed nor callable where the two stand next to each other.',
    ),
    h('h2', {}, 'Held ', tag(String(counts.held), counts.held > 0 ? 'warn' : 'good')),
    held.length === 0
      ? empty('Nothing is held', 'No name of a server could be taken for another one.')
      : h('ul', { class: 'list' }, held.map(heldRow)),
    held.length < counts.held &&
      h('p', { class: 'soft' }, `${counts.held - held.length} more are not shown here: \`gatehouse collisions list\``),
    decisions.length > 0 && [h('h2', {}, 'Decided by people'), h('ul', { class: 'list' }, decisions.map(decisionRow))],
    resolved.length > 0 &&
      h(
        'details',
        {},
        h('summary', {}, `Kept apart by our names: ${counts.resolved}`),
        h(
          'ul',
          { class: 'list' },
          resolved.map(each =>
            h(
              'li',
              { class: 'row' },
              h(
                'div',
                { class: 'what' },
                h('div', {}, says(each.sentence)),
                h('div', { class: 'soft' }, code(each.code), ' ', at(each.endpoints)),
              ),
            ),
          ),
        ),
        resolved.length < counts.resolved &&
          h('p', { class: 'soft' }, `${counts.resolved - resolved.length} more are not shown here: \`gatehouse collisions list\``),
      ),
  ]
}

const heldRow = ({ server, kind, name, code: why, sentence, endpoints }: Held): Child =>
  h(
    'li',
    { class: 'row', tabindex: '-1', 'data-entry': true },
    h(
      'div',
      { class: 'what' },
      h('div', {}, code(name), ' ', tag(kind.replace(/s$/, '')), ' of ', h('strong', {}, server), ' ', tag(why, 'warn')),
      h('div', {}, says(sentence)),
      h('div', { class: 'soft' }, at(endpoints)),
      h(
        'details',
        {},
        h('summary', {}, 'How to decide'),
        h('p', {}, 'A person decides in the configuration, under ', code('collisions'), ':'),
        copyable(
          JSON.stringify({ server, kind: kind.replace(/s$/, ''), name, resolve: 'hide', by: '', why: '' }),
          `decision about ${name}`,
        ),
        h(
          'p',
          { class: 'soft' },
          code('resolve'),
          ' is ',
          code('hide'),
          ', ',
          code('accept'),
          ', ',
          code('priority'),
          ', or ',
          code('alias'),
          ' with ',
          code('as'),
          ': docs/collisions.md',
        ),
      ),
    ),
  )

const decisionRow = ({ server, kind, name, resolve, as, isStale, isImpossible }: Decision): Child =>
  h(
    'li',
    { class: 'row' },
    h(
      'div',
      { class: 'what' },
      code(name),
      ' ',
      tag(kind.replace(/s$/, '')),
      ' of ',
      h('strong', {}, server),
      `: ${resolve}`,
      as !== undefined && [' as ', code(as)],
      isStale && [' ', tag('nothing would be held without it')],
      isImpossible && [' ', tag('held under its new name, too', 'bad')],
    ),
  )

const at = (endpoints: readonly string[]): Child => ['at ', endpoints.map((path, i) => [i > 0 && ', ', code(path)])]
