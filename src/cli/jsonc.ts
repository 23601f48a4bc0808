// JSON with comments and trailing commas, as editors keep their settings: read with positions, so that a change touches only what it must.

export type Json =
  | { readonly kind: 'object'; readonly start: number; readonly end: number; readonly members: readonly JsonMember[] }
  | { readonly kind: 'array'; readonly start: number; readonly end: number; readonly items: readonly Json[] }
  | { readonly kind: 'value'; readonly start: number; readonly end: number; readonly value: string | number | boolean | null }
/** `start` is where the key begins; `after` is just behind the comma that follows the value, or the value's end. */
type JsonMember = { readonly key: string; readonly start: number; readonly value: Json; readonly after: number }
export type JsonObject = Extract<Json, { kind: 'object' }>

export class JsonFault extends Error {}

const MAX_DEPTH = 200

/** Reads one text. Throws JsonFault with line and column; the message never repeats the text, which may hold secrets. */
export function parseJsonc(text: string): Json {
  return new Reader(text).document()
}

class Reader {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
    if (text.startsWith('\ufeff')) this.#at = 1
  }

  document(): Json {
    const value = this.#value()
    this.#skip()
    if (this.#at < this.#text.length) this.#fail('expected nothing more')
    return value
  }

  #value(): Json {
    this.#skip()
    const start = this.#at
    const char = this.#text[start]
    if (char === '{' || char === '[') {
      if (++this.#depth > MAX_DEPTH) this.#fail('nested too deeply')
      const node = char === '{' ? this.#object(start) : this.#array(start)
      this.#depth--
      return node
    }
    if (char === '"') return { kind: 'value', start, value: this.#string(), end: this.#at }
    const [word = ''] = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(this.#text.slice(start, start + 40)) ?? []
    if (word === '') this.#fail('expected a value')
    this.#at += word.length
    return { kind: 'value', start, value: JSON.parse(word) as number | boolean | null, end: this.#at }
  }

  #object(start: number): Json {
    const members: JsonMember[] = []
    this.#at++
    for (;;) {
      this.#skip()
      if (this.#take('}')) return { kind: 'object', start, end: this.#at, members }
      const keyStart = this.#at
      if (this.#text[keyStart] !== '"') this.#fail('expected a key in double quotes')
      const key = this.#string()
      this.#skip()
      if (!this.#take(':')) this.#fail('expected a colon')
      const value = this.#value()
      const isLast = !this.#comma('}')
      members.push({ key, start: keyStart, value, after: isLast ? value.end : this.#at })
    }
  }

  #array(start: number): Json {
    const items: Json[] = []
    this.#at++
    for (;;) {
      this.#skip()
      if (this.#take(']')) return { kind: 'array', start, end: this.#at, items }
      items.push(this.#value())
      this.#comma(']')
    }
  }

  /** Takes a comma; without one the closing bracket must follow. */
  #comma(close: string): boolean {
    this.#skip()
    if (this.#take(',')) return true
    if (this.#text[this.#at] !== close) this.#fail(`expected a comma or \`${close}\``)
    return false
  }

  #string(): string {
    const start = this.#at
    for (this.#at++; ; this.#at++) {
      const char = this.#text[this.#at]
      if (char === undefined || char < ' ') this.#fail('a text does not end')
      if (char === '\\') this.#at++
      else if (char === '"') break
    }
    this.#at++
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string
    } catch {
      this.#at = start
      return this.#fail('a text holds an unknown escape')
    }
  }

  /** White space and comments. */
  #skip(): void {
    for (;;) {
      while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
      const two = this.#text.slice(this.#at, this.#at + 2)
      if (two === '//') {
        const end = this.#text.indexOf('\n', this.#at)
        this.#at = end < 0 ? this.#text.length : end
      } else if (two === '/*') {
        const end = this.#text.indexOf('*/', this.#at + 2)
        if (end < 0) this.#fail('a comment does not end')
        this.#at = end + 2
      } else return
    }
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #fail(problem: string): never {
    const before = this.#text.slice(0, this.#at)
    const line = before.split('\n').length
    throw new JsonFault(`line ${line}, column ${this.#at - before.lastIndexOf('\n')}: ${problem}`)
  }
}

/** The object at a path of keys, or undefined. A key that stands twice hides one of its values: JsonFault. */
export function objectAt(root: Json, path: readonly string[]): JsonObject | undefined {
  let node: Json | undefined = root
  for (const key of path) node = node && memberOf(node, key)
  return node?.kind === 'object' ? node : undefined
}

export function memberOf(node: Json, key: string): Json | undefined {
  if (node.kind !== 'object') return undefined
  const found = node.members.filter(member => member.key === key)
  if (found.length > 1) throw new JsonFault(`the key \`${key.slice(0, 80)}\` stands there twice`)
  return found[0]?.value
}

/** As plain data; a `__proto__` key becomes a member like any other. */
export function plainOf(node: Json): unknown {
  if (node.kind === 'value') return node.value
  if (node.kind === 'array') return node.items.map(plainOf)
  return Object.fromEntries(node.members.map(member => [member.key, plainOf(member.value)]))
}

/** Replaces spans of a text; they must not overlap. */
export function splice(text: string, edits: readonly { readonly start: number; readonly end: number; readonly text: string }[]): string {
  let result = ''
  let from = 0
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    result += text.slice(from, edit.start) + edit.text
    from = edit.end
  }
  return result + text.slice(from)
}

/** A member with what belongs to it: comments before it, between its value and its comma, and behind it on its line. */
type Chunk = { readonly key: string; readonly lead: string; readonly core: string; readonly gap: string; behind: string }

/**
 * The text of an object after some members left and one was added at the end. What stays keeps its own bytes, with the comments before it and behind it on
 * its line.
 */
export function rewriteObject(
  text: string,
  object: JsonObject,
  leaving: ReadonlySet<string>,
  added?: { readonly key: string; readonly value: unknown },
): string {
  const { open, chunks, tail } = chunksOf(text, object)
  const outer = indentAt(text, object.start)
  const inner = object.members[0] ? indentAt(text, object.members[0].start) : `${outer}${indentUnit(text)}`
  const kept = chunks.filter(chunk => !leaving.has(chunk.key))
  if (added) {
    const value = JSON.stringify(added.value, undefined, indentUnit(text)).replaceAll('\n', `\n${inner}`)
    kept.push({ key: added.key, lead: `\n${inner}`, core: `${JSON.stringify(added.key)}: ${value}`, gap: '', behind: '' })
  }
  let result = `{${open}`
  let isInComment = isLineComment(open)
  const put = (piece: string): void => {
    // A comment runs to the end of its line, whatever was taken out behind it.
    result += isInComment && piece !== '' && !/^\r?\n/.test(piece) ? `\n${piece}` : piece
    if (piece !== '') isInComment = false
  }
  kept.forEach((chunk, i) => {
    put(chunk.lead + chunk.core + (i < kept.length - 1 ? ',' : '') + chunk.gap + chunk.behind)
    isInComment = isLineComment(chunk.behind)
  })
  const isSpread = result.includes('\n')
  put(`${tail.trim() === '' && isSpread ? `\n${outer}` : tail}}`)
  return result
}

function chunksOf(text: string, object: JsonObject): { readonly open: string; readonly chunks: readonly Chunk[]; readonly tail: string } {
  const chunks: Chunk[] = []
  let open = ''
  let from = object.start + 1
  const between = (end: number): string => {
    const [behind, rest] = splitTrivia(text.slice(from, end))
    const previous = chunks.at(-1)
    if (previous) previous.behind = behind
    else open = behind
    return rest
  }
  for (const { key, start, value, after } of object.members) {
    const lead = between(start)
    const hasComma = after > value.end
    chunks.push({ key, lead, core: text.slice(start, value.end), gap: hasComma ? text.slice(value.end, after - 1) : '', behind: '' })
    from = after
  }
  return { tail: between(object.end - 1), open, chunks }
}

/** White space and comments: what belongs to the line of the thing before, and the rest. */
function splitTrivia(trivia: string): readonly [behind: string, rest: string] {
  const end = trivia.indexOf('\n')
  const line = (end < 0 ? trivia : trivia.slice(0, end)).replace(/\r$/, '')
  const isWhole =
    line.includes('/') &&
    !line
      .replaceAll(/\/\*.*?\*\//g, '')
      .replace(/\/\/.*/, '')
      .includes('/*')
  return end >= 0 && isWhole ? [line, trivia.slice(line.length)] : ['', trivia]
}

/** Whether a line of white space and comments ends within a comment that runs to the end of the line. */
const isLineComment = (line: string): boolean => line.replaceAll(/\/\*.*?\*\//g, '').includes('//')

function indentAt(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at)
  return /^[ \t]*/.exec(line)?.[0] ?? ''
}

/** What the file indents with: its first indented line's, else two blanks. */
const indentUnit = (text: string): string => /\n([ \t]+)\S/.exec(text)?.[1] ?? '  '
