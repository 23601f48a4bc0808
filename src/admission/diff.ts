// What differs between two definitions, value by value, with JSON pointers (RFC 6901); and the text that only the new one has.

/** `before` is absent for what was added, `after` for what was removed. Values are as sent: show them through inert-text.ts alone. */
export type Change = { readonly pointer: string; readonly before?: unknown; readonly after?: unknown }

export type Diff = {
  /** in the order of the old definition, then what is new */
  readonly changes: readonly Change[]
  /** more differs than is kept */
  readonly isCut: boolean
}

/** Differences kept of one definition. Review ends long before; what lies beyond is never taken for harmless. */
const MAX_CHANGES = 2000

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null

/** Compares plain data (what JSON.parse makes of judged texts). Arrays of scalars are compared as bags: moving a value is one change, not many. */
export function diff(before: unknown, after: unknown): Diff {
  const draft = new DiffDraft()
  draft.compare('', before, after)
  return { changes: draft.changes, isCut: draft.isCut }
}

class DiffDraft {
  readonly changes: Change[] = []
  isCut = false

  /** Depth is bounded by the reader's (mcp/json.ts). */
  compare(pointer: string, before: unknown, after: unknown): void {
    if (isObject(before) && isObject(after)) this.#objects(pointer, before, after)
    else if (Array.isArray(before) && Array.isArray(after)) this.#arrays(pointer, before as unknown[], after as unknown[])
    else if (!isSame(before, after)) this.#add({ pointer, before, after })
  }

  #objects(pointer: string, before: Json, after: Json): void {
    for (const key of Object.keys(before)) {
      const at = `${pointer}/${token(key)}`
      if (Object.hasOwn(after, key)) this.compare(at, before[key], after[key])
      else this.#add({ pointer: at, before: before[key] })
    }
    for (const key of Object.keys(after))
      if (!Object.hasOwn(before, key)) this.#add({ pointer: `${pointer}/${token(key)}`, after: after[key] })
  }

  #arrays(pointer: string, before: readonly unknown[], after: readonly unknown[]): void {
    if (before.every(isScalar) && after.every(isScalar)) {
      this.#bags(pointer, before, after)
      return
    }
    for (let i = 0; i < Math.max(before.length, after.length); i++) {
      const at = `${pointer}/${i}`
      if (i >= after.length) this.#add({ pointer: at, before: before[i] })
      else if (i >= before.length) this.#add({ pointer: at, after: after[i] })
      else this.compare(at, before[i], after[i])
    }
  }

  #bags(pointer: string, before: readonly unknown[], after: readonly unknown[]): void {
    const [gone, come] = [without(before, after), without(after, before)]
    for (const i of gone) this.#add({ pointer: `${pointer}/${i}`, before: before[i] })
    for (const i of come) this.#add({ pointer: `${pointer}/${i}`, after: after[i] })
    const isMoved = gone.length + come.length === 0 && before.some((value, i) => !isSame(value, after[i]))
    if (isMoved) this.#add({ pointer, before, after })
  }

  #add(change: Change): void {
    if (this.changes.length < MAX_CHANGES) this.changes.push(change)
    else this.isCut = true
  }
}

/** Indexes in `list` of what `other` does not hold as often. */
function without(list: readonly unknown[], other: readonly unknown[]): readonly number[] {
  const counts = new Map<unknown, number>()
  for (const value of other) counts.set(value, (counts.get(value) ?? 0) + 1)
  return list.flatMap((value, i) => {
    const left = counts.get(value) ?? 0
    if (left > 0) counts.set(value, left - 1)
    return left > 0 ? [] : [i]
  })
}

/** JSON has no NaN, and canonical JSON no negative zero. */
const isSame = (a: unknown, b: unknown): boolean => a === b

const token = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** A text that stands in `after` and not in `before`, and what kind of text it is. */
export type AddedText = { readonly is: 'value' | 'key'; readonly text: string }

/** Every key and text that a change brings; of a text that was there before, what lies between the words both begin and end with. */
export function addedText({ before, after }: Change): readonly AddedText[] {
  if (typeof before === 'string' && typeof after === 'string') return [{ is: 'value', text: between(before, after) }]
  const found: AddedText[] = []
  collect(after, found)
  return found
}

/** What of a change is new: of a text that was there before the new part of it, else all; undefined where something was taken away. */
export function addedPart(change: Change): { readonly pointer: string; readonly value: unknown; readonly isKeyNew: boolean } | undefined {
  const { pointer, before, after } = change
  if (after === undefined) return undefined
  const isText = typeof before === 'string' && typeof after === 'string'
  return { pointer, value: isText ? between(before, after) : after, isKeyNew: before === undefined }
}

function collect(value: unknown, found: AddedText[]): void {
  if (typeof value === 'string') found.push({ is: 'value', text: value })
  else if (Array.isArray(value)) for (const item of value as unknown[]) collect(item, found)
  else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      found.push({ is: 'key', text: key })
      collect(inner, found)
    }
  }
}

const isBlank = (character: string | undefined): boolean => character !== undefined && /\s/.test(character)

/** Characters both texts share are cut off in front and behind, back to whole words, so that no word is judged by half. */
function between(before: string, after: string): string {
  const most = Math.min(before.length, after.length)
  let start = 0
  while (start < most && before[start] === after[start]) start += 1
  let end = 0
  while (end < most - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1
  while (start > 0 && !isBlank(after[start - 1])) start -= 1
  while (end > 0 && !isBlank(after[after.length - end]) && !isBlank(after[after.length - end - 1])) end -= 1
  return after.slice(start, after.length - end)
}
