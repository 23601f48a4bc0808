// Approvals as this process has them: kept in state.db, told to whoever waits or watches, recorded.

import { randomBytes } from 'node:crypto'
import { sqliteApprovals } from '../adapters/sqlite/approval-store.ts'
import { sqliteStandingGrants } from '../adapters/sqlite/standing-grant-store.ts'
import type { StateDb } from '../adapters/sqlite/state-db.ts'
import type { Logger } from '../adapters/telemetry/logs.ts'
import { Approvals } from '../approvals/approvals.ts'
import { ApprovalNews } from '../approvals/news.ts'
import type { Notices } from '../approvals/notices.ts'
import { StandingGrants } from '../approvals/standing.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import type { EventEncoder } from '../audit/encode.ts'
import type { AuditLog } from '../audit/log.ts'
import type { Snapshot } from '../config/schema.ts'
import type { PrincipalKey } from '../kernel/principal.ts'
import { contextOf } from '../kernel/seal.ts'
import { isShown } from '../pipeline/approval-view.ts'
import { createQuestionApproval, type QuestionApproval } from '../pipeline/approve-question.ts'
import { Approving, type ApprovingDeps } from '../pipeline/approving.ts'
import type { Judge } from '../pipeline/judge.ts'
import { openWebhooks } from './webhooks.ts'
import type { Standing } from './standing.ts'

type Parts = Omit<ApprovingDeps, 'approvals' | 'standing' | 'news' | 'store' | 'linkTo' | 'seal' | 'fault'> & {
  readonly state: StateDb
  readonly judge: Judge
  readonly current: () => Pick<Snapshot, 'approvals' | 'outbound' | 'dataDir' | 'publicUrl'>
  readonly standing: Pick<Standing, 'blocks'>
  readonly log: Pick<AuditLog, 'append'>
  readonly encoder: Pick<EventEncoder, 'lifecycle'>
  readonly logger: Pick<Logger, 'fault'>
}

export type ApprovalHouse = {
  readonly approvals: Approvals
  readonly standing: StandingGrants
  readonly news: ApprovalNews
  readonly store: ApprovalStore
  /** what was kept of a request for people; undefined = it cannot be read any more */
  readonly unseal: (sealed: string, digest: string) => string | undefined
  readonly approving: Approving
  readonly notices: Notices
  readonly approveQuestion: QuestionApproval
  /** called by the one timer; never rejects */
  tick(): Promise<void>
}

/** Calls that hold the exchange of their host for people at one time. */
const WAITS = { total: 1000, perPrincipal: 8 }
/** Longest text that is kept, sealed. */
const MAX_KEPT = 1024 * 1024
const TIMERS = { set: (callback: () => void, ms: number) => setTimeout(callback, ms), clear: clearTimeout }

export function openApprovals(parts: Parts): ApprovalHouse {
  const { state, current, log, encoder, logger, sealer } = parts
  const isBlocked = (key: PrincipalKey): boolean => parts.standing.blocks.hasPrincipal(key)
  const nowSeconds = (): number => Math.floor(parts.now() / 1000)
  // Nothing that a command line takes for an option.
  const newId = (): string => randomBytes(24).toString('base64url').replace(/^-/, '_')
  const record = (what: string, detail: Readonly<Record<string, unknown>>): Promise<void> =>
    log.append(encoder.lifecycle(what, { ...detail }))
  const store = sqliteApprovals(state)
  const news = new ApprovalNews(TIMERS, () => WAITS)
  const standing = new StandingGrants({ store: sqliteStandingGrants(state), news, nowSeconds, newId, isBlocked, record })
  const unseal = (sealed: string, digest: string): string | undefined =>
    sealer.open('approval', sealed, MAX_KEPT, contextOf([digest]))?.toString()
  const approvals = new Approvals({
    ...{ store, standing, news, nowSeconds, newId, isBlocked, record },
    limits: () => current().approvals.limits,
    isShown: approval => isShown(approval, { store, unseal }),
  })
  const fault = (what: string, cause: unknown): void => logger.fault(what, cause)
  const shared = {
    ...{ approvals, standing, news, store, fault },
    linkTo: (id: string): string => `${current().publicUrl}/console/approvals/${id}`,
    seal: (text: string, digest: string): string => sealer.seal('approval', Buffer.from(text), contextOf([digest])),
  }
  const approving = new Approving({ ...parts, ...shared })
  const notices = openWebhooks({ state, current, logger, now: parts.now, approvals: store, news })
  return {
    ...{ approvals, standing, news, store, approving, notices, approveQuestion: createQuestionApproval({ ...parts, ...shared }) },
    unseal,
    async tick() {
      await approvals.tick().catch((cause: unknown) => fault('approvals that ended could not be told', cause))
      await notices.tick()
    },
  }
}
