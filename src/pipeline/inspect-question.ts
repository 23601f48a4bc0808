// What a server asks of a host, as inspection sees it: its params whatever they hold, and the key it chose for it.

import type { RequestKind } from '../bridge/capabilities.ts'
import type { Slice } from '../bridge/upstream.ts'
import type { Stop } from '../kernel/errors.ts'
import { inWords, together, worstOf, type Inspect, type Inspected } from './inspected.ts'
import type { UpstreamEntry } from './entry.ts'

/** What an upstream asks, in a result or as a request of its own. `key`: what it is called in a result. */
export type Question = { readonly method: string; readonly params?: Slice; readonly key?: string; readonly kind?: RequestKind }

/** `stop`: it is not asked. */
export type InspectedQuestion = Inspected & { readonly stop?: Stop }

/** What is found in a question, and whether it may be asked all the same. A detector that fails stops it. */
export function inspectQuestion(
  inspect: Inspect,
  entry: Pick<UpstreamEntry, 'alias' | 'inspection'>,
  question: Question,
): InspectedQuestion {
  const found = findingsOf(inspect, question, entry)
  if (!found)
    return { findings: [], tier: undefined, stop: { stop: 'internal-fault', detail: `what \`${entry.alias}\` asks cannot be inspected` } }
  const worst = worstOf(found)
  const stop =
    (question.kind === 'elicitation.form' && secretIn(entry.alias, found)) || (worst && stopOf(entry.alias, worst.tier, inWords(worst)))
  return { ...found, ...(stop && { stop }) }
}

/** MCP 2026-07-28 elicitation: a form must not ask for secrets. No approval makes one that does. */
function secretIn(alias: string, { findings }: Inspected): Stop | undefined {
  const found = findings.find(({ code, tier }) => code === 'asks-for-credentials' && tier !== 'annotate')
  return (
    found && {
      stop: 'form-asks-for-secrets',
      detail: `\`${alias}\` asked with ${inWords(found)}`,
      fix: `the server has to send people to a page of its own instead; where it asks for no secret, set the code to annotate in upstreams.${alias}.inspection.request`,
    }
  )
}

function findingsOf(inspect: Inspect, { params, key }: Question, { inspection }: Pick<UpstreamEntry, 'inspection'>): Inspected | undefined {
  try {
    const tiers = inspection.request
    return together([
      ...(params ? [inspect(params.doc.bytes, 'request', { tiers, start: params.node.start, end: params.node.end })] : []),
      ...(key === undefined ? [] : [inspect(Buffer.from(JSON.stringify({ [key]: null })), 'request', { tiers })]),
    ])
  } catch {
    // What broke it may be text of the question: the stop is all that is said.
    return undefined
  }
}

function stopOf(alias: string, tier: string, what: string): Stop | undefined {
  if (tier === 'block')
    return {
      stop: 'gated',
      detail: `\`${alias}\` asked with ${what}`,
      fix: `where that is as it should be, lower the code in upstreams.${alias}.inspection.request`,
    }
  // Until there are approvals nobody can answer a hold.
  if (tier === 'hold')
    return {
      stop: 'approval-required',
      detail: `\`${alias}\` asked with ${what}`,
      fix: `a person has to look first; where that is as it should be, set the code to annotate in upstreams.${alias}.inspection.request`,
    }
  return undefined
}
