// What the gateway and the courier's thread say to each other.

import type { DeadLetter, Which } from '../../delivery/ledger.ts'
import type { Level } from '../../delivery/route.ts'
import type { LogView } from '../../delivery/source.ts'
import type { Exported } from '../../delivery/outlet.ts'
import type { SinkSettings } from '../../delivery/settings.ts'

/** What administrators ask. */
export type CourierAsk =
  { readonly what: 'list'; readonly sink?: string; readonly limit: number } | { readonly what: 'replay' | 'drop'; readonly which: Which }
export type CourierAnswer = readonly DeadLetter[] | number

/** What the courier asks of the log. */
export type LogAsk = { readonly what: 'state' } | { readonly what: 'read'; readonly from: number; readonly max: number }
export type LogAnswer = LogView | readonly Pick<Exported, 'seq' | 'leaf' | 'event'>[]

export type Outcome<T> = { readonly value: T } | { readonly failure: { readonly code: string; readonly message: string } }

export type CourierSettings = { readonly file: string; readonly version: string; readonly hostname: string }

export type ToCourier =
  | { readonly type: 'configure'; readonly sinks: readonly SinkSettings[] }
  | { readonly type: 'ask'; readonly id: number; readonly ask: CourierAsk }
  | { readonly type: 'log'; readonly id: number; readonly outcome: Outcome<LogAnswer> }
  | { readonly type: 'close' }

export type FromCourier =
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'levels'; readonly levels: readonly Level[] }
  | { readonly type: 'tell'; readonly what: string; readonly detail: Readonly<Record<string, unknown>> }
  | { readonly type: 'answered'; readonly id: number; readonly outcome: Outcome<CourierAnswer> }
  | { readonly type: 'log'; readonly id: number; readonly ask: LogAsk }
