// Approvals as acts: what waits, what is shown of it, and deciding it. Whoever asked sees their own, approvers what they may decide, auditors everything.

import type { Approval } from '../../approvals/approval.ts'
import type { DecidedBy } from '../../approvals/approvals.ts'
import type { News } from '../../approvals/news.ts'
import type { ApprovalList, ApprovalNews, Decided, GrantList, Revoked } from '../../approvals/shapes.ts'
import type { ApprovalFilter } from '../../approvals/store.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { neutral } from '../../kernel/neutral-json.ts'
import { readDuration } from '../../policy/obligations.ts'
import { adminAnswer, readTexts, type AdminDeps, type AdminReceived, type Aimed } from '../administration.ts'
import { detailOf, grantSummaryOf, isSeenBy, summaryOf, viewerOf, type Viewer } from '../approval-view.ts'
import type { Answered, Authenticated, EventStream, Received, Stage } from '../path.ts'

type Known = AdminReceived & Authenticated
type Deps = Pick<AdminDeps, 'approvals' | 'rolesOf' | 'now'>

const MAX_LISTED = 500
/** Rows looked through for those that one may see. */
const MAX_LOOKED = 20_000
const MAX_WHY = 300
const UNKNOWN: Stop = { stop: 'approval-unknown', detail: 'nothing of this id waits for you', fix: 'list the approvals' }

const viewer = ({ rolesOf, approvals: { groupsOf, selfFrom } }: Deps, { principal, person }: Known): Viewer =>
  viewerOf({ rolesOf, groupsOf, selfFrom }, principal, person !== undefined)
const nowSeconds = ({ now }: Deps): number => Math.floor(now() / 1000)

export const listApprovalsStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'list-approvals',
  run: async x => {
    const who = viewer(deps, x)
    const found = await seenBy(deps, who)
    const listed = [...found.values()].sort(byNeed).slice(0, MAX_LISTED)
    const list: ApprovalList = {
      approvals: listed.sort(byAge).map(each => summaryOf(each, who, nowSeconds(deps))),
      more: found.size > MAX_LISTED,
    }
    return adminAnswer(list)
  },
})

const byAge = (a: Approval, b: Approval): number => b.openedSeconds - a.openedSeconds
/** What waits goes before what does not, the first that ends before all: it is not to end because others were opened or decided since. */
function byNeed(a: Approval, b: Approval): number {
  const [isFirst, isSecond] = [a.state === 'pending', b.state === 'pending']
  if (isFirst !== isSecond) return isFirst ? -1 : 1
  return isFirst ? a.expiresSeconds - b.expiresSeconds : byAge(a, b)
}

/** One's own, what waits for one, and what was decided lately. */
async function seenBy(deps: Deps, who: Viewer): Promise<ReadonlyMap<string, Approval>> {
  const { store } = deps.approvals
  const found = new Map<string, Approval>()
  const add = (approvals: readonly Approval[]): void => {
    for (const each of approvals) if (isSeenBy(each, who, nowSeconds(deps))) found.set(each.id, each)
  }
  /** all that wait: as many as may */
  const addPending = async (pending: ApprovalFilter): Promise<void> => {
    let filter = pending
    for (let looked = 0; looked < MAX_LOOKED; looked += MAX_LISTED) {
      const page = await store.list(filter)
      add(page)
      const last = page.at(-1)
      if (!last || page.length < MAX_LISTED) break
      filter = { ...filter, before: last.id }
    }
  }
  add(await store.list({ principal: who.key, limit: MAX_LISTED + 1 }))
  if (!who.isAuditor && who.groups.size === 0) {
    await addPending({ principal: who.key, state: 'pending', limit: MAX_LISTED })
    return found
  }
  add(await store.list({ limit: MAX_LISTED + 1 }))
  await addPending({ state: 'pending', limit: MAX_LISTED })
  return found
}

/** A stream that ends with the token that opened it. What may be seen is asked anew for each of the news. */
export const followApprovalsStage = (deps: Deps & Pick<AdminDeps, 'streamLimit' | 'standing'>): Stage<Known, Answered> => ({
  name: 'follow-approvals',
  run: x => {
    const { principal, endpoint } = x
    const limit = deps.streamLimit(principal)
    if (limit) return limit
    const open = (stream: EventStream): void => {
      // Whoever was blocked or signed out while this was recorded listens to nothing.
      if (deps.standing(principal)) return stream.end()
      const leave = deps.approvals.news.watch(news => {
        const told = newsFor(deps, news, viewer(deps, x))
        if (told) stream.send(Buffer.from(neutral(JSON.stringify(told))))
      })
      stream.onClose(leave)
    }
    return { answer: { kind: 'stream', owner: { principal, endpoint }, open } }
  },
})

