// Arguments of a call as inspection sees them: a fact for the rules that ask, a stop where the configuration says so, and otherwise a word in the record.

import type { Stop } from '../kernel/errors.ts'
import type { UpstreamEntry } from './entry.ts'
import { inWords, worstOf, type Inspect, type Inspected } from './inspected.ts'
import type { Received } from './path.ts'
import { argumentsIn } from './policy-arguments.ts'

type Asked = Pick<Received, 'doc' | 'params' | 'method' | 'argumentsSeen'>
type At = Pick<UpstreamEntry, 'alias' | 'inspection'>
/** Bytes that are inspected for the record alone; where something may stop, all that the room reads (docs/detection.md). */
const RECORDED_BYTES = 256 * 1024
const NOTHING: Inspected = { findings: [], tier: undefined }

/** What is found in the arguments. Read once for all who ask about this request. Throws where a detector fails: whoever asks stops. */
function inspectArguments(inspect: Inspect, x: Asked, { inspection }: At, isWhole: boolean): Inspected {
  const found = argumentsIn(x)
  if (!found || inspection.arguments.size === 0) return NOTHING
  const { doc, node } = found
  const before = x.argumentsSeen
  if (before?.by === inspection && (before.isWhole || !isWhole)) return before.inspected
  const end = isWhole ? node.end : Math.min(node.end, node.start + RECORDED_BYTES)
  const inspected = inspect(doc.bytes, 'arguments', { tiers: inspection.arguments, start: node.start, end })
  x.argumentsSeen = { inspected, by: inspection, isWhole: isWhole || end === node.end }
  return inspected
}

/** Codes that were found, for rules that read `context.findings`; sorted. */
export const argumentCodes = (inspect: Inspect, x: Asked, at: At): readonly string[] =>
  [...new Set(inspectArguments(inspect, x, at, true).findings.map(({ code }) => code))].sort()

/**
 * For the record, or a stop. `hold` stops nothing here: without approvals it would break ordinary calls, and a rule that reads `context.findings` can hold
 * exactly the calls it means.
 */
export function checkArguments(inspect: Inspect, x: Asked, at: At): Inspected | Stop {
  const mayStop = [...at.inspection.arguments.values()].includes('block')
  const inspected = inspectArguments(inspect, x, at, mayStop)
  const worst = worstOf(inspected)
  if (worst?.tier !== 'block') return inspected
  return {
    stop: 'arguments-blocked',
    detail: `the arguments have ${inWords(worst)}`,
    fix: 'leave it out; an operator may choose another tier under `upstreams.<alias>.inspection.arguments`',
  }
}
