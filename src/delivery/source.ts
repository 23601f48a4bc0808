// The port to the log that is delivered.

import type { Exported } from './outlet.ts'

/** What there is to deliver. `covered`: events with a smaller seq stand under a signed checkpoint; nothing else is given out. `prunedTo`: those before are gone. */
export type LogView = { readonly origin: string; readonly covered: number; readonly prunedTo: number }
/** The log, as delivery reads it. Rejects when it cannot be read. */
export interface Source {
  state(): Promise<LogView>
  /** from seq `from` on in order, at most `max`; what was pruned is left out */
  read(from: number, max: number): Promise<readonly Pick<Exported, 'seq' | 'leaf' | 'event'>[]>
}
