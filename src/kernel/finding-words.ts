// Words that findings are spoken of with: in the table of inspection, in the configuration, in policies and in records.

/** What can be found (docs/detection.md). Only added to: rules and settings name them. */
export const FINDING_CODES = [
  'tag-characters',
  'zero-width',
  'direction-control',
  'control-character',
  'terminal-sequence',
  'invisible-filler',
  'variation-selectors',
  'private-characters',
  'mixed-alphabets',
  'styled-latin',
  'hidden-markup',
  'white-space-hiding',
  'encoded-text',
  'active-url',
  'remote-reference',
  'reserved-name',
  'override',
  'secret-path-transfer',
  'secret-path',
  'concealment',
  'other-tool-first',
  'cross-tool-directive',
  'cross-tool-mention',
  'priority-claim',
  'role-claim',
  'fixed-destination',
  'asks-for-credentials',
  'takes-the-conversation',
  'odd-name',
  'too-long',
  'too-deep',
  'beacon',
  'secret-token',
  'secret-example',
  'password-in-address',
  'private-key',
  'payment-card',
  'bank-account',
  'not-inspected',
] as const
export type FindingCode = (typeof FINDING_CODES)[number]

/** How bad, worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const
export type Severity = (typeof SEVERITIES)[number]
