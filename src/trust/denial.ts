// Why something signed is not believed. Every rule has a stable name, the reason it belongs to, and what would mend it: people act on these words.

/** Closed list; what the audit log, the registry and hosts are told. docs/signing.md explains each. */
type TrustReason =
  /** there is no bundle where one is required */
  | 'unsigned'
  /** the file is no bundle we read: refused before any signature is looked at */
  | 'bundle-invalid'
  /** signature, certificate, log entry or timestamp does not verify against the trusted root */
  | 'signature-invalid'
  /** nobody said who may sign for this namespace, or the key is none of those */
  | 'signer-unknown'
  /** verified, and not who may sign for this namespace */
  | 'signer-forbidden'
  /** the signer was revoked, and nothing trusted says it signed before that */
  | 'signer-revoked'
  /** signed by the right one, and not a statement we understand */
  | 'statement-invalid'
  /** signed, about something else than what is here */
  | 'subject-mismatch'
  | 'attestation-expired'
  /** genuine and older than what was admitted before */
  | 'rolled-back'
  /** the signed index of the registry knows this server, and not this version as it is here */
  | 'not-indexed'
  /** this version was revoked, or what it is made of */
  | 'version-revoked'
  /** the registry has no such version */
  | 'version-absent'
  /** it is what was signed, and the configuration does not say enough, or too much, to start it */
  | 'configuration-incomplete'
  /** what is known of the registry's trust is too old, or the clock cannot be right */
  | 'trust-stale'
  /** as signed, and of a kind that nothing is started of */
  | 'artifact-kind-unsupported'
  /** as signed, and holds what is not unpacked or installed */
  | 'artifact-invalid'
  /** as signed, and it is not said how it is started, or only by what is not done */
  | 'artifact-unlaunchable'
  /** it would come from somewhere else than the configured source */
  | 'source-forbidden'
  /** what lies on the disk is not what was installed */
  | 'content-changed'
  /** it could not be verified now; nothing is known of it */
  | 'verification-unavailable'

type Rule = { readonly reason: TrustReason; readonly fix: string }

