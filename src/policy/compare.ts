// Two bundles beside each other: which rules are new, gone or changed. What that comes to is told by cases and by recorded decisions.

import type { Bundle, Policy } from './load.ts'

export type BundleDifference = {
  readonly added: readonly Policy[]
  readonly removed: readonly Policy[]
  readonly changed: readonly { readonly before: Policy; readonly after: Policy }[]
}

/** By name. Another form of the same rule is no change; other words in front of it are. */
export function compareBundles(before: Bundle, after: Bundle): BundleDifference {
  const old = new Map(before.policies.map(policy => [policy.id, policy]))
  const now = new Map(after.policies.map(policy => [policy.id, policy]))
  return {
    added: after.policies.filter(({ id }) => !old.has(id)),
    removed: before.policies.filter(({ id }) => !now.has(id)),
    changed: after.policies.flatMap(policy => {
      const earlier = old.get(policy.id)
      return earlier && said(earlier) !== said(policy) ? [{ before: earlier, after: policy }] : []
    }),
  }
}

/** What a rule says, whatever its line breaks: its text beside its tree, because the tree has large numbers rounded. */
const said = ({ set, ast, text }: Policy): string => JSON.stringify([set, ast, text.match(/\d{16,}/g)])
