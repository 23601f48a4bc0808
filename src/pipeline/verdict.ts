// From what the rules say to the answer: the table of decisions, its refusals as stops, and what is recorded of it.

import { canonicalText } from '../kernel/canonical-text.ts'
import type { Stop } from '../kernel/errors.ts'
import { decideFrom, type Considered, type DemandKind, type Verdict } from '../policy/decision.ts'
import type { PolicyRequest } from '../policy/request.ts'
import type { Judged } from './judge.ts'
import type { Authenticated, Received } from './path.ts'
import { scopeStop } from './scope-stop.ts'

/** Demands of permits that hold in this gateway; rules that demand others do not load. */
export const ENFORCED: readonly DemandKind[] = ['rate', 'concurrency', 'max-result', 'redact', 'stop-on', 'record']
const ENFORCED_SET: ReadonlySet<DemandKind> = new Set(ENFORCED)

export const verdictOf = ({ policy, list }: Judged, known: Partial<Pick<Considered, 'missingScopes' | 'standing'>>): Verdict =>
  decideFrom(() => ({
    policy,
    ...(list && { list }),
    missingScopes: known.missingScopes ?? [],
    standing: known.standing,
    enforced: ENFORCED_SET,
    exhausted: [],
  }))

type Refused = Extract<Verdict, { readonly pass: false }>

/** What the host is told. Rules by name and their own advice; never an argument. */
export function refusalOf(x: Received & Authenticated, judged: Judged, verdict: Refused): Stop {
  const { policy } = judged
  const by = verdict.rules.length > 0 ? `by \`${verdict.rules.slice(0, 8).join('`, `')}\`` : 'no rule permits it'
  const advice = policy.advice.length > 0 ? { fix: [...new Set(policy.advice)].slice(0, 4).join('; ') } : {}
  switch (verdict.reason) {
    case 'unknown':
      return { stop: 'denied', detail: `it is not shown: ${by}` }
    case 'denied':
      return { stop: 'policy-denied', detail: by + readBefore(judged, verdict), ...advice }
    case 'approval-required':
      return { stop: 'approval-required', detail: by, ...advice }
    case 'scope-missing':
      return scopeStop(verdict.detail?.split(' ') ?? [], x.principal, x.endpoint)
    case 'standing':
    case 'policy-failed':
    case 'obligation-unenforced':
    case 'limited':
      return { stop: 'policy-failed', detail: verdict.detail ?? policy.code }
  }
}

/** Where what was read before comes from, if a rule that refuses asks for it: whoever is refused has read it there. */
function readBefore({ request: { context }, rules, readFrom }: Judged, verdict: Refused): string {
  const asks = (fact: 'readUntrusted' | 'readPrivate'): boolean =>
    context[fact] && verdict.rules.some(id => [...(rules.policy(id)?.reads.context.paths ?? [])].includes(fact))
  const kinds = [
    ...(asks('readUntrusted') ? [['untrusted', 'untrustedUntilMs'] as const] : []),
    ...(asks('readPrivate') ? [['private', 'privateUntilMs'] as const] : []),
  ]
  return kinds
    .map(([label, end]) => {
      const from = (readFrom?.() ?? []).filter(mark => mark[end] > 0)
      const untilMs = Math.max(0, ...from.map(mark => mark[end]))
      const servers = [...new Set(from.map(({ server }) => (server === '*' ? 'several servers' : `\`${server}\``)))].slice(0, MAX_TOLD)
      return untilMs === 0
        ? `; ${label} content was read before`
        : `; ${label} content was read from ${servers.join(', ')} and counts until ${new Date(untilMs).toISOString().slice(0, 19)}Z`
    })
    .join('')
}
const MAX_TOLD = 3

/** Characters of a record in the audit log; beyond it the facts are left out, and a replay says that they are. */
const MAX_RECORD = 65_536

/** The decision that decided, as canonical JSON text: that of the list where that refused. */
export function recordOf({ request, policy, list, rules, shadow }: Judged, verdict?: Verdict): string {
  const isList = list !== undefined && verdict?.pass === false && verdict.reason === 'unknown'
  const asked = isList ? withoutArguments(request) : request
  const decision = isList ? list : policy
  const text = rules.recordText(asked, decision, shadow)
  if (text.length <= MAX_RECORD) return text
  const { outcome, code, rules: by } = decision
  return canonicalText({ digest: rules.bundle.digest, outcome, code, rules: by })
}

/** A list is the same whatever the call holds. */
const withoutArguments = ({ principal, resource, context }: PolicyRequest): PolicyRequest => ({
  ...{ principal, resource, context },
  action: LIST_OF[resource.type] ?? 'servers/list',
})
const LIST_OF: Readonly<Record<string, string>> = {
  Tool: 'tools/list',
  Prompt: 'prompts/list',
  Resource: 'resources/list',
  Template: 'resources/templates/list',
}
