// Files of policies to a bundle, or all that is wrong with them at once: names, annotations, syntax, types against the schema. Warnings count as faults.

import { hash } from 'node:crypto'
import { nearest } from '../kernel/nearest.ts'
import { ACTION_GROUPS, ACTIONS } from './actions.ts'
import { readWords, shown, type SetName, type Words } from './annotations.ts'
import { MAX_TEXT } from './arguments.ts'
import type { PolicyAst } from './ast.ts'
import { unknownFindings } from './finding-codes.ts'
import type { LanguageFault, PolicyLanguage } from './language.ts'
import { readsOf, type Reads } from './reads.ts'
import { concernsAction } from './scope.ts'
import { positionsOf, splitPolicies, type Position } from './split.ts'

/** A file as it lies in the folder: `name` is `authz/10-readers.cedar`. */
export type PolicyFile = { readonly set: SetName; readonly name: string; readonly text: string }

/** One rule as it was loaded. */
export type Policy = Words & {
  readonly set: SetName
  readonly ast: PolicyAst
  readonly text: string
  readonly file: string
  readonly line: number
  readonly reads: Reads
}

/** Rules that were checked together. `digest`: SHA-256 (base64url) over schema and rules, sorted: the same whatever files they stand in. */
export type Bundle = { readonly digest: string; readonly policies: readonly Policy[] }

/** Line and column from 1. Messages are lower case, without a full stop. */
export type PolicyFault = {
  readonly file: string
  readonly line: number
  readonly column: number
  /** the rule, where it has a name */
  readonly id?: string
  readonly message: string
  readonly fix?: string
}

export type LoadTools = {
  readonly language: PolicyLanguage
  /** the schema of this gateway: what its requests are made of, whatever lies in the folder */
  readonly schema: string
}

export const MAX_FILE_BYTES = 1024 * 1024
const MAX_POLICIES = 20_000
const MAX_FAULTS = 200
const LONG_TEXT = new RegExp(`"(?:[^"\\\\]|\\\\.){${MAX_TEXT},}"`, 's')
/** Text that is not seen where it stands, or is seen elsewhere: a reviewer would read another rule than Cedar does. */
const HIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]/u

/** Never throws. */
export function loadBundle(
  files: readonly PolicyFile[],
  tools: LoadTools,
): { readonly bundle: Bundle } | { readonly faults: readonly PolicyFault[] } {
  const loading = new Loading(tools)
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) loading.read(file)
  const policies = loading.check()
  if (loading.faults.length > 0) return { faults: loading.faults.sort(inOrder) }
  return { bundle: { digest: digestOf(tools.schema, policies), policies } }
}

const inOrder = (a: PolicyFault, b: PolicyFault): number =>
  a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1

function digestOf(schema: string, policies: readonly Policy[]): string {
  const sorted = policies.map(({ set, id, text }) => [set, id, text]).sort(([, a = ''], [, b = '']) => (a < b ? -1 : 1))
  return hash('sha256', JSON.stringify([schema, sorted]), 'base64url')
}

type Place = { readonly file: string; readonly text: string; readonly at: number; readonly positionOf: (at: number) => Position }

class Loading {
  readonly faults: PolicyFault[] = []
  readonly #tools: LoadTools
  readonly #known = new Map<string, { readonly policy: Policy; readonly place: Place }>()
  #count = 0

  constructor(tools: LoadTools) {
    this.#tools = tools
  }

