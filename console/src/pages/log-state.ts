// How the audit log stands: how much of it is signed, by whom besides, and how old that is.

import type { LogState } from '../../../src/audit/reading.ts'
import { h, type Child } from '../dom.ts'
import { code, copyable, facts, moment, notice, tag } from '../words.ts'

export type State = LogState

/** Behind by this much, somebody should look; the gateway itself stops at thirty seconds. */
const LATE_MS = 10_000

/** `isBrief`: without the keys, beside something else. */
export function stateOf(state: State, isBrief = false): Child {
  const { checkpoint, witnesses, size, lagMs, prunedTo, oldest, origin } = state
  const last = [...witnesses].sort((a, b) => (a.time < b.time ? 1 : -1))[0]
  return [
    lagMs > LATE_MS &&
      notice('bad', h('p', {}, `Events wait ${Math.round(lagMs / 1000)} s to be signed. At 30 s nothing passes any more.`)),
    !isBrief &&
      (witnesses.length === 0
        ? notice(
            'warn',
            h(
              'p',
              {},
              'No witness signs beside this gateway: whoever owns this machine could replace the whole log. ',
              code('gatehouse witness'),
              ' on another one tells.',
            ),
          )
        : undefined),
    facts([
      ['Log', isBrief ? undefined : code(origin)],
      ['Events', isBrief ? undefined : size.toLocaleString('en')],
      [
        'Signed',
        checkpoint
          ? [
              checkpoint.size === size
                ? tag('all', 'good')
                : tag(`${checkpoint.size.toLocaleString('en')} of ${size.toLocaleString('en')}`, 'info'),
              ' ',
              moment(checkpoint.time),
            ]
          : tag('nothing yet', 'warn'),
      ],
      ['Root', checkpoint && !isBrief ? code(checkpoint.root) : undefined],
      ['Last witness', last ? [h('strong', {}, last.name), ' at ', last.size.toLocaleString('en'), ', ', moment(last.time)] : 'none'],
      ['Removed after the retention time', prunedTo > 0 && !isBrief ? `the first ${prunedTo.toLocaleString('en')}` : undefined],
      ['Oldest event', oldest !== undefined && !isBrief ? moment(oldest) : undefined],
    ]),
    !isBrief && [allWitnesses(witnesses), toKeep(state)],
  ]
}

const allWitnesses = (witnesses: State['witnesses']): Child =>
  witnesses.length > 1 &&
  h(
    'details',
    {},
    h('summary', {}, `All witnesses: ${witnesses.length}`),
    h(
      'ul',
      { class: 'plain' },
      witnesses.map(({ name, size, time }) => h('li', {}, h('strong', {}, name), ` at ${size.toLocaleString('en')}, `, moment(time))),
    ),
  )

const toKeep = ({ vkeys, checkpoint }: State): Child =>
  vkeys.length > 0 &&
  h(
    'details',
    {},
    h('summary', {}, 'Keys and checkpoint, to keep elsewhere'),
    h(
      'p',
      { class: 'soft' },
      'Whoever keeps these outside this machine can tell later whether the log was changed: ',
      code('gatehouse audit verify --checkpoint'),
      '.',
    ),
    vkeys.map(vkey => copyable(vkey, 'the key')),
    checkpoint && h('pre', { class: 'note', tabindex: '0', 'aria-label': 'Checkpoint' }, checkpoint.note),
  )
