// What a drift looks like: the rule table a reviewer sees. It sorts what is held; nothing here admits anything.

import { detect, DETECTORS, TOO_LONG, type TextPlace } from './detectors.ts'
import { addedText, type AddedText, type Change, type Diff } from './diff.ts'

/** Worst first. */
export const DRIFT_CLASSES = ['hostile-looking', 'material', 'cosmetic'] as const
export type DriftClass = (typeof DRIFT_CLASSES)[number]

export type DriftRule = { readonly code: string; readonly class: DriftClass; readonly about: string }

/** Where a change is: the first rule that names its pointer counts. */
type PlaceRule = DriftRule & { readonly at: (pointer: string, change: Change) => boolean }

const rule = (code: string, of: DriftClass, about: string, at: PlaceRule['at']): PlaceRule => ({ code, class: of, about, at })
const under = (...members: readonly string[]) => {
  const pattern = new RegExp(`^/(?:${members.join('|')})(?:/|$)`)
  return (pointer: string): boolean => pattern.test(pointer)
}
const TEXTS = /\/(?:description|title|instructions)$/
const PARAMETER = /^\/inputSchema\/(?:.*\/)?properties\/[^/]+$/

const PLACES: readonly PlaceRule[] = [
  rule('app-changed', 'material', 'the interface that belongs to it', isApp),
  rule('icon-elsewhere', 'material', 'icons come from another place', (at, c) => under('icons')(at) && isElsewhere(c)),
  rule('annotations-changed', 'cosmetic', 'notes that nobody acts on, or a hint that asks for more care', under('annotations')),
  rule('meta-changed', 'cosmetic', 'metadata', under('_meta')),
  rule('icons-changed', 'cosmetic', 'icons', under('icons')),
  rule('execution-changed', 'cosmetic', 'how it is run as a task', under('execution')),
  rule('spelling-changed', 'cosmetic', 'white space or another form of the same characters', (at, c) => TEXTS.test(at) && isSpelling(c)),
  rule('order-changed', 'cosmetic', 'the same values in another order', (at, c) => /\/(?:required|enum|type)$/.test(at) && isMoved(c)),
  rule(
    'dialect-changed',
    'cosmetic',
    'another dialect of JSON Schema',
    (at, c) => at.endsWith('/$schema') && [c.before, c.after].every(isDialect),
  ),
  rule(
    'schema-closed',
    'cosmetic',
    'takes no unknown members any more',
    (at, c) => at.endsWith('/additionalProperties') && c.after === false,
  ),
  rule('bounds-named', 'cosmetic', 'a bound that every JSON integer has', (at, c) => /\/(?:minimum|maximum)$/.test(at) && isUsualBound(c)),
  rule('parameter-added', 'material', 'takes a new parameter', (at, c) => PARAMETER.test(at) && c.before === undefined),
  rule('parameter-removed', 'material', 'no longer takes a parameter', (at, c) => PARAMETER.test(at) && c.after === undefined),
  rule('required-changed', 'material', 'other parameters are required', at => /\/required(?:\/\d+)?$/.test(at)),
  rule('text-changed', 'material', 'what people and models read', at => TEXTS.test(at)),
  rule('output-changed', 'material', 'what it promises to answer', under('outputSchema')),
  rule('input-changed', 'material', 'what it takes', under('inputSchema', 'arguments')),
  rule('other-changed', 'material', 'another member of the definition', () => true),
]
const WHOLE: readonly DriftRule[] = [
  { code: 'definition-added', class: 'material', about: 'a definition that was not admitted' },
  { code: 'no-admitted-text', class: 'material', about: 'the admitted definition is not at hand: only its digest differs for certain' },
  { code: 'hint-loosened', class: 'material', about: 'hosts that go by its hints would ask less than before' },
  { code: 'too-much-changed', class: 'hostile-looking', about: 'more differs than anybody reads' },
]

/** Every code a classification may carry, for documentation. */
export const DRIFT_RULES: readonly DriftRule[] = [
  ...[...DETECTORS, TOO_LONG].map(({ code, about }): DriftRule => ({ code, class: 'hostile-looking', about })),
  ...WHOLE,
  ...PLACES.map(({ code, class: of, about }): DriftRule => ({ code, class: of, about })),
]

export type Classified = {
  readonly class: DriftClass
  /** what was found, worst first, each once */
  readonly codes: readonly string[]
}

const CLASS_OF: ReadonlyMap<string, DriftClass> = new Map(DRIFT_RULES.map(r => [r.code, r.class]))
const ORDER: ReadonlyMap<string, number> = new Map(DRIFT_RULES.map((r, i) => [r.code, i]))
/** Characters of added text that are searched in one definition; more is a finding. */
const MAX_SEARCHED = 65_536

/** Class of a changed definition: the worst of what its changes are and of what their new text looks like. */
export function classify({ changes, isCut }: Diff, before: unknown, after: unknown): Classified {
  const codes = new Set<string>(isCut ? ['too-much-changed'] : [])
  if (isLoosened(before, after)) codes.add('hint-loosened')
  for (const change of changes) codes.add(PLACES.find(p => p.at(change.pointer, change))?.code ?? 'other-changed')
  for (const code of suspicions(changes)) codes.add(code)
  return worst(codes)
}

