// Content on its way from an upstream to a host: inspected, noted, stopped where a finding stops it, and without what a rule takes out.

import type { Inspection } from '../inspection/inspector.ts'
import { MAX_SPANS } from '../inspection/spans.ts'
import type { Stop } from '../kernel/errors.ts'
import { isJsonFault, readJson } from '../mcp/json.ts'
import { splice, type Edit } from '../mcp/splice.ts'
import type { ContentDemands } from './content-demands.ts'
import type { GatewayDeps } from './deps.ts'
import { FINDINGS_KEY, findingsText, notice, noticedBy, summary, type NoticedIn, type Noticing } from './noticed.ts'
import { findingsEdit, withoutForged } from './own-findings.ts'
import { redactions } from './redaction.ts'

export type Content = {
  /** one JSON object that was judged */
  readonly bytes: Buffer
  readonly from: { readonly alias: string }
  readonly in: NoticedIn
  readonly demands: ContentDemands
  /** the member findings are written into; absent = they are not */
  readonly place?: string
}
/** What may go on, and what was taken out of it: [start, end) of `before`. */
export type Inspected = { readonly bytes: Buffer; readonly before: Buffer; readonly redacted: readonly Edit[] }

type Deps = Pick<GatewayDeps, 'inspectInTurns'>

/** At once for what is small. A detector that throws lets nothing pass: whoever calls this stops. */
export function inspectContent(x: Noticing, content: Content, deps: Deps): Inspected | Stop | Promise<Inspected | Stop> {
  const found = look(content, deps)
  return found instanceof Promise ? found.then(inspection => settle(x, content, inspection, deps)) : settle(x, content, found, deps)
}

const look = ({ bytes, demands, place = '_meta' }: Content, { inspectInTurns }: Deps): Inspection | Promise<Inspection> =>
  inspectInTurns(bytes, 'content', {
    tiers: demands.tiers,
    ...(demands.redact && { redact: demands.redact }),
    own: { key: FINDINGS_KEY, place },
  })

function settle(x: Noticing, content: Content, inspection: Inspection, deps: Deps): Inspected | Stop | Promise<Inspected | Stop> {
  const { bytes, demands, place } = content
  if (inspection.isForged) {
    const clean = withoutForged(bytes, place ?? '_meta')
    return clean
      ? inspectContent(x, { ...content, bytes: clean }, deps)
      : blocked(content, `\`${FINDINGS_KEY}\`, which is the gateway’s own`)
  }
  if (inspection.findings.length === 0 && inspection.spans.length === 0) return { bytes, before: bytes, redacted: [] }
  const found = summary(inspection, content.in, demands.redact)
  notice(x, found)
  if (inspection.tier === 'block' || inspection.tier === 'hold') return stopped(content, inspection)
  if (inspection.spans.length > MAX_SPANS) return blocked(content, `more than ${MAX_SPANS} places that would have to be taken out`)
  const redacted = redactions(inspection.spans)
  const said = place === undefined ? undefined : findingsEdit(bytes, inspection, place, findingsText(found))
  // No revision has such a result; let through, it would keep a host from hearing what was found.
  if (content.in === 'result' && !said) return blocked(content, '`_meta` that is no object, beside findings,')
  const passed = { bytes: splice(bytes, said ? [...redacted, said] : redacted), before: bytes, redacted }
  if (redacted.length === 0) return passed
  noticedBy(x).redacted += redacted.length
  return verified(content, passed, deps)
}

/** Whatever was to be taken out is gone, and what is left is one JSON text that all read alike, or nothing passes. */
async function verified(content: Content, passed: Inspected, deps: Deps): Promise<Inspected | Stop> {
  const { redact } = content.demands
  const again = await look({ ...content, bytes: passed.bytes }, deps)
  const left = again.findings.find(({ code }) => redact?.has(code))
  if (left) return blocked(content, `\`${left.code}\` that could not be taken out`)
  // A key that became a mark may be there already.
  return isJsonFault(readJson(passed.bytes, { maxDepth: 256, indexDepth: 0 })) ? blocked(content, 'a key that looks like a mark') : passed
}

function stopped(content: Content, { findings, tier }: Inspection): Stop {
  const worst = findings.find(finding => finding.tier === tier)
  const what = `\`${worst?.code ?? ''}\` at \`${worst?.pointer ?? ''}\``
  const { alias } = content.from
  const isByRule = worst !== undefined && content.demands.stopOn.has(worst.code)
  const fix = isByRule
    ? 'a policy author may change the rule whose `@stop_on` or `@redact` names it'
    : `an operator may choose another tier under \`upstreams.${alias}.inspection.content\``
  return { ...blocked(content, what), ...(tier === 'hold' && { stop: 'approval-required' }), fix }
}

/** Never a word of what was found. */
export const blocked = ({ from, in: where }: Pick<Content, 'from' | 'in'>, what: string): Stop => ({
  stop: 'response-blocked',
  detail: `${what} in the ${where} of \`${from.alias}\``,
})
