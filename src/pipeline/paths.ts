// THE TABLE: which stages every MCP method walks, in which order. What is not here is refused.

import type { Role } from '../administration/roles.ts'
import type { AdminDeps, AdminReceived } from './administration.ts'
import type { Approving } from './approving.ts'
import { Path, type Answered, type Authenticated, type Classified, type Joined, type Received } from './path.ts'
import { admitStage } from './stages/admit.ts'
import {
  adviseStage,
  aimAdvisoriesStage,
  aimAdvisoryStage,
  aimWithdrawalStage,
  listAdvisoriesStage,
  withdrawAdvisoryStage,
} from './stages/administer-advisories.ts'
import {
  aimApprovalStage,
  aimGrantStage,
  aimNoStage,
  aimYesStage,
  approveApprovalStage,
  followApprovalsStage,
  listApprovalsStage,
  listGrantsStage,
  rejectApprovalStage,
  revokeGrantStage,
  showApprovalStage,
} from './stages/administer-approvals.ts'
import { aimBlockStage, aimPrincipalStage, blockStage, endSessionsStage, listBlocksStage } from './stages/administer-blocks.ts'
import {
  aimBreakGlassStage,
  aimChangeStage,
  aimProposalStage,
  aimUnblockStage,
  approveStage,
  changeStage,
  closeBreakGlassStage,
  listProposalsStage,
  openBreakGlassStage,
  rejectStage,
  whoamiStage,
} from './stages/administer-changes.ts'
import { aimDeadStage, dropDeadStage, listDeadStage, listSinksStage, replayDeadStage, showDeadStage } from './stages/administer-sinks.ts'
import {
  aimCallStage,
  aimEventStage,
  aimSearchStage,
  auditStateStage,
  proveEventStage,
  searchAuditStage,
  showCallStage,
} from './stages/read-audit.ts'
import { aimErasureStage, aimValueStage, showValueStage } from './stages/recorded-values.ts'
import { aimMarksStage, clearMarksStage, listMarksStage } from './stages/administer-marks.ts'
import {
  aimFreezeStage,
  aimMemberStage,
  aimNamespaceStage,
  aimProofStage,
  claimStage,
  freezeStage,
  listNamespacesStage,
  proveStage,
  setMemberStage,
} from './stages/administer-namespaces.ts'
import {
  aimAttestationStage,
  aimRevocationStage,
  aimStatusStage,
  aimSubmissionStage,
  attestStage,
  publishStage,
  revokeStage,
  setStatusStage,
} from './stages/administer-registry.ts'
import { authenticatePublisherStage, type Granted } from './stages/authenticate-publisher.ts'
import { authenticateStage } from './stages/authenticate.ts'
import { callUpstreamStage, type CallDeps } from './stages/call-upstream.ts'
import { checkFilterScopesStage, checkScopesStage } from './stages/check-scopes.ts'
import { classifyStage } from './stages/classify.ts'
import { evaluateEndpointStage, evaluatePolicyStage } from './stages/evaluate-policy.ts'
import { issueTokenStage, proveStage as proveIdentityStage } from './stages/exchange-proof.ts'
import { joinSessionStage } from './stages/join-session.ts'
import { discoverStage, listStage } from './stages/lists.ts'
import { aimConnectionStage, listConnectionsStage, revokeConnectionStage } from './stages/own-connections.ts'
import { listActivityStage } from './stages/list-activity.ts'
import { listCollisionsStage } from './stages/list-collisions.ts'
import { inspectStage } from './stages/inspect.ts'
import { labelContentsStage } from './stages/label-contents.ts'
import { limitStage } from './stages/limit.ts'
import { prepareArgumentsStage } from './stages/prepare-arguments.ts'
import { aimMirroredStage, aimMirrorStage, listMirroredStage, listMirrorsStage, readMirrorStage } from './stages/administer-mirrors.ts'
import { aimFollowStage, aimReadStage, followRevocationsStage, readRegistryStage, readReviewsStage } from './stages/read-registry.ts'
import { requireApprovalStage } from './stages/require-approval.ts'
import { requireEraStage } from './stages/require-era.ts'
import { aimServerStage, listServersStage, showServerStage } from './stages/review-servers.ts'
import { identifyLocalStage, identifyPersonStage, requirePublisherStage, requireRoleStage } from './stages/require-role.ts'
import { resolveCredentialStage } from './stages/resolve-credential.ts'
import { resolveMethodStage, resolveNameStage, resolveReferenceStage, type Routed } from './stages/resolve-route.ts'
import {
  acceptStage,
  allowBatchStage,
  cancelStage,
  endSessionStage,
  initializeStage,
  pingStage,
  replyStage,
  setLevelStage,
} from './stages/sessions.ts'
import { aimSignerStage, keepSignerStage, listSignersStage } from './stages/signer-policies.ts'
import { spendApprovalStage } from './stages/spend-approval.ts'
import { listenStage, openStreamStage, subscribeStage } from './stages/streams.ts'
import { resolveTaskStage } from './stages/tasks.ts'
import { verifyFilterStage } from './stages/verify-filter.ts'
import { verifyServerStage } from './stages/verify-server.ts'

