// Revocations as they are read page by page: by whoever may read the whole registry.

import type { Stop } from '../kernel/errors.ts'
import { neutral } from '../kernel/neutral-json.ts'
import { knownSequence, revocationShown } from './revocation-feed.ts'
import type { RevocationLog } from './store.ts'

const MAX_REVOCATIONS = 1000

/** Oldest first, from behind `since`: who asks again with the last number has missed none. JSON text. */
export async function revocationsSince(log: RevocationLog, params: URLSearchParams): Promise<string | Stop> {
  const since = params.getAll('since').length > 1 ? TWICE : knownSequence(params.get('since') ?? undefined)
  if (typeof since !== 'number') return since
  const found = await log.since(since, MAX_REVOCATIONS)
  return neutral(
    JSON.stringify({ revocations: found.map(revocationShown), metadata: { count: found.length, last: found.at(-1)?.sequence ?? since } }),
  )
}
const TWICE: Stop = { stop: 'params-invalid', detail: 'expected `since` once' }
