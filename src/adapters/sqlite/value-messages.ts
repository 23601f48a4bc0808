// What the gateway and the thread that keeps recorded values say to each other. One question is under way at a time.

import type { FoundValue, KeptValue } from '../../audit/values.ts'

export type ValueWorkerData = { readonly dataDir: string }

type Which = Pick<KeptValue, 'event' | 'kind' | 'digest'>
export type ToValueWorker =
  | { readonly type: 'keep'; readonly group: readonly KeptValue[] }
  | { readonly type: 'read'; readonly which: Which }
  | { readonly type: 'count' | 'erase'; readonly subject: string }
  | { readonly type: 'rotate' }
  | { readonly type: 'close' }

export type ValueAnswer =
  | { readonly type: 'kept' | 'closed' }
  | { readonly type: 'found'; readonly found: FoundValue }
  | { readonly type: 'counted'; readonly count: number }
  | { readonly type: 'rotated'; readonly rewrapped: number; readonly unreadable: number }

export type FromValueWorker = ValueAnswer | { readonly type: 'failed'; readonly message: string }
