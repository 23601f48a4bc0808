// An act that is about no server, put to the rules: sessions, streams, administration. Without rules whoever got here may.

import type { Stop } from '../kernel/errors.ts'
import { lateArguments } from './policy-arguments.ts'
import type { Judge } from './judge.ts'
import type { Authenticated, Classified, Received } from './path.ts'
import { recordOf, refusalOf, verdictOf } from './verdict.ts'

/** Ids of the rules that permit it; none where there are no rules. */
export function permitEndpoint(
  judge: Pick<Judge, 'rules' | 'endpoint'> | undefined,
  x: Received & Authenticated & Partial<Classified>,
): { readonly rules: readonly string[] } | Stop {
  const rules = judge?.rules
  if (!judge || !rules) return NO_RULES
  const given = judge.endpoint(rules, x, x.method, { arguments: lateArguments(x) })
  if (!given) return { stop: 'params-invalid', detail: 'a name is not well-formed' }
  const verdict = verdictOf(given, {})
  x.judged = recordOf(given, verdict)
  return verdict.pass ? { rules: verdict.rules } : refusalOf(x, given, verdict)
}
const NO_RULES = { rules: [] }
