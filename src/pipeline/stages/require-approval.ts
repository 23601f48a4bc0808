// What the rules permit only once people approved it waits here for them: found or asked for, and not used yet. With their word the rules are asked again.

import type { Approved } from '../approved.ts'
import type { Needing } from '../approved-verdict.ts'
import type { Again, Approving } from '../approving.ts'
import type { Authenticated, Classified, Joined, Permitted, Received, Stage } from '../path.ts'
import type { Prepared } from './prepare-arguments.ts'
import type { Credentialed } from './resolve-credential.ts'
import type { Routed } from './resolve-route.ts'

type Need = Received & Classified & Authenticated & Joined & Routed & Permitted & Needing & Partial<Prepared & Credentialed>
/** The permit is the one with people's word in it, where there is one. */
type Through = Approved & { readonly permit?: Permitted['permit'] }

const NOBODY: Through = { approved: undefined }

/** `again`: what `evaluate-policy` runs; after a wait the rules are asked anew. */
export const requireApprovalStage = (approving: Pick<Approving, 'hold'>, again: Again): Stage<Need, Through> => ({
  name: 'require-approval',
  run: x => (x.needs === undefined ? NOBODY : approving.hold(x, again)),
})
