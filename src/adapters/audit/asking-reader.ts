// The reader's port over whatever answers single questions: a thread, or a folder.

import { QUERY_LIMITS, type AuditReader, type Found, type FoundPage, type LogState, type Query } from '../../audit/reading.ts'

export type Ask =
  | { readonly what: 'search'; readonly query: Query }
  | { readonly what: 'read'; readonly from: number; readonly max: number }
  | { readonly what: 'story'; readonly call: string }
  | { readonly what: 'state' }
  | { readonly what: 'proof'; readonly seq: number }
export type Answer = FoundPage | readonly Found[] | LogState | string

/** A search takes as many turns as it needs, up to these; then its page ends early. About three seconds of work. */
const MAX_TURNS = 100
/** A page that holds this much ends, in UTF-16 units. */
const MAX_PAGE = 1 << 20

/** `answer` rejects with the Faults that AuditReader names. Turns of one search are questions of their own: others come in between. */
export function askingReader(answer: (ask: Ask) => Promise<Answer>): AuditReader {
  return {
    async search(query: Query): Promise<FoundPage> {
      const limit = Math.min(query.limit ?? QUERY_LIMITS.defaultLimit, QUERY_LIMITS.maxLimit)
      const events: Found[] = []
      let { before } = query
      let units = 0
      for (let turn = 1; ; turn += 1) {
        const rest = { ...query, limit: limit - events.length, ...(before !== undefined && { before }) }
        const page = (await answer({ what: 'search', query: rest })) as FoundPage
        events.push(...page.events)
        before = page.next
        units = page.events.reduce((sum, { event }) => sum + event.length, units)
        if (before === undefined || events.length >= limit || units > MAX_PAGE || turn === MAX_TURNS)
          return { events, size: page.size, ...(before !== undefined && { next: before }) }
      }
    },
    read: async (from, max) => (await answer({ what: 'read', from, max })) as readonly Found[],
    story: async call => (await answer({ what: 'story', call })) as readonly Found[],
    state: async () => (await answer({ what: 'state' })) as LogState,
    proof: async seq => (await answer({ what: 'proof', seq })) as string,
  }
}
