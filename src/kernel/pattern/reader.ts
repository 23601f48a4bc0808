// What the readers of patterns share.

/** Why a pattern is not understood: lower case, nothing of the pattern in it. */
export class PatternFault extends Error {}

/** Where the reader stands. */
export type Reader = { readonly source: string; at: number; nesting: number }
