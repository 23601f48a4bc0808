// What lets a call through that the rules permit only once people approved it.

import type { Approval, StandingGrant } from '../approvals/approval.ts'

/** `isGoingOn`: an earlier round of the same logical call spent it; `isParked`: that call is under way at its upstream, and nothing new leaves. */
export type Held =
  | { readonly kind: 'approval'; readonly approval: Approval; readonly isGoingOn?: boolean; readonly isParked?: boolean }
  | { readonly kind: 'grant'; readonly grant: StandingGrant }

/** Undefined: nobody has to. The id that stands among the rules of the record: `approval:<id>`, `grant:<id>`. */
export type Approved = { readonly approved: Held | undefined }

export const nameOf = (held: Held): string => (held.kind === 'grant' ? `grant:${held.grant.id}` : `approval:${held.approval.id}`)
/** Distinct people who said yes. */
export const peopleOf = (held: Held): number => new Set((held.kind === 'grant' ? held.grant : held.approval).votes.map(({ by }) => by)).size
