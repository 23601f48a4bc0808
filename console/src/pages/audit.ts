// Searching the audit log: what to look for, named searches, and what was found, newest first.

import { QUERY_LIMITS, type Found, type Query } from '../../../src/audit/reading.ts'
import { post } from '../api.ts'
import type { Context, Page } from '../context.ts'
import { button, h, listen, type Child } from '../dom.ts'
import { lineOf, shown, tagsOf, textAt } from '../events.ts'
import { forget, MAX_NAME, queryOf, save, savedOf, searchOf, textsOf, type Field } from '../filters.ts'
import { code, empty, moment, tag } from '../words.ts'

type FoundPage = { readonly events: readonly Found[]; readonly next?: number; readonly size: number }

const TYPES = [
  'intent',
  'outcome',
  'refusal',
  'decision',
  'server-request',
  'upstream-contact',
  'upstream-contact-end',
  'aggregate',
  'lifecycle',
]
const OUTCOMES = ['ok', 'error', 'input', 'task', 'stopped', 'unknown']
const MAIN: readonly (readonly [field: Field, label: string])[] = [
  ['principal', 'Person'],
  ['server', 'Server'],
  ['name', 'Tool, prompt or URI'],
  ['reason', 'Reason'],
]
const MORE: readonly (readonly [field: Field, label: string])[] = [
  ['client', 'Application'],
  ['method', 'Method'],
  ['call', 'Call'],
  ['request', 'Request'],
  ['trace', 'Trace'],
  ['approval', 'Approval'],
  ['what', 'Event of the gateway'],
  ['id', 'Event id'],
]

export const auditPage: Page = async context => {
  const query = queryOf(location.search)
  const found = await post<FoundPage>('audit/search', textsOf({ ...query, limit: QUERY_LIMITS.defaultLimit }))
  const events = found.events.map(shown)
  const isFiltered = searchOf(without(query, 'before')) !== ''
  return [
    h('h1', {}, 'Audit log'),
    h('p', { class: 'lead' }, 'What passed, what was refused and why. Each search is an event of its own, with your name.'),
    form(query, context),
    saved(query, context),
    h('h2', {}, isFiltered ? 'Found ' : 'All events ', tag(`${found.size.toLocaleString('en')} in the log`)),
    events.length === 0
      ? empty('Nothing was found', isFiltered ? 'Every field must match exactly, capitals included.' : 'Nothing is on record yet.')
      : h(
          'ul',
          { class: 'list events' },
          events.map(one =>
            h(
              'li',
              {},
              h(
                'a',
                { class: 'row', href: `/console/audit/${one.seq}`, 'data-entry': true },
                h(
                  'span',
                  { class: 'what' },
                  h('span', { class: 'line-of' }, lineOf(one)),
                  h('span', { class: 'soft line' }, `#${one.seq} `, moment(textAt(one, 'time') ?? '')),
                ),
                h('span', { class: 'act tags' }, tagsOf(one)),
              ),
            ),
          ),
        ),
    h(
      'p',
      { class: 'pager' },
      query.before !== undefined && h('a', { href: `/console/audit${searchOf(without(query, 'before'))}` }, 'Newest'),
      found.next !== undefined && h('a', { href: `/console/audit${searchOf({ ...query, before: found.next })}` }, 'Older'),
    ),
  ]
}

const without = (query: Query, field: Field | 'before'): Query =>
  Object.fromEntries(Object.entries(query).filter(([name]) => name !== field))

