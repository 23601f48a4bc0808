// The typed allow-list of the configuration: what a principal may use of one upstream. Default deny. Cedar replaces it behind the same question.

import type { Principal } from '../kernel/principal.ts'

/** Kinds of server-to-client requests that are off unless a rule names them. */
export type ServerRequestKind = 'elicitation.form' | 'elicitation.url' | 'sampling' | 'sampling.tools' | 'roots'

/** One rule. A rule applies when any of subjects, groups or clients matches; `*` as a subject means every authenticated principal. */
export type AllowRule = {
  readonly id: string
  readonly subjects: readonly string[]
  readonly groups: readonly string[]
  readonly clients: readonly string[]
  /** upstream names; `*` alone = all of that kind */
  readonly tools: readonly string[]
  readonly prompts: readonly string[]
  /** URIs or templates as the upstream lists them; `*` alone = all; a trailing `*` matches a prefix */
  readonly resources: readonly string[]
  /** further methods, e.g. extension methods `skills/list`; `*` is not accepted */
  readonly methods: readonly string[]
  readonly serverRequests: readonly ServerRequestKind[]
}

export type Primitive = 'tool' | 'prompt' | 'resource' | 'method'

/** What one principal may use of one upstream, from every rule that applies. Immutable; cached by the pipeline per principal's entitlement. */
export interface Entitlement {
  /** the id of the rule that permits it, or undefined = denied */
  permits(kind: Primitive, name: string): string | undefined
  readonly serverRequests: ReadonlySet<ServerRequestKind>
  /** digest of the rules that apply: equal digests see equal lists */
  readonly digest: string
  /** true when no rule applies at all: the upstream does not exist for this principal */
  readonly isEmpty: boolean
}

export function entitlementOf(_rules: readonly AllowRule[], _principal: Principal): Entitlement {
  throw new Error('not written yet')
}
