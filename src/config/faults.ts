// What is wrong with a configuration, where, and how to mend it. Faults stop it from loading; warnings do not.

export type FaultCode =
  /** the file cannot be read: missing, too large, not a file, not UTF-8 */
  | 'file'
  /** the text is not YAML, or uses what is refused here (anchors, tags, merge keys, several documents) */
  | 'yaml'
  | 'unknown-key'
  | 'missing'
  | 'type'
  | 'value'
  | 'range'
  /** two settings contradict each other */
  | 'conflict'
  /** it would be reachable from other machines without what that needs */
  | 'exposed'
  /** an environment variable or file a value comes from is missing or unfit */
  | 'source'
  /** reload only: takes effect at the next start, so the running gateway keeps what it has */
  | 'restart-needed'

export type WarningCode =
  /** the two-person rule is on and there is no second person */
  | 'two-person'
  | 'unverified-sources'
  /** reviewers' decisions count unsigned */
  | 'unsigned-admissions'
  /** a reviewer's private key lies on this machine */
  | 'evaluation-reviewer'
  /** whatever a server lists may pass: nobody has reviewed it */
  | 'configured-admission'
  | 'evaluation'
  | 'literal-secret'
  | 'plain-http'
  | 'nobody-allowed'
  | 'everything-allowed'
  | 'shared-credential'
  | 'loose-permissions'
  | 'open-registration'
  | 'risky-command'
  /** proofs of namespaces that another registry can show here */
  | 'replayable-proofs'
  /** a user of the operating system is to run what lies where that user cannot read */
  | 'closed-artifacts'
  /** a decision about a collision is about nothing */
  | 'collision-unknown'

/** Line and column count from 1; both 0 when the whole file is meant. Messages are lower case, without a full stop, and hold no secret. */
export type Finding<Code> = {
  readonly code: Code
  /** e.g. `upstreams.files.stdio.args[1]`; empty = the file */
  readonly path: string
  readonly line: number
  readonly column: number
  readonly message: string
  /** how to mend it */
  readonly fix?: string
}
export type ConfigFault = Finding<FaultCode>
export type ConfigWarning = Finding<WarningCode>

/** One line for people: `gatehouse.yaml:12:5 upstreams.files: message; fix`. */
export function describeFinding(file: string, finding: Finding<string>): string {
  const at = finding.line > 0 ? `${file}:${finding.line}:${finding.column}` : file
  return `${at} ${finding.path === '' ? '' : `${finding.path}: `}${finding.message}${finding.fix ? `; ${finding.fix}` : ''}`
}

/** Input on its way into a message: bounded, on one line, nothing a terminal would act on. */
export function quoted(input: string): string {
  const safe = input.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
  return `\`${safe.length > 60 ? `${safe.slice(0, 60)}…` : safe}\``
}
