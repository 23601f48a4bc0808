// The words of docs/reasons.md: what each refusal means and what mends it. A reason without a row does not compile; numbers come from src/mcp/replies.ts.

import type { Reason } from '../src/kernel/errors.ts'
import { errorObject, REPLIES } from '../src/mcp/replies.ts'
import { ADMINISTRATION, REGISTRY, row, type Words } from './reasons-administration.ts'
import { QUESTION } from './reasons-questions.ts'

const EDGE = {
  'address-forbidden': row(
    'metrics are not served to this address; a proxy that is not in `trustedProxies` is not believed',
    'add the network to `monitoring.allow`',
  ),
  'address-limited': row(
    'too many requests of this address (an IPv6 /64 counts as one) came, or were refused within a minute; or it holds `limits.connectionsPerAddress` connections, and further ones are cut without an answer',
    'wait for `Retry-After`; find out what sends so much, or bad requests or tokens; `limits.rates.address`, `limits.rates.visitor`, `limits.addressFailuresPerMinute`',
  ),
  'body-too-large': row('the request body is larger than `limits.bodySize`', 'send less, or raise the limit'),
  'header-invalid': row(
    'a header that the gateway reads stands twice, has an underscore in its name, or contradicts the session',
    'send it once, as the `detail` says',
  ),
  'host-forbidden': row('`Host` does not name this gateway (DNS rebinding)', 'use the public URL, or add the name to `allowedHosts`'),
  'http-method-refused': row('an MCP endpoint answers POST, GET and DELETE, and GET only within a session', 'POST `initialize` first'),
  'media-type-unsupported': row('the body is not `application/json` in UTF-8, or is compressed', 'send plain JSON'),
  'origin-forbidden': row('`Origin` is not allowed', 'add it to `allowedOrigins`, if a browser may call from there'),
  'path-unknown': row(
    'nothing is served at this path; paths are compared byte for byte',
    'use a path of docs/configuration.md, without a trailing slash',
  ),
} satisfies Partial<Record<Reason, Words>>

const MESSAGE = {
  'capability-missing': row(
    'the call needs a capability that the host did not declare; `data.requiredCapabilities` names it',
    'use a host that has it',
  ),
  'envelope-invalid': row('a 2026-07-28 request without its `_meta` members, or with unusable ones', 'mend the host'),
  'header-mismatch': row(
    '`Mcp-Method`, `Mcp-Name`, `Mcp-Param-*` or `MCP-Protocol-Version` says something else than the body',
    'mend the host or the proxy between; list the tools again',
  ),
  'json-invalid': row(
    'not one JSON text of strict RFC 8259: a key twice, invalid UTF-8, a lone surrogate, too deep, trailing bytes',
    'mend what stands at the byte the `detail` names',
  ),
  'message-invalid': row('JSON, but no JSON-RPC message of MCP: bad id, kind or batch, or an id that is in use', 'mend the host'),
  'method-unknown': row(
    'the method does not exist in this era or at this endpoint, or no allow rule names it',
    'extension methods: use `/servers/{alias}/mcp` and name the method in an allow rule',
  ),
  'params-invalid': row('a parameter is missing or of the wrong type', 'mend the call as the `detail` says'),
  'version-unsupported': row('the revision is none of those in `data.supported`', 'use one of them'),
} satisfies Partial<Record<Reason, Words>>

