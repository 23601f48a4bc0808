// A two-way pipe of JSON-RPC messages that many requests share: a process's stdio, or an HTTP+SSE connection.

import type { Reason } from '../../kernel/errors.ts'

export interface Channel {
  /** takes one message; false when more than `limits.bufferBytes` would wait: then it was not taken */
  write(message: Buffer): boolean
  /** stops reading for a while */
  pause(): void
  resume(): void
  /** ends it politely, then by force after `graceMs`; resolves when nothing of it is left */
  stop(graceMs: number): Promise<void>
}

export type ChannelEvents = {
  /** one message as it came, unjudged */
  message(bytes: Buffer): void
  /** it is gone, once; nothing follows */
  lost(loss: Loss): void
}

export type Loss = { readonly reason: Reason; readonly detail: string; readonly isCrash: boolean }
