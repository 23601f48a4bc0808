// The words in front of a rule. Whatever is not known stops the load: an obligation nobody understands would be silently unenforced.

import { nearest } from '../kernel/nearest.ts'
import type { PolicyAst } from './ast.ts'
import { DEMAND_DETAILS, DEMANDS, readDuration, readObligations, type Obligations } from './obligations.ts'
import type { Reads } from './reads.ts'

/** `authz` permits and forbids; `obligations` says what comes with a permit. */
export type SetName = 'authz' | 'obligations'

/** Who may lift a forbid for one request, and for how long it is waited for and then counts; who may besides once it waited; the longest standing grant. */
export type ApprovalDemand = {
  readonly approvers: readonly string[]
  readonly ttlSeconds: number
  readonly escalation?: { readonly afterSeconds: number; readonly approvers: readonly string[] }
  readonly standingSeconds?: number
}

export type Words = {
  readonly id: string
  readonly title: string
  /** what would mend a refusal, for the person refused */
  readonly advice: string
  readonly approval?: ApprovalDemand
  readonly obligations?: Obligations
}

/** `annotation` is where it stands; '' = the rule as a whole. `known`: words among which a misspelt one is looked for. */
export type WordFault = {
  readonly annotation: string
  readonly message: string
  readonly fix?: string
  readonly known?: readonly string[]
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/
const MAX_WORDS = 500
const COMMON = ['id', 'title', 'advice'] as const
const APPROVAL = ['obligation', 'approvers', 'approval_ttl', 'escalate_to', 'escalate_after', 'standing'] as const
const ALLOWED: Readonly<Record<SetName, readonly string[]>> = {
  authz: [...COMMON, ...APPROVAL],
  obligations: [...COMMON, ...DEMANDS, ...DEMAND_DETAILS],
}
const DEFAULT_TTL_SECONDS = 900
/** A person who may decide of themselves; nobody else's group is called so (approvals/approval.ts). */
const SELF = 'self'
const MAX_STANDING_SECONDS = 30 * 86_400

/** The words of a rule, or all that is wrong with them. */
export function readWords(policy: PolicyAst, set: SetName, reads: Reads): Words | readonly WordFault[] {
  const given = new Map(Object.entries(policy.annotations ?? {}).map(([name, value]) => [name, value ?? '']))
  const faults: WordFault[] = []
  const fault = (annotation: string, message: string, fix?: string): void =>
    void faults.push({ annotation, message, ...(fix !== undefined && { fix }) })
  for (const name of given.keys()) {
    if (ALLOWED[set].includes(name)) continue
    const elsewhere = Object.values(ALLOWED).some(names => names.includes(name))
    if (elsewhere) fault(name, `\`@${name}\` means nothing in ${set}/`, `move the rule to ${set === 'authz' ? 'obligations' : 'authz'}/`)
    else faults.push({ annotation: name, message: `no annotation \`@${shown(name)}\``, known: ALLOWED[set] })
  }
  for (const [name, text] of given)
    if (text.length > MAX_WORDS) fault(name, `expected at most ${MAX_WORDS} characters in \`@${shown(name)}\``)
  const id = given.get('id')
  if (id === undefined) fault('', 'a rule without a name', 'put `@id("some.name")` in front of it')
  else if (!ID.test(id)) fault('id', `expected a name of letters, digits and \`._/-\` in \`@id\``)
  const approval = set === 'authz' ? readApproval(policy, given, reads, fault) : undefined
  const obligations = set === 'obligations' ? demandsOf(policy, given, fault) : undefined
  if (faults.length > 0 || id === undefined) return faults
  const words = { id, title: given.get('title') ?? '', advice: given.get('advice') ?? '' }
  return { ...words, ...(approval && { approval }), ...(obligations && { obligations }) }
}

type Report = (annotation: string, message: string, fix?: string) => void

function demandsOf(policy: PolicyAst, given: ReadonlyMap<string, string>, fault: Report): Obligations | undefined {
  if (policy.effect !== 'permit') fault('', 'a forbid in obligations/', 'rules there are permits: each that applies adds what it demands')
  if (!DEMANDS.some(name => given.has(name))) fault('', 'demands nothing', `give it one of ${DEMANDS.map(name => `@${name}`).join(', ')}`)
  const found = readObligations(given)
  if (!('problem' in found)) return found
  const near = found.word === undefined ? undefined : nearest(found.word, found.known ?? [])
  fault(found.annotation, found.problem, near && `did you mean \`${near}\`?`)
  return undefined
}

function readApproval(policy: PolicyAst, given: ReadonlyMap<string, string>, reads: Reads, fault: Report): ApprovalDemand | undefined {
  const kind = given.get('obligation')
  if (kind === undefined) {
    for (const name of APPROVAL) if (given.has(name)) fault(name, `\`@${name}\` without \`@obligation("approval")\``)
    return undefined
  }
  if (kind !== 'approval') fault('obligation', `no obligation \`${shown(kind)}\``, 'the one there is: `approval`')
  if (policy.effect !== 'forbid')
    fault('obligation', 'approval on a permit', 'permits are alternatives, and another would do without: forbid unless approved instead')
  else if (![...reads.context.paths].some(path => path === 'approval' || path.startsWith('approval.')))
    fault('obligation', 'no approval would lift it', 'add `unless { context has approval }`')
  const approvers = namesIn(given.get('approvers'))
  if (approvers.includes('')) fault('obligation', 'nobody may approve', 'name groups: `@approvers("security, on-call")`')
  const ttlSeconds = timeIn(given, 'approval_ttl', fault) ?? DEFAULT_TTL_SECONDS
  const escalation = readEscalation(given, ttlSeconds, fault)
  const standingSeconds = timeIn(given, 'standing', fault)
  if ((standingSeconds ?? 0) > MAX_STANDING_SECONDS) fault('standing', 'expected at most `30d`')
  return { approvers, ttlSeconds, ...(escalation && { escalation }), ...(standingSeconds !== undefined && { standingSeconds }) }
}

function readEscalation(given: ReadonlyMap<string, string>, ttlSeconds: number, fault: Report): ApprovalDemand['escalation'] {
  const afterSeconds = timeIn(given, 'escalate_after', fault)
  if (!given.has('escalate_to') && !given.has('escalate_after')) return undefined
  const approvers = namesIn(given.get('escalate_to'))
  if (approvers.includes('') || approvers.includes(SELF))
    fault('escalate_to', 'nobody to ask besides', 'name groups: `@escalate_to("managers")`')
  if (afterSeconds === undefined) fault('escalate_after', 'expected a time such as `5m`')
  else if (afterSeconds >= ttlSeconds) fault('escalate_after', 'it would have ended by then', 'name a time before `@approval_ttl`')
  return { afterSeconds: afterSeconds ?? 0, approvers }
}

const namesIn = (text = ''): readonly string[] => text.split(',').map(name => name.trim())

function timeIn(given: ReadonlyMap<string, string>, name: string, fault: Report): number | undefined {
  const text = given.get(name)
  const seconds = text === undefined ? undefined : readDuration(text)
  if (text !== undefined && seconds === undefined) fault(name, 'expected a time such as `15m`')
  return seconds
}

/** What somebody wrote, fit for one line. */
export const shown = (text: string): string => text.slice(0, 60).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
