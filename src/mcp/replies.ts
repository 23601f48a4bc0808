// Reason -> the wire. The only such table: a reason without a row does not compile.

import type { Reason, Stop } from '../kernel/errors.ts'
import { CODE, type Era } from './revisions.ts'

/** How a refusal looks: HTTP status per era (legacy errors inside a session travel with 200 unless the transport itself refuses), JSON-RPC code, one sentence. */
type Reply = { readonly modern: number; readonly legacy: number; readonly code: number; readonly message: string }

const reply = (modern: number, legacy: number, code: number, message: string): Reply => ({ modern, legacy, code, message })

// Codes of our own lie outside -32768..-32000, which MCP 2026-07-28 reserves (R20).
const OWN = {
  limited: -31429,
  overloaded: -31503,
  gated: -31403,
  scope: -31401,
  blocked: -31423,
  admission: -31424,
  connection: -31428,
  policy: -31404,
  approval: -31426,
  content: -31430,
} as const

export const REPLIES: Readonly<Record<Reason, Reply>> = {
  'address-forbidden': reply(403, 403, CODE.invalidRequest, 'Not served to this address'),
  'address-limited': reply(429, 429, OWN.limited, 'Too many requests from this address'),
  'body-too-large': reply(413, 413, CODE.invalidRequest, 'Request body too large'),
  'header-invalid': reply(400, 400, CODE.invalidRequest, 'Invalid request header'),
  'host-forbidden': reply(403, 403, CODE.invalidRequest, 'Host not allowed'),
  'http-method-refused': reply(405, 405, CODE.invalidRequest, 'Method not allowed'),
  'media-type-unsupported': reply(415, 415, CODE.invalidRequest, 'Unsupported media type'),
  'origin-forbidden': reply(403, 403, CODE.invalidRequest, 'Origin not allowed'),
  'path-unknown': reply(404, 404, CODE.invalidRequest, 'Not found'),

  'capability-missing': reply(400, 200, CODE.capabilityMissing, 'Missing required client capability'),
  'envelope-invalid': reply(400, 400, CODE.invalidParams, 'Invalid request envelope'),
  'header-mismatch': reply(400, 400, CODE.headerMismatch, 'Header mismatch'),
  'json-invalid': reply(400, 400, CODE.parse, 'Parse error'),
  'message-invalid': reply(400, 400, CODE.invalidRequest, 'Invalid request'),
  'method-unknown': reply(404, 200, CODE.methodNotFound, 'Method not found'),
  'params-invalid': reply(400, 200, CODE.invalidParams, 'Invalid params'),
  'version-unsupported': reply(400, 400, CODE.versionUnsupported, 'Unsupported protocol version'),

  'client-blocked': reply(403, 403, OWN.blocked, 'This client is blocked'),
  'client-limited': reply(429, 429, OWN.limited, 'Too many requests of this application'),
  'issuer-unavailable': reply(503, 503, OWN.overloaded, 'Identity provider unavailable'),
  'limits-unavailable': reply(503, 503, OWN.overloaded, 'Requests cannot be counted'),
  'payload-limited': reply(429, 429, OWN.limited, 'Too many bytes'),
  'principal-blocked': reply(403, 403, OWN.blocked, 'Access is blocked'),
  'principal-limited': reply(429, 429, OWN.limited, 'Too many requests'),
  'scope-missing': reply(403, 403, OWN.scope, 'Insufficient scope'),
  'session-limit': reply(429, 429, OWN.limited, 'Too many sessions'),
  'session-missing': reply(400, 400, CODE.invalidRequest, 'Mcp-Session-Id required'),
  'session-unknown': reply(404, 404, CODE.invalidRequest, 'Session not found'),
  'token-invalid': reply(401, 401, CODE.invalidRequest, 'Invalid access token'),
  'token-missing': reply(401, 401, CODE.invalidRequest, 'Access token required'),
  'token-revoked': reply(401, 401, CODE.invalidRequest, 'Access token revoked'),

  'approval-limit': reply(429, 429, OWN.limited, 'Too many requests wait for people'),
  'approval-pending': reply(200, 200, OWN.approval, 'Waiting for a person to approve this'),
  'approval-rejected': reply(200, 200, OWN.approval, 'A person said no to this'),
  'approval-required': reply(200, 200, OWN.approval, 'Somebody has to approve this'),
  'approval-spent': reply(200, 200, OWN.approval, 'No approval counts for this any more'),
  'arguments-blocked': reply(200, 200, OWN.content, 'The arguments are not passed on'),
  'arguments-forbidden': reply(200, 200, OWN.policy, 'These arguments are not permitted'),
  'arguments-invalid': reply(200, 200, CODE.invalidParams, 'Invalid arguments'),
  // Which other name it resembles is for administrators: a host could learn from it what else there is.
  'collision-held': reply(200, 200, OWN.admission, 'It could be taken for something else, so it is held'),
  'concurrency-limited': reply(429, 429, OWN.limited, 'Too many calls at once'),
  'cursor-invalid': reply(400, 200, CODE.invalidParams, 'Invalid cursor'),
  // What a principal is not entitled to does not exist: `denied` answers with the bytes of `unknown`.
  denied: reply(200, 200, CODE.invalidParams, 'Unknown name'),
  'definition-blocked': reply(200, 200, OWN.admission, 'Its description is not passed on'),
  'definition-held': reply(200, 200, OWN.admission, 'Its description waits for a person'),
  drifted: reply(200, 200, OWN.admission, 'Not what was admitted'),
  'launch-changed': reply(200, 200, OWN.admission, 'Not how it was admitted'),
  'launch-unpinned': reply(200, 200, OWN.admission, 'The server starts code that nobody named'),
  'mark-unavailable': reply(503, 503, OWN.overloaded, 'What would be read cannot be noted'),
  'obligation-limited': reply(429, 429, OWN.limited, 'Too many of these'),
  'policy-denied': reply(200, 200, OWN.policy, 'Not permitted'),
  'policy-failed': reply(503, 503, OWN.overloaded, 'The rules cannot be asked'),
  quarantined: reply(200, 200, OWN.admission, 'The server waits for a review'),
  'server-blocked': reply(200, 200, OWN.blocked, 'The server is blocked'),
  'server-limited': reply(429, 429, OWN.limited, 'Too many calls to the server'),
  'server-revoked': reply(200, 200, OWN.admission, 'The server was revoked'),
  'server-unverified': reply(200, 200, OWN.admission, 'The server is not verified'),
  'state-invalid': reply(400, 200, CODE.invalidParams, 'Invalid or expired requestState'),
  'subscription-limit': reply(429, 429, OWN.limited, 'Too many streams'),
  'tool-blocked': reply(200, 200, OWN.blocked, 'The tool is blocked'),
  'tool-limited': reply(429, 429, OWN.limited, 'Too many calls to the tool'),
  unknown: reply(200, 200, CODE.invalidParams, 'Unknown name'),

  'approval-decided': reply(409, 409, CODE.invalidParams, 'It waits for nobody any more'),
  'approval-unknown': reply(404, 404, CODE.invalidParams, 'No such approval'),
  'approval-unshown': reply(409, 409, CODE.invalidParams, 'What would run cannot be shown any more'),
  'approver-is-proposer': reply(403, 403, OWN.blocked, 'Somebody else has to approve this'),
  'break-glass-closed': reply(403, 403, OWN.blocked, 'Break-glass is not open'),
  'console-forged': reply(403, 403, OWN.blocked, 'This request did not come from a page of the console'),
  'console-signed-out': reply(401, 401, CODE.invalidRequest, 'Signed out of the console'),
  'proposal-limit': reply(429, 429, OWN.limited, 'Too many proposals wait'),
  'proposal-unknown': reply(404, 404, CODE.invalidParams, 'No such proposal'),
  'role-missing': reply(403, 403, OWN.blocked, 'Not permitted to administer this'),
  'state-unavailable': reply(503, 503, OWN.overloaded, 'The change may not be kept'),
  'would-lock-out': reply(409, 409, OWN.blocked, 'This would lock everybody out'),

  'advisory-invalid': reply(422, 422, CODE.invalidParams, 'The advisory is not taken'),
  'attestation-invalid': reply(422, 422, OWN.blocked, 'The statement does not count'),
  'attestation-required': reply(422, 422, OWN.blocked, 'A verified statement is needed'),
  'exchange-unavailable': reply(501, 501, OWN.blocked, 'This registry takes no such proof'),
  'lookalike-held': reply(409, 409, OWN.blocked, 'The name looks like another one'),
  'namespace-cooling': reply(403, 403, OWN.blocked, 'Nothing is published in the namespace for a while'),
  'namespace-forbidden': reply(403, 403, OWN.blocked, 'Not permitted in this namespace'),
  'namespace-frozen': reply(403, 403, OWN.blocked, 'The namespace is frozen'),
  'namespace-taken': reply(409, 409, OWN.blocked, 'The namespace is taken'),
  'namespace-unproved': reply(403, 403, OWN.blocked, 'The namespace has to be proved again'),
  'proof-invalid': reply(422, 422, CODE.invalidParams, 'Not proved'),
  'quota-exceeded': reply(413, 413, OWN.blocked, 'Too many bytes to keep'),
  'registry-unknown': reply(404, 404, CODE.invalidParams, 'Not found'),
  'server-json-invalid': reply(400, 400, CODE.invalidParams, 'Invalid server.json'),
  'verifier-unavailable': reply(503, 503, OWN.overloaded, 'Nothing can be verified'),
  'version-exists': reply(409, 409, CODE.invalidParams, 'The version exists'),
  'version-vulnerable': reply(409, 409, OWN.blocked, 'The version is known to be vulnerable'),

  'answer-invalid': reply(400, 200, CODE.invalidParams, 'Invalid answer'),
  cancelled: reply(200, 200, CODE.internal, 'Request cancelled'),
  // Never 401 or 403: those would be about the host's own token (R109).
  'connection-required': reply(200, 200, OWN.connection, 'You have to connect your account'),
  'credential-refused': reply(200, 200, OWN.connection, 'The server refuses your account'),
  'credential-unavailable': reply(200, 200, OWN.overloaded, 'No credential for the server can be had'),
  'form-asks-for-secrets': reply(200, 200, OWN.gated, 'The server asked for a secret in a form'),
  'form-refused': reply(200, 200, OWN.gated, 'The server asked with a form that is not shown'),
  gated: reply(200, 200, OWN.gated, 'The server asked for something that is not permitted'),
  'host-incapable': reply(400, 200, CODE.internal, 'The server needs something this client does not support'),
  'question-limited': reply(429, 200, OWN.limited, 'The server asks too often'),
  'response-blocked': reply(200, 200, OWN.content, 'What came back is withheld'),
  'result-too-large': reply(200, 200, OWN.content, 'The result is larger than permitted'),
  'rounds-exceeded': reply(200, 200, CODE.internal, 'Too many input rounds'),
  'sampling-refused': reply(200, 200, OWN.gated, 'The server asked for a sampling that is not passed on'),
  'upstream-invalid': reply(200, 200, CODE.internal, 'The server answered with an invalid message'),
  'upstream-lost': reply(200, 200, CODE.internal, 'Connection to the server lost'),
  'upstream-overloaded': reply(200, 200, OWN.overloaded, 'The server is overloaded'),
  'upstream-timeout': reply(200, 200, CODE.internal, 'The server did not answer in time'),
  'upstream-unavailable': reply(200, 200, CODE.internal, 'The server is unavailable'),
  'url-refused': reply(200, 200, OWN.gated, 'The server would send people to an address that is not permitted'),

  'audit-unavailable': reply(503, 503, OWN.overloaded, 'The audit log cannot be written'),
  draining: reply(503, 503, OWN.overloaded, 'The gateway is shutting down'),
  'gateway-overloaded': reply(503, 503, OWN.overloaded, 'The gateway is overloaded'),
  'internal-fault': reply(500, 500, CODE.internal, 'Internal error'),
}

