// What waits for people, kept as it is at the gateway: asked for once, then followed; after every break asked for again.

import type { ApprovalList, ApprovalNews, ApprovalSummary } from '../../src/approvals/shapes.ts'
import { get } from './api.ts'

type InboxState = 'live' | 'waiting'
export type Inbox = {
  /** newest first */
  all(): readonly ApprovalSummary[]
  readonly state: () => InboxState
  /** further ones exist that are not listed */
  readonly hasMore: () => boolean
  /** hears of every change, until the returned function is called */
  watch(listener: (changed: ApprovalSummary | undefined) => void): () => void
  /** what a page did itself */
  put(approval: ApprovalSummary): void
  close(): void
}

const RETRY_MS = 5000

/** Rejects where the list cannot be had. `failed`: the session ended, or the gateway refuses for good. */
export async function openInbox(failed: (error: unknown) => void): Promise<Inbox> {
  const known = new Map<string, ApprovalSummary>()
  const listeners = new Set<(changed: ApprovalSummary | undefined) => void>()
  let state: InboxState = 'waiting'
  let more = false
  let isOver = false
  let source: EventSource | undefined
  const tell = (changed?: ApprovalSummary): void => {
    for (const listener of [...listeners]) listener(changed)
  }

  function put(approval: ApprovalSummary): void {
    const before = known.get(approval.id)
    // News of a lower version are old: they were under way while the list was.
    if (before && before.version > approval.version) return
    known.set(approval.id, approval)
    tell(approval)
  }

  async function load(): Promise<void> {
    const list = await get<ApprovalList>('approvals/list')
    known.clear()
    for (const approval of list.approvals) known.set(approval.id, approval)
    more = list.more
    tell()
  }

  function turn(to: InboxState): void {
    if (state === to) return
    state = to
    tell()
  }

  /** First the stream, then the list: what happens between the two is heard. */
  function listen(): void {
    if (isOver) return
    const own = new EventSource('/console/api/approvals/events')
    source = own
    own.onopen = () => {
      turn('live')
      load().catch(failed)
    }
    own.onmessage = event => {
      const news = JSON.parse(String(event.data)) as ApprovalNews
      if (news.type === 'approval') put(news.approval)
      else tell()
    }
    own.onerror = () => {
      turn('waiting')
      // The browser tries again by itself, unless it was refused: then the list says why.
      if (own.readyState !== EventSource.CLOSED) return
      load().then(() => setTimeout(listen, RETRY_MS), failed)
    }
  }

  await load()
  listen()
  return {
    all: () => [...known.values()].sort((a, b) => (a.openedAt < b.openedAt ? 1 : -1)),
    state: () => state,
    hasMore: () => more,
    watch(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    put,
    close() {
      isOver = true
      source?.close()
      listeners.clear()
    },
  }
}
