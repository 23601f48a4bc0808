// What an administrator says of the arguments of one upstream: rules for single parameters, and where resources lie.

/** One rule. Every condition it has must hold for every value at its pointer, in each call of what it names. */
export type ArgumentRule = {
  readonly id: string
  /** names as the upstream spells them; `*` stands for all */
  readonly tools: readonly string[]
  readonly prompts: readonly string[]
  /** JSON pointer into the arguments; a step `*` means every item, and `~2` the name `*` */
  readonly pointer: string
  readonly roots?: readonly string[]
  readonly url?: { readonly schemes: readonly string[]; readonly hosts: readonly string[]; readonly ports: readonly number[] }
  /** programs */
  readonly command?: readonly string[]
  /** signs it may hold besides letters, digits and `._-` */
  readonly identifier?: string
  /** must fit the whole text */
  readonly pattern?: string
  /** characters */
  readonly maxLength?: number
}

export type ArgumentSettings = {
  /** whether arguments have to fit the schema of their definition */
  readonly validate: 'strict' | 'off'
  readonly rules: readonly ArgumentRule[]
  /** what URIs of resources have to lie under; empty = they may lie anywhere */
  readonly resourceRoots: readonly string[]
}
