// YAML bytes to a plain tree with positions. The only reader of YAML: what YAML offers beyond plain data (anchors, tags, merge keys, several documents) is refused.

import { CST, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseDocument } from 'yaml'
import type { YAMLMap, YAMLError } from 'yaml'
import { quoted } from './faults.ts'
import type { ConfigFault } from './faults.ts'

/** `at` counts UTF-16 units from the start of the text. */
export type YamlNode =
  | { readonly kind: 'map'; readonly at: number; readonly entries: readonly YamlEntry[] }
  | { readonly kind: 'list'; readonly at: number; readonly items: readonly YamlNode[] }
  | { readonly kind: 'scalar'; readonly at: number; readonly value: string | number | boolean | null; readonly source: string }
  /** already reported; readers pass over it in silence */
  | { readonly kind: 'refused'; readonly at: number }
type YamlEntry = { readonly key: string; readonly at: number; readonly value: YamlNode }

export type Yaml = {
  /** undefined when the text could not be read as data at all */
  readonly root: YamlNode | undefined
  readonly faults: readonly ConfigFault[]
  positionOf(at: number): { readonly line: number; readonly column: number }
}

export const MAX_CONFIG_BYTES = 1024 * 1024
const MAX_FAULTS = 50
const MAX_LEXEMES = 250_000
const MAX_INDENT = 100
const MAX_FLOW_DEPTH = 32
const MAX_INDICATORS_PER_LINE = 20

/** Reads one YAML document of at most MAX_CONFIG_BYTES. Never throws. */
export function parseYaml(bytes: Buffer): Yaml {
  const text = decode(bytes)
  if (typeof text !== 'string') return { root: undefined, faults: [text], positionOf: () => ({ line: 0, column: 0 }) }
  const lines = new LineCounter()
  lines.addNewLine(0)
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1)
  const positionOf: Yaml['positionOf'] = at => {
    const { line, col } = lines.linePos(at)
    return { line, column: col }
  }
  const faults: ConfigFault[] = []
  const fault: Fault = (at, message, fix) => {
    if (faults.length < MAX_FAULTS) faults.push({ code: 'yaml', path: '', ...positionOf(at), message, ...(fix ? { fix } : {}) })
  }
  if (!scan(text, fault)) return { root: undefined, faults, positionOf }
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    stringKeys: true,
    // Duplicate keys are found in convertMap; the package compares every pair, which a hostile file turns into minutes.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  })
  for (const error of document.errors) {
    const { line } = positionOf(error.pos[0])
    // What was refused above often trips the parser as well; one line of explanation is enough.
    if (!faults.some(known => known.line === line)) fault(error.pos[0], explain(error))
  }
  if (document.errors.length > 0) return { root: undefined, faults, positionOf }
  return { root: convert(document.contents, fault), faults, positionOf }
}

function decode(bytes: Buffer): string | ConfigFault {
  const whole = { code: 'file', path: '', line: 0, column: 0 } as const
  if (bytes.length > MAX_CONFIG_BYTES) return { ...whole, message: `expected at most ${MAX_CONFIG_BYTES} bytes, got ${bytes.length}` }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch {
    return { ...whole, message: 'is not valid UTF-8', fix: 'save it as UTF-8' }
  }
  // Raw control characters hide text on a terminal and are the parser's own markers.
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/.exec(text)
  if (control)
    return {
      ...whole,
      message: `holds a control character at offset ${control.index}`,
      fix: 'take it out, or write it as an escape in double quotes',
    }
  return text
}

type Fault = (at: number, message: string, fix?: string) => void
type Token = ReturnType<typeof CST.tokenType>

/**
 * Refuses what plain data does not need, and bounds nesting before anything recursive sees the text. Answers false when the text must not be parsed.
 */
function scan(text: string, fault: Fault): boolean {
  let at = text.startsWith('\ufeff') ? 1 : 0
  let count = 0
  let isScalarNext = false
  const structure = new Structure()
  for (const lexeme of new Lexer().lex(text)) {
    const type: Token = isScalarNext ? null : CST.tokenType(lexeme)
    isScalarNext = type === 'scalar'
    // Markers of the lexer itself take no room in the text.
    if (type === 'scalar' || type === 'flow-error-end' || type === 'doc-mode' || type === 'byte-order-mark') continue
    const problem = ++count > MAX_LEXEMES ? 'is too intricate' : structure.problemWith(type, lexeme.length)
    if (problem !== undefined) {
      fault(at, problem)
      return false
    }
    if (type === 'anchor') fault(at, 'anchors (`&`) are not accepted', 'write the value out where it is used, or put it in quotes')
    if (type === 'alias') fault(at, 'aliases (`*`) are not accepted', "write the value out, or put it in quotes: `'*'`")
    if (type === 'tag') fault(at, 'tags (`!`) are not accepted', 'put the value in quotes if it is text')
    at += lexeme.length
  }
  return true
}

