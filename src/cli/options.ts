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

/** With what something is signed: exactly one of key, command and identity (src/cli/signing/signer.ts). */
export const SIGNER: Readonly<Record<string, Option>> = {
  key: { kind: 'text', value: 'FILE', help: 'private key: PEM, P-256, P-384 or Ed25519; readable by its owner alone' },
  'key-command': {
    kind: 'text',
    value: 'COMMAND',
    help: 'program that signs what it reads, such as a PKCS #11 tool; split at spaces, no shell',
  },
  'public-key': { kind: 'text', value: 'FILE', help: 'with --key-command: its public key, PEM' },
  fulcio: { kind: 'text', value: 'URL', help: 'keyless: who issues certificates for identities' },
  'identity-token-file': {
    kind: 'text',
    value: 'FILE',
    help: 'keyless: an OIDC token; default: $SIGSTORE_ID_TOKEN, else that of the CI job',
  },
  rekor: { kind: 'text', value: 'URL', help: 'transparency log; needed for keyless. What a public one logs is public' },
  tsa: { kind: 'text', value: 'URL', help: 'timestamp authority' },
}
