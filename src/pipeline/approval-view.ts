// Approvals and standing grants as one person sees them: what may be seen at all, what may be decided, and the shapes of the API (approvals/shapes.ts).

import { LOCAL_ISSUER } from '../administration/break-glass.ts'
import type { Role } from '../administration/roles.ts'
import { mayDecideAs, SELF, type Approval, type Decider, type StandingGrant } from '../approvals/approval.ts'
import { standingOf } from '../approvals/approvals.ts'
import { readKept, shownOf } from '../approvals/kept.ts'
import { changesBetween } from '../approvals/leaves.ts'
import type { ApprovalDetail, ApprovalSummary, GrantSummary, Person } from '../approvals/shapes.ts'
import type { SelfFrom } from '../approvals/self-from.ts'
import type { ApprovalStore } from '../approvals/store.ts'
import { piecesOf } from '../approvals/text.ts'
import { principalOf, type Principal, type PrincipalKey } from '../kernel/principal.ts'

/** Somebody signed in, by the roles and groups in force now. */
export type Viewer = Decider & { readonly isAuditor: boolean }
export type ViewerDeps = {
  readonly rolesOf: (principal: Principal) => ReadonlySet<Role>
  /** groups as policies name them */
  readonly groupsOf: (principal: Principal) => readonly string[]
  readonly selfFrom: () => SelfFrom
}

/** Groups count for those whose role it is to approve; under break-glass everything is seen and nothing decided. */
export function viewerOf({ rolesOf, groupsOf, selfFrom }: ViewerDeps, principal: Principal, isInConsole: boolean): Viewer {
  const roles = rolesOf(principal)
  const groups = new Set(roles.has('approver') ? groupsOf(principal) : [])
  return {
    key: principal.key,
    client: principal.client ?? '',
    ...{ groups, isInConsole },
    selfFrom: selfFrom(),
    isAuditor: roles.has('auditor') || principal.issuer === LOCAL_ISSUER,
  }
}

export const isSeenBy = (approval: Approval, viewer: Viewer, nowSeconds: number): boolean =>
  viewer.isAuditor || approval.binding.principal === viewer.key || mayDecideAs(approval, viewer, nowSeconds).length > 0

export function summaryOf(approval: Approval, viewer: Viewer, nowSeconds: number): ApprovalSummary {
  const { id, version, digest, quorum, votes, binding, demands, rejected } = approval
  const whyNot = whyNotDecide(approval, viewer, nowSeconds)
  const standing = binding.kind === 'call' ? standingOf(demands) : undefined
  const escalates = demands.flatMap(({ escalation }) => (escalation ? [escalation.afterSeconds] : []))
  return {
    ...{ id, version, digest, quorum },
    state: approval.state === 'pending' && approval.expiresSeconds <= nowSeconds ? 'expired' : approval.state,
    kind: binding.kind,
    requester: { ...personOf(binding.principal), client: binding.client },
    server: binding.server,
    method: binding.method,
    name: nameOf(binding.name),
    endpoint: binding.endpoint,
    rules: demands.map(({ rule }) => rule),
    votes: votes.map(({ by, as, atSeconds }) => ({ ...personOf(by), as, at: timeOf(atSeconds) })),
    openedAt: timeOf(approval.openedSeconds),
    expiresAt: timeOf(approval.expiresSeconds),
    ...(escalates.length > 0 && { escalatesAt: timeOf(approval.openedSeconds + Math.min(...escalates)) }),
    ...(rejected && { rejected: { ...personOf(rejected.by), at: timeOf(rejected.atSeconds), why: piecesOf(rejected.why) } }),
    isOwn: binding.principal === viewer.key,
    mayDecide: whyNot === undefined,
    ...(whyNot !== undefined && { whyNot }),
    ...(standing !== undefined && { standingSeconds: standing }),
  }
}

