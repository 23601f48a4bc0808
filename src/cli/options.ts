// Options that several commands share.

import type { Option } from './command-row.ts'

/** Which gateway. */
export const GATEWAY: Option = { kind: 'text', value: 'URL', help: 'the gateway; default: publicUrl of the configuration' }
/** Options of every command that asks a gateway as somebody. */
export const ASKING: Readonly<Record<string, Option>> = {
  url: GATEWAY,
  'token-file': { kind: 'text', value: 'FILE', help: 'file with an access token for /admin, instead of the one of `gatehouse login`' },
  user: { kind: 'text', value: 'NAME', help: 'user of the evaluation identity provider; default: the first operator it knows' },
}
/** Options of every command that administers. */
export const ADMIN: Readonly<Record<string, Option>> = {
  ...ASKING,
  'break-glass': { kind: 'flag', help: 'by a local file instead of a token, on the gateway’s machine, while break-glass is open' },
}
export const WHY: Option = { kind: 'text', value: 'TEXT', help: 'why; recorded, and shown to other operators' }
