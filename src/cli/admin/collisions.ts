// `gatehouse collisions`: what could be taken for something else in a running gateway, held entries first, each with the lines that would resolve it.

import { act } from './gateway.ts'
import { records, text, verb } from './verb.ts'

type Row = Record<string, unknown>

export const collisions = verb({
  command: 'collisions',
  run: args => act(args, 'collisions/list'),
  tell: body => {
    const [held, apart, decided] = [records(body['held']), records(body['resolved']), records(body['decisions'])]
    const parts = [
      held.length === 0
        ? 'nothing is held\n'
        : `${counted(body, 'held', held)} held: hosts are neither shown nor may call\n\n${held.map(heldText).join('\n')}`,
      apart.length === 0
        ? ''
        : `\n${counted(body, 'resolved', apart)} kept apart by the names Gatehouse shows; there is nothing to do\n${apart.map(apartText).join('')}`,
      decided.length === 0 ? '' : `\ndecisions in the configuration\n${decided.map(decisionText).join('')}`,
    ]
    return parts.join('')
  },
})

/** Beside the number of those that are named here, there may be more. */
function counted(body: Row, name: string, rows: readonly Row[]): string {
  const all = (body['counts'] as Row | undefined)?.[name]
  return typeof all === 'number' && all > rows.length ? `${rows.length} of ${all}` : String(rows.length)
}

const heldText = (finding: Row): string => {
  const { sentence, code, endpoints } = finding
  return `${text(sentence)}\n  ${text(code)}, at ${listed(endpoints)}\n${yamlFor(finding)}`
}
const apartText = ({ sentence, code }: Row): string => `  ${text(sentence)} (${text(code)})\n`
const listed = (value: unknown): string => {
  const all = Array.isArray(value) ? value.map(text) : []
  return all.length > 4 ? `${all.slice(0, 4).join(', ')} and ${all.length - 4} more` : all.join(', ')
}

const WORDS: Readonly<Record<string, string>> = { tools: 'tool', prompts: 'prompt', resources: 'resource', templates: 'template' }

/** What to put into the configuration; people choose among the four. */
function yamlFor({ server, kind, name }: Row): string {
  const word = WORDS[text(kind)]
  if (typeof name !== 'string' || word === undefined) return ''
  const hasAlias = word === 'tool' || word === 'prompt'
  return [
    '  in gatehouse.yaml:',
    '    collisions:',
    `      - server: ${text(server)}`,
    `        ${word}: ${quotedYaml(name)}`,
    `        resolve: hide # or ${hasAlias ? '`alias` with `as: another_name`, ' : ''}\`priority\`, \`accept\``,
    '        by: your name',
    '        why: what you found out',
    '',
  ].join('\n')
}

/** A double-quoted scalar in ASCII: what is invisible or looks like something else is seen, and comes back as it was. */
const quotedYaml = (value: string): string =>
  `"${Array.from(value, each => (/^[\x20-\x7e]$/.test(each) ? each.replace(/["\\]/, '\\$&') : escaped(each))).join('')}"`
const escaped = (each: string): string => {
  const point = each.codePointAt(0) ?? 0
  return point > 0xffff ? `\\U${point.toString(16).padStart(8, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`
}

const decisionText = ({ server, kind, name, resolve, as, by, why, isStale, isImpossible }: Row): string => {
  const what = `${text(server)} ${WORDS[text(kind)] ?? ''} ${quotedYaml(typeof name === 'string' ? name : '')}`
  const note =
    isImpossible === true ? '; IMPOSSIBLE: it is held under that name, too' : isStale === true ? '; nothing collides with it now' : ''
  return `  ${what}: ${text(resolve)}${typeof as === 'string' ? ` as ${text(as)}` : ''}, by ${text(by)}: ${text(why)}${note}\n`
}
