// The port to what the log holds: searching it, reading it in order, and what is proven of it. Never on the path of a call.

/**
 * What to look for; every member given must match exactly (case counts). No member at all means everything. Times are RFC 3339 UTC as events have them,
 * `from` inclusive, `to` exclusive; they are compared with the events' own `time`, which a wall clock gave.
 */
export type Query = {
  /** the principal's subject; with `issuer` the principal (issuer + subject) */
  readonly principal?: string
  readonly issuer?: string
  readonly client?: string
  /** alias of an upstream */
  readonly server?: string
  readonly reason?: string
  readonly method?: string
  /** `intent`, `outcome`, `refusal` ... */
  readonly type?: string
  /** tool, prompt, URI or task, in the upstream's own name */
  readonly name?: string
  readonly outcome?: string
  /** `what` of a lifecycle event */
  readonly what?: string
  readonly call?: string
  readonly request?: string
  readonly trace?: string
  readonly approval?: string
  /** an event's own id */
  readonly id?: string
  readonly from?: string
  readonly to?: string
  /** only events with a smaller seq: `next` of the page before */
  readonly before?: number
  /** 1 to 500; default 50 */
  readonly limit?: number
}

export const QUERY_LIMITS = { defaultLimit: 50, maxLimit: 500, maxRead: 1000, maxText: 4096 } as const

/** One event of the log. */
export type Found = {
  /** its place in the log, from 0, over all segments; the index of its leaf */
  readonly seq: number
  /** SHA-256(0x00 || line), RFC 6962 section 2.1, in base64 */
  readonly leaf: string
  /** the line itself, without its newline: JSON. Text in it may come from strangers; make it inert before a terminal or a page shows it */
  readonly event: string
  /** the line is not the one that the tree was made of: somebody changed it. `leaf` is of the line as it is now */
  readonly isChanged?: true
}

/** Newest first. `next` is there when there may be more: it is the `before` of the next page. `size`: how many events the log held when it was searched. */
export type FoundPage = { readonly events: readonly Found[]; readonly next?: number; readonly size: number }

/** A checkpoint of this log. `root` in base64, `time` RFC 3339, `note` the signed note as C2SP tlog-checkpoint has it, cosignatures included. */
export type KeptCheckpoint = { readonly size: number; readonly root: string; readonly time: string; readonly note: string }

/** What a witness last cosigned. */
type WitnessState = { readonly name: string; readonly size: number; readonly time: string }

/** How the log stands. */
export type LogState = {
  /** the log's name in its checkpoints */
  readonly origin: string
  /** every key this log ever signed with, as C2SP verifier keys; the one in use last */
  readonly vkeys: readonly string[]
  /** durable events that were taken into the tree, those not yet covered by a checkpoint included */
  readonly size: number
  /** absent until the first event was covered */
  readonly checkpoint?: KeptCheckpoint
  readonly witnesses: readonly WitnessState[]
  /** how long the oldest event that no checkpoint covers has been there, milliseconds; 0 when all are covered */
  readonly lagMs: number
  /** events with a smaller seq were removed after the retention time; their leaves stay. 0 = none */
  readonly prunedTo: number
  /** `time` of the oldest event that is still there */
  readonly oldest?: string
}

/**
 * Reads the log; changes nothing. Consistency: each answer is of one state of the log that was durable, and grows only. Concurrency: any number of calls; they
 * wait in a bounded queue. Errors: rejects with Fault `audit-unreadable` when the queue is full, when the log cannot be read, or when what is read is not what
 * the tree was made of; only `search` and `story` show such lines, marked.
 */
export interface AuditReader {
  search(query: Query): Promise<FoundPage>
  /**
   * Events from seq `from` on in order, at most `max` (1 to 1000) and at most about 1 MiB, only such as a checkpoint covers; [] when there are none yet. Events
   * that were pruned are left out: the first seq may be greater than `from`.
   */
  read(from: number, max: number): Promise<readonly Found[]>
  /** every event of one logical call, all its rounds, with refusals, questions and approvals, in order; the newest 1000 or 4 Mi characters of them, at most */
  story(call: string): Promise<readonly Found[]>
  state(): Promise<LogState>
  /** `c2sp.org/tlog-proof@v1` for one event under the last checkpoint. Rejects with Fault `audit-uncovered` where none covers it. */
  proof(seq: number): Promise<string>
}
