// Cedar asked the plain way, as a yardstick: every rule, every fact, nothing remembered, and the request held against the schema.

import { isAuthorized, type AuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs'
import { actionRow } from '../../src/policy/actions.ts'
import { argumentFacts } from '../../src/policy/arguments.ts'
import type { Policy } from '../../src/policy/load.ts'
import { splitKey, type Entity, type Facts, type FactValue, type PolicyRequest } from '../../src/policy/request.ts'
import { tools } from './policies.ts'

type Answer = { readonly allowed: boolean; readonly reasons: readonly string[]; readonly errors: readonly string[] }

const uid = (type: string, id: string): { type: string; id: string } => ({ type: `MCP::${type}`, id })
const ENUMS: Readonly<Record<string, string>> = { signature: 'Signature', standing: 'Standing', era: 'Era' }

const value = (name: string, fact: FactValue): unknown => {
  if (ENUMS[name] !== undefined) return { __entity: uid(ENUMS[name], fact as string) }
  return typeof fact === 'object' && !Array.isArray(fact) ? record(fact as Facts) : fact
}
const record = (facts: Facts): Record<string, unknown> =>
  Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, value(name, fact)]))
const entity = ({ type, id, within, attributes }: Entity): object => ({
  uid: uid(type, id),
  attrs: record(attributes),
  parents: [...within]
    .map(splitKey)
    .filter(key => key.type !== type || key.id !== id)
    .map(key => uid(key.type, key.id)),
})

/** Throws where the request does not fit the schema. */
export function wholeCedar(policies: readonly Policy[], request: PolicyRequest): Answer {
  const { principal, action, resource, context } = request
  const args = argumentFacts(request.arguments, 'all')
  if ('unreadable' in args) throw new Error('arguments that cannot be judged')
  const call = {
    principal: uid(principal.type, principal.id),
    action: uid('Action', action),
    resource: uid(resource.type, resource.id),
    context: { ...record(context), arguments: { __entity: uid('Arguments', 'request') } },
    entities: [
      entity(principal),
      entity(resource),
      { uid: uid('Arguments', 'request'), attrs: {}, parents: [], tags: Object.fromEntries(args.tags) },
      { uid: uid('Action', action), attrs: {}, parents: (actionRow(action)?.within ?? []).map(group => uid('Action', group)) },
    ],
    schema: tools.schema,
    validateRequest: true,
    policies: { staticPolicies: Object.fromEntries(policies.map(({ id, text }) => [id, text])) },
  }
  const answer = isAuthorized(call as unknown as AuthorizationCall)
  if (answer.type === 'failure') throw new Error(answer.errors.map(({ message }) => message).join('; '))
  const { decision, diagnostics } = answer.response
  return {
    allowed: decision === 'allow',
    reasons: [...diagnostics.reason].sort(),
    errors: diagnostics.errors.map(({ policyId }) => policyId).sort(),
  }
}
