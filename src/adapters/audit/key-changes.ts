// Whether the keys of a log followed each other as its events say: a key that was replaced, perhaps because it was stolen, signs nothing more.

import type { LogIdentity, OpenCheckpoint } from '../../audit/checkpoint.ts'
import { readNote, verifyNote, vkeyOf } from '../../audit/note.ts'
import type { Findings } from '../../audit/verify.ts'

/** `what` of the event that names a key and the one that follows it. */
export const KEY_EVENT = 'audit-key'
/** Event `seq` says that the key `vkey` follows the key `before`; both C2SP verifier keys. */
export type KeyChange = { readonly seq: number; readonly before: string; readonly vkey: string }

/** `matched`: smallest first. */
type Judged = { readonly log: LogIdentity; readonly matched: readonly OpenCheckpoint[] }

/** Of keys that no event names nothing is said: whoever verifies named them himself. */
export function judgeKeys(changes: readonly KeyChange[], { log, matched }: Judged, findings: Findings): void {
  if (changes.length === 0) return
  const signed = matched.flatMap(({ size, note }) => signersOf(note, log).map(vkey => ({ size, vkey })))
  for (const { seq, before, vkey } of changes) {
    const early = signed.find(one => one.vkey === vkey && one.size <= seq)
    if (early) findings.add({ is: 'checkpoint', size: early.size, why: `it is signed with a key that only event ${seq} brings in` })
    const first = signed.find(one => one.vkey === vkey)?.size ?? Infinity
    const late = signed.find(one => one.vkey === before && one.size > first)
    if (late) findings.add({ is: 'checkpoint', size: late.size, why: `it is signed with a key that was replaced, as event ${seq} says` })
  }
}

function signersOf(note: string, { keys }: LogIdentity): readonly string[] {
  const parts = readNote(note)
  const signed = typeof parts === 'string' ? parts : verifyNote(parts, keys)
  return typeof signed === 'string' ? [] : signed.map(({ key }) => vkeyOf(key))
}