const WHO = {
  'client-blocked': row(
    'an operator has blocked this OAuth client',
    '`gatehouse blocks list` says who and why; `gatehouse unblock client`',
  ),
  'issuer-unavailable': row(
    'the keys of the identity provider cannot be read, or too many tokens are being verified',
    'retry; `gatehouse doctor` says what is wrong',
  ),
  'principal-blocked': row(
    'an operator has blocked this principal',
    '`gatehouse blocks list` says who and why; `gatehouse unblock principal`',
  ),
  'client-limited': row(
    'all users of this OAuth client together send more than `limits.rates.client`',
    'wait for `Retry-After`; find out which of its installations sends so much',
  ),
  'limits-unavailable': row(
    'what counts requests does not answer; nobody passes uncounted',
    'retry; `/metrics` and the log of whatever counts',
  ),
  'payload-limited': row(
    'requests and answers of this principal, or of all users of its client, came to more bytes in a minute than `limits.payload` allows',
    'wait for `Retry-After`; ask for less at a time',
  ),
  'principal-limited': row('this principal sends more than `limits.principalPerSecond`', 'slow down; wait for `Retry-After`'),
  'scope-missing': row(
    'the token lacks scopes that this operation needs; `data.scopes` and the challenge name all of them. In a batch, which has one status, this error stands in the answer of its element alone',
    'ask for a token with the scopes of the challenge, or give them to the caller by `identity.issuers[].grant`',
  ),
  'session-limit': row(
    'too many 2025 sessions, in all or of this principal',
    'end some with DELETE; `limits.sessions`, `limits.sessionsPerPrincipal`',
  ),
  'session-missing': row('a 2025 request without `Mcp-Session-Id`', 'POST `initialize` first'),
  'session-unknown': row(
    'no such session of this principal at this endpoint: it ended, it belongs to somebody else, or the gateway was restarted',
    'POST `initialize` again; hosts do this by themselves',
  ),
  'token-invalid': row(
    'the bearer token is not accepted: issuer, audience, algorithm, signature, type or time; the `detail` says which',
    'sign in again; the audience has to be this endpoint’s URL',
  ),
  'token-missing': row('no bearer token', 'sign in where `WWW-Authenticate` points, or send a token of `gatehouse token`'),
  'token-revoked': row(
    'the token was issued before its principal signed out, changed groups, or had its sessions ended by an operator',
    'sign in again; hosts do this by themselves',
  ),
} satisfies Partial<Record<Reason, Words>>

