// The claim by which an issuer names people must not change once something is kept under those names: somebody else's name could then be theirs.

/** What is kept under names of an issuer that a person has to take away first. */
export type KeptUnder = { readonly connections: number; readonly blocks: number }

/**
 * By which claim each issuer named people last, and what was kept since. Durability: what resolved survives a crash. Atomicity: see `take`. Faults of the
 * store reject.
 */
export interface SubjectClaimStore {
  all(): Promise<readonly KnownClaim[]>
  /** at this moment */
  keptUnder(issuer: string): Promise<KeptUnder>
  /**
   * From now on this issuer names people so; in the same transaction consents, sign-ins and links begun under the old names go. False: connections or blocks
   * are kept under those, and nothing happened.
   */
  take(known: KnownClaim): Promise<boolean>
}

export type KnownClaim = { readonly issuer: string; readonly claim: string }
/** for an operator: what stands against it, and what mends it */
export type Refusal = { readonly what: string; readonly mend: string }

type Naming = { readonly issuer: string; readonly subjectClaim: string }

/** Whoever principals can be of. Tokens of the gateway's own server name people of the identity provider. */
export function subjectClaimsOf(settings: {
  readonly issuers: readonly (Naming & { readonly identityProviders?: readonly string[] })[]
  readonly login?: Naming
}): readonly KnownClaim[] {
  const { login } = settings
  const named: readonly Naming[] = settings.issuers.filter(({ identityProviders }) => !identityProviders)
  const all = login && !named.some(({ issuer }) => issuer === login.issuer) ? [...named, login] : named
  return all.map(({ issuer, subjectClaim }) => ({ issuer, claim: subjectClaim }))
}

/** Issuers that name people by another claim than before. New issuers are none of them. */
export const changedClaims = (
  before: readonly KnownClaim[],
  now: readonly KnownClaim[],
): readonly (KnownClaim & { readonly was: string })[] =>
  now.flatMap(each => {
    const was = before.find(({ issuer }) => issuer === each.issuer)?.claim
    return was === undefined || was === each.claim ? [] : [{ ...each, was }]
  })

/** Why the claims may not be these: what an operator reads. Undefined = nothing stands against it. */
export async function checkSubjectClaims(store: SubjectClaimStore, claims: readonly KnownClaim[]): Promise<Refusal | undefined> {
  for (const changed of changedClaims(await store.all(), claims)) {
    const kept = await store.keptUnder(changed.issuer)
    if (kept.connections + kept.blocks > 0) return refusalOf(changed, kept)
  }
  return undefined
}

/** Checks, and keeps the claims as those in force. */
export async function keepSubjectClaims(store: SubjectClaimStore, claims: readonly KnownClaim[]): Promise<Refusal | undefined> {
  const before = await store.all()
  const refused = await checkSubjectClaims(store, claims)
  if (refused !== undefined) return refused
  for (const each of claims) {
    const was = before.find(({ issuer }) => issuer === each.issuer)?.claim
    if (was === each.claim || (await store.take(each))) continue
    // Somebody connected an account in between.
    return refusalOf({ ...each, was: was ?? '' }, await store.keptUnder(each.issuer))
  }
  return undefined
}

/** Names the setting, what stands against it, and what mends it. */
export function refusalOf({ issuer, claim, was }: KnownClaim & { readonly was: string }, { connections, blocks }: KeptUnder): Refusal {
  const kept = [
    ...(connections > 0 ? [`${connections} connected ${connections === 1 ? 'account' : 'accounts'}`] : []),
    ...(blocks > 0 ? [`${blocks} blocked ${blocks === 1 ? 'principal' : 'principals'}`] : []),
  ].join(' and ')
  return {
    what: `\`subjectClaim\` of ${issuer} was \`${was}\` and is \`${claim}\` now, and names of before, which could become somebody else’s, still stand for ${kept}`,
    mend: `set it to \`${was}\` again; to change it, first have those accounts disconnected and those blocks lifted`,
  }
}