type Whole = Path<Received & Answered>

/** How somebody came to administer: with a token, by a file on this machine, or by a session of the console. */
export type AdminDoor = 'network' | 'local' | 'console'
export type AdminPaths = { of(method: string, door: AdminDoor): Path<AdminReceived & Answered> | undefined }

export interface Paths {
  of(x: Received): Whole
}

/** Builds the table. `both`, `legacy`, `modern`: which hosts a method exists for; to the others it is unknown (R14). */
export function createPaths(deps: CallDeps, approving: Pick<Approving, 'hold' | 'spend'>): Paths {
  const known = Path.start().step(classifyStage).step(authenticateStage(deps)).step(admitStage(deps))
  const both = known.step(joinSessionStage(deps))
  const legacy = known.step(requireEraStage('legacy')).step(joinSessionStage(deps))
  const modern = known.step(requireEraStage('modern')).step(joinSessionStage(deps))

  const prepare = prepareArgumentsStage(deps)
  const own = resolveCredentialStage(deps)
  const call = callUpstreamStage(deps)
  const inspect = inspectStage(deps)
  const permit = evaluatePolicyStage(deps)
  const approve = requireApprovalStage(approving, permit.run)
  const spend = spendApprovalStage(approving)
  const may = evaluateEndpointStage(deps)
  const limit = limitStage(deps)
  const label = labelContentsStage(deps)
  const scopes = checkScopesStage
  const verify = verifyServerStage(deps)
  const resolve = (kind: 'tool' | 'prompt' | 'resource') => resolveNameStage(deps, kind)
  // Whatever reaches an upstream for a host walks these, in this order.
  const use = (routed: Path<Received & Classified & Authenticated & Joined & Routed>) => {
    const may = routed.step(permit).step(scopes).step(verify).step(prepare).step(own).step(approve)
    return may.step(limit).step(label).step(spend).step(call).step(inspect)
  }
  const task = use(modern.step(resolveTaskStage(deps)))

  const table: Readonly<Record<string, Whole>> = {
    'tools/call': use(both.step(resolve('tool'))),
    'prompts/get': use(both.step(resolve('prompt'))),
    'resources/read': use(both.step(resolve('resource'))),
    'completion/complete': use(both.step(resolveReferenceStage(deps))),

    'tools/list': both.step(listStage(deps, 'tools/list')),
    'prompts/list': both.step(listStage(deps, 'prompts/list')),
    'resources/list': both.step(listStage(deps, 'resources/list')),
    'resources/templates/list': both.step(listStage(deps, 'resources/templates/list')),

    'server/discover': modern.step(may).step(discoverStage(deps)),
    'subscriptions/listen': modern.step(may).step(checkFilterScopesStage(deps)).step(verifyFilterStage(deps)).step(listenStage(deps)),
    'tasks/get': task,
    'tasks/update': task,
    'tasks/cancel': task,

    initialize: known.step(requireEraStage('legacy')).step(may).step(initializeStage(deps)),
    ping: legacy.step(may).step(pingStage),
    'logging/setLevel': legacy.step(may).step(setLevelStage),
    'resources/subscribe': legacy
      .step(resolve('resource'))
      .step(permit)
      .step(scopes)
      .step(verify)
      .step(own)
      .step(approve)
      .step(limit)
      .step(spend)
      .step(subscribeStage(deps, true)),
    'resources/unsubscribe': legacy
      .step(resolve('resource'))
      .step(permit)
      .step(scopes)
      .step(approve)
      .step(limit)
      .step(spend)
      .step(subscribeStage(deps, false)),

    'notifications/cancelled': both.step(may).step(cancelStage),
    'notifications/initialized': both.step(may).step(acceptStage),
    'notifications/progress': both.step(may).step(acceptStage),
    'notifications/roots/list_changed': both.step(may).step(acceptStage),
  }
  // What the transport does (GET, DELETE, a posted response, an array): a table of its own, so that no message can name one as its method.
  const acts: Readonly<Record<string, Whole>> = {
    'session/stream': legacy.step(may).step(openStreamStage(deps)),
    'session/end': legacy.step(may).step(endSessionStage(deps)),
    'session/reply': legacy.step(may).step(replyStage),
    'session/batch': legacy.step(may).step(allowBatchStage),
  }
  // Extension methods: relayed where one upstream is meant and an allow rule names the method.
  const extension = use(both.step(resolveMethodStage(deps)))
  const otherNotification = both.step(acceptStage)

  return pathsOf({ table, acts, extension, otherNotification })
}

