// A two-way pipe of JSON-RPC messages that many requests share: a process's stdio, or an HTTP+SSE connection.

import type { Reason } from '../../kernel/errors.ts'

export interface Channel {
  /** whether a message of about this size fits into `limits.bufferBytes`; one always fits where nothing waits */
  hasRoom(bytes: number): boolean
  /** takes one message; small ones of our own find a little more room than calls. False: it was not taken */
  write(message: Buffer): boolean
  /** stops reading for a while */
  pause(): void
  resume(): void
  /** it is of no more use: ended by force, reported as lost */
  fail(detail: string): void
  /** ends it politely, then by force after `graceMs`; resolves when nothing of it is left */
  stop(graceMs: number): Promise<void>
}

export type ChannelEvents = {
  /** one message as it came, unjudged */
  message(bytes: Buffer): void
  /** what waited has been taken: there is room again */
  drained(): void
  /** it is gone, once; nothing follows */
  lost(loss: Loss): void
}

export type Loss = { readonly reason: Reason; readonly detail: string; readonly isCrash: boolean }
