// One approval as a terminal shows it: everything that the console shows, whole. Nothing of strangers' moves the cursor, breaks a line or turns it around.

import { records, text } from './verb.ts'

export type Row = Readonly<Record<string, unknown>>
export const rowOf = (value: unknown): Row => (typeof value === 'object' && value !== null ? (value as Row) : {})
const list = (value: unknown): string => (Array.isArray(value) ? value.map(plain).join(', ') : '')

/** Somebody: two issuers may have the same names. */
export function whoOf(value: unknown): string {
  const { issuer, subject } = rowOf(value)
  return text(issuer) === '' ? plain(subject) : `${plain(subject)} at ${plain(issuer)}`
}

export function detailText(body: Row): string {
  const a = rowOf(body['approval'])
  const shown = rowOf(body['shown'])
  const requester = rowOf(a['requester'])
  const by = plain(requester['client'])
  return `${[
    `${plain(a['state'])}, asked by ${whoOf(requester)}${by === '' ? '' : ` with ${by}`} ${plain(a['openedAt'])}`,
    ...fact('until', plain(a['expiresAt'])),
    ...fact('yes', `${records(a['votes']).length} of ${String(a['quorum'])}${votesOf(a)}`),
    ...(body['shown'] === undefined ? ['what would run cannot be shown any more'] : runs(a, shown)),
    ...differences(body),
    ...(body['shown'] === undefined ? [] : [...serverOf(a, shown), ...fromOf(shown)]),
    ...rulesOf(a, shown),
    ...recentOf(body),
    ...fact('digest', plain(a['digest'])),
    a['mayDecide'] === true
      ? `to approve exactly this: gatehouse approvals approve ${plain(a['id'])} --digest=${plain(a['digest'])}`
      : plain(a['whyNot']),
  ].join('\n')}\n`
}

const fact = (name: string, ...values: readonly string[]): readonly string[] =>
  values.filter(value => value !== '').map((value, i) => `${(i === 0 ? name : '').padEnd(8)}${value}`)

const votesOf = (a: Row): string =>
  records(a['votes'])
    .map((vote, i) => `${i === 0 ? ': ' : ', '}${whoOf(vote)}`)
    .join('')

function runs(a: Row, shown: Row): readonly string[] {
  const { leaves } = rowOf(shown['arguments'])
  const values = records(leaves).map(leaf => `        ${pathOf(leaf['path'])} = ${leafOf(leaf)}`)
  const asks = a['kind'] === 'question' ? 'asks' : 'runs'
  const found = list(shown['findings'])
  return [
    ...fact(asks, `${plain(a['method'])} ${visible(a['name'])}`),
    ...values,
    ...fact('found', found === '' ? '' : `inspection found in it: ${found}`),
  ]
}

function differences(body: Row): readonly string[] {
  const against = rowOf(rowOf(body['difference'])['against'])
  const changes = records(rowOf(body['difference'])['changes'])
  if (body['difference'] === undefined) return []
  const when = plain(against['at'])
  if (changes.length === 0) return [`the same arguments as the last time, ${when}`]
  return [
    `differs from the last time, ${when}, in`,
    ...changes.map(change => `        ${pathOf(change['path'])}: ${visible(change['before'])} -> ${visible(change['after'])}`),
  ]
}

function serverOf(a: Row, shown: Row): readonly string[] {
  const server = rowOf(shown['server'])
  const definition = rowOf(shown['definition'])
  const [name, version, publisher, reviewer] = ['registryName', 'version', 'publisher', 'reviewer'].map(key => plain(server[key]))
  const named = `${name ?? ''}${version === '' ? '' : `@${version ?? ''}`}`
  const hints = Object.entries(rowOf(definition['hints'])).map(([hint, is]) => `${plain(hint)}: ${is === true ? 'yes' : 'no'}`)
  return [
    ...fact(
      'server',
      `${plain(a['server'])}: ${plain(server['signature'])}, ${plain(server['standing'])}, ${plain(server['identity'])}`,
      named,
      publisher === '' ? '' : `published by ${publisher ?? ''}`,
      reviewer === '' ? '' : `reviewed by ${reviewer ?? ''}`,
      list(server['labels']),
    ),
    ...fact('account', plain(shown['account']) || 'it takes none'),
    ...fact('says', visible(definition['title']), visible(definition['description']), hints.join(', '), plain(definition['digest'])),
  ]
}

function fromOf(shown: Row): readonly string[] {
  const { client, clientInfo, endpoint, address, request, era } = rowOf(shown['from'])
  const itself = visible(clientInfo)
  return [
    ...fact('from', plain(client) || 'an application that its token does not name', itself === '' ? '' : `calls itself ${itself}`),
    ...fact('to', `${plain(endpoint)} (${plain(era)}), from ${plain(address)}, request ${plain(request)}`),
  ]
}

/** Why it is asked. */
function rulesOf(a: Row, shown: Row): readonly string[] {
  const rules = records(rowOf(shown['policy'])['rules'])
  if (rules.length === 0) return fact('by', list(a['rules']))
  return rules.flatMap(({ id, title, advice, approvers }) =>
    fact('by', `${plain(id)}, decided by ${list(approvers) || 'nobody'}`, plain(title), plain(advice)),
  )
}

function recentOf(body: Row): readonly string[] {
  const recent = records(body['recent'])
  if (recent.length === 0) return []
  return [
    'what this server was wanted for lately',
    ...recent.map(
      ({ at, state, method, name, id }) => `        ${plain(at)} ${plain(state)} ${plain(method)} ${visible(name)} ${plain(id)}`,
    ),
  ]
}

const pathOf = (value: unknown): string => (Array.isArray(value) ? `/${value.map(keyOf).join('/')}` : '')
/** A key that could be read as several, or as a value, stands in quotes. */
const keyOf = (value: unknown): string => (/^[\w.-]+$/.test(visible(value)) ? visible(value) : quoted(value))
/** Text in quotes, numbers and words of JSON without. */
function leafOf({ kind, text: value }: Row): string {
  if (kind === 'string') return quoted(value)
  return kind === 'array' ? '[]' : kind === 'object' ? '{}' : visible(value)
}
const quoted = (value: unknown): string => `"${visible(value).replaceAll('"', '\\"')}"`

/** All of it, what is not to be seen or passes for another by its code. Never cut: whoever approves has to have seen the end. */
export function visible(value: unknown): string {
  if (!Array.isArray(value)) return ''
  const whole = (value as readonly unknown[]).map(piece => {
    if (typeof piece !== 'string') return `[${text(rowOf(piece)['code'])}]`
    const line = piece.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t')
    return inOrder(Array.from({ length: Math.ceil(line.length / PART) }, (_, at) => text(line.slice(at * PART, (at + 1) * PART))).join(''))
  })
  return whole.join('')
}
/** What `text` shows at once. */
const PART = 4096

const plain = (value: unknown): string => inOrder(text(value))

/** Letters that are written from right to left (Bidi_Class R, AL and AN, by blocks): around them a terminal puts digits and signs into another order. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]+/gu
const inOrder = (line: string): string =>
  line.replace(
    RIGHT_TO_LEFT,
    run => `[${Array.from(run, each => `U+${(each.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`).join(' ')}]`,
  )
