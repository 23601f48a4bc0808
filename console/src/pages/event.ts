// One event of the audit log: everything it says, where it stands in the tree, and its proof as a file.

import type { Found } from '../../../src/audit/reading.ts'
import { get, post, Refusal } from '../api.ts'
import type { Context, Page } from '../context.ts'
import { button, h, type Child } from '../dom.ts'
import { lineOf, shown, tagsOf, textAt, type Json, type Shown } from '../events.ts'
import { searchOf, textsOf } from '../filters.ts'
import { piecesOf } from '../seen.ts'
import { code, copyable, facts, moment, notice, value } from '../words.ts'
import { stateOf, type State } from './log-state.ts'

export const eventPage: Page = async (context, id) => {
  const seq = Number(id)
  const [{ events }, state] = await Promise.all([
    post<{ readonly events: readonly Found[] }>('audit/search', textsOf({ before: seq + 1, limit: 1 })),
    get<State>('audit/state'),
  ])
  const found = events[0]
  const back = h('p', { class: 'crumbs' }, h('a', { href: '/console/audit', 'data-key': 'back' }, 'Audit log'))
  if (found?.seq !== seq)
    return [
      back,
      h('h1', {}, `Event #${id}`),
      notice(
        'warn',
        h(
          'p',
          {},
          seq < state.prunedTo ? 'It was removed after the retention time. Its hash stays in the tree.' : 'The log has no such event.',
        ),
      ),
    ]
  const one = shown(found)
  const call = textAt(one, 'call')
  return [
    back,
    h('h1', {}, `Event #${seq}`),
    h('p', { class: 'lead' }, lineOf(one)),
    h('p', { class: 'tags' }, tagsOf(one), ' ', moment(textAt(one, 'time') ?? '')),
    call !== undefined && h('p', {}, h('a', { href: `/console/call/${call}` }, 'The whole story of this call')),
    h('section', { class: 'card', 'aria-label': 'What it says' }, h('h2', {}, 'What it says'), members(one)),
    proof(one, state, context),
    h('details', {}, h('summary', {}, 'The line as it stands in the log'), value(piecesOf(one.line))),
  ]
}

/** Members that lead to other events of the same kind. */
const LINKS: Readonly<Record<string, (text: string) => string>> = {
  'principal.subject': text => searchOf({ principal: text }),
  'principal.client': text => searchOf({ client: text }),
  'subject.server': text => searchOf({ server: text }),
  'subject.name': text => searchOf({ name: text }),
  reason: text => searchOf({ reason: text }),
  request: text => searchOf({ request: text }),
  trace: text => searchOf({ trace: text }),
}
const MAX_DEPTH = 8

function members({ event }: Shown): Child {
  const rows: (readonly [Child, Child])[] = []
  const walk = (at: Json, path: readonly string[]): void => {
    if (typeof at === 'object' && at !== null && !Array.isArray(at) && path.length < MAX_DEPTH)
      for (const [name, each] of Object.entries(at)) walk(each, [...path, name])
    else rows.push([path.map((name, i) => [i > 0 && ' › ', name]), shownValue(path.join('.'), at)])
  }
  walk(event, [])
  return facts(rows)
}

function shownValue(path: string, at: Json): Child {
  const text = typeof at === 'string' ? at : JSON.stringify(at, undefined, 1)
  const href = typeof at === 'string' && Object.hasOwn(LINKS, path) ? LINKS[path]?.(at) : undefined
  return [value(piecesOf(text)), href !== undefined && h('a', { class: 'same', href: `/console/audit${href}` }, 'others like it')]
}

function proof({ seq, leaf, line }: Shown, state: State, { failed }: Context): Child {
  const said = h('div', {})
  const isCovered = (state.checkpoint?.size ?? 0) > seq
  const download = (): void => {
    post<{ readonly proof: string }>('audit/proof', { seq: String(seq) }).then(
      ({ proof: text }) => saveAs(`event-${seq}.tlog-proof`, text),
      (error: unknown) => {
        if (!(error instanceof Refusal)) return failed(error)
        said.replaceChildren(notice('bad', h('p', {}, error.message)))
      },
    )
  }
  return h(
    'section',
    { class: 'card', 'aria-label': 'Proof' },
    h('h2', {}, 'Proof'),
    facts([
      ['Place', `#${seq} of ${state.size.toLocaleString('en')}`],
      ['Leaf', code(leaf)],
      ['Log', code(state.origin)],
    ]),
    isCovered
      ? [
          h(
            'p',
            {},
            'The proof shows that this very line stands at this place of a log that was signed, and that witnesses signed where there are any. Whoever has it needs neither this gateway nor its disk:',
          ),
          h(
            'div',
            { class: 'buttons' },
            button('Download proof', download, { class: 'go' }),
            button('Download event', () => saveAs(`event-${seq}.json`, line)),
          ),
          copyable(`gatehouse audit verify --proof event-${seq}.tlog-proof --event event-${seq}.json --key KEY`, 'the command'),
          h(
            'p',
            { class: 'soft' },
            'KEY is the public key of the log, as `gatehouse audit key` prints it on the gateway: get it by a way of your own.',
          ),
        ]
      : notice('warn', h('p', {}, 'No checkpoint covers it yet: it has no proof. Look again in a moment.')),
    said,
    stateOf(state, true),
  )
}

/** A file of text, made in this page. */
function saveAs(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
