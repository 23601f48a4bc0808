// The reviewer's queue: how every server stands, and one of them with what it lists otherwise, and the digests that a reviewer signs.

import type { ServerReview, ServerRow } from '../../../src/pipeline/server-reviews.ts'
import { get, post } from '../api.ts'
import type { Page } from '../context.ts'
import { h, type Child } from '../dom.ts'
import { piecesOf } from '../seen.ts'
import { code, copyable, empty, facts, inert, moment, notice, tag, value, type Tone } from '../words.ts'

type Finding = ServerReview['findings'][number]
type Change = Finding['changes'][number]

export const serversPage: Page = async () => {
  const { servers } = await get<{ servers: ServerRow[] }>('servers/list')
  const waiting = servers.filter(server => server.isWaiting)
  const others = servers.filter(server => !server.isWaiting)
  return [
    h('h1', {}, 'Servers'),
    h('p', { class: 'lead' }, 'What waits for a reviewer. A server offers what somebody looked at and signed, and nothing else.'),
    h('h2', {}, 'To review ', tag(String(waiting.length), waiting.length > 0 ? 'warn' : 'good')),
    waiting.length === 0 ? empty('Nothing waits', 'Every server lists what was admitted, and starts as it was.') : list(waiting),
    others.length > 0 && [h('h2', {}, 'Nothing to do'), list(others)],
  ]
}

const list = (servers: readonly ServerRow[]): Child =>
  h(
    'ul',
    { class: 'list' },
    servers.map(server =>
      h(
        'li',
        {},
        h(
          'a',
          { class: 'row', href: `/console/servers/${server.alias}`, 'data-entry': true },
          h(
            'span',
            { class: 'what' },
            h('strong', {}, server.title ?? server.alias),
            ' ',
            server.title !== undefined && tag(server.alias),
            h('span', { class: 'soft line' }, standingOf(server)),
          ),
          h('span', { class: 'act tags' }, tagsOf(server)),
        ),
      ),
    ),
  )

const CLASS_TONES: Readonly<Record<ServerRow['class'], Tone>> = {
  'hostile-looking': 'bad',
  material: 'warn',
  cosmetic: 'info',
  same: 'good',
  'not-compared': 'warn',
}

function tagsOf({ held, class: of, launch, standing }: ServerRow): Child {
  if (standing === 'configured') return tag('not reviewed by anybody', 'warn')
  return [
    held > 0 && tag(`${held} held: ${of}`, CLASS_TONES[of]),
    of === 'not-compared' && tag('too large to compare here', 'warn'),
    launch === 'changed' && tag('starts otherwise', 'bad'),
    launch === 'unpinned' && tag('no exact version', 'bad'),
    standing === 'refused' && tag('refused', 'bad'),
    standing === 'unreadable' && tag('decision does not count', 'bad'),
  ]
}

const SIGNED: Readonly<Record<string, string>> = {
  signed: 'signed',
  evaluation: 'signed by an evaluation key of this machine',
  unsigned: 'unsigned',
}

function standingOf(server: ServerRow): Child {
  const { standing, by, at, why, signature, version, publisher } = server
  const reason = why !== undefined && [': ', inert(why)]
  if (version !== undefined)
    return [
      code(version),
      ' ',
      VERSION_WORDS[standing],
      publisher !== undefined && [', published by ', publisher],
      by !== undefined && [', reviewed by ', by],
      reason,
    ]
  if (standing === 'configured') return 'admitted by the configuration alone'
  if (standing === 'unreviewed') return 'nobody has reviewed it'
  if (standing === 'unreadable') return ['its admission ', why ?? 'cannot be read']
  return [
    standing,
    by !== undefined && [' by ', inert(by)],
    at !== undefined && [', ', moment(at)],
    `, ${SIGNED[signature ?? ''] ?? ''}`,
    reason,
  ]
}

const VERSION_WORDS: Readonly<Record<string, string>> = {
  'in-force': 'is in force',
  refused: 'is not used',
  ended: 'is no longer used',
  unjudged: 'was not judged yet',
}

export const serverPage: Page = async (_context, id) => {
  const review = await post<ServerReview>('servers/show', { server: id })
  const { server, findings, more, missing, same, launch, before } = review
  return [
    h('p', { class: 'crumbs' }, h('a', { href: '/console/servers', 'data-key': 'back' }, 'Servers')),
    h('h1', {}, server.title ?? server.alias),
    h('p', { class: 'lead' }, tag(server.alias), ' ', standingOf(server)),
    h('p', { class: 'tags' }, tagsOf(server)),
    launch &&
      launch.standing !== 'same' &&
      h(
        'section',
        { 'aria-label': 'How it starts' },
        h('h2', {}, launch.standing === 'new' ? 'How it starts: not admitted' : 'How it starts: changed'),
        launch.unpinned !== undefined &&
          notice('bad', h('p', {}, code(inert(launch.unpinned)), ' names no exact version or digest: what is reviewed is not what runs.')),
        changesOf(launch.changes),
      ),
    h(
      'section',
      { 'aria-label': 'Definitions' },
      h('h2', {}, 'Definitions'),
      h('p', { class: 'soft' }, `${same} as admitted, ${findings.length + more} to review, ${missing.length} not seen now`),
      SEEN[review.seen],
      findings.map(findingOf),
      more > 0 && h('p', { class: 'soft' }, `${more} more are not shown here: gatehouse server diff ${server.alias}`),
    ),
    missing.length > 0 &&
      h(
        'details',
        {},
        h('summary', {}, `Admitted and not seen now: ${missing.length}`),
        h(
          'ul',
          { class: 'plain' },
          missing.map(({ kind, name }) => h('li', {}, tag(KINDS[kind]), ' ', code(inert(name)))),
        ),
      ),
    before &&
      h(
        'section',
        { 'aria-label': 'Against the version before' },
        h('h2', {}, 'Against ', code(before.name)),
        before.changes.length === 0
          ? h('p', {}, 'The same surface.')
          : h(
              'ul',
              { class: 'plain' },
              before.changes.map(({ standing, kind, name }) =>
                h('li', {}, tag(standing, standing === 'gone' ? 'bad' : 'info'), ' ', KINDS[kind], ' ', name !== '' && code(inert(name))),
              ),
            ),
      ),
    toSign(review),
  ]
}

