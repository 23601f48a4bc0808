// Adds upstreams to the text of a gatehouse.yaml without touching anything else in it: comments, order and layout stay.

import { isMap, isScalar, parseDocument, stringify } from 'yaml'

/** One upstream to add: what stands under its alias, and comment lines (without `#`) in front of it and in front of its `allow`. */
export type NewUpstream = {
  readonly alias: string
  readonly comments: readonly string[]
  readonly settings: Readonly<Record<string, unknown>>
  readonly allow: readonly Readonly<Record<string, unknown>>[]
  readonly allowComments: readonly string[]
}

export type EditResult = { readonly text: string } | { readonly problem: string }

/** The new text, or why it cannot be made. The text must load as it is. */
export function addUpstreams(text: string, upstreams: readonly NewUpstream[]): EditResult {
  if (upstreams.length === 0) return { text }
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const document = parseDocument(text, { logLevel: 'silent', uniqueKeys: false })
  const root = document.contents
  if (!isMap(root) || root.flow) return { problem: 'the settings stand in braces: write them one per line' }
  const pair = root.items.find(item => isScalar(item.key) && item.key.value === 'upstreams')
  const render = (indent: number): string =>
    upstreams
      .map(upstream => block(upstream, indent))
      .join('')
      .replaceAll('\n', newline)
  if (!pair) return { text: `${endLine(text, newline)}${newline}upstreams:${newline}${render(2)}` }
  const value: unknown = pair.value
  if (isMap(value) && value.items.length > 0) {
    if (value.flow) return { problem: '`upstreams` stands in braces: write them one per line' }
    const [first] = value.items
    const indent = columnOf(text, rangeOf(first?.key)?.[0] ?? 0)
    const end = lineEnd(text, rangeOf(value)?.[1] ?? text.length)
    return { text: `${endLine(text.slice(0, end), newline)}${render(indent)}${text.slice(end)}` }
  }
  // `upstreams:` or `upstreams: {}`; what follows on its line, a comment perhaps, stays there.
  const range = rangeOf(value)
  const keyEnd = rangeOf(pair.key)?.[1] ?? text.length
  const [from, to] = isMap(value) && range ? [range[0], range[1]] : [text.indexOf(':', keyEnd) + 1, text.indexOf(':', keyEnd) + 1]
  const without = text.slice(0, from).trimEnd() + text.slice(to)
  const end = lineEnd(without, text.slice(0, from).trimEnd().length)
  return { text: `${endLine(without.slice(0, end), newline)}${render(2)}${without.slice(end)}` }
}

/** One setting to change: keys from the top of the file, e.g. `['identity', 'evaluation', 'port']`. */
export type NewValue = { readonly path: readonly string[]; readonly value: string | number }

/** Puts other values where single ones stand; the problem names the first path that leads to none. The text must load as it is. */
export function setValues(text: string, values: readonly NewValue[]): EditResult {
  const document = parseDocument(text, { logLevel: 'silent', uniqueKeys: false })
  let changed = text
  const places = values.map(({ path, value }) => {
    const node = document.getIn(path, true)
    return { path, value, range: isScalar(node) ? rangeOf(node) : undefined }
  })
  for (const { path, value, range } of places.toSorted((a, b) => (b.range?.[0] ?? 0) - (a.range?.[0] ?? 0))) {
    if (!range) return { problem: `\`${path.join('.')}\` holds no single value` }
    changed = changed.slice(0, range[0]) + JSON.stringify(value) + changed.slice(range[1])
  }
  return { text: changed }
}

/** One upstream as block YAML; every text that YAML could take for something else is quoted, also one of several lines: a block would lose spaces when it is indented. */
function block(upstream: NewUpstream, indent: number): string {
  const yaml = (value: unknown): string =>
    stringify(value, { lineWidth: 0, singleQuote: true, blockQuote: false, aliasDuplicateObjects: false })
  const comment = (lines: readonly string[], depth: number): string =>
    lines.map(line => `${' '.repeat(depth)}# ${line.replaceAll(/[\r\n]+/g, ' ')}\n`).join('')
  const indented = (text: string, depth: number): string => text.replaceAll(/^(?=.)/gm, ' '.repeat(depth))
  return [
    comment(upstream.comments, indent),
    `${' '.repeat(indent)}${upstream.alias}:\n`,
    indented(yaml(upstream.settings), indent + 2),
    comment(upstream.allowComments, indent + 2),
    upstream.allow.length === 0 ? `${' '.repeat(indent + 2)}allow: []\n` : indented(yaml({ allow: upstream.allow }), indent + 2),
  ].join('')
}

function rangeOf(node: unknown): readonly [start: number, valueEnd: number] | undefined {
  const range: unknown = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  if (!Array.isArray(range)) return undefined
  const [start, end] = range as readonly unknown[]
  return typeof start === 'number' && typeof end === 'number' ? [start, end] : undefined
}

const columnOf = (text: string, at: number): number => at - (text.lastIndexOf('\n', at - 1) + 1)

/** Just behind the line break that ends the line `at` stands in; `at` itself where a line begins there. */
function lineEnd(text: string, at: number): number {
  if (at > 0 && text[at - 1] === '\n') return at
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end + 1
}

const endLine = (text: string, newline: string): string => (text === '' || text.endsWith('\n') ? text : text + newline)
