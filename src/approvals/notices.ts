// Webhooks: what was noticed of approvals is kept until the other side took it, oldest first, and sent again where it did not. At least once.

import type { Approval } from './approval.ts'
import { kindOf, noticeBody, type NoticeKind, type Webhook } from './notice.ts'
import type { ApprovalNews } from './news.ts'
import type { ApprovalStore } from './store.ts'

/** One thing to tell one webhook. `id` is the same at every attempt: whoever receives it twice knows by it. */
export type Notice = {
  readonly id: string
  readonly hook: string
  readonly approval: string
  readonly kind: NoticeKind
  readonly atSeconds: number
  readonly attempts: number
}

/** Durability: what resolved survives a crash. */
export interface NoticeStore {
  /** unless it is there, whatever became of it */
  add(notices: readonly Omit<Notice, 'attempts'>[]): Promise<void>
  /** names of those for whom something is due at this moment */
  waiting(nowSeconds: number): Promise<readonly string[]>
  /** due at this moment for one of them, oldest first */
  due(hook: string, nowSeconds: number, limit: number): Promise<readonly Notice[]>
  /** it was taken, or will not be tried again */
  end(id: string, state: 'taken' | 'dead'): Promise<void>
  /** not before then */
  delay(id: string, attempts: number, dueSeconds: number): Promise<void>
  /** drops what ended before, and how many wait now or are dead */
  sweep(beforeSeconds: number): Promise<{ readonly due: number; readonly dead: number }>
}

/** `taken`: a 2xx; `later`: ask again, after so many seconds where it said so; `never`: it will not be taken, whatever is done (410, or 4xx that says so) */
export type Sent =
  | { readonly is: 'taken' }
  | { readonly is: 'later'; readonly why: string; readonly afterSeconds?: number }
  | { readonly is: 'never'; readonly why: string }

type Parts = {
  readonly store: NoticeStore
  readonly approvals: Pick<ApprovalStore, 'find' | 'list'>
  readonly news: Pick<ApprovalNews, 'watch'>
  /** in force now */
  readonly hooks: () => readonly Webhook[]
  /** never rejects */
  readonly send: (hook: Webhook, id: string, body: string) => Promise<Sent>
  readonly linkTo: (id: string) => string
  readonly newId: () => string
  readonly nowSeconds: () => number
  /** 0 up to 1: so that many that failed together do not come back together */
  readonly random: () => number
  /** something is lost for a webhook, or could not be kept; said once for each */
  readonly fault: (what: string, cause: unknown) => void
}

/** Of each webhook, sent at one time: one that hangs keeps nobody else waiting. */
const AT_ONCE = 8
/** About a day and a half of attempts. */
const MAX_ATTEMPTS = 18
const FIRST_SECONDS = 2
const LONGEST_SECONDS = 4 * 3600
const KEPT_SECONDS = 30 * 86_400
const SWEEP_SECONDS = 600
/** Approvals that are looked at once at start, of the last day: news of those may have been lost with the process. */
const LOOKED_AT = 10_000
const LOOKED_BACK_SECONDS = 86_400

export class Notices {
  readonly #parts: Parts
  readonly #leave: () => void
  #adding: Promise<unknown> = Promise.resolve()
  /** webhooks that are being sent to, by name */
  readonly #lanes = new Map<string, Promise<void>>()
  #caughtUp: Promise<void> | undefined
  #isStopped = false
  #sweptSeconds = 0
  #counts = { due: 0, dead: 0 }

