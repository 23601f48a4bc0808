// The port to the durable log, and what the pipeline's bracket may rely on.

/**
 * Append-only. Durability: `append` resolves only after the bytes of the event and of every event appended before it have been synced
 * (fdatasync); then a crash or power loss keeps them. Order: the order of calls. Atomicity: an event is in the log whole or not at all.
 * Errors: rejects with Fault `audit-unavailable` when the record may not be on disk (disk full, I/O error, backlog full, closed); after a
 * write error every later append rejects until the log has been reopened and its tail checked; and so it does while events stay without a signed
 * checkpoint for too long (adapters/audit/notary-thread.ts). Never drops silently.
 */
export interface AuditLog {
  /**
   * one event as one JSON object text (no newline); see audit/record.ts for its schema. `begins`: the key of what has no end yet with this event, of an intent
   * its request, of a contact `contactKey`; `ends`: the key of what this event ends. A start closes as unknown what begins and never ends.
   */
  append(event: string, begins?: string, ends?: string): Promise<void>
  /** entries appended and not yet durable */
  readonly backlog: number
  readonly isHealthy: boolean
  /** waits for what is pending, then closes; later appends reject */
  close(): Promise<void>
}
