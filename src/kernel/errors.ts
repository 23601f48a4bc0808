// Why things stop. A Stop is an expected value (audited, mapped to the wire by mcp/replies.ts); a Fault is thrown: a bug or a broken world.

/** Closed list of refusal reasons; stable, documented in docs/reasons.md. Every member has one row in mcp/replies.ts. */
export type Reason =
  // HTTP edge, before anyone is known
  | 'address-forbidden'
  | 'address-limited'
  | 'body-too-large'
  | 'header-invalid'
  | 'host-forbidden'
  | 'http-method-refused'
  | 'media-type-unsupported'
  | 'origin-forbidden'
  | 'path-unknown'
  // message
  | 'capability-missing'
  | 'envelope-invalid'
  | 'header-mismatch'
  | 'json-invalid'
  | 'message-invalid'
  | 'method-unknown'
  | 'params-invalid'
  | 'version-unsupported'
  // who
  | 'client-blocked'
  | 'client-limited'
  | 'issuer-unavailable'
  | 'limits-unavailable'
  | 'payload-limited'
  | 'principal-blocked'
  | 'principal-limited'
  | 'scope-missing'
  | 'session-limit'
  | 'session-missing'
  | 'session-unknown'
  | 'token-invalid'
  | 'token-missing'
  | 'token-revoked'
  // what
  | 'approval-limit'
  | 'approval-pending'
  | 'approval-rejected'
  | 'approval-required'
  | 'approval-spent'
  | 'arguments-blocked'
  | 'arguments-forbidden'
  | 'arguments-invalid'
  | 'collision-held'
  | 'concurrency-limited'
  | 'cursor-invalid'
  | 'definition-blocked'
  | 'definition-held'
  | 'denied'
  | 'drifted'
  | 'launch-changed'
  | 'launch-unpinned'
  | 'mark-unavailable'
  | 'obligation-limited'
  | 'policy-denied'
  | 'policy-failed'
  | 'quarantined'
  | 'server-blocked'
  | 'server-limited'
  | 'server-revoked'
  | 'server-unverified'
  | 'state-invalid'
  | 'subscription-limit'
  | 'tool-blocked'
  | 'tool-limited'
  | 'unknown'
  // administration
  | 'approval-decided'
  | 'approval-unknown'
  | 'approval-unshown'
  | 'approver-is-proposer'
  | 'break-glass-closed'
  | 'console-forged'
  | 'console-signed-out'
  | 'proposal-limit'
  | 'proposal-unknown'
  | 'role-missing'
  | 'state-unavailable'
  | 'would-lock-out'
  // registry
  | 'advisory-invalid'
  | 'attestation-invalid'
  | 'attestation-required'
  | 'exchange-unavailable'
  | 'lookalike-held'
  | 'namespace-cooling'
  | 'namespace-forbidden'
  | 'namespace-frozen'
  | 'namespace-taken'
  | 'namespace-unproved'
  | 'proof-invalid'
  | 'quota-exceeded'
  | 'registry-unknown'
  | 'server-json-invalid'
  | 'verifier-unavailable'
  | 'version-exists'
  | 'version-vulnerable'
  // upstream
  | 'answer-invalid'
  | 'cancelled'
  | 'connection-required'
  | 'credential-refused'
  | 'credential-unavailable'
  | 'form-asks-for-secrets'
  | 'form-refused'
  | 'gated'
  | 'host-incapable'
  | 'question-limited'
  | 'response-blocked'
  | 'result-too-large'
  | 'rounds-exceeded'
  | 'sampling-refused'
  | 'upstream-invalid'
  | 'upstream-lost'
  | 'upstream-overloaded'
  | 'upstream-timeout'
  | 'upstream-unavailable'
  | 'url-refused'
  // the gateway itself
  | 'audit-unavailable'
  | 'draining'
  | 'gateway-overloaded'
  | 'internal-fault'

/** An expected refusal. `detail` and `fix` are lower case, without a full stop, and never hold a secret or an argument value. */
export type Stop = {
  readonly stop: Reason
  /** which rule, server, header or field caused it */
  readonly detail?: string
  /** what would fix it */
  readonly fix?: string
  /** seconds until a retry may succeed (429, 503) */
  readonly retryAfterSeconds?: number
  /** the authentication scheme the caller used, where it is not Bearer */
  readonly scheme?: 'DPoP'
  /** for token-invalid: nobody issued the token, so whoever sends it guesses */
  readonly isForged?: true
  /** for scope-missing: what a new token has to have, for the challenge */
  readonly scopes?: readonly string[]
  /** extra members of the JSON-RPC error's `data`, e.g. `supported` for version-unsupported */
  readonly data?: Readonly<Record<string, unknown>>
  /** how a host is asked for what would mend it, where it can be: a whole `input_required` result (JSON object), or the code of an error that asks */
  readonly ask?: { readonly result: Buffer } | { readonly code: number }
}

/** True for a Stop, false for anything a stage may add. No fact may be named `stop`. */
export const isStop = (value: object): value is Stop => 'stop' in value

/** A bug or a broken world. The caller sees only `internal-fault` and a request id. */
export class Fault extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'Fault'
    this.code = code
  }
}