function form(query: Query, { go }: Context): Child {
  const fields = [...MAIN, ...MORE].map(([field, label]) => ({ field, label, input: input(field, query[field]) }))
  const [type, outcome] = [select('type', TYPES, query.type), select('outcome', OUTCOMES, query.outcome)]
  const [from, to] = [time('from', query.from), time('to', query.to)]
  const labelled = (id: string, label: string, element: Child): Child =>
    h('div', { class: 'field' }, h('label', { for: `q-${id}` }, label), element)
  const isMore = MORE.some(([field]) => query[field] !== undefined)
  const submit = (event: Event): void => {
    event.preventDefault()
    const wanted: Record<string, string> = {}
    for (const { field, input: from } of fields) if (from.value.trim() !== '') wanted[field] = from.value.trim()
    if (type.value !== '') wanted['type'] = type.value
    if (outcome.value !== '') wanted['outcome'] = outcome.value
    for (const [name, at] of [
      ['from', from],
      ['to', to],
    ] as const)
      if (at.value !== '') wanted[name] = `${at.value.slice(0, 16)}:00Z`
    go(`/console/audit${searchOf(wanted)}`)
  }
  return listen(
    h(
      'form',
      { class: 'search', role: 'search', 'aria-label': 'Audit log' },
      h(
        'div',
        { class: 'fields' },
        fields.slice(0, MAIN.length).map(({ field, label, input: each }) => labelled(field, label, each)),
        labelled('type', 'Kind', type),
        labelled('outcome', 'Outcome', outcome),
        labelled('from', 'From (UTC)', from),
        labelled('to', 'Before (UTC)', to),
      ),
      h(
        'details',
        { open: isMore },
        h('summary', {}, 'More fields'),
        h(
          'div',
          { class: 'fields' },
          fields.slice(MAIN.length).map(({ field, label, input: each }) => labelled(field, label, each)),
        ),
      ),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'submit', class: 'go' }, 'Search'),
        searchOf(query) !== '' && h('a', { href: '/console/audit' }, 'Everything'),
      ),
    ),
    { submit },
  )
}

const input = (field: Field, value: string | undefined): HTMLInputElement => {
  const element = h('input', { id: `q-${field}`, name: field, maxlength: 4096, autocomplete: 'off', spellcheck: 'false' })
  element.value = value ?? ''
  return element
}
function select(field: Field, values: readonly string[], chosen: string | undefined): HTMLSelectElement {
  const all = chosen === undefined || values.includes(chosen) ? values : [...values, chosen]
  const element = h(
    'select',
    { id: `q-${field}`, name: field },
    h('option', { value: '' }, 'any'),
    all.map(value => h('option', { value }, value)),
  )
  element.value = chosen ?? ''
  return element
}
function time(field: Field, value: string | undefined): HTMLInputElement {
  const element = h('input', { id: `q-${field}`, name: field, type: 'datetime-local' })
  element.value = value?.slice(0, 16) ?? ''
  return element
}

/** Named searches, and naming this one. */
function saved(query: Query, { session, go, say }: Context): Child {
  const person = `${session.issuer} ${session.subject}`
  const search = searchOf(without(query, 'before'))
  const all = savedOf(person)
  const name = h('input', { id: 'filter-name', maxlength: MAX_NAME, autocomplete: 'off', placeholder: 'Name of this search' })
  const keep = (event: Event): void => {
    event.preventDefault()
    const chosen = name.value.trim()
    if (chosen === '') return name.focus()
    const isKept = save(person, { name: chosen, search })
    go(`/console/audit${search}`)
    if (isKept) say('good', h('p', {}, 'Saved in this browser: ', code(chosen)))
    else say('bad', h('p', {}, 'This browser keeps nothing. The address of this page is the search: keep that.'))
  }
  if (all.length === 0 && search === '') return false
  return h(
    'section',
    { class: 'saved', 'aria-label': 'Saved searches' },
    all.length > 0 &&
      h(
        'ul',
        { class: 'chips' },
        all.map(each =>
          h(
            'li',
            {},
            h('a', { href: `/console/audit${each.search}`, 'aria-current': each.search === search ? 'true' : undefined }, each.name),
            button(
              '×',
              () => {
                forget(person, each.name)
                go(`/console/audit${search}`)
              },
              { class: 'quiet small', 'aria-label': `Forget ${each.name}`, title: 'Forget' },
            ),
          ),
        ),
      ),
    search !== '' &&
      listen(
        h(
          'form',
          { class: 'keep' },
          h('label', { for: 'filter-name', class: 'unseen' }, 'Name of this search'),
          name,
          h('button', { type: 'submit', class: 'small' }, 'Save this search'),
        ),
        { submit: keep },
      ),
  )
}
