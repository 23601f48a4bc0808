// How a reader of artifacts gives up from the depth of an archive: thrown and caught inside this folder only.

import { deny, type Denial, type TrustRule } from '../../trust/denial.ts'

export class Refusal extends Error {
  readonly denial: Denial
  constructor(denial: Denial) {
    super(denial.detail)
    this.denial = denial
  }
}

export const refused = (rule: TrustRule, detail: string): Refusal => new Refusal(deny(rule, detail))

/** What `read` returns, or why it gave up. Every other error goes on. */
export function refusing<T>(read: () => T): T | Denial {
  try {
    return read()
  } catch (error) {
    if (error instanceof Refusal) return error.denial
    throw error
  }
}
