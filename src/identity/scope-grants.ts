// Scopes an administrator gives to what an identity provider asserts: groups, coarse scopes, clients, subjects. For issuers that know nothing of our names.

/** One rule of `identity.issuers[].grant`; it applies to everybody, or to whom any of the lists names. Names compare as literals. */
export type ScopeGrant = {
  readonly everyone: boolean
  readonly groups: readonly string[]
  /** scopes of the token itself, as its issuer spells them */
  readonly scopes: readonly string[]
  readonly clients: readonly string[]
  readonly subjects: readonly string[]
  /** `<alias>:<word>`, `<alias>:*` or `*` */
  readonly give: readonly string[]
}

export type Asserted = {
  readonly subject: string
  readonly client?: string
  readonly groups: readonly string[]
  readonly scopes: readonly string[]
}

/** What counts for a caller: exact words, the token's own and given ones, and wildcards, which are never the token's (N022). */
export type Granted = {
  readonly scopes: readonly string[]
  readonly wildcards: readonly string[]
  /** those of `scopes` that the token alone gives */
  readonly own: readonly string[]
}

/** Runs once per verified token. */
export function grantedTo(grants: readonly ScopeGrant[], who: Asserted): Granted {
  const given = new Set<string>()
  const groups = new Set(who.groups)
  const scopes = new Set(who.scopes)
  for (const grant of grants) {
    const applies =
      grant.everyone ||
      grant.groups.some(group => groups.has(group)) ||
      grant.scopes.some(scope => scopes.has(scope)) ||
      grant.subjects.includes(who.subject) ||
      (who.client !== undefined && grant.clients.includes(who.client))
    if (applies) for (const scope of grant.give) given.add(scope)
  }
  const all = [...given]
  return {
    scopes: Object.freeze([...new Set([...who.scopes, ...all.filter(scope => !scope.endsWith('*'))])]),
    wildcards: Object.freeze(all.filter(scope => scope.endsWith('*'))),
    own: Object.freeze(who.scopes.filter(scope => !given.has(scope))),
  }
}
