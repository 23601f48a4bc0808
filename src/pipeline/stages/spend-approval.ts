// The approval is used, once: after all limits and the durable intent, before anything leaves. After a crash from here on it lets nothing through again.

import type { Approved } from '../approved.ts'
import type { Approving } from '../approving.ts'
import type { Limited, Received, Stage } from '../path.ts'
import type { Prepared } from './prepare-arguments.ts'

export type Spent = { readonly isSpent: true }
type Need = Received & Approved & Limited & Partial<Prepared>

const NOTHING: Spent = { isSpent: true }

export const spendApprovalStage = (approving: Pick<Approving, 'spend'>): Stage<Need, Spent & Partial<Approved>> => ({
  name: 'spend-approval',
  // So that the intent is durable first: a crash in between leaves an approval, and nothing that left.
  effect: true,
  run: x => (x.approved ? approving.spend(x).then(spent => ('stop' in spent ? spent : { ...NOTHING, ...spent })) : NOTHING),
})