const WHAT = {
  'approval-limit': row(
    'as many requests wait for people as may (`approvals.limits`), in all, of this principal, or of it at this server; or the request is too large for a person to judge. The `detail` says which',
    'have some decided, or take some back, or wait until they end; make the request smaller',
  ),
  'approval-pending': row(
    'policies permit it once people have approved this very request, and it waits for them; `data` has the `url` where it is decided, and the `approval`',
    'open the link, or have an approver decide it, then make the same call again: it passes once, while the approval holds ([approvals.md](approvals.md))',
  ),
  'approval-rejected': row(
    'a person said no to this very request; the `detail` is what they said',
    'do something else; the same request is asked for anew once that answer has ended',
  ),
  'approval-required': row(
    'policies permit it once people have approved it, where nobody can be asked: an act of sessions or administration, or a question of a server. Or the call was made, and something was found in what came back that `inspection` holds; the `detail` names rules, or code, pointer and server',
    'change the rule, or call something else',
  ),
  'approval-spent': row(
    'the approval was used by another call, or it ended, before this one left: each lets one call through; or nobody decided in time',
    'make the call again: it is asked for anew',
  ),
  'arguments-forbidden': row(
    'an administrator’s rule about this argument, or about where resources lie, refuses it; the `detail` names the rule and the place, never the value',
    'call again with what the rule permits; `arguments` of the upstream ([arguments.md](arguments.md))',
  ),
  'arguments-invalid': row(
    'the arguments do not fit the schema of the definition that was admitted, or cannot be judged by it; the `detail` has a JSON pointer and the keyword for each fault, never a value',
    'call again with arguments that fit; where the schema itself is at fault, `arguments.validate` of the upstream ([arguments.md](arguments.md))',
  ),
  'concurrency-limited': row(
    'as many calls run already as `limits.concurrency`, `upstreams.<alias>.limits.atOnce` or a rule (`@concurrency`) allows; the `detail` says of what. Nothing queues here',
    'wait until one has ended; calls that wait for an answer to a question count',
  ),
  'cursor-invalid': row('the cursor is forged, expired, or was issued to another principal or endpoint', 'list again without a cursor'),
  denied: row(
    'the name exists and no allow rule permits it to this principal; the caller is told `unknown`',
    'add it to `upstreams.<alias>.allow`; the event names the upstream',
  ),
  'collision-held': row(
    'the tool, prompt or resource could be taken for another one at this endpoint, for a command of a host, or the configuration hides it; the `detail` in the audit log names both and the code (docs/collisions.md). Hosts are told neither',
    '`gatehouse collisions` shows both sides and the lines for `collisions` in the configuration that resolve it',
  ),
  drifted: row(
    'the server lists this tool, prompt or resource otherwise than a reviewer admitted it, or lists what was not admitted, or lists what was admitted no longer; the `detail` names it',
    '`gatehouse server diff` shows what differs and what it looks like; a reviewer admits it with `gatehouse server approve`, or leaves it held',
  ),
  'launch-changed': row(
    'the configuration would start or reach this server otherwise than a reviewer admitted it; the `detail` names the members that changed. Nothing is started or connected to',
    '`gatehouse server diff` shows old and new; a reviewer admits it with `gatehouse server approve`, or the configuration is put back',
  ),
  'launch-unpinned': row(
    'the command of this server fetches a package or an image that no exact version or digest names, so nobody can have reviewed what runs. Nothing is started',
    'name an exact version (`package@1.2.3`, `package==1.2.3`, `image@sha256:…`) in `upstreams.<alias>.stdio`, then review the server',
  ),
  'mark-unavailable': row(
    'an administrator calls what this server holds untrusted or private, and that it is read could not be kept in the state database, so nothing was read; or more marks stand than are kept',
    'mend the disk; where there is no room, marks end by themselves (`flow.decay`), and an operator clears some (`gatehouse marks list`)',
  ),
  'obligation-limited': row(
    'a rule of `obligations/` limits how often this may be done; the `detail` names the limit',
    'wait for `Retry-After`',
  ),
  'policy-denied': row(
    'policies show it to this principal and do not permit this request; the `detail` names the rules that forbid it, `fix` what they advise',
    '`gatehouse policy explain` says what would be needed; the facts stand in the audit event',
  ),
  'policy-failed': row(
    'a rule could not be evaluated, an argument that a rule reads could not be judged, or the engine failed; nothing passes then',
    'look at the event’s `policy`: its code says which; mend the rule the `detail` names',
  ),
  quarantined: row(
    'nobody has reviewed what this server offers, a reviewer has refused it, its admission cannot be read, or a server admitted `exact` lists something else',
    '`gatehouse server diff`, then `gatehouse server approve`; see docs/admission.md',
  ),
  'server-blocked': row(
    'an operator has blocked this server; whoever may not use it is told `unknown`',
    '`gatehouse blocks list` says who and why; `gatehouse unblock server`',
  ),
  'server-limited': row(
    'everybody together sends this upstream more than `limits.rates.server`, or `upstreams.<alias>.limits.rate`',
    'wait for `Retry-After`; raise the limit if the server takes more',
  ),
  'server-revoked': row(
    'the version of the registry behind this alias was revoked, or what it is made of, or who signed it; what ran on it has ended; `data.trust` names reason and rule of [signing.md](signing.md#reasons)',
    'pin a version that was not revoked',
  ),
  'server-unverified': row(
    'the version of the registry behind this alias may not be used: unsigned, not reviewed, older than what was used before, not what was signed, or what is known of trust is too old; `data.trust` names reason and rule of [signing.md](signing.md#reasons)',
    'what `data.fix` says; `gatehouse server list` shows all of them',
  ),
  'state-invalid': row(
    '`requestState` is forged, expired, used for another call, principal or endpoint, or already answered otherwise',
    'make the call anew',
  ),
  'subscription-limit': row('too many open streams or subscribed resources', 'close some; `limits.streams`, `limits.streamsPerPrincipal`'),
  'tool-limited': row(
    'everybody together calls this tool or prompt more often than `limits.rates.tool`, or `upstreams.<alias>.limits.toolRate`',
    'wait for `Retry-After`; raise the limit if the server takes more',
  ),
  'tool-blocked': row(
    'an operator has blocked this tool; whoever may not use it is told `unknown`',
    '`gatehouse blocks list` says who and why; `gatehouse unblock tool`',
  ),
  unknown: row(
    'no such tool, prompt, resource or task for this principal at this endpoint',
    'list what there is; ask whoever writes the allow rules',
  ),
} satisfies Partial<Record<Reason, Words>>

