// What people are shown and send: the JSON of /admin/approvals/* and /admin/grants/*, for the console and the commands. docs/approvals.md explains it.
//
//   GET  /admin/approvals/list                                     -> ApprovalList
//   GET  /admin/approvals/events    server-sent events, each data: -> ApprovalNews
//   POST /admin/approvals/show      {id}                           -> ApprovalDetail
//   POST /admin/approvals/approve   {id, digest, standing?}        -> Decided
//   POST /admin/approvals/reject    {id, why}                      -> Decided
//   GET  /admin/grants/list                                        -> GrantList
//   POST /admin/grants/revoke       {id}                           -> Revoked
//
// `standing` (such as `8h`) gives the requester a standing grant besides, where the rules let people; `why` is one sentence of at most 300 characters that the
// requester's model is told.
//
// Each needs a token for the resource `/admin`; who is signed in and neither requester, approver nor auditor of an approval gets `approval-unknown` (404).
// Refusals are `{error: {message, reason, fix?, requestId}}` as of every act. Bodies of requests hold texts alone. Times are ISO 8601 in UTC.

import type { ApprovalState } from './approval.ts'

/**
 * Text of strangers, whole: its pieces in order are the text. A piece that is no string is one character that draws nothing, changes the direction of text,
 * breaks a line or looks like another: show `code` in its place (with `like` beside it), never the character.
 */
export type Text = readonly Piece[]
export type Piece = string | { readonly code: string; readonly character: string; readonly like?: string }

type ShownState = ApprovalState
export type Person = { readonly issuer: string; readonly subject: string }

/** One row of the inbox. */
export type ApprovalSummary = {
  readonly id: string
  /** grows with every change: news of a lower one is old */
  readonly version: number
  readonly state: ShownState
  /** what `approve` has to repeat: it stands for everything that is shown */
  readonly digest: string
  readonly kind: 'call' | 'question'
  readonly requester: Person & { readonly client: string }
  readonly server: string
  readonly method: string
  readonly name: Text
  readonly endpoint: string
  /** ids of the rules that ask */
  readonly rules: readonly string[]
  readonly quorum: number
  readonly votes: readonly (Person & { readonly at: string; readonly as: readonly string[] })[]
  readonly openedAt: string
  /** when it ends: undecided, unused, or (rejected) as the answer to the same call */
  readonly expiresAt: string
  /** when further people may decide, where a rule says so */
  readonly escalatesAt?: string
  readonly rejected?: Person & { readonly at: string; readonly why: Text }
  /** it is one's own request */
  readonly isOwn: boolean
  readonly mayDecide: boolean
  /** it can be rejected, and not approved: what would run cannot be shown */
  readonly mayReject?: true
  /** why not, in one sentence without a full stop */
  readonly whyNot?: string
  /** longest standing grant that may be given with it, seconds; absent = none */
  readonly standingSeconds?: number
}

/** At most 500, newest first. What waits goes before what was decided, and of that what ends soonest. `more`: there are further ones. */
export type ApprovalList = { readonly approvals: readonly ApprovalSummary[]; readonly more: boolean }

export type ApprovalDetail = {
  readonly approval: ApprovalSummary
  /** absent where it is kept no longer: some time after it ended */
  readonly shown?: Shown
  /** against the last call of the same tool by the same requester that was approved and used; absent = there is none */
  readonly difference?: { readonly against: { readonly id: string; readonly at: string }; readonly changes: readonly Change[] }
  /** what else this server was wanted for by the same requester, newest first, at most 20 */
  readonly recent: readonly {
    readonly id: string
    readonly at: string
    readonly state: ShownState
    readonly method: string
    readonly name: Text
  }[]
}

/** What will run, and why it is asked for. */
export type Shown = {
  readonly server: {
    readonly alias: string
    /** of a version of the registry whose signature was verified */
    readonly registryName?: string
    readonly version?: string
    readonly publisher?: string
    readonly signature: 'verified' | 'unsigned'
    readonly standing: string
    readonly reviewer?: string
    readonly labels: readonly string[]
    /** version and origin, as a digest or `name@version digest` */
    readonly identity: string
  }
  /** what it was asked for with: id of the requester's own account; '' = the server takes none */
  readonly account: string
  /** as its list has it; absent for what has no definition */
  readonly definition?: {
    readonly digest: string
    readonly title: Text
    readonly description: Text
    readonly hints: Readonly<Record<string, boolean>>
  }
  /** all arguments (of a question: all it says), none left out and none cut */
  readonly arguments: { readonly bytes: number; readonly leaves: readonly Leaf[] }
  readonly from: {
    readonly endpoint: string
    readonly era: 'legacy' | 'modern'
    readonly client: string
    readonly clientInfo: Text
    readonly address: string
    readonly request: string
  }
  readonly policy: {
    readonly digest: string
    readonly rules: readonly {
      readonly id: string
      readonly title: string
      readonly advice: string
      readonly approvers: readonly string[]
    }[]
  }
  /** codes of what inspection found in the arguments */
  readonly findings: readonly string[]
}

/** One value that holds no others, or an empty array or object. `path`: keys and indexes from outside in. `characters`: of `text`, for folding what is long. */
export type Leaf = {
  readonly path: readonly Text[]
  readonly kind: 'string' | 'number' | 'boolean' | 'null' | 'array' | 'object'
  readonly text: Text
  readonly characters: number
}
/** Absent `before`: it is new; absent `after`: it is gone. */
export type Change = { readonly path: readonly Text[]; readonly before?: Text; readonly after?: Text }

/** `isYours`: this very act decided or counted; false where it had been said before (a double click) */
export type Decided = { readonly approval: ApprovalSummary; readonly isYours: boolean; readonly grant?: GrantSummary }

/** An approval was opened, changed or ended. For whoever may see it. Ask `list` first, then listen; after a break ask again. */
export type ApprovalNews =
  | { readonly type: 'approval'; readonly approval: ApprovalSummary }
  | { readonly type: 'grant'; readonly id: string; readonly what: 'given' | 'revoked' }

/** A standing grant: this client of this person may use this tool of this very server until it ends. */
export type GrantSummary = {
  readonly id: string
  readonly holder: Person & { readonly client: string }
  readonly server: string
  readonly method: string
  readonly name: Text
  readonly endpoint: string
  readonly definition: string
  readonly approval: string
  readonly givenBy: readonly Person[]
  readonly givenAt: string
  readonly expiresAt: string
  readonly uses: number
  readonly usedAt?: string
  readonly isOwn: boolean
}
/** One's own; everybody's for approvers, operators and auditors. At most 500, newest first. */
export type GrantList = { readonly grants: readonly GrantSummary[]; readonly more: boolean }
export type Revoked = { readonly revoked: GrantSummary }