type Rows = Readonly<Record<string, Whole>>
type Table = { readonly table: Rows; readonly acts: Rows; readonly extension: Whole; readonly otherNotification: Whole }
function pathsOf({ table, acts, extension, otherNotification }: Table): Paths {
  const rows = new Map(Object.entries(table))
  const actRows = new Map(Object.entries(acts))
  const isAct = ({ message }: Received): boolean => message === undefined || message.kind === 'response'
  const of = (x: Received): Whole =>
    isAct(x) ? (actRows.get(x.method) ?? extension) : (rows.get(x.method) ?? (x.isRequest ? extension : otherNotification))
  return { of }
}

/** What people let through: anybody signed in, each as far as approvals are theirs to see or decide. */
function approvalRows(deps: AdminDeps, signedIn: Path<Received & Authenticated>): Readonly<Record<string, Whole>> {
  return {
    'admin/approvals/list': signedIn.step(listApprovalsStage(deps)),
    'admin/approvals/events': signedIn.step(followApprovalsStage(deps)),
    'admin/approvals/show': signedIn.step(aimApprovalStage).step(showApprovalStage(deps)),
    'admin/approvals/approve': signedIn.step(aimYesStage).step(approveApprovalStage(deps)),
    'admin/approvals/reject': signedIn.step(aimNoStage).step(rejectApprovalStage(deps)),
    'admin/grants/list': signedIn.step(listGrantsStage(deps)),
    'admin/grants/revoke': signedIn.step(aimGrantStage).step(revokeGrantStage(deps)),
  }
}

/** Where audit events go. What is looked at may be looked at by auditors; what is never delivered is an operator's to say. */
function sinkRows(
  deps: AdminDeps,
  looking: Path<Received & Authenticated>,
  operator: Path<Received & Authenticated>,
): Readonly<Record<string, Whole>> {
  return {
    'admin/audit/sinks/list': looking.step(listSinksStage(deps)),
    'admin/audit/dead/list': looking.step(listDeadStage(deps)),
    'admin/audit/dead/show': looking.step(aimDeadStage(true)).step(showDeadStage(deps)),
    'admin/audit/dead/replay': operator.step(aimDeadStage(false)).step(replayDeadStage(deps)),
    'admin/audit/dead/drop': operator.step(aimDeadStage(false)).step(dropDeadStage(deps)),
  }
}

type Known = Path<Received & Authenticated>

