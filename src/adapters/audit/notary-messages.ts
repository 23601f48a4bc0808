// What the gateway and the notary's thread say to each other, and the memory they share: no message is sent for a row.

import type { Answer, Ask } from './asking-reader.ts'
import type { FoundAtStart } from './flat-log.ts'
import type { EndedLog } from './floor.ts'
import type { NextKey, RotateAsk } from './log-keys.ts'
import type { NotarySettings } from './notary.ts'
import type { PruneAnswer, PruneAsk } from './retention.ts'
import type { Place } from './segment-lines.ts'
import type { WitnessTrouble } from './witness-client.ts'

/** `shared`: 8 bytes, how far the log is durable (`packed`). */
export type NotaryData = NotarySettings & { readonly shared: SharedArrayBuffer }

/** What is asked about the log, and what the notary alone may do to it. */
export type NotaryAsk = Ask | PruneAsk | RotateAsk
export type NotaryAnswer = Answer | PruneAnswer | NextKey

export type ToNotary =
  | { readonly type: 'begin'; readonly carried: readonly string[] }
  | { readonly type: 'ask'; readonly ask: NotaryAsk }
  | { readonly type: 'close' }

export type FromNotary =
  /** the log is what was signed, up to `place`; `isNew`: nothing ever was; `isCovered`: nothing up to there waits for a checkpoint */
  | {
      readonly type: 'ready'
      readonly isNew: boolean
      readonly isCovered: boolean
      readonly place: Place
      readonly found: FoundAtStart
      readonly origin: string
      readonly vkey: string
      readonly ended: readonly EndedLog[]
      readonly unsaidKey: NextKey | undefined
    }
  /** everything before `place` is under a signed checkpoint of `size` events */
  | { readonly type: 'signed'; readonly size: number; readonly place: Place }
  /** could not sign and will try again */
  | { readonly type: 'trouble'; readonly code: string; readonly message: string }
  /** about a witness; without `is` all is well again */
  | { readonly type: 'witness'; readonly name: string; readonly is?: WitnessTrouble['is']; readonly why?: string }
  /** will not sign any more; the thread ends */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'answer'; readonly answer: NotaryAnswer }
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  | { readonly type: 'closed' }

const BYTES = 40n
/** A place as one number, so that it is read whole; later places are greater. A segment has fewer than 2^40 bytes, and there are fewer than 2^23 of them. */
export const packed = ({ segment, offset }: Place): bigint => (BigInt(segment) << BYTES) | BigInt(offset)
export const unpacked = (place: bigint): Place => ({ segment: Number(place >> BYTES), offset: Number(place & ((1n << BYTES) - 1n)) })
