// What an administrator says of the contents of a server, and what a host is about to read of it.

import type { PrincipalKey } from '../kernel/principal.ts'

export const LABELS = ['untrusted', 'private'] as const
export type Label = (typeof LABELS)[number]

/** An administrator's words for what is read from one server; a server's own words never count. */
export type Reads = {
  /** whatever it says was perhaps written by strangers */
  readonly untrusted: boolean
  /** whatever it says is nobody else's business */
  readonly private: boolean
  /** what its tools say is untrusted unless the definition, as a reviewer admitted it, says that the tool's world is closed */
  readonly openWorld: boolean
}

/** `tool`: undefined where no tool answers; `isOpenWorld` by its admitted definition, true where that is not known. */
export function labelsOf(reads: Reads, tool: { readonly isOpenWorld: boolean } | undefined): readonly Label[] {
  const isUntrusted = reads.untrusted || (reads.openWorld && tool?.isOpenWorld === true)
  return LABELS.filter(label => (label === 'untrusted' ? isUntrusted : reads.private))
}

/** Contents of a server on their way to a host. Holds no byte of them. */
export type Reading = {
  readonly principal: PrincipalKey
  /** as the token names it; '' where it names none */
  readonly client: string
  readonly server: string
  readonly method: string
  /** of a tool or prompt; '' otherwise, for a URI may hold what a caller keeps to himself */
  readonly name: string
  readonly labels: readonly Label[]
}