/** `publishing`: where tokens of the registry count, too. */
function rowsFrom(deps: AdminDeps, known: Known, publishing: Path<Received & Authenticated & Granted>): Readonly<Record<string, Whole>> {
  const role = (...roles: readonly Role[]): ReturnType<typeof requireRoleStage> => requireRoleStage(deps, ...roles)
  const publisher = (...roles: readonly Role[]): ReturnType<typeof requirePublisherStage> => requirePublisherStage(deps, ...roles)
  const change = (what: string): ReturnType<typeof changeStage> => changeStage(deps, what)
  return {
    'admin/whoami': known.step(role()).step(whoamiStage(deps)),
    'admin/blocks/list': known.step(role('operator', 'approver', 'auditor')).step(listBlocksStage(deps)),
    'admin/block': known.step(role('operator')).step(aimBlockStage(deps)).step(blockStage(deps)),
    'admin/unblock': known.step(role('operator')).step(aimUnblockStage(deps)).step(change('unblock')),
    'admin/sessions/end': known.step(role('operator')).step(aimPrincipalStage(deps)).step(endSessionsStage(deps)),
    'admin/keys/rotate': known.step(role('operator')).step(aimChangeStage('key')).step(change('rotate-key')),
    'admin/connections/list': known.step(role()).step(listConnectionsStage(deps)),
    'admin/connections/revoke': known.step(role()).step(aimConnectionStage(deps)).step(revokeConnectionStage(deps)),
    'admin/collisions/list': known.step(role('operator', 'policy-author', 'approver', 'auditor')).step(listCollisionsStage(deps)),
    'admin/activity/list': known.step(role('operator', 'auditor')).step(listActivityStage(deps)),
    'admin/servers/list': known.step(role('operator', 'approver', 'auditor')).step(listServersStage(deps)),
    'admin/servers/show': known
      .step(role('operator', 'approver', 'auditor'))
      .step(aimServerStage)
      .step(showServerStage(deps)),
    'admin/audit/search': known.step(role('auditor')).step(aimSearchStage).step(searchAuditStage(deps)),
    'admin/audit/show': known.step(role('auditor')).step(aimCallStage).step(showCallStage(deps)),
    'admin/audit/state': known.step(role('operator', 'auditor')).step(auditStateStage(deps)),
    'admin/audit/proof': known.step(role('auditor')).step(aimEventStage).step(proveEventStage(deps)),
    'admin/audit/value': known.step(role('auditor')).step(aimValueStage).step(showValueStage(deps)),
    'admin/audit/erase': known.step(role('operator')).step(aimErasureStage(deps)).step(change('erase-values')),
    'admin/marks/list': known.step(role()).step(listMarksStage(deps)),
    'admin/marks/clear': known.step(role()).step(aimMarksStage(deps)).step(clearMarksStage(deps)),
    ...approvalRows(deps, known.step(role())),
    ...sinkRows(deps, known.step(role('operator', 'auditor')), known.step(role('operator'))),
    'admin/proposals/list': known.step(role('operator', 'policy-author', 'approver', 'auditor')).step(listProposalsStage(deps)),
    'admin/proposals/approve': known.step(role('operator', 'approver')).step(aimProposalStage).step(approveStage(deps)),
    'admin/proposals/reject': known.step(role('operator', 'approver')).step(aimProposalStage).step(rejectStage(deps)),
    'admin/namespaces/list': known.step(role('operator', 'auditor', 'publisher')).step(listNamespacesStage(deps)),
    'admin/namespaces/claim': known.step(role('publisher')).step(aimNamespaceStage).step(claimStage(deps)),
    'admin/namespaces/verify': known.step(role('publisher')).step(aimProofStage).step(proveStage(deps)),
    'admin/namespaces/members': known.step(role('publisher')).step(aimMemberStage).step(setMemberStage(deps)),
    'admin/namespaces/register': known.step(role('operator')).step(aimChangeStage('namespace')).step(change('register-namespace')),
    'admin/namespaces/thaw': known.step(role('operator')).step(aimChangeStage('namespace')).step(change('thaw-namespace')),
    'admin/namespaces/reassign': known.step(role('operator')).step(aimChangeStage('namespace')).step(change('reassign-namespace')),
    'admin/namespaces/signer': known
      .step(role('operator', 'policy-author'))
      .step(aimSignerStage)
      .step(keepSignerStage(deps))
      .step(change('stage-signer-policy')),
    'admin/namespaces/freeze': known.step(role('operator')).step(aimFreezeStage).step(freezeStage(deps)),
    'admin/registry/signers': known
      .step(role('operator', 'policy-author', 'approver', 'auditor', 'publisher'))
      .step(listSignersStage(deps)),
    'admin/registry/submit': publishing.step(publisher('publisher')).step(aimSubmissionStage(false)).step(publishStage(deps)),
    'admin/registry/publish': publishing.step(publisher('publisher')).step(aimSubmissionStage(true)).step(publishStage(deps)),
    'admin/registry/attest': known.step(role('operator', 'publisher')).step(aimAttestationStage).step(attestStage(deps)),
    'admin/registry/status': publishing.step(publisher('operator', 'publisher')).step(aimStatusStage).step(setStatusStage(deps)),
    'admin/registry/revoke': known.step(role('operator')).step(aimRevocationStage).step(revokeStage(deps)),
    'admin/registry/clear': known.step(role('operator')).step(aimChangeStage('server')).step(change('clear-lookalike')),
    'admin/registry/advise': known.step(role('operator')).step(aimAdvisoryStage).step(adviseStage(deps)),
    'admin/registry/withdraw': known.step(role('operator')).step(aimWithdrawalStage).step(withdrawAdvisoryStage(deps)),
    'admin/registry/advisories': known.step(role('operator', 'auditor')).step(aimAdvisoriesStage).step(listAdvisoriesStage(deps)),
    'admin/registry/reviews': known
      .step(role('operator', 'approver', 'auditor'))
      .step(aimReadStage)
      .step(readReviewsStage(deps)),
    'admin/registry/mirrors': known.step(role('operator', 'auditor')).step(listMirrorsStage(deps)),
    'admin/registry/mirror': known.step(role('operator')).step(aimMirrorStage).step(readMirrorStage(deps)),
    'admin/registry/mirrored': known
      .step(role('operator', 'approver', 'auditor'))
      .step(aimMirroredStage)
      .step(listMirroredStage(deps)),
    'admin/registry/read': known.step(role()).step(aimReadStage).step(readRegistryStage(deps)),
    'admin/registry/follow': known.step(role()).step(aimFollowStage).step(followRevocationsStage(deps)),
  }
}

