// Cedar behind the port that evaluates: policies are parsed once per slice and kept under names that are used again, because Cedar forgets none.

import type { StatefulAuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs'
import { Fault } from '../../kernel/errors.ts'
import type { CedarRequest, EngineAnswer, PolicyEngine, PolicySlice } from '../../policy/language.ts'
import { CedarInstance } from './instance.ts'

export type EngineLimits = {
  /** policies ready at once, over all slices; some 5 kB each; default 10,000. One slice may be larger */
  readonly policies?: number
  /** slices ready at once; default 1,000 */
  readonly slices?: number
}

/** Cedar's own type has arrays that may be written. */
type Call = Omit<StatefulAuthorizationCall, 'preparsedPolicySetId'>
/** A slice that is ready, and the name it has in the instance. */
type Ready = { readonly name: string; readonly size: number }

export class CedarEngine implements PolicyEngine {
  readonly #instance = new CedarInstance()
  readonly #limits: Required<EngineLimits>
  /** least recently used first */
  readonly #ready = new Map<PolicySlice, Ready>()
  readonly #freeNames: string[] = []
  #policies = 0
  #names = 0
  #generation = 0

  constructor({ policies = 10_000, slices = 1000 }: EngineLimits = {}) {
    this.#limits = { policies, slices }
  }

  /** How often Cedar was replaced after it threw. */
  get replaced(): number {
    return this.#instance.generation
  }

  evaluate(slice: PolicySlice, request: CedarRequest): EngineAnswer {
    try {
      const preparsedPolicySetId = this.#nameOf(slice)
      const answer = this.#instance.call(cedar => cedar.statefulIsAuthorized({ ...(request as unknown as Call), preparsedPolicySetId }))
      if (answer.type === 'failure') return { kind: 'refused', message: answer.errors.map(({ message }) => message).join('; ') }
      const { decision, diagnostics } = answer.response
      return {
        kind: 'answer',
        isAllowed: decision === 'allow',
        reasons: diagnostics.reason,
        errors: diagnostics.errors.map(({ policyId, error }) => ({ id: policyId, message: error.message })),
      }
    } catch (cause) {
      return { kind: 'crashed', message: cause instanceof Error ? cause.message : String(cause) }
    }
  }

  /** Throws Fault `policies-invalid`; a bundle that was loaded does not. */
  prepare(slice: PolicySlice): void {
    this.#nameOf(slice)
  }

  #nameOf(slice: PolicySlice): string {
    if (this.#generation !== this.#instance.generation) this.#forgetAll()
    const known = this.#ready.get(slice)
    if (known) {
      if (this.#ready.size > 1) {
        this.#ready.delete(slice)
        this.#ready.set(slice, known)
      }
      return known.name
    }
    const size = slice.policies.size
    this.#makeRoom(size)
    const name = this.#freeNames.pop() ?? `slice-${++this.#names}`
    const answer = this.#instance.call(cedar => cedar.preparsePolicySet(name, { staticPolicies: Object.fromEntries(slice.policies) }))
    if (answer.type === 'failure') {
      this.#freeNames.push(name)
      throw new Fault('policies-invalid', 'policies that were loaded cannot be read again')
    }
    this.#ready.set(slice, { name, size })
    this.#policies += size
    return name
  }

  #makeRoom(size: number): void {
    for (const [slice, ready] of this.#ready) {
      if (this.#policies + size <= this.#limits.policies && this.#ready.size < this.#limits.slices) return
      this.#ready.delete(slice)
      this.#policies -= ready.size
      // The name is taken by the next slice, and its policies replaced: until then they stay in memory.
      this.#freeNames.push(ready.name)
    }
  }

  #forgetAll(): void {
    this.#ready.clear()
    this.#freeNames.length = 0
    this.#policies = 0
    this.#names = 0
    this.#generation = this.#instance.generation
  }
}