const UPSTREAM = {
  cancelled: row('the host cancelled or disconnected', 'nothing'),
  'connection-required': row(
    'the upstream takes a credential of each principal’s own, and this one has none, or one without the scopes it needs; `data.url` is where to connect',
    'open the link, sign in as the same person, agree, and let the host try again',
  ),
  'credential-refused': row(
    'the upstream refuses this principal’s credential, and connecting anew has not helped',
    'look at the account’s rights at the upstream; disconnect and connect again',
  ),
  'credential-unavailable': row(
    'the authorization server that issues this principal’s credential cannot be reached or refuses to issue one, or the sign-in it would start from proves nothing there (any more)',
    'retry; sign in again where the `detail` says that the sign-in has ended; it says what was answered, too; `credential` of the upstream',
  ),
  'arguments-blocked': row(
    'something was found in the arguments for which `inspection` of the configuration says `block`; the `detail` names code and pointer, never the value. Nothing went to the server',
    'leave it out; an operator may choose another tier under `upstreams.<alias>.inspection.arguments`',
  ),
  'definition-blocked': row(
    'in the definition of the tool, prompt or resource something was found that no honest one has ([detection.md](detection.md)): it is left out of lists and not called, whoever admitted it; the `detail` names code and pointer',
    'ask whoever runs the server to mend it; an operator may choose another tier under `upstreams.<alias>.inspection.definition`, which is recorded',
  ),
  'definition-held': row(
    'in a definition that no reviewer admits (`admission: configured`) something was found that a person has to look at; until then it is left out of lists and not called',
    'an operator adds its digest, which the `detail` and the audit event name, to `upstreams.<alias>.acceptedDefinitions`, chooses another tier, or has the server reviewed',
  ),
  'response-blocked': row(
    'the call was made, and something was found in what came back that stops it: by `inspection` of the configuration, by `@stop_on` of a policy, or because taking out what `@redact` names left a result that breaks its schema; the `detail` names code, pointer and server, never the text. Nothing of the result is forwarded, and calling again calls the server again',
    'look at what the server sends; an operator may choose another tier under `upstreams.<alias>.inspection`, a policy author another rule',
  ),
  'result-too-large': row(
    'the call was made, and its result has more bytes than `@max_result` of a policy permits; nothing of it is forwarded, and calling again calls the server again',
    'ask for less; a policy author may permit more',
  ),
  'upstream-invalid': row(
    'the upstream broke the protocol, or repeated the credential it was given',
    'the `detail` says how; mend or replace the upstream',
  ),
  'upstream-lost': row(
    'the connection or process ended before the answer; the call may have had its effect',
    'look at the upstream’s log; call again if that is safe',
  ),
  'upstream-overloaded': row(
    'all places and the queue of this upstream are taken, or too many calls wait for input',
    'wait for `retryAfterSeconds`; its `limits`',
  ),
  'upstream-timeout': row(
    'no answer and no progress within `timeouts.call`, or no end within `timeouts.hard`',
    'look at the upstream; raise its `timeouts`',
  ),
  'upstream-unavailable': row(
    'the upstream cannot be reached or started, shows a TLS key that is not pinned, refuses the gateway’s credential, or rests after repeated failures',
    '`gatehouse doctor`; `/readyz` names it',
  ),
} satisfies Partial<Record<Reason, Words>>