/** What pages of the console ask for, and nothing else: whoever gets hold of a session of theirs has no more. */
const CONSOLE_ACTS: ReadonlySet<string> = new Set([
  'admin/whoami',
  'admin/connections/list',
  'admin/connections/revoke',
  'admin/collisions/list',
  'admin/activity/list',
  'admin/servers/list',
  'admin/servers/show',
  'admin/audit/search',
  'admin/audit/show',
  'admin/audit/state',
  'admin/audit/proof',
  'admin/approvals/list',
  'admin/approvals/events',
  'admin/approvals/show',
  'admin/approvals/approve',
  'admin/approvals/reject',
  'admin/grants/list',
  'admin/grants/revoke',
])

/**
 * The rows of administration. Over the network a token for the resource `/admin` says who asks; a local command (a file of the gateway's own user) walks
 * the same rows while break-glass is open, and opens it by the two rows that only it has; a session of the console walks those of them that its pages need.
 */
export function createAdminPaths(deps: AdminDeps): AdminPaths {
  const network = Path.start().step(authenticateStage(deps)).step(admitStage(deps))
  const publishing = Path.start<AdminReceived>()
    .step(authenticatePublisherStage(deps, authenticateStage(deps)))
    .step(admitStage(deps))
  const local = Path.start<AdminReceived>().step(identifyLocalStage).step(admitStage(deps))
  const localRows: Readonly<Record<string, Path<AdminReceived & Answered>>> = {
    'admin/break-glass/open': local.step(aimBreakGlassStage).step(openBreakGlassStage(deps)),
    'admin/break-glass/close': local.step(closeBreakGlassStage(deps)),
  }
  // Nobody has an account who comes here: the proof says who it is.
  const strangers: Readonly<Record<string, Whole>> = {
    'registry/exchange': Path.start().step(proveIdentityStage(deps)).step(admitStage(deps)).step(issueTokenStage(deps)),
  }
  const overNetwork = new Map<string, Path<AdminReceived & Answered>>([
    ...Object.entries(rowsFrom(deps, network, publishing)),
    ...Object.entries(strangers),
  ])
  const byFile = new Map<string, Path<AdminReceived & Answered>>([
    ...Object.entries(rowsFrom(deps, local, local)),
    ...Object.entries(localRows),
  ])
  const person = Path.start<AdminReceived>().step(identifyPersonStage).step(admitStage(deps))
  const inConsole = new Map(Object.entries(rowsFrom(deps, person, person)).filter(([method]) => CONSOLE_ACTS.has(method)))
  const doors = { network: overNetwork, local: byFile, console: inConsole }
  return { of: (method, door) => doors[door].get(method) }
}