/** Class of a definition nobody admitted, or whose admitted text is not at hand. */
export function classifyWhole(definition: unknown, reason: 'definition-added' | 'no-admitted-text'): Classified {
  return worst(new Set([reason, ...suspicions([{ pointer: '', after: definition }])]))
}

function worst(codes: ReadonlySet<string>): Classified {
  const sorted = [...codes].sort((a, b) => (ORDER.get(a) ?? 0) - (ORDER.get(b) ?? 0))
  const found = DRIFT_CLASSES.find(c => sorted.some(code => CLASS_OF.get(code) === c))
  return { class: found ?? 'cosmetic', codes: sorted.sort((a, b) => rank(a) - rank(b)) }
}
const rank = (code: string): number => DRIFT_CLASSES.indexOf(CLASS_OF.get(code) ?? 'cosmetic')

function suspicions(changes: readonly Change[]): ReadonlySet<string> {
  const codes = new Set<string>()
  let searched = 0
  for (const change of changes) {
    for (const added of addedText(change)) {
      searched += added.text.length
      if (searched > MAX_SEARCHED) return codes.add(TOO_LONG.code)
      for (const code of detect(added.text, placeOf(change.pointer, added))) codes.add(code)
    }
    const key = keyOf(change)
    if (key !== undefined) for (const code of detect(key, PARAMETER.test(change.pointer) ? 'parameter' : 'text')) codes.add(code)
  }
  return codes
}

/** The last member of a pointer is text of the server too, where it is new. */
function keyOf({ pointer, before }: Change): string | undefined {
  if (before !== undefined) return undefined
  return pointer
    .slice(pointer.lastIndexOf('/') + 1)
    .replaceAll('~1', '/')
    .replaceAll('~0', '~')
}

const PROPERTIES = /(?:^|\/)properties$/
function placeOf(pointer: string, { is }: AddedText): TextPlace {
  if (is === 'key') return pointer === '' || PROPERTIES.test(pointer) ? 'parameter' : 'text'
  return pointer === '/name' ? 'name' : 'text'
}

/** MCP Apps (SEP-1865): hosts load what these name. */
function isApp(pointer: string, { before, after }: Change): boolean {
  if (/^\/_meta\/ui(?:~1resourceUri)?(?:\/|$)/.test(pointer)) return true
  return pointer === '/_meta' && [before, after].some(meta => ['ui', 'ui/resourceUri'].some(key => memberOf(meta, key) !== undefined))
}

/**
 * What hosts that go by hints may leave unasked. What is not said counts as its default; destroying and repeating mean something only where a tool does not
 * just read (MCP 2025-11-25, ToolAnnotations).
 */
function leniency(definition: unknown): readonly boolean[] {
  const annotations = memberOf(definition, 'annotations')
  const isReadOnly = memberOf(annotations, 'readOnlyHint') === true
  const isHarmless = isReadOnly || memberOf(annotations, 'destructiveHint') === false
  const isRepeatable = isReadOnly || memberOf(annotations, 'idempotentHint') === true
  return [isReadOnly, isHarmless, isRepeatable, memberOf(annotations, 'openWorldHint') === false]
}
function isLoosened(before: unknown, after: unknown): boolean {
  const was = leniency(before)
  return leniency(after).some((is, i) => is && was[i] !== true)
}

const memberOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined

/** A URL of another origin than all before it had; removing one is not. */
function isElsewhere({ before, after }: Change): boolean {
  const [old, fresh] = [urlsIn(before), urlsIn(after)]
  return fresh.some(url => !old.includes(url))
}
const urlsIn = (value: unknown): readonly string[] =>
  addedText({ pointer: '', after: value })
    .filter(({ is, text }) => is === 'value' && /^[a-z][a-z0-9+.-]*:/i.test(text))
    // A data URL brings its picture along.
    .filter(({ text }) => !/^data:image\//i.test(text))
    .map(({ text }) => originOf(text))

function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  return parsed === undefined || parsed.origin === 'null' ? url.slice(0, 256) : parsed.origin
}

const isDialect = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && /^https?:\/\/json-schema\.org\/draft[-/a-z0-9]{1,32}#?$/i.test(value))

const isUsualBound = ({ before, after }: Change): boolean =>
  before === undefined && (after === Number.MAX_SAFE_INTEGER || after === Number.MIN_SAFE_INTEGER)

/** diff() reports two arrays as one change only where they hold the same scalars. */
const isMoved = ({ before, after }: Change): boolean => Array.isArray(before) && Array.isArray(after)

/** Equal once forms of the same character are one and white space is one blank (N128). */
function isSpelling({ before, after }: Change): boolean {
  return typeof before === 'string' && typeof after === 'string' && spelling(before) === spelling(after)
}
const spelling = (text: string): string => text.normalize('NFC').replace(/\s+/g, ' ').trim()
