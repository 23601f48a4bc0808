// Arguments of a call as policies see them: JSON pointer -> texts. Raw arguments never reach the policy engine, so nothing in them is taken for an entity, a
// float, or 100,000 levels of nesting; and only what a policy reads is looked at.

import { hash } from 'node:crypto'

/** Values looked at behind one pointer, or in all where all are asked for. Beyond it the arguments cannot be judged. */
const MAX_VALUES = 1024
const MAX_POINTERS = 256
const MAX_POINTER_DEPTH = 32
/** Longer texts are represented by their digest: no text in a policy is as long, so none is equal. */
export const MAX_TEXT = 4096

/** `unreadable`: which pointer cannot be judged. Never a value. */
export type ArgumentFacts = { readonly tags: ReadonlyMap<string, readonly string[]> } | { readonly unreadable: string }

class Unreadable extends Error {}

/** The values behind each wanted pointer, or behind all of them. Absent ones have no entry. */
export function argumentFacts(value: unknown, wanted: ReadonlyMap<string, readonly string[]> | 'all'): ArgumentFacts {
  const tags = new Map<string, Set<string>>()
  let at = ''
  try {
    if (wanted === 'all') gatherAll(value, tags)
    else {
      for (const [pointer, path] of wanted) {
        at = pointer
        const into = new Set<string>()
        gather(value, 0, { path, into, budget: MAX_VALUES })
        if (into.size > 0) tags.set(pointer, into)
      }
    }
  } catch (cause) {
    if (cause instanceof Unreadable) return { unreadable: at }
    throw cause
  }
  return { tags: new Map([...tags].map(([pointer, values]) => [pointer, [...values].sort()])) }
}

/** The steps of a pointer: `/a~1b/*` is `a/b` and every item. Undefined for what is none. */
export function stepsOf(pointer: string): readonly string[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![0-2])/.test(pointer)) return undefined
  const steps = pointer.slice(1).split('/')
  return steps.length <= MAX_POINTER_DEPTH ? steps.map(unescaped) : undefined
}
// A step of exactly `*` means every item; a member of that name is written `~2`.
const ITEMS = '*'
/** The member that a step names; undefined for every item. */
export const memberOf = (step: string): string | undefined => (step === ITEMS ? undefined : step === STAR_MEMBER ? '*' : step)
const STAR_MEMBER = '\u0000*'
const unescaped = (step: string): string =>
  step === '~2' ? STAR_MEMBER : step.replaceAll('~2', '*').replaceAll('~1', '/').replaceAll('~0', '~')
const escaped = (name: string): string => (name === '*' ? '~2' : name.replaceAll('~', '~0').replaceAll('/', '~1'))

/** `budget`: values that may still be looked at. */
type Gathering = { readonly path: readonly string[]; readonly into: Set<string>; budget: number }

function gather(value: unknown, at: number, g: Gathering): void {
  if (--g.budget < 0) throw new Unreadable()
  const step = g.path[at]
  if (step === undefined) {
    const text = textOf(value)
    if (text !== undefined) g.into.add(text)
  } else if (Array.isArray(value)) {
    if (step === ITEMS) for (const item of value as unknown[]) gather(item, at + 1, g)
  } else if (isObject(value)) {
    const name = memberOf(step)
    if (name !== undefined && Object.hasOwn(value, name)) gather(value[name], at + 1, g)
  }
}

/** All pointers of a value, without recursion. */
function gatherAll(value: unknown, tags: Map<string, Set<string>>): void {
  const todo: { readonly value: unknown; readonly pointer: string; readonly depth: number }[] = [{ value, pointer: '', depth: 0 }]
  let budget = MAX_VALUES
  for (let next = todo.pop(); next; next = todo.pop()) {
    const text = textOf(next.value)
    if (text === undefined) continue
    const { pointer, depth } = next
    const values = tags.get(pointer) ?? new Set()
    tags.set(pointer, values.add(text))
    if (tags.size > MAX_POINTERS || depth > MAX_POINTER_DEPTH) throw new Unreadable()
    if (Array.isArray(next.value)) {
      if ((budget -= next.value.length) < 0) throw new Unreadable()
      for (const item of next.value as unknown[]) todo.push({ value: item, pointer: `${pointer}/*`, depth: depth + 1 })
    } else if (isObject(next.value)) {
      const names = Object.keys(next.value)
      if ((budget -= names.length) < 0) throw new Unreadable()
      for (const name of names) {
        if (!name.isWellFormed() || name.length > MAX_TEXT) throw new Unreadable()
        todo.push({ value: next.value[name], pointer: `${pointer}/${escaped(name)}`, depth: depth + 1 })
      }
    }
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** One value as text; undefined = nothing is there. What JSON cannot hold, and texts that are not well-formed, cannot be judged. */
function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'undefined':
      return undefined
    case 'string':
      if (!value.isWellFormed()) throw new Unreadable()
      return shortened(value)
    case 'number':
      if (!Number.isFinite(value)) throw new Unreadable()
      return String(value === 0 ? 0 : value)
    case 'boolean':
      return String(value)
    case 'bigint':
      return shortened(value.toString(16).length > MAX_TEXT ? `0x${value.toString(16)}` : String(value))
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? '[]' : '{}'
    default:
      throw new Unreadable()
  }
}

const shortened = (text: string): string =>
  text.length <= MAX_TEXT ? text : `${text.slice(0, 64).toWellFormed()}… sha256:${hash('sha256', text, 'hex')} ${text.length}`
