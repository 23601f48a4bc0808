// Follows approvals: the stream of news, and after every break the list, so that what happened meanwhile is told, too. Each change once.

import { SseReader } from '../../mcp/sse-reader.ts'
import type { ActAnswer } from './gateway.ts'

type Row = Readonly<Record<string, unknown>>
export type FollowApprovals = {
  /** the stream, with the token that counts now; rejects when nobody answers */
  readonly open: (signal: AbortSignal) => Promise<Response>
  readonly list: () => Promise<ActAnswer>
  /** one `ApprovalNews` */
  readonly tell: (news: Row) => void
  /** the stream broke, or nobody answers; it is tried again. Once per break */
  readonly broke: () => void
  readonly wait: (ms: number) => Promise<void>
  readonly signal: AbortSignal
}

/** A stream says something each quarter of a minute; one that says nothing for this long is dead, though nobody said so. */
const SILENCE_MS = 45_000
const RETRY_MS = { least: 1000, most: 30_000 } as const
const MAX_EVENT = 1024 * 1024
/** Approvals whose last change is remembered; a list has 500. */
const MAX_KNOWN = 2000

/** Until `signal`; resolves with the answer that says why it may not be followed at all. */
export async function followApprovals(parts: FollowApprovals): Promise<ActAnswer | undefined> {
  const { signal, wait, broke } = parts
  const known = new Known()
  let failures = 0
  const isOver = (): boolean => signal.aborted
  while (!isOver()) {
    const ended = await readOnce(parts, known, () => (failures = 0)).catch(() => undefined)
    if (ended || isOver()) return ended
    if (failures === 0) broke()
    await wait(Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** failures))
    failures = Math.min(failures + 1, 5)
  }
  return undefined
}

/** Versions that were told. */
class Known {
  readonly #versions = new Map<string, number>()
  isFirst = true

  /** Whether it says something new. */
  take(approval: Row): boolean {
    const [id, version] = [String(approval['id']), Number(approval['version'])]
    if (version <= (this.#versions.get(id) ?? 0)) return false
    this.#versions.delete(id)
    this.#versions.set(id, version)
    const [oldest] = this.#versions.keys()
    if (this.#versions.size > MAX_KNOWN && oldest !== undefined) this.#versions.delete(oldest)
    return true
  }
}

/** First the stream, then the list: what happens between the two is heard. The answer that refuses for good; undefined: the stream ended. */
async function readOnce(parts: FollowApprovals, known: Known, begun: () => void): Promise<ActAnswer | undefined> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SILENCE_MS)
  try {
    const answer = await parts.open(AbortSignal.any([parts.signal, silence.signal]))
    const list = await parts.list()
    if (!list.ok) return /^(?:token-|role-missing|path-unknown)/.test(list.error.reason) ? list : undefined
    if (answer.status !== 200 || !answer.body) return undefined
    begun()
    tellList(list.body['approvals'], known, parts.tell)
    const take = (text: string): void => {
      const news = readNews(text)
      if (news && (news['type'] !== 'approval' || known.take(news['approval'] as Row))) parts.tell(news)
    }
    const reader = new SseReader(({ data }) => take(data.toString()), { maxLineBytes: MAX_EVENT, maxEventBytes: MAX_EVENT })
    for await (const chunk of answer.body) {
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS)
      if (reader.push(Buffer.from(chunk as Uint8Array))) return undefined
    }
    return undefined
  } finally {
    clearTimeout(timer)
    silence.abort() // whatever is left of the answer is not waited for
  }
}

/** Oldest first. What had ended before anybody watched is no news. */
function tellList(approvals: unknown, known: Known, tell: (news: Row) => void): void {
  for (const approval of (Array.isArray(approvals) ? approvals : []).toReversed() as Row[])
    if (known.take(approval) && (!known.isFirst || approval['state'] === 'pending')) tell({ type: 'approval', approval })
  known.isFirst = false
}

function readNews(text: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
    const isWhole = value.type !== 'approval' || ('approval' in value && typeof value.approval === 'object' && value.approval !== null)
    return isWhole ? value : undefined
  } catch {
    return undefined // no news
  }
}
