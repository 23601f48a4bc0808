// What a call is approved as: everything it is bound to, worked out of what was verified and prepared, and what people are shown of it.

import { demandsDigest, type Binding } from '../approvals/approval.ts'
import type { Kept } from '../approvals/kept.ts'
import { isShowable } from '../approvals/leaves.ts'
import { exactJson } from '../kernel/exact-json.ts'
import { digestOf } from '../kernel/digest.ts'
import type { Stop } from '../kernel/errors.ts'
import { isJsonFault, member, rawOf, readJson, textOf } from '../mcp/json.ts'
import { setMember } from '../mcp/splice.ts'
import type { Needed } from './approved-verdict.ts'
import type { Defined } from './judge-entities.ts'
import type { Judged } from './judge.ts'
import type { Authenticated, Classified, Joined, Received } from './path.ts'
import type { Prepared } from './stages/prepare-arguments.ts'
import type { Credentialed } from './stages/resolve-credential.ts'
import type { Routed } from './stages/resolve-route.ts'
import { readToolHints } from './tool-hints.ts'

export type Subject = Received & Classified & Authenticated & Joined & Routed & Partial<Prepared & Credentialed>

/** Longest request that people are asked about, in bytes of JSON: more than that nobody reads. */
const MAX_SHOWN = 65_536
const MAX_DEFINITION_TEXT = 16_384

const TOO_LARGE: Stop = {
  stop: 'approval-limit',
  detail: `a request of more than ${MAX_SHOWN} bytes is shown to nobody`,
  fix: 'send less at once',
}

const TOO_DEEP: Stop = {
  stop: 'approval-limit',
  detail: 'a request whose values stand under that many long names is shown to nobody',
  fix: 'send less at once, or nest it less',
}

/** Why it is shown to nobody, if it is not. */
export function unshowable(request: string): Stop | undefined {
  if (Buffer.byteLength(request) > MAX_SHOWN) return TOO_LARGE
  return isShowable(request) ? undefined : TOO_DEEP
}

/** The request as it goes to the server, JSON text; or that it is too large. */
export function requestText(x: Subject): string | Stop {
  const params = x.prepared?.params
  const whole = params === undefined ? undefined : Array.isArray(params) ? Buffer.concat(params) : (params as Buffer)
  const bytes = whole ?? (x.doc && x.params ? x.doc.bytes.subarray(x.params.start, x.params.end) : Buffer.from('{}'))
  const answers = x.method === 'tasks/update' ? x.prepared?.inputResponses : undefined
  if (bytes.length + (answers ? answers.node.end - answers.node.start : 0) > MAX_SHOWN) return TOO_LARGE
  // Answers to questions of a call are between rounds of it; to those of a task they are all that the request is.
  const text = (answers ? setMember(bytes, 'inputResponses', rawOf(answers.doc, answers.node).toString()) : bytes).toString()
  return unshowable(text) ?? text
}

/** One digest for whatever order keys come in, and never one for two numbers. */
export const requestDigest = (text: string): string => digestOf(exactJson(text) ?? text)

export function bindingOf(x: Subject, request: string, needed: Needed, defined: Defined | undefined): Binding {
  const { principal, endpoint, method, caller, route } = x
  return {
    kind: 'call',
    principal: principal.key,
    client: principal.client ?? '',
    endpoint: endpoint.resource,
    server: route.entry.alias,
    identity: route.entry.identity,
    account: caller?.credential?.id ?? '',
    definition: defined ? definitionDigest(defined) : '',
    method,
    name: route.name,
    request: requestDigest(request),
    within: '',
    demands: demandsDigest(needed.demands, needed.quorum),
  }
}

/** Of one that nobody admitted, over its bytes. */
const definitionDigest = ({ digest, entry }: Defined): string => (digest === '' ? digestOf(entry.raw) : digest)

/** Where the request came from, as people are shown it. */
export const cameFrom = ({ endpoint, era, principal, hostFace, address, requestId }: Subject): Kept['from'] => ({
  endpoint: endpoint.path,
  era,
  client: principal.client ?? '',
  clientInfo: hostFace.clientInfo?.toString().slice(0, 1024) ?? '',
  address,
  request: requestId,
})

export function keptOf(x: Subject, request: string, judged: Judged, defined: Defined | undefined): Kept {
  const { route, caller } = x
  const { labels, identity } = route.entry
  return {
    server: { ...(serverFactsOf(judged) as Omit<Kept['server'], 'labels' | 'identity'>), labels, identity },
    account: caller?.credential?.id ?? '',
    ...(defined && { definition: { digest: definitionDigest(defined), ...describedBy(defined) } }),
    request,
    from: cameFrom(x),
    policy: {
      digest: judged.rules.bundle.digest,
      rules: judged.policy.rules.map((id, at) => {
        const rule = judged.rules.policy(id)
        return { id, title: rule?.title ?? '', advice: rule?.advice ?? '', approvers: judged.policy.approvals[at]?.approvers ?? [] }
      }),
    },
    findings: judged.request.late?.findings?.() ?? judged.request.context.findings,
  }
}

/** As the rules saw it: names only where a signature over this very version was verified. */
const serverFactsOf = ({ request: { resource } }: Judged): object => {
  const facts = resource.attributes['server']
  return typeof facts === 'object' ? Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== '')) : {}
}

/** What stays away says so. */
const cut = (text: string): string =>
  text.length > MAX_DEFINITION_TEXT
    ? `${text.slice(0, MAX_DEFINITION_TEXT)}… [${text.length - MAX_DEFINITION_TEXT} more characters are not shown]`
    : text

function describedBy({ entry: { raw } }: Defined): { title: string; description: string; hints: Readonly<Record<string, boolean>> } {
  const doc = readJson(raw, { indexDepth: 2 })
  const textAt = (key: string): string => {
    const node = isJsonFault(doc) ? undefined : member(doc.root, key)
    return node?.kind === 'string' && !isJsonFault(doc) ? cut(textOf(doc, node)) : ''
  }
  return { title: textAt('title'), description: textAt('description'), hints: { ...readToolHints(raw) } }
}