/** Reasons whose detail stays in the audit log: the wire must not tell a hidden name from an unknown one. */
const SILENT: ReadonlySet<Reason> = new Set(['denied', 'unknown', 'state-invalid', 'internal-fault'])

/** Reasons that a host is told, with what would mend them, but not which other server they are about. */
const NAMELESS: ReadonlySet<Reason> = new Set(['collision-held'])

export const httpStatusOf = (stop: Stop, era: Era): number => REPLIES[stop.stop][era === 'modern' ? 'modern' : 'legacy']

/**
 * The JSON-RPC error object of a refusal, as JSON text. `data.reason` is the stable code; `requestId` finds the audit entries.
 * `reason` of `denied` and `session-unknown` look like those of what does not exist.
 */
export function errorObject(stop: Stop, requestId: string): string {
  const row = REPLIES[stop.stop]
  const silent = SILENT.has(stop.stop)
  const reason = stop.stop === 'denied' ? 'unknown' : stop.stop
  const message = silent || NAMELESS.has(stop.stop) || stop.detail === undefined ? row.message : `${row.message}: ${stop.detail}`
  const data = {
    reason,
    ...(!silent && stop.fix !== undefined && { fix: stop.fix }),
    ...(stop.retryAfterSeconds !== undefined && { retryAfterSeconds: stop.retryAfterSeconds }),
    // Unknown and denied answers must be equal byte for byte, so they carry no request id.
    ...(reason !== 'unknown' && { requestId }),
    ...stop.data,
  }
  const code = stop.ask && 'code' in stop.ask ? stop.ask.code : row.code
  return JSON.stringify({ code, message, data })
}
