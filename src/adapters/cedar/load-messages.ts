// What goes to the thread that loads policies, and what comes back.

import type { Bundle, PolicyFault, PolicyFile } from '../../policy/load.ts'
import type { DemandKind } from '../../policy/decision.ts'

export type LoadJob = {
  /** of the folder: what its cases are about */
  readonly files: readonly PolicyFile[]
  /** rules that the configuration makes, beside them */
  readonly generated: readonly PolicyFile[]
  readonly schema: string
  /** files of cases, as plain data */
  readonly cases: readonly { readonly name: string; readonly data: unknown }[]
  /** demands that hold in this gateway; any other stops the load */
  readonly enforced: readonly DemandKind[]
}

/** `warnings`: what loads and does not do what somebody may expect. */
export type Loaded = { readonly bundle: Bundle; readonly warnings: readonly string[] } | { readonly faults: readonly PolicyFault[] }