const SELF = {
  'audit-unavailable': row('the audit log cannot be written, so nothing passes', 'mend the disk, then restart'),
  draining: row('the gateway is shutting down', 'retry: another instance or the restarted gateway answers'),
  'gateway-overloaded': row(
    'hosts hold as many connections or bytes of request bodies as `limits.connections` and `limits.bodyTotalSize` allow; connections beyond are cut without an answer',
    'retry after `Retry-After`; raise the limit if memory allows; see in the audit log which addresses are refused',
  ),
  'internal-fault': row('a bug; nothing passed. The cause stands in the gateway’s log beside the request id', 'report it'),
} satisfies Partial<Record<Reason, Words>>

const GROUPS = {
  'At the door, before anyone is known': EDGE,
  'The message': MESSAGE,
  'Who asks': WHO,
  'What is asked for': WHAT,
  Administration: ADMINISTRATION,
  'The registry': REGISTRY,
  'What servers ask of people and models': QUESTION,
  'The upstream': UPSTREAM,
  'The gateway itself': SELF,
}
const ALL: Readonly<Record<Reason, Words>> = {
  ...EDGE,
  ...MESSAGE,
  ...WHO,
  ...WHAT,
  ...ADMINISTRATION,
  ...REGISTRY,
  ...QUESTION,
  ...UPSTREAM,
  ...SELF,
}

/** The page, without its notice. */
export function reasonsPage(): string {
  const sections = Object.entries(GROUPS).map(([heading, words]) => `## ${heading}\n\n${table(Object.keys(words) as Reason[])}`)
  return `# Why requests are refused

Every refusal carries one of these reasons: in the JSON-RPC error as \`error.data.reason\`, in the audit event as \`reason\`, in the metric
\`gatehouse_refusals_total\` as its label. Reasons are stable; new ones may be added. \`error.message\` is for people and may change.

\`\`\`json
${JSON.stringify({ jsonrpc: '2.0', id: 1, error: JSON.parse(errorObject(EXAMPLE, '0199…')) as object }, null, 2)}
\`\`\`

\`fix\` says what would mend it, \`retryAfterSeconds\` (and the header \`Retry-After\`) when a retry may succeed, \`requestId\` finds the audit events and log lines.
HTTP status: first for 2026-07-28 hosts, then for 2025 hosts where it differs.

**Said only in the audit log**: the detail of ${listed(r => !shown(r).detail)}. What a principal may not use answers with the same bytes as what does not exist: ${listed(r => shown(r).reason !== r)} is told as
\`unknown\`, and neither carries a request id. Nothing tells the two apart but the audit event.

${sections.join('\n\n')}
`
}

const EXAMPLE = { stop: 'body-too-large', detail: 'the limit is 4194304 bytes', fix: 'raise limits.bodySize or send less' } as const

/** What the wire says of a refusal. */
function shown(reason: Reason): { readonly reason: string; readonly detail: boolean } {
  const { message, data } = JSON.parse(errorObject({ stop: reason, detail: 'SHOWN' }, 'id')) as {
    message: string
    data: { reason: string }
  }
  return { reason: data.reason, detail: message.includes('SHOWN') }
}
const listed = (isListed: (reason: Reason) => boolean): string =>
  (Object.keys(ALL) as Reason[])
    .filter(isListed)
    .map(r => `\`${r}\``)
    .join(', ')

function table(reasons: readonly Reason[]): string {
  const rows = reasons.map(reason => {
    const { modern, legacy, code, message } = REPLIES[reason]
    const { means, mend } = ALL[reason]
    return `| \`${reason}\` | ${modern === legacy ? modern : `${modern}, ${legacy}`} | ${code} | ${message} | ${means} | ${mend} |`
  })
  return `| reason | HTTP | JSON-RPC | message | means | what mends it |\n|---|---|---|---|---|---|\n${rows.join('\n')}`
}