function whyNotDecide(approval: Approval, viewer: Viewer, nowSeconds: number): string | undefined {
  if (approval.state !== 'pending' || approval.expiresSeconds <= nowSeconds) return 'it waits for nobody any more'
  if (approval.votes.some(({ by }) => by === viewer.key)) return 'you said yes, and others have to'
  if (mayDecideAs(approval, viewer, nowSeconds).length > 0) return undefined
  if (approval.binding.principal !== viewer.key) return 'the rules name other people'
  // Named, and asked with the very client that decides now.
  const isNamed = approval.demands.some(({ approvers }) => approvers.includes(SELF))
  return isNamed ? 'what a host asked for is decided in the console' : 'somebody else has to approve what you asked for'
}

type Lists = { readonly store: Pick<ApprovalStore, 'list'> }
/** Opened as far as this gateway still can. */
export type Bodies = {
  readonly store: Pick<ApprovalStore, 'body'>
  readonly unseal: (sealed: string, digest: string) => string | undefined
}
const RECENT = 20

/** Whether it can still be shown what it lets through. */
export const isShown = async (approval: Approval, bodies: Bodies): Promise<boolean> => {
  const kept = await keptOf(approval, bodies)
  return kept !== undefined && shownOf(kept) !== undefined
}
const UNSHOWN = 'what would run cannot be shown any more, so that nobody can approve it'

export async function detailOf(approval: Approval, viewer: Viewer, nowSeconds: number, bodies: Bodies & Lists): Promise<ApprovalDetail> {
  const { principal, server, method, name } = approval.binding
  const { list } = bodies.store
  const [kept, before, recent] = await Promise.all([
    keptOf(approval, bodies),
    list({ principal, state: 'spent', about: { server, method, name }, limit: RECENT + 1 }),
    list({ principal, about: { server }, limit: RECENT + 1 }),
  ])
  // What others decide of this person is not shown beside it.
  const isShown = (each: Approval): boolean => each.id !== approval.id && isSeenBy(each, viewer, nowSeconds)
  const last = before.find(isShown)
  const old = last && (await keptOf(last, bodies))
  const shown = kept && shownOf(kept)
  const summary = summaryOf(approval, viewer, nowSeconds)
  return {
    approval: shown || !summary.mayDecide ? summary : { ...summary, mayDecide: false, mayReject: true, whyNot: UNSHOWN },
    ...(shown && { shown }),
    ...(kept &&
      old && {
        difference: {
          against: { id: last.id, at: timeOf(last.spent?.atSeconds ?? last.openedSeconds) },
          changes: changesBetween(old.request, kept.request),
        },
      }),
    recent: recent
      .filter(isShown)
      .slice(0, RECENT)
      .map(({ id, openedSeconds, state, binding }) => ({
        ...{ id, state, method: binding.method },
        at: timeOf(openedSeconds),
        name: nameOf(binding.name),
      })),
  }
}

async function keptOf({ id, digest }: Approval, { store, unseal }: Bodies): Promise<ReturnType<typeof readKept>> {
  const sealed = await store.body(id)
  const text = sealed === undefined ? undefined : unseal(sealed, digest)
  return text === undefined ? undefined : readKept(text)
}

export function grantSummaryOf(
  { id, terms, approval, votes, givenSeconds, expiresSeconds, uses, usedSeconds }: StandingGrant,
  viewer: Viewer,
): GrantSummary {
  return {
    ...{ id, approval, uses },
    holder: { ...personOf(terms.principal), client: terms.client },
    server: terms.server,
    method: terms.method,
    name: nameOf(terms.name),
    endpoint: terms.endpoint,
    definition: terms.definition,
    givenBy: votes.map(({ by }) => personOf(by)),
    givenAt: timeOf(givenSeconds),
    expiresAt: timeOf(expiresSeconds),
    ...(usedSeconds !== undefined && { usedAt: timeOf(usedSeconds) }),
    isOwn: terms.principal === viewer.key,
  }
}

/** A URI may be long, and lists have many; a request is shown whole where it is decided. */
const MAX_NAME = 512
const nameOf = (name: string): ReturnType<typeof piecesOf> => piecesOf(name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name)
const personOf = (key: PrincipalKey): Person => principalOf(key)
const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString()
