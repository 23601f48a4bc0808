// What a drift looks like: the rule table a reviewer sees. It sorts what is held; nothing here admits anything.

import { addedPart, addedText, type Change, type Diff } from './diff.ts'

/** Worst first. */
export const DRIFT_CLASSES = ['hostile-looking', 'material', 'cosmetic'] as const
export type DriftClass = (typeof DRIFT_CLASSES)[number]

export type DriftRule = { readonly code: string; readonly class: DriftClass; readonly about: string }

/** What a change brings: where it stands, and its text or value. `isKeyNew`: the last member of the pointer as well. */
export type Added = { readonly pointer: string; readonly value: unknown; readonly isKeyNew: boolean }
/** Port: codes of what added text looks like, each once. Never throws; time is linear in the text. */
export type Suspects = (added: readonly Added[]) => readonly DriftRule[]

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

/** The codes that this room gives; what text looks like has codes of its own (Suspects). */
export const DRIFT_RULES: readonly DriftRule[] = [
  ...WHOLE,
  ...PLACES.map(({ code, class: of, about }): DriftRule => ({ code, class: of, about })),
]

export type Classified = {
  readonly class: DriftClass
  /** what was found, worst first, each once */
  readonly codes: readonly string[]
}

const RULE_OF: ReadonlyMap<string, DriftRule> = new Map(DRIFT_RULES.map(r => [r.code, r]))
const ORDER: ReadonlyMap<string, number> = new Map(DRIFT_RULES.map((r, i) => [r.code, i]))

/** Class of a changed definition: the worst of what its changes are and of what their new text looks like. */
export function classify({ changes, isCut }: Diff, before: unknown, after: unknown, suspects: Suspects): Classified {
  const codes = new Set<string>(isCut ? ['too-much-changed'] : [])
  if (isLoosened(before, after)) codes.add('hint-loosened')
  for (const change of changes) codes.add(PLACES.find(p => p.at(change.pointer, change))?.code ?? 'other-changed')
  return worst(codes, suspects(changes.flatMap(change => addedPart(change) ?? [])))
}

/** Class of a definition nobody admitted, or whose admitted text is not at hand. */
export function classifyWhole(definition: unknown, reason: 'definition-added' | 'no-admitted-text', suspects: Suspects): Classified {
  return worst(new Set([reason]), suspects([{ pointer: '', value: definition, isKeyNew: false }]))
}

function worst(codes: ReadonlySet<string>, looks: readonly DriftRule[]): Classified {
  const own = [...codes].flatMap(code => RULE_OF.get(code) ?? []).sort((a, b) => (ORDER.get(a.code) ?? 0) - (ORDER.get(b.code) ?? 0))
  const all = [...looks, ...own].sort((a, b) => DRIFT_CLASSES.indexOf(a.class) - DRIFT_CLASSES.indexOf(b.class))
  return { class: all[0]?.class ?? 'cosmetic', codes: all.map(({ code }) => code) }
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