/** One document, and no deeper than its bounds: a block level needs more indentation or one more indicator on its line. */
class Structure {
  #depth = 0
  #indicators = 0
  #isLineStart = true
  #phase: 'before' | 'inside' | 'after' = 'before'

  problemWith(type: Token, length: number): string | undefined {
    if (type === 'newline' || type === 'space' || type === 'comment') return this.#blank(type, length)
    this.#isLineStart = false
    if (type === 'directive-line') return 'directives (`%`) are not accepted'
    if (type === 'doc-end') {
      this.#phase = 'after'
      return undefined
    }
    if (this.#phase === 'after' || (this.#phase === 'inside' && type === 'doc-start')) return 'expected one YAML document, got several'
    this.#phase = 'inside'
    return this.#nest(type)
  }

  #blank(type: Token, length: number): string | undefined {
    const isIndentation = type === 'space' && this.#isLineStart
    this.#isLineStart = type === 'newline'
    if (type === 'newline') this.#indicators = 0
    return isIndentation && length > MAX_INDENT ? `expected at most ${MAX_INDENT} columns of indentation` : undefined
  }

  #nest(type: Token): string | undefined {
    if (type === 'seq-item-ind' || type === 'explicit-key-ind' || type === 'map-value-ind') this.#indicators++
    if (type === 'flow-map-start' || type === 'flow-seq-start') this.#depth++
    if (type === 'flow-map-end' || type === 'flow-seq-end') this.#depth--
    return this.#depth > MAX_FLOW_DEPTH || (this.#depth <= 0 && this.#indicators > MAX_INDICATORS_PER_LINE)
      ? 'is nested too deeply'
      : undefined
  }
}

/** The package's own messages may quote the file, which may hold a secret; ours do not. */
function explain(error: YAMLError): string {
  return EXPLAINED[error.code] ?? 'is not valid YAML here'
}
const EXPLAINED: Partial<Record<YAMLError['code'], string>> = {
  BAD_INDENT: 'is not indented like its neighbours',
  TAB_AS_INDENT: 'tabs are not allowed as indentation',
  MISSING_CHAR: 'something is missing here: a closing quote or bracket, a comma, a colon or a space',
  BLOCK_AS_IMPLICIT_KEY: 'a key must stand on a line of its own: perhaps a value with `: ` in it needs quotes',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line: perhaps the colon after it is missing',
  NON_STRING_KEY: 'expected a plain name as the key',
  BAD_SCALAR_START: 'a value that starts with this character needs quotes',
  BAD_DQ_ESCAPE: 'holds an unknown escape; single quotes take a backslash as it is',
  UNEXPECTED_TOKEN: 'is not expected here',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
}

function convert(node: unknown, fault: Fault): YamlNode {
  const at = startOf(node)
  if (isAlias(node)) return { kind: 'refused', at }
  if (isScalar(node)) {
    // Tags, the one way to other types, have been reported by scan.
    const value: unknown = node.tag === undefined ? node.value : undefined
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return { kind: 'scalar', at, value, source: node.source ?? '' }
    }
    return { kind: 'refused', at }
  }
  if (isSeq(node)) return { kind: 'list', at, items: node.items.map(item => convert(item, fault)) }
  if (isMap(node)) return convertMap(node, at, fault)
  return { kind: 'scalar', at, value: null, source: '' }
}

function convertMap(map: YAMLMap, at: number, fault: Fault): YamlNode {
  const entries: YamlEntry[] = []
  const seen = new Set<string>()
  for (const pair of map.items) {
    const keyAt = startOf(pair.key)
    const key = isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : undefined
    if (key === undefined) {
      fault(keyAt, 'expected a plain name as the key')
    } else if (key === '<<') {
      fault(keyAt, 'merge keys (`<<`) are not accepted', 'write the values out')
    } else if (seen.has(key)) {
      fault(keyAt, `${quoted(key)} stands here twice`, 'keep one of them')
    } else {
      seen.add(key)
      entries.push({ key, at: keyAt, value: convert(pair.value, fault) })
    }
  }
  return { kind: 'map', at, entries }
}

function startOf(node: unknown): number {
  const range: unknown = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined
  const start: unknown = Array.isArray(range) ? range[0] : undefined
  return typeof start === 'number' ? start : 0
}
