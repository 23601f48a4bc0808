// A call that the rules permit only once people approved it: which approval or standing grant lets it through, who is asked where there is none, and its use, once.

import type { Approvals } from '../approvals/approvals.ts'
import type { StandingGrants } from '../approvals/standing.ts'
import { bindingDigest, type Approval, type Binding } from '../approvals/approval.ts'
import { keptText } from '../approvals/kept.ts'
import { isStop, type Stop } from '../kernel/errors.ts'
import { nameOf, peopleOf, type Approved, type Held } from './approved.ts'
import { bindingOf, keptOf, requestText, type Subject } from './approval-subject.ts'
import { neededFor, permitWith, type Needing } from './approved-verdict.ts'
import { askToApprove, type AskApprovalDeps } from './ask-to-approve.ts'
import type { GatewayDeps } from './deps.ts'
import type { Judged } from './judge.ts'
import type { Permitted } from './path.ts'

export type ApprovingDeps = AskApprovalDeps &
  Pick<GatewayDeps, 'catalogue' | 'upstreams' | 'credentials'> & {
    readonly approvals: Approvals
    readonly standing: StandingGrants
    /** for the store: what people are shown */
    readonly seal: (text: string, id: string) => string
    readonly fault: (what: string, cause: unknown) => void
  }

type Asking = Subject & Permitted & Needing
/** The rules asked anew, after a wait. */
export type Again = (x: Asking) => (Permitted & Needing) | Stop | Promise<(Permitted & Needing) | Stop>
type Through = Approved & Permitted

/** Times a call looks again after a wait: each is a decision of people. */
const MAX_LOOKS = 8

export class Approving {
  readonly #deps: ApprovingDeps
  constructor(deps: ApprovingDeps) {
    this.#deps = deps
  }

  /** What lets this call through, not used yet; or a stop that says what people decided, or where they do. */
  async hold(x: Asking, again: Again): Promise<Through | Stop> {
    let now: (Permitted & Needing) | Stop = { permit: x.permit, needs: x.needs }
    try {
      for (let looks = 0; looks < MAX_LOOKS; looks++) {
        if (isStop(now)) return now
        if (!now.needs) return { approved: undefined, permit: now.permit }
        const looked = await this.#look(x, now.needs)
        if (looked !== 'again') return looked
        now = await this.#anew(x, again)
      }
    } catch (cause) {
      if (isAuditFault(cause)) throw cause
      this.#deps.fault('approvals cannot be kept', cause)
      return { stop: 'state-unavailable', detail: 'approvals cannot be kept now' }
    }
    return { stop: 'approval-spent', detail: 'it changed too often while it waited', fix: 'make the call again' }
  }

  async #look(x: Asking, needs: Judged): Promise<Through | Stop | 'again'> {
    const { approvals, standing, seal } = this.#deps
    const needed = neededFor(needs)
    if (isStop(needed)) return needed
    const request = requestText(x)
    if (typeof request !== 'string') return request
    const { kind, name, entry } = x.route
    const isDefined = kind === 'tool' || kind === 'prompt'
    const defined = isDefined ? await this.#deps.catalogue.definition(x, entry, kind, name) : undefined
    if (defined && isStop(defined)) return defined
    const binding = bindingOf(x, request, needed, defined)
    const going = await this.#goingOn(x, binding)
    if (going) return isStop(going) ? going : this.#through(x, needs, going)
    const grant = await standing.find(binding)
    // What people approved for this very call is used by it, and not left for the day the grant is revoked.
    const given = grant && (await approvals.given(binding))
    if (given) return this.#through(x, needs, { kind: 'approval', approval: given })
    if (grant) return this.#through(x, needs, { kind: 'grant', grant })
    const id = bindingDigest(binding)
    const approval = await approvals.ask({ binding, ...needed, body: () => seal(keptText(keptOf(x, request, needs, defined)), id) })
    if (isStop(approval)) return approval
    return this.#answered(x, needs, approval)
  }

  async #answered(x: Asking, needs: Judged, approval: Approval): Promise<Through | Stop | 'again'> {
    switch (approval.state) {
      case 'approved':
        return this.#through(x, needs, { kind: 'approval', approval })
      case 'rejected':
        return { stop: 'approval-rejected', detail: approval.rejected?.why ?? 'no reason was given', fix: 'do something else' }
      case 'pending': {
        const asked = await askToApprove(x, approval, this.#deps)
        return asked === 'decided' ? 'again' : asked
      }
      case 'spent':
      case 'expired':
        return { stop: 'approval-spent', detail: 'it ended meanwhile', fix: 'make the call again' }
    }
  }

  /** A later round of a call that spent its approval when it first left. */
  async #goingOn(x: Asking, binding: Binding): Promise<Held | Stop | undefined> {
    const state = x.prepared?.state
    if (!state?.approval || state.own) return undefined
    const approval = await this.#deps.approvals.continues({ id: state.approval.id, binding, call: state.call })
    const isParked = state.parkedCall !== undefined
    // An answer that is brought again, or to a round that is over.
    if (!approval || (!isParked && approval.spent?.rounds !== state.approval.round))
      return { stop: 'approval-spent', detail: 'this round of the call went on already', fix: 'make the call again' }
    return { kind: 'approval', approval, isGoingOn: true, isParked }
  }

  /** The rules permit it, with people's word as a fact. Who permitted less people than the rules ask for by now changes nothing: it is another approval. */
  #through(x: Asking, needs: Judged, held: Held): Through | Stop {
    const permitted = permitWith(x, needs, peopleOf(held), nameOf(held))
    return isStop(permitted) ? permitted : { approved: held, ...permitted }
  }

  /** After a wait: rules, definition, server and credential may be others. */
  async #anew(x: Asking, again: Again): Promise<(Permitted & Needing) | Stop> {
    const { entry } = x.route
    const { upstreams, credentials } = this.#deps
    const own = await credentials.of(x, entry)
    if (own && isStop(own)) return own
    if (upstreams().get(entry.alias)?.identity !== entry.identity || own?.id !== x.caller?.credential?.id)
      return { stop: 'approval-spent', detail: 'the server or the account is another by now', fix: 'make the call again' }
    return again(x)
  }

  /** Right before it leaves, the intent durable: an approval is used, a grant counted. Whoever comes second stops. */
  async spend(x: Approved & Pick<Asking, 'requestId' | 'prepared'>): Promise<Approved | Stop> {
    const { approved } = x
    if (!approved) return { approved }
    const { approvals, standing } = this.#deps
    if (approved.kind === 'grant') return (await standing.use(approved.grant)) ?? { approved }
    if (approved.isParked) return { approved }
    const call = x.prepared?.state?.call ?? x.requestId
    const spent = approved.isGoingOn ? await approvals.spendRound(approved.approval, call) : await approvals.spend(approved.approval, call)
    return isStop(spent) ? spent : { approved: { ...approved, approval: spent } }
  }
}

const isAuditFault = (cause: unknown): boolean => cause instanceof Error && 'code' in cause && cause.code === 'audit-unavailable'