  constructor(parts: Parts) {
    this.#parts = parts
    this.#leave = parts.news.watch(news => {
      if (news.type === 'approval') this.#note([news.approval])
    })
  }

  /** for metrics */
  get counts(): { readonly due: number; readonly dead: number } {
    return this.#counts
  }

  /** What was decided or opened while nobody could hear of it, before this process began. */
  async #catchUp(): Promise<void> {
    const { approvals, nowSeconds } = this.#parts
    const since = nowSeconds() - LOOKED_BACK_SECONDS
    this.#note((await approvals.list({ limit: LOOKED_AT })).filter(({ openedSeconds }) => openedSeconds >= since).reverse())
  }

  /** Called by the one timer: sends what is due to whoever is not being sent to, and resolves once that is over. Never rejects. */
  tick(): Promise<void> {
    return this.#guarded(this.#deliver())
  }
  #guarded(work: Promise<void>): Promise<void> {
    return work.catch((cause: unknown) => this.#parts.fault('webhooks could not be read or kept', cause))
  }

  /** Nothing more is heard; resolves when what is under way is over. */
  async stop(): Promise<void> {
    this.#leave()
    this.#isStopped = true
    await Promise.allSettled([this.#adding, ...this.#lanes.values()])
  }

  #note(approvals: readonly Approval[]): void {
    const { hooks, newId, nowSeconds, store, fault } = this.#parts
    const now = nowSeconds()
    const notices = approvals.flatMap(approval => {
      const kind = kindOf(approval, now)
      if (!kind) return []
      const wanted = hooks().filter(({ on }) => on.has(kind))
      return wanted.map(({ name }) => ({ id: newId(), hook: name, approval: approval.id, kind, atSeconds: now }))
    })
    if (notices.length === 0) return
    // One after the other, so that what came first is sent first.
    this.#adding = this.#adding
      .then(() => store.add(notices))
      .catch((cause: unknown) => fault('news of approvals could not be kept for webhooks', cause))
  }

  async #deliver(): Promise<void> {
    const { store, nowSeconds, hooks } = this.#parts
    if (hooks().length > 0)
      await (this.#caughtUp ??= this.#catchUp().catch((cause: unknown) => {
        this.#caughtUp = undefined
        throw cause
      }))
    await this.#adding
    const idle = (await store.waiting(nowSeconds())).filter(name => !this.#lanes.has(name))
    await Promise.all(idle.map(name => this.#begin(name)))
    if (nowSeconds() - this.#sweptSeconds < SWEEP_SECONDS) return
    this.#sweptSeconds = nowSeconds()
    this.#counts = await store.sweep(nowSeconds() - KEPT_SECONDS)
  }

  #begin(name: string): Promise<void> {
    const lane = this.#guarded(this.#send(name)).finally(() => this.#lanes.delete(name))
    this.#lanes.set(name, lane)
    return lane
  }

  /** All that is due for one, a few at a time. */
  async #send(name: string): Promise<void> {
    const { store, nowSeconds } = this.#parts
    let due: readonly Notice[]
    do {
      due = await store.due(name, nowSeconds(), AT_ONCE)
      await Promise.all(due.map(notice => this.#one(notice)))
    } while (due.length === AT_ONCE && !this.#isStopped)
  }

  async #one(notice: Notice): Promise<void> {
    const { hooks, approvals, store, send, linkTo, nowSeconds, random, fault } = this.#parts
    const hook = hooks().find(({ name }) => name === notice.hook)
    const approval = hook && (await approvals.find({ id: notice.approval }))
    // It was taken out of the configuration, or is older than what is kept.
    if (!hook || !approval) return store.end(notice.id, 'dead')
    const told = { approval, kind: notice.kind, link: linkTo(approval.id), at: notice.atSeconds }
    const sent = await send(hook, notice.id, noticeBody(hook.format, told))
    if (sent.is === 'taken') return store.end(notice.id, 'taken')
    const attempts = notice.attempts + 1
    if (attempts === 1) fault(`the webhook \`${hook.name}\` did not take ${notice.id}, which is sent again`, new Error(sent.why))
    if (sent.is === 'never' || attempts >= MAX_ATTEMPTS) {
      fault(`the webhook \`${hook.name}\` does not take ${notice.id}, which is given up`, new Error(sent.why))
      return store.end(notice.id, 'dead')
    }
    const grown = Math.min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** notice.attempts)
    const seconds = Math.max(sent.afterSeconds ?? 0, Math.ceil(grown * (0.5 + random() / 2)))
    return store.delay(notice.id, attempts, nowSeconds() + Math.min(LONGEST_SECONDS, seconds))
  }
}