/** One row for each rule. `fix`: lower case, without a full stop. */
export const RULES = {
  'bundle-absent': { reason: 'unsigned', fix: 'sign it with `gatehouse sign`, or have a reviewer admit it' },
  'review-absent': { reason: 'unsigned', fix: 'have a reviewer look at it: `gatehouse sign review`, then `gatehouse registry attest`' },
  'publisher-absent': {
    reason: 'unsigned',
    fix: 'publish it with the bundle of its publisher: the namespace has a signer policy, so one is required',
  },
  'bundle-size': { reason: 'bundle-invalid', fix: 'make the bundle smaller than 256 KiB' },
  'bundle-json': { reason: 'bundle-invalid', fix: 'sign it again: the file is damaged, or no Sigstore bundle' },
  'bundle-shape': { reason: 'bundle-invalid', fix: 'sign it again with a Sigstore client that writes bundles of version 0.3' },
  'bundle-version': { reason: 'bundle-invalid', fix: 'sign it again with a Sigstore client that writes bundles of version 0.3' },
  'bundle-entries': { reason: 'bundle-invalid', fix: 'keep at most four log entries and four timestamps, none of them twice' },
  'bundle-integer': { reason: 'bundle-invalid', fix: 'sign it again: an index, size or time in it is no number' },
  'bundle-checkpoint': { reason: 'bundle-invalid', fix: 'sign it again: a checkpoint in it was changed' },

  'signature-content': { reason: 'signature-invalid', fix: 'sign it again: what was signed was changed afterwards' },
  'signature-certificate': {
    reason: 'signature-invalid',
    fix: 'sign with a certificate that the trusted root issues, and log it while it is valid',
  },
  'signature-key': { reason: 'signature-invalid', fix: 'sign with a key of the policy, while it is valid' },
  'signature-log': { reason: 'signature-invalid', fix: 'log the signature in a transparency log of the trusted root' },
  'signature-timestamp': { reason: 'signature-invalid', fix: 'have the signature timestamped by a log or authority of the trusted root' },
  'signature-other': { reason: 'signature-invalid', fix: 'sign it again with a current Sigstore client' },

  'policy-absent': { reason: 'signer-unknown', fix: 'give the namespace a signer policy' },
  'key-unknown': { reason: 'signer-unknown', fix: 'sign with a key of the policy, or add this one to it' },
  'verifier-unknown': { reason: 'signer-unknown', fix: 'add the reviewer, with the signer that is theirs, to the policy' },
  'signer-mode': { reason: 'signer-forbidden', fix: 'sign in the way the policy says: keyless, or with a key, never either' },
  'signer-issuer': { reason: 'signer-forbidden', fix: 'sign with an identity of the issuer that the policy names' },
  'signer-san': { reason: 'signer-forbidden', fix: 'sign as the identity that the policy names, such as its release workflow' },
  'signer-claim': { reason: 'signer-forbidden', fix: 'sign from the repository, owner and runner that the policy names' },
  'signer-ambiguous': { reason: 'signer-forbidden', fix: 'sign with a certificate that names one identity, once' },
  'key-outside-window': { reason: 'signer-forbidden', fix: 'sign with a key that is valid now, or have signatures timestamped' },
  'timestamp-required': {
    reason: 'signer-forbidden',
    fix: 'have the signature timestamped: the policy wants it, because its keys are rotated',
  },
  'verifier-mismatch': { reason: 'signer-forbidden', fix: 'have the reviewer sign whose verifier id it names' },
  'signer-revoked': { reason: 'signer-revoked', fix: 'sign again with a signer that was not revoked' },

  'payload-type': { reason: 'statement-invalid', fix: 'sign an in-toto statement (application/vnd.in-toto+json)' },
  'statement-shape': { reason: 'statement-invalid', fix: 'sign a statement of `gatehouse sign`' },
  'statement-type': { reason: 'statement-invalid', fix: 'sign an in-toto statement of version 1' },
  'predicate-type': { reason: 'statement-invalid', fix: 'sign the kind of statement that is asked for here' },
  'subject-absent': {
    reason: 'statement-invalid',
    fix: 'sign a statement over everything that is used: server.json, artifacts and their lock file',
  },
  'sequence-absent': {
    reason: 'statement-invalid',
    fix: 'review it with `gatehouse sign review --sequence`: no publisher signed a number for it, and without one an older version cannot be told',
  },
  'sequence-mismatch': { reason: 'statement-invalid', fix: 'review it under the number that its publisher signed' },
  'review-not-passed': { reason: 'statement-invalid', fix: 'have a reviewer admit this version' },

  'server-mismatch': { reason: 'subject-mismatch', fix: 'use the bundle of this server and version' },
  'registry-mismatch': {
    reason: 'subject-mismatch',
    fix: 'sign for this registry (`gatehouse sign --registry`), or verify for the one it was signed for (`gatehouse verify --registry`)',
  },
  'server-json-mismatch': { reason: 'subject-mismatch', fix: 'use the server.json that was signed, or sign this one as a new version' },
  'artifact-mismatch': { reason: 'subject-mismatch', fix: 'use the artifact that was signed: its bytes are not these' },
  'artifact-absent': { reason: 'subject-mismatch', fix: 'hand in every artifact and lock file that was signed' },
  'lock-mismatch': { reason: 'subject-mismatch', fix: 'use the lock file that was signed' },
  'surface-mismatch': { reason: 'subject-mismatch', fix: 'have this surface reviewed: the one that was signed is another' },
  'surface-absent': { reason: 'subject-mismatch', fix: 'publish the surface that was reviewed beside the version' },
  'launch-mismatch': { reason: 'subject-mismatch', fix: 'start it with what was signed, or sign what it needs' },
  'remote-mismatch': { reason: 'subject-mismatch', fix: 'sign every remote address of server.json' },
  'version-unpinned': { reason: 'subject-mismatch', fix: 'name one exact version in server.json, no range and no tag' },
  'artifact-unsupported': { reason: 'subject-mismatch', fix: 'publish it as npm, PyPI, OCI or MCPB' },

  'dependency-mismatch': {
    reason: 'subject-mismatch',
    fix: 'have the source serve the dependency that the signed lock file names: its bytes are not these',
  },

  'artifact-kind-unsupported': {
    reason: 'artifact-kind-unsupported',
    fix: 'publish it as npm or MCPB (node or binary), or as a remote server',
  },
  'archive-invalid': { reason: 'artifact-invalid', fix: 'pack it again with npm or `mcpb pack`' },
  'archive-entry': { reason: 'artifact-invalid', fix: 'pack files and folders with plain relative names alone: no links, each name once' },
  'archive-size': { reason: 'artifact-invalid', fix: 'publish a smaller artifact, or one with fewer files' },
  'lock-invalid': {
    reason: 'artifact-invalid',
    fix: 'sign the package-lock.json (version 3) of the package, or of a folder that depends on it',
  },
  'lock-entry': {
    reason: 'artifact-invalid',
    fix: 'depend on packages of a registry alone, and have npm write the lock file anew: every entry with a SHA-512',
  },
  'manifest-invalid': { reason: 'artifact-invalid', fix: 'publish it with a manifest that says what server.json says' },
  'entry-point': {
    reason: 'artifact-unlaunchable',
    fix: 'name the one program in `bin` of package.json, or in `server.entry_point` of the manifest',
  },
  'argument-open': {
    reason: 'artifact-unlaunchable',
    fix: 'give the arguments that server.json leaves open, or have it give them a value',
  },
  'argument-other': {
    reason: 'artifact-unlaunchable',
    fix: 'publish it so that the program is started by itself, without words for a runner',
  },
  'transport-other': { reason: 'artifact-unlaunchable', fix: 'publish a package that speaks stdio, or a remote server' },
  'source-absent': { reason: 'source-forbidden', fix: 'name the source under `registry.artifacts`' },
  'source-other': {
    reason: 'source-forbidden',
    fix: 'serve it from the source that is configured, or name its registry under `registry.artifacts`',
  },
  'tree-unknown': { reason: 'content-changed', fix: 'have it installed again' },
  'tree-changed': { reason: 'content-changed', fix: 'find out who writes there, then have it installed again' },

  'not-after': { reason: 'attestation-expired', fix: 'sign this version again, or publish a newer one' },
  'below-floor': {
    reason: 'rolled-back',
    fix: 'pin the newest version, or have a reviewer sign the downgrade: `gatehouse sign review --downgrade-to`',
  },
  'index-absent': {
    reason: 'not-indexed',
    fix: 'use a version that the registry admitted; one it admitted just now is in the index a moment later',
  },
  'index-mismatch': {
    reason: 'not-indexed',
    fix: 'fetch the version anew: what is here is not what the registry published under this name',
  },
  'version-revoked': { reason: 'version-revoked', fix: 'use a version that was not revoked' },
  'namespace-revoked': { reason: 'version-revoked', fix: 'use a server of another namespace' },
  'artifact-revoked': { reason: 'version-revoked', fix: 'use a version of other artifacts' },
  'bundle-revoked': { reason: 'version-revoked', fix: 'use another version, or have this one signed and reviewed again' },

  'advisory-malware': { reason: 'version-revoked', fix: 'use a version that no advisory names' },
  'advisory-vulnerable': {
    reason: 'version-revoked',
    fix: 'pin a version that no advisory names, or say `registry.vulnerable: warn`; what is in force already goes on',
  },

  'version-absent': { reason: 'version-absent', fix: 'pin a version that the registry has' },

  'launch-choice': { reason: 'configuration-incomplete', fix: 'name the package in the configuration (`server.package`)' },
  'launch-incomplete': {
    reason: 'configuration-incomplete',
    fix: 'give the value in the configuration (`server.env` or `server.headers`)',
  },

  'trust-unseen': { reason: 'trust-stale', fix: 'let the gateway reach the trust repository once: nothing is known before that' },
  'trust-expired': { reason: 'trust-stale', fix: 'let the gateway reach the trust repository, and have its timestamp signed anew' },
  'trust-grace': {
    reason: 'trust-stale',
    fix: 'let the gateway reach the trust repository: until then only what was admitted before is used',
  },
  'clock-back': { reason: 'trust-stale', fix: 'set the clock right; docs/runbooks/trust.md says what to do where it was ahead before' },

  'verifier-deadline': { reason: 'verification-unavailable', fix: 'try again; a bundle that does this again is made to stall verifiers' },
  'verifier-busy': { reason: 'verification-unavailable', fix: 'try again later' },
  'registry-unavailable': { reason: 'verification-unavailable', fix: 'see that the registry can be read' },
  'artifact-unreachable': {
    reason: 'verification-unavailable',
    fix: 'let the gateway reach the source under `registry.artifacts`, and see that the artifact is there; docs/artifacts.md says which addresses are fetched from',
  },
  'content-deadline': {
    reason: 'verification-unavailable',
    fix: 'try again; an artifact that does this again is made to stall whoever unpacks it',
  },
  'content-failed': { reason: 'verification-unavailable', fix: 'see that the gateway has room and may write where it keeps content' },
  'verifier-failed': { reason: 'verification-unavailable', fix: 'try again; if it stays, look into the log of the gateway' },
} as const satisfies Readonly<Record<string, Rule>>

export type TrustRule = keyof typeof RULES

/** A refusal. `detail` says what was seen, lower case; what came from outside stands in `backticks`, cut and without control characters. */
export type Denial = {
  readonly denied: TrustReason
  readonly rule: TrustRule
  readonly detail: string
  readonly fix: string
}

export const deny = (rule: TrustRule, detail: string): Denial => ({ denied: RULES[rule].reason, rule, detail, fix: RULES[rule].fix })

/** True for a Denial, false for anything verified. Nothing verified has a member `denied`. */
export const isDenial = (value: object): value is Denial => 'denied' in value

/** Text from outside for a detail: printable ASCII, at most 200 characters. */
export const shown = (text: string): string => {
  const printable = text.slice(0, 201).replaceAll(/[^ -_a-~]/g, '?')
  return `\`${printable.length > 200 ? `${printable.slice(0, 200)}...` : printable}\``
}
