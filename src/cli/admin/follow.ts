// Follows a registry's revocations: its stream where it has one, asking now and then where it has none. Each once, in order, over whatever breaks in between.

import { SseReader } from '../../mcp/sse-reader.ts'
import type { ActAnswer } from './gateway.ts'

export type Revoked = Readonly<Record<string, unknown>> & { readonly sequence: number }
export type FollowParts = {
  /** the last one that is known */
  readonly after: number
  /** one request, with the token that counts now; rejects when nobody answers */
  readonly open: (path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<Response>
  readonly ask: (path: string) => Promise<ActAnswer>
  readonly take: (revoked: Revoked) => void
  /** resolves early when `signal` is aborted */
  readonly wait: (ms: number) => Promise<void>
  readonly signal: AbortSignal
}

/** A stream says something each quarter of a minute; one that says nothing for this long is dead, though nobody said so. */
const SILENCE_MS = 45_000
const POLL_MS = 30_000
const RETRY_MS = { least: 1000, most: 30_000 } as const
const MAX_EVENT = 65_536

type Ended = 'over' | 'none' | { readonly refused: number }

/** Until `signal`; resolves with the answer that says why it may not be followed at all. */
export async function followRevocations(parts: FollowParts): Promise<ActAnswer | undefined> {
  const { signal, wait } = parts
  let after = parts.after
  let failures = 0
  const take = (revoked: Revoked): void => {
    if (revoked.sequence <= after) return // told again after a break
    after = revoked.sequence
    failures = 0
    parts.take(revoked)
  }
  while (!signal.aborted) {
    const ended = await readStream({ ...parts, after, take }).catch((): Ended => 'over')
    if (isEnded(signal)) return undefined
    if (typeof ended === 'object' && (ended.refused === 401 || ended.refused === 403)) return parts.ask('/v1/revocations?since=0')
    if (ended === 'none') {
      const refused = await poll({ ...parts, after, take })
      if (refused) return refused
      await wait(POLL_MS)
      continue
    }
    await wait(Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** failures))
    failures = Math.min(failures + 1, 5)
  }
  return undefined
}

/** Meanwhile: asked anew after every wait. */
const isEnded = ({ aborted }: AbortSignal): boolean => aborted

type Reading = FollowParts & { readonly take: (revoked: Revoked) => void }

async function readStream({ open, after, take, signal }: Reading): Promise<Ended> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SILENCE_MS)
  try {
    const given = AbortSignal.any([signal, silence.signal])
    const answer = await open('/v1/revocations/stream', { accept: 'text/event-stream', 'last-event-id': String(after) }, given)
    if (answer.status === 404 || answer.status === 405 || answer.status === 501) return 'none'
    if (answer.status !== 200) return { refused: answer.status }
    if (!/^text\/event-stream\b/.test(answer.headers.get('content-type') ?? '') || !answer.body) return 'none'
    const reader = new SseReader(({ data }) => takeOne(data.toString(), take), { maxLineBytes: MAX_EVENT, maxEventBytes: MAX_EVENT })
    for await (const chunk of answer.body) {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS)
      if (reader.push(Buffer.from(chunk as Uint8Array))) return 'over'
    }
    return 'over'
  } finally {
    clearTimeout(timer)
    silence.abort() // whatever is left of the answer is not waited for
  }
}

function takeOne(text: string, take: (revoked: Revoked) => void): void {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return // no revocation
  }
  if (isRevoked(value)) take(value)
}
const isRevoked = (value: unknown): value is Revoked =>
  typeof value === 'object' && value !== null && 'sequence' in value && Number.isSafeInteger(value.sequence)

/** All pages there are. The answer that refuses for good; what may be over next time is waited for. */
async function poll({ ask, after, take }: Reading): Promise<ActAnswer | undefined> {
  let last = after
  for (;;) {
    const answer = await ask(`/v1/revocations?since=${last}`).catch(() => undefined)
    if (!answer) return undefined
    if (!answer.ok) return /^(?:token-|role-missing|path-unknown)/.test(answer.error.reason) ? answer : undefined
    const page = answer.body['revocations']
    const found = Array.isArray(page) ? page.filter(isRevoked) : []
    for (const revoked of found) take(revoked)
    const next = found.at(-1)?.sequence ?? last
    if (next <= last) return undefined
    last = next
  }
}
