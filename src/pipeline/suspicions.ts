// The room of inspection as reviewers meet it: what looks hostile in the text that a change brings, by the same detectors that decide on the way to hosts.

import type { Added, DriftRule, Suspects } from '../admission/drift-rules.ts'
import { RULES, type Tier } from '../inspection/finding.ts'
import { inspect } from '../inspection/inspect.ts'

/** What blocks or holds looks hostile; a remark is something to read. */
const classOf = (tier: Tier): DriftRule['class'] => (tier === 'annotate' ? 'material' : 'hostile-looking')

/** The codes that a difference may carry because of what its text looks like. */
export const SUSPICIONS: readonly DriftRule[] = RULES.flatMap(({ code, about, tiers: { definition } }) =>
  definition === undefined ? [] : [{ code, about, class: classOf(definition) }],
)
const RULE_OF: ReadonlyMap<string, DriftRule> = new Map(SUSPICIONS.map(rule => [rule.code, rule]))

/** Members that say where a text stands; the rest of a pointer was there before, and is not looked at. */
const PLACES = new Set(['name', 'properties', '$ref', 'blob', 'data', 'inputSchema', 'outputSchema'])
const OTHER = 'x'

/** Each piece at the place where it stands, so that names, parameters and references are read as such. */
export const suspects: Suspects = pieces => {
  const codes = new Set<string>()
  for (const piece of pieces) {
    const bytes = Buffer.from(JSON.stringify({ tools: [placed(piece)] }))
    for (const code of inspect(bytes, 'definition').counts.keys()) codes.add(code)
  }
  return [...codes].flatMap(code => RULE_OF.get(code) ?? [])
}

function placed({ pointer, value, isKeyNew }: Added): unknown {
  const keys = pointer
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  return keys.reduceRight<unknown>(
    (inner, key, i) => Object.fromEntries([[PLACES.has(key) || (isKeyNew && i === keys.length - 1) ? key : OTHER, inner]]),
    value,
  )
}
