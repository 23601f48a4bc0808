// What inspection can say: the table of codes, how bad each is, and what it asks for by where it was found. Patterns never promise anything: approval and pinning do.

import type { FindingCode, Severity } from '../kernel/finding-words.ts'

/** Where a document came from. `definition`: lists, instructions; `content`: results, resources, prompts, errors; `request`: server to host; `arguments`: host to server. */
export const DOCUMENT_KINDS = ['definition', 'content', 'request', 'arguments'] as const
export type DocumentKind = (typeof DOCUMENT_KINDS)[number]

/** Worst first. `block`: never seen in honest metadata; `hold`: a person should look; `annotate`: said beside the bytes, which stay as they are. */
export const TIERS = ['block', 'hold', 'annotate'] as const
export type Tier = (typeof TIERS)[number]

export type Finding = {
  readonly code: string
  readonly severity: Severity
  readonly tier: Tier
  /** JSON pointer of the string (or of the key) from the inspected value; inert, bounded */
  readonly pointer: string
  /** a bounded excerpt as inert ASCII, or what kind of secret it was; never a secret */
  readonly sample: string
}

/** How detectors tell; `at` is where in the text, `secret` what kind of secret it was, and `end` where that ends. */
export type Found = (code: string, at: number, secret?: string, end?: number) => void

export type DetectionRule = {
  readonly code: FindingCode
  readonly about: string
  readonly severity: Severity
  /** tier by kind of document where nobody chose another; absent: not reported there */
  readonly tiers: Readonly<Partial<Record<DocumentKind, Tier>>>
}

const rule = (code: FindingCode, severity: Severity, tiers: DetectionRule['tiers'], about: string): DetectionRule => ({
  code,
  severity,
  tiers,
  about,
})
/** Blocks what describes or asks; in content and arguments it is normal somewhere (terminal tools, mail, other scripts). */
const STRUCTURAL = { definition: 'block', content: 'annotate', request: 'block', arguments: 'annotate' } as const
const DEFINITION_ONLY = { definition: 'block', request: 'block' } as const
const SAID = { definition: 'hold', content: 'annotate', request: 'hold' } as const
const OVERT = { definition: 'block', content: 'annotate', request: 'block' } as const
const LEAK = { definition: 'block', content: 'annotate', request: 'hold', arguments: 'hold' } as const

export const RULES: readonly DetectionRule[] = [
  rule('tag-characters', 'critical', STRUCTURAL, 'characters that only programs read (Unicode tags)'),
  rule('zero-width', 'high', STRUCTURAL, 'characters without width'),
  rule('direction-control', 'high', STRUCTURAL, 'characters that turn the direction of reading'),
  rule('control-character', 'high', STRUCTURAL, 'control characters'),
  rule('terminal-sequence', 'high', STRUCTURAL, 'terminal sequences, as they are or written out'),
  rule('invisible-filler', 'high', STRUCTURAL, 'fillers that draw nothing'),
  rule('variation-selectors', 'high', STRUCTURAL, 'variation selectors that can carry hidden bytes'),
  rule('private-characters', 'medium', STRUCTURAL, 'characters of nobody'),
  rule('mixed-alphabets', 'high', STRUCTURAL, 'Latin and look-alike letters in one word'),
  rule('styled-latin', 'medium', STRUCTURAL, 'Latin letters in mathematical or full-width form'),
  rule('hidden-markup', 'high', STRUCTURAL, 'tags or comments that a model reads and a person does not see'),
  rule('white-space-hiding', 'medium', DEFINITION_ONLY, 'text behind a wall of white space'),
  rule('encoded-text', 'high', STRUCTURAL, 'readable text in base64, hex or percent encoding'),
  rule('active-url', 'high', STRUCTURAL, 'an address that runs as a script'),
  rule('remote-reference', 'high', DEFINITION_ONLY, 'a schema that would be fetched from elsewhere'),
  rule('reserved-name', 'high', DEFINITION_ONLY, 'a parameter name that programs take for something else'),
  rule('override', 'high', OVERT, 'tells a model to drop its instructions'),
  rule('secret-path-transfer', 'critical', OVERT, 'names a place of secrets beside reading or sending'),
  rule('secret-path', 'medium', { definition: 'annotate', content: 'annotate', request: 'hold', arguments: 'hold' }, 'a place of secrets'),
  rule('concealment', 'high', SAID, 'asks to keep something from the user'),
  rule('other-tool-first', 'medium', SAID, 'orders another act before or instead of this one'),
  rule('cross-tool-directive', 'high', { definition: 'hold' }, 'orders about a tool of another server, or another server'),
  rule('cross-tool-mention', 'low', { definition: 'annotate' }, 'names a tool of another server, or another server'),
  rule('priority-claim', 'low', SAID, 'says it must be preferred to other tools'),
  rule('role-claim', 'medium', SAID, 'speaks as the system, the user or an administrator'),
  rule('fixed-destination', 'high', SAID, 'sends something to an address of its own'),
  rule('asks-for-credentials', 'high', SAID, 'asks for a password, key or code'),
  rule('takes-the-conversation', 'high', { definition: 'hold', request: 'hold' }, 'a parameter for the conversation or the system prompt'),
  rule('odd-name', 'medium', { definition: 'hold' }, 'a name of other characters than letters, digits, `_`, `.`, `-`'),
  rule('too-long', 'low', { definition: 'hold', request: 'hold' }, 'a text that nobody reads to its end'),
  rule('too-deep', 'low', { definition: 'hold', request: 'hold' }, 'nested deeper than honest schemas'),
  rule('beacon', 'medium', { content: 'annotate', request: 'hold' }, 'a picture whose address carries data away'),
  rule('secret-token', 'critical', LEAK, 'a token of a well-known format'),
  rule('secret-example', 'low', { content: 'annotate', request: 'annotate', arguments: 'annotate' }, 'a token that documentation uses'),
  rule('password-in-address', 'high', { content: 'annotate', request: 'hold', arguments: 'hold' }, 'an address with a password in it'),
  rule('private-key', 'critical', LEAK, 'a private key'),
  rule('payment-card', 'high', LEAK, 'the number of a payment card (checksum holds)'),
  rule('bank-account', 'high', { ...LEAK, definition: 'hold' }, 'an IBAN (checksum holds)'),
  rule(
    'not-inspected',
    'low',
    { definition: 'hold', content: 'annotate', request: 'hold', arguments: 'annotate' },
    'more than is inspected',
  ),
]

export const RULE_OF: ReadonlyMap<string, DetectionRule> = new Map(RULES.map(r => [r.code as string, r]))
