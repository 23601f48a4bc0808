// What is known of a call once it may go upstream: the last set of facts before the effect.

import type { Authenticated, Classified, Joined, Limited, Permitted, Received } from './path.ts'
import type { Labelled } from './stages/label-contents.ts'
import type { Approved } from './approved.ts'
import type { Prepared } from './stages/prepare-arguments.ts'
import type { Credentialed } from './stages/resolve-credential.ts'
import type { Routed } from './stages/resolve-route.ts'
import type { Spent } from './stages/spend-approval.ts'

/** Every fact a call carries when `call-upstream` runs. */
export type Ready = Received &
  Classified &
  Authenticated &
  Joined &
  Routed &
  Permitted &
  Prepared &
  Credentialed &
  Limited &
  Labelled &
  Approved &
  Spent
