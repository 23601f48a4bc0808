// The port that counts: how often something happened under a key within a window of time. Memory in one process; an engine where replicas count together.

/** At most `count` within `seconds`. The window of a key begins with its first point and is followed by an empty one. */
export type Window = { readonly count: number; readonly seconds: number }

/** `granted`: how many of the points asked for were left. `msLeft`: until the window ends. */
export type Taken = { readonly granted: number; readonly msLeft: number }

/**
 * Counts of one window. Atomic: of all who ask at once, in however many processes, nobody is granted what another was, and all together never more than
 * `count`. Not durable: a restart may count anew. On a clock that nobody can set: a wall clock that jumps opens no window early. Rejects when it cannot count,
 * and soon: whoever asked is refused. Callers bound the keys (limits/leases.ts); a key may be forgotten once its window has ended, never before.
 *
 * A queue of approvals, once there is one, is bounded by the same words: so many waiting in all, and so many of one principal; further ones are refused, none is
 * dropped for them.
 */
export interface Counter {
  take(key: string, points: number): Promise<Taken>
}