  read({ set, name: file, text }: PolicyFile): void {
    const positionOf = positionsOf(text)
    const hidden = HIDDEN.exec(text)
    if (hidden)
      this.#fault({
        file,
        ...positionOf(hidden.index),
        message: 'a hidden character',
        fix: 'write it as `\\u{…}` in a string, or take it out',
      })
    for (const part of splitPolicies(text)) {
      if (++this.#count > MAX_POLICIES) return this.#fault({ file, ...positionOf(part.at), message: `more than ${MAX_POLICIES} rules` })
      this.#readOne(set, { file, ...part, positionOf })
    }
  }

  #readOne(set: SetName, place: Place): void {
    if (place.text.length > MAX_TEXT && LONG_TEXT.test(place.text))
      return this.#at(place, { message: `a text of more than ${MAX_TEXT} characters`, help: 'no argument is compared with one' })
    const ast = this.#tools.language.read(place.text)
    if ('faults' in ast) {
      for (const fault of ast.faults) this.#at(place, fault)
      return
    }
    const reads = readsOf(ast)
    const words = readWords(ast, set, reads)
    if (!('id' in words)) {
      for (const { annotation, message, fix, known } of words) {
        const near = known && nearest(annotation, known)
        const mend = near ? `did you mean \`@${near}\`?` : (fix ?? (known && `known here: ${known.map(name => `@${name}`).join(', ')}`))
        this.#fault({ file: place.file, ...placeOf(place, annotation), message, ...(mend && { fix: mend }) })
      }
      return
    }
    const loose = set === 'obligations' ? Object.keys(ACTIONS).find(name => !isSpent(name) && concernsAction(ast, name)) : undefined
    if (loose !== undefined)
      return this.#fault({
        file: place.file,
        ...place.positionOf(place.at),
        id: words.id,
        message: `demands something of \`${loose}\`, where nothing enforces it`,
        fix: 'name actions of the groups `use` and `task` in its head',
      })
    for (const { code, near } of unknownFindings(ast))
      this.#fault({
        file: place.file,
        ...place.positionOf(place.at + Math.max(place.text.indexOf(`"${code}"`), 0)),
        id: words.id,
        message: `nothing is found under the code \`${shownLine(code)}\``,
        fix: near === undefined ? 'docs/detection.md has all codes' : `did you mean \`${near}\`?`,
      })
    const { line } = place.positionOf(place.at)
    const earlier = this.#known.get(words.id)?.policy
    if (earlier)
      return this.#fault({
        file: place.file,
        ...placeOf(place, 'id'),
        id: words.id,
        message: `a second rule \`${words.id}\``,
        fix: `the first stands in ${earlier.file}:${earlier.line}`,
      })
    this.#known.set(words.id, { policy: { ...words, set, ast, text: place.text, file: place.file, line, reads }, place })
  }

  /** Types, and what only all rules together say. */
  check(): readonly Policy[] {
    const { language, schema } = this.#tools
    const texts = new Map([...this.#known].map(([id, { policy }]) => [id, policy.text]))
    const noted = new Set<string>()
    for (const fault of texts.size === 0 ? [] : language.validate(schema, texts)) {
      const known = fault.id === undefined ? undefined : this.#known.get(fault.id)
      const message = unnamed(fault.message)
      if (!known) {
        this.#fault({ file: '', line: 0, column: 0, message })
        continue
      }
      // The same for every action it concerns; and a rule with an error is impossible as well. One line of explanation is enough.
      const { id } = known.policy
      const place = `${id} ${fault.start ?? ''}`
      if (noted.has(place) || (noted.has(id) && /impossible|applicable action/.test(message))) continue
      noted.add(id).add(place)
      const help = this.#actionMeant(message) ?? fault.help
      this.#at(known.place, { ...fault, message, ...(help !== undefined && { help }) }, id)
    }
    const policies = [...this.#known.values()].map(({ policy }) => policy)
    if (this.faults.length === 0 && !policies.some(({ set, ast }) => set === 'authz' && ast.effect === 'permit'))
      this.#fault({
        file: 'authz',
        line: 0,
        column: 0,
        message: 'no rule permits anything',
        fix: 'begin with the rules that Gatehouse ships',
      })
    return policies
  }

  /** Cedar looks for a similar word among all there are; people misspell one. */
  #actionMeant(message: string): string | undefined {
    const word = /^unrecognized action `MCP::Action::"([^"]*)"`/.exec(message)?.[1]
    const near = word === undefined ? undefined : nearest(word, [...Object.keys(ACTIONS), ...ACTION_GROUPS])
    return near && `did you mean \`MCP::Action::"${near}"\`?`
  }

  #at(place: Place, { message, help, start }: LanguageFault, id?: string): void {
    const offset = start === undefined ? 0 : Buffer.from(place.text).subarray(0, start).toString().length
    const text = message.replace(/^failed to parse policy from string: /, '')
    this.#fault({
      file: place.file,
      ...place.positionOf(place.at + Math.min(offset, place.text.length)),
      ...(id !== undefined && { id }),
      message: shownLine(text),
      ...(help !== undefined && { fix: shownLine(unnamed(help)) }),
    })
  }

  #fault(fault: PolicyFault): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push(fault)
  }
}

/** Where what a permit demands is spent: an act at a server. */
const isSpent = (name: string): boolean => ['use', 'task'].some(group => ACTIONS[name]?.within.includes(group as 'use'))

/** The rule is named beside the message, and the context is the same for every action. */
const unnamed = (message: string): string =>
  message.replace(/^for policy `[^`]*`[,:] /, '').replace(/ in context for MCP::Action::"[^"]*"/, ' in the context')

/** Where an annotation stands. */
function placeOf({ text, at, positionOf }: Place, annotation: string): Position {
  const found = annotation === '' ? -1 : text.search(new RegExp(`@\\s*${annotation.replaceAll(/\W/g, '')}\\b`))
  return positionOf(at + Math.max(found, 0))
}

const shownLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 300 ? `${shown(line)}…` : line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