function newsFor(deps: Deps, news: News, who: Viewer): ApprovalNews | undefined {
  if (news.type === 'grant') {
    const { grant, what } = news
    return grant.terms.principal === who.key || who.isAuditor ? { type: 'grant', id: grant.id, what } : undefined
  }
  const now = nowSeconds(deps)
  return isSeenBy(news.approval, who, now) ? { type: 'approval', approval: summaryOf(news.approval, who, now) } : undefined
}

const aim = (names: readonly string[], optional: readonly string[] = []): Stage<Received, Aimed> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, names, optional)
    if (isStop(read)) return read
    const id = read.params['id'] ?? ''
    return /^[\w-]{1,64}$/.test(id) ? { act: { target: `approval ${id}`, params: read.params } } : UNKNOWN
  },
})
/** `{id}` */
export const aimApprovalStage = aim(['id'])
/** `{id, digest, standing}`: `standing` as `8h` */
export const aimYesStage = aim(['id', 'digest'], ['standing'])
/** `{id, why}` */
export const aimNoStage = aim(['id', 'why'])

export const showApprovalStage = (deps: Deps): Stage<Known & Aimed, Answered> => ({
  name: 'show-approval',
  run: async x => {
    const found = await deps.approvals.store.find({ id: x.act.params['id'] ?? '' })
    const who = viewer(deps, x)
    const now = nowSeconds(deps)
    return found && isSeenBy(found, who, now) ? adminAnswer(await detailOf(found, who, now, deps.approvals)) : UNKNOWN
  },
})

export const approveApprovalStage = (deps: Deps): Stage<Known & Aimed, Answered> => ({
  name: 'approve-approval',
  effect: true,
  run: async x => {
    const { id = '', digest = '', standing } = x.act.params
    const standingSeconds = standing === undefined ? undefined : readDuration(standing)
    if (standing !== undefined && standingSeconds === undefined)
      return { stop: 'params-invalid', detail: 'expected `standing` as a time such as `8h`' }
    const said = { digest, ...(standingSeconds !== undefined && { standingSeconds }) }
    return decided(deps, x, await deps.approvals.approvals.approve(id, viewer(deps, x), said))
  },
})

export const rejectApprovalStage = (deps: Deps): Stage<Known & Aimed, Answered> => ({
  name: 'reject-approval',
  effect: true,
  run: async x => {
    const { id = '', why = '' } = x.act.params
    if (why.length > MAX_WHY || why.trim() === '')
      return { stop: 'params-invalid', detail: `expected \`why\` as one sentence of at most ${MAX_WHY} characters` }
    return decided(deps, x, await deps.approvals.approvals.reject(id, viewer(deps, x), why))
  },
})

function decided(deps: Deps, x: Known, done: DecidedBy | Stop): Answered | Stop {
  if (isStop(done)) return done
  const who = viewer(deps, x)
  const { approval, isYours, grant } = done
  const body: Decided = {
    approval: summaryOf(approval, who, nowSeconds(deps)),
    isYours,
    ...(grant && { grant: grantSummaryOf(grant, who) }),
  }
  return adminAnswer(body)
}

/** Everybody's for those who look after the gateway. */
export const listGrantsStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'list-grants',
  run: async x => {
    const who = viewer(deps, x)
    const isForAll = who.isAuditor || hasAny(deps, x, ['approver', 'operator'])
    const found = await deps.approvals.standing.list(isForAll ? undefined : who.key)
    const list: GrantList = {
      grants: found.slice(0, MAX_LISTED).map(each => grantSummaryOf(each, who)),
      more: found.length > MAX_LISTED,
    }
    return adminAnswer(list)
  },
})

export const aimGrantStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['id'])
    if (isStop(read)) return read
    const id = read.params['id'] ?? ''
    return /^[\w-]{1,64}$/.test(id) ? { act: { target: `grant ${id}`, params: read.params } } : UNKNOWN
  },
}

export const revokeGrantStage = (deps: Deps): Stage<Known & Aimed, Answered> => ({
  name: 'revoke-grant',
  effect: true,
  run: async x => {
    const who = viewer(deps, x)
    const ofAnybody = hasAny(deps, x, ['approver', 'operator'])
    const revoked = await deps.approvals.standing.revoke(x.act.params['id'] ?? '', who.key, ofAnybody ? undefined : who.key)
    if (!revoked) return { ...UNKNOWN, detail: 'there is no such standing grant of yours' }
    const body: Revoked = { revoked: grantSummaryOf(revoked, who) }
    return adminAnswer(body)
  },
})

const hasAny = ({ rolesOf }: Deps, { principal }: Authenticated, roles: readonly ('approver' | 'operator')[]): boolean => {
  const own = rolesOf(principal)
  return roles.some(role => own.has(role))
}