const SEEN: Readonly<Record<ServerReview['seen'], Child>> = {
  all: undefined,
  nothing: notice(
    'info',
    h(
      'p',
      {},
      'It was not seen to list anything yet: ',
      code('gatehouse server review'),
      ' looks, and so does the first call through the gateway.',
    ),
  ),
  cut: notice('warn', h('p', {}, 'It lists more than is kept for review, and cannot be admitted whole.')),
  'too-large': notice('warn', h('p', {}, 'It lists more than is compared here: ', code('gatehouse server diff'), ' compares all of it.')),
}

/** What a reviewer signs, elsewhere: the gateway holds no reviewer's key, and no page admits anything. */
function toSign({ surface, admitted, launch, command, server }: ServerReview): Child {
  if (server.launch === 'registry')
    return h(
      'section',
      { class: 'card' },
      h('h2', {}, 'Reviewed in the registry'),
      facts([['Surface in force', admitted === undefined ? undefined : code(admitted)]]),
      h('p', { class: 'soft' }, 'A review of a version is published with it: ', code('gatehouse registry reviews'), '.'),
    )
  return h(
    'section',
    { class: 'card', 'aria-label': 'To sign' },
    h('h2', {}, 'To sign'),
    facts([
      ['Surface seen', surface === undefined ? undefined : code(surface)],
      ['Surface admitted', admitted === undefined ? 'none' : admitted === surface ? 'the same' : code(admitted)],
      ['Launch', launch === undefined ? undefined : code(launch.digest)],
    ]),
    command !== undefined
      ? [
          h('p', {}, 'On the machine that holds your reviewer’s key, this admits exactly what is shown here, and nothing that came later:'),
          copyable(command, 'the command'),
        ]
      : h(
          'p',
          { class: 'soft' },
          server.standing === 'configured'
            ? 'The configuration admits it, whatever it lists: `admission: required` would ask a reviewer.'
            : server.isWaiting
              ? 'It cannot be admitted as it is.'
              : 'Nothing waits to be signed.',
        ),
  )
}

const KINDS: Readonly<Record<Finding['kind'], string>> = {
  tool: 'tool',
  prompt: 'prompt',
  resource: 'resource',
  resourceTemplate: 'resource template',
  instructions: 'instructions',
}

function findingOf({ kind, name, standing, class: of, codes, changes, more, others, live }: Finding): Child {
  return h(
    'article',
    { class: 'finding', tabindex: '-1', 'data-entry': true, 'aria-label': `${KINDS[kind]} ${name}` },
    h(
      'h3',
      {},
      name !== '' && [code(inert(name)), ' '],
      tag(KINDS[kind]),
      ' ',
      tag(standing, standing === 'new' ? 'info' : 'plain'),
      ' ',
      tag(of, CLASS_TONES[of]),
    ),
    h('p', { class: 'soft' }, codes.join(', ')),
    changesOf(changes),
    more > 0 && h('p', { class: 'soft' }, `and ${more} more differences`),
    others > 0 && h('p', { class: 'soft' }, `${others} other definitions of this name were seen as well`),
    live !== undefined && h('p', { class: 'soft digest' }, 'digest ', code(live)),
  )
}

const changesOf = (changes: readonly Change[]): Child =>
  h(
    'div',
    { class: 'changes' },
    changes.map(({ pointer, before, after }) =>
      h(
        'div',
        { class: 'change' },
        h('div', { class: 'pointer' }, pointer === '' ? 'the whole definition' : code(inert(pointer))),
        before !== undefined &&
          h('div', { class: 'before' }, h('span', { class: 'sign', 'aria-label': 'before' }, '−'), value(piecesOf(plain(before)))),
        after !== undefined &&
          h('div', { class: 'after' }, h('span', { class: 'sign', 'aria-label': 'now' }, '+'), value(piecesOf(plain(after)))),
      ),
    ),
  )

/** A value as people read it: a text as it is, anything else as JSON with line breaks. What was cut, or has numbers that JavaScript would round, as it came. */
function plain(json: string): string {
  if (/(?<![\w"])-?\d{16,}|\d[eE.]\d/.test(json)) return json
  try {
    const found: unknown = JSON.parse(json)
    return typeof found === 'string' ? found : JSON.stringify(found, undefined, 2)
  } catch {
    return json
  }
}
