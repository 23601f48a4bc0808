// Changes to judged JSON bytes: the parts that change are replaced, the rest is copied as it was, in one allocation.

import { Fault } from '../kernel/errors.ts'
import { isJsonFault, readJson } from './json.ts'
import type { JsonNode } from './json.ts'

/** Replaces [start, end) of the document by valid JSON text for that place; start = end inserts. */
export type Edit = { readonly start: number; readonly end: number; readonly text: Buffer | string }
/** A member to write: the key plain, the value as JSON text. */
export type Entry = readonly [key: string, json: Buffer | string]

const sizeOf = (text: Buffer | string): number => (typeof text === 'string' ? Buffer.byteLength(text) : text.length)
const inOrder = (a: Edit, b: Edit): number => a.start - b.start || a.end - b.end

/**
 * The bytes of [from, to) with the edits made: by default of the whole document, else of one node. Without edits the result shares memory
 * with `bytes`. Edits may come in any order; two that overlap, or one outside [from, to), are a bug of the caller.
 */
export function splice(bytes: Buffer, edits: readonly Edit[], from = 0, to = bytes.length): Buffer {
  if (edits.length === 0) return bytes.subarray(from, to)
  const sorted = edits.length === 1 ? edits : edits.toSorted(inOrder)
  let size = to - from
  let free = from
  for (const { start, end, text } of sorted) {
    if (start < free || end < start || end > to) throw new Fault('splice-overlap', 'edits overlap or leave their document')
    size += sizeOf(text) - (end - start)
    free = end
  }
  const out = Buffer.allocUnsafe(size)
  let at = 0
  let done = from
  for (const { start, end, text } of sorted) {
    at += bytes.copy(out, at, done, start)
    at += typeof text === 'string' ? out.write(text, at) : text.copy(out, at)
    done = end
  }
  bytes.copy(out, at, done, to)
  return out
}

/** One member as JSON text. */
function memberText([key, json]: Entry): string | Buffer {
  const name = `${JSON.stringify(key)}:`
  return typeof json === 'string' ? name + json : Buffer.concat([Buffer.from(name), json])
}
const joined = (texts: readonly (string | Buffer)[], isAfterMember: boolean): string | Buffer => {
  if (texts.every(text => typeof text === 'string')) return (isAfterMember ? ',' : '') + texts.join(',')
  const parts = texts.flatMap((text, i) => [Buffer.from(i > 0 || isAfterMember ? ',' : ''), Buffer.from(text as string)])
  return Buffer.concat(parts)
}

/**
 * The edits that drop members of an indexed object and set others (in place where the key exists, else behind the last member that stays).
 * A key both dropped and set is set. `entries` have distinct keys.
 */
export function objectEdits(node: JsonNode, isDropped: (key: string) => boolean, entries: readonly Entry[] = []): Edit[] {
  const { members } = node
  if (!members) throw new Fault('splice-unindexed', 'expected an indexed object')
  const edits: Edit[] = []
  const added = [...entries]
  let last: JsonNode | undefined // the last member that stays, so far
  for (const [i, m] of members.entries()) {
    const set = added.findIndex(([key]) => key === m.key)
    const entry = set < 0 ? undefined : added.splice(set, 1)[0]
    if (entry) edits.push({ start: m.value.start, end: m.value.end, text: entry[1] })
    else if (isDropped(m.key)) {
      // with the comma before it, or while nothing stays before it, with the comma behind it
      const before = last && members[i - 1]?.value.end
      const start = before ?? m.keyStart
      const end = before === undefined ? (members[i + 1]?.keyStart ?? m.value.end) : m.value.end
      edits.push({ start, end, text: '' })
      continue
    }
    last = m.value
  }
  if (added.length > 0) {
    const at = last ? last.end : node.start + 1
    edits.push({ start: at, end: at, text: joined(added.map(memberText), last !== undefined) })
  }
  return edits
}

/** Edits one object that stands alone; the same memory if nothing changes. */
function edited(object: Buffer, isDropped: (key: string) => boolean, entries?: readonly Entry[]): Buffer {
  const doc = readJson(object, { indexDepth: 1, maxDepth: 256 })
  if (isJsonFault(doc)) throw new Fault('splice-unreadable', `expected judged JSON, got ${doc.fault}`)
  return splice(object, objectEdits(doc.root, isDropped, entries))
}
/** An object without these members. */
export const removeMembers = (object: Buffer, keys: ReadonlySet<string>): Buffer => edited(object, key => keys.has(key))
/** An object with one member set, in place or at the end. */
export const setMember = (object: Buffer, key: string, json: Buffer | string): Buffer => edited(object, () => false, [[key, json]])

const CR = 0x0d
const LF = 0x0a
/**
 * Judged JSON text on one line (stdio R39, SSE data): line breaks can only stand between tokens there, and go. The same memory if there are none.
 */
export function withoutLineBreaks(json: Buffer): Buffer {
  if (!json.includes(LF) && !json.includes(CR)) return json
  const out = Buffer.allocUnsafe(json.length)
  let at = 0
  for (const byte of json) if (byte !== LF && byte !== CR) out[at++] = byte
  return out.subarray(0, at)
}
