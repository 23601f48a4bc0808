// What the gateway and the thread of state.db say to each other.

/** Integers come back as numbers, blobs as Buffers. */
export type SqlValue = string | number | bigint | null | Buffer

/** Only SELECT, WITH, INSERT, UPDATE and DELETE; parameters are `?`, by position. The text must be one of a fixed set: it is kept prepared. */
export type Statement = {
  readonly sql: string
  readonly params?: readonly SqlValue[]
  /** the transaction fails with Fault `state-conflict` when another number of rows changed */
  readonly expectChanges?: number
}

export type Query = { readonly sql: string; readonly params: readonly SqlValue[] }
/** What several callers asked for: each write is one caller's transaction. */
export type Group = { readonly writes: readonly (readonly Statement[])[]; readonly reads: readonly Query[] }
/** `code` and `message` of the Fault that the caller gets. */
export type Failure = { readonly code: string; readonly message: string }
export type Outcome<T> = { readonly value: T } | { readonly failure: Failure }
export type Answers = { readonly writes: readonly Outcome<readonly number[]>[]; readonly reads: readonly Outcome<readonly unknown[]>[] }

export type WorkerSettings = { readonly file: string; readonly migrations: string; readonly quietMs: number }
export type ToWorker = { readonly type: 'group'; readonly group: Group } | { readonly type: 'close' }
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'answers'; readonly answers: Answers }
