// Which name a token of a configured issuer proves: a template over its claims, of letters, digits and hyphens alone, and the numbers behind the name.

import type { Stop } from '../kernel/errors.ts'
import type { Binding } from './binding.ts'
import { isNamespace } from './names.ts'

export type ProofRule = {
  readonly issuer: string
  /** `io.github.{repository_owner}`: at least one label of its own, and claims in braces */
  readonly namespace: string
  /** the claim whose value says whose the name is and never changes */
  readonly ownerId: string
  /** claims that have to stay as they were at the first proof */
  readonly bind: readonly string[]
  /** claims that have to have exactly these values */
  readonly require: ReadonlyMap<string, string>
}
/** A claim as text: strings, and integers as they are written; undefined for everything else. */
export type ReadClaim = (name: string) => string | undefined

const PART = /\{([A-Za-z0-9_.:/-]{1,128})\}/g
/** What a claim may fill in: one label or a piece of one. No dot, slash or letter of another alphabet gets out of its place. */
const FILLING = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/
/** What stays the same for ever is a number, or an id such as a GUID. */
const STABLE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

/** Why a template is none; undefined = it is one. */
export function templateProblem(template: string): string | undefined {
  const filled = template.replace(PART, 'x')
  if (!isNamespace(filled)) return 'expected a namespace with claims in braces, such as `io.github.{repository_owner}`'
  if (filled === template) return 'expected at least one claim in braces: else every token would prove the same name'
  const [first = ''] = template.split('.')
  if (first.includes('{') || !template.includes('.')) return 'expected a first label without claims: a token must not choose it'
  return undefined
}

/** The name, and what it is bound to. The claims are attacker-controlled as far as the issuer lets people choose names. */
export function provedBy(rule: ProofRule, claim: ReadClaim): { readonly name: string; readonly bound: Binding } | Stop {
  for (const [name, value] of rule.require)
    if (claim(name) !== value) return unproved(`claim \`${name}\` is not what the configuration asks for`)
  let wrong: string | undefined
  const name = rule.namespace.replace(PART, (_all, of: string) => {
    const value = claim(of) ?? ''
    if (!FILLING.test(value)) wrong = of
    return value
  })
  if (wrong !== undefined) return unproved(`claim \`${wrong}\` is missing, or has other characters than letters, digits and hyphens`)
  if (!isNamespace(name)) return unproved('the claims make a name that is too long')
  const ids = new Map([rule.ownerId, ...rule.bind].map(of => [of, claim(of) ?? '']))
  const unstable = [...ids].find(([, value]) => !STABLE.test(value))
  if (unstable) return unproved(`claim \`${unstable[0]}\` is missing, or no id`)
  const also = Object.fromEntries([...ids].filter(([of]) => of !== rule.ownerId))
  return { name, bound: { kind: 'account', authority: rule.issuer, owner: ids.get(rule.ownerId) ?? '', also } }
}

const unproved = (detail: string): Stop => ({ stop: 'proof-invalid', detail, fix: 'look at `registry.proofs` and at the token’s claims' })
