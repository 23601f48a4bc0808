// Options of the commands that sign and verify, as the table of commands shows them.

import type { Option } from '../commands.ts'

/** What is signed or verified. */
export const PRESENTED: Readonly<Record<string, Option>> = {
  artifact: { kind: 'list', value: 'FILE', help: 'an artifact of server.json; PURL=FILE where it has several. May be repeated' },
  lock: { kind: 'list', value: 'FILE', help: 'its lock file: package-lock.json or requirements.txt. May be repeated' },
  surface: { kind: 'text', value: 'FILE', help: 'digests of its tools, prompts, resources, templates and instructions' },
  registry: { kind: 'text', value: 'ID', help: 'the registry it is signed for; default: local' },
}

/** With what it is signed. */
export const SIGNER: Readonly<Record<string, Option>> = {
  key: { kind: 'text', value: 'FILE', help: 'private key: PEM, P-256, P-384 or Ed25519; readable by its owner alone' },
  'key-command': { kind: 'text', value: 'COMMAND', help: 'program that signs what it reads, such as a PKCS #11 tool; split at spaces, no shell' },
  'public-key': { kind: 'text', value: 'FILE', help: 'with --key-command: its public key, PEM' },
  fulcio: { kind: 'text', value: 'URL', help: 'keyless: who issues certificates for identities' },
  'identity-token-file': { kind: 'text', value: 'FILE', help: 'keyless: an OIDC token; default: $SIGSTORE_ID_TOKEN, else that of the CI job' },
  rekor: { kind: 'text', value: 'URL', help: 'transparency log; needed for keyless. What a public one logs is public' },
  tsa: { kind: 'text', value: 'URL', help: 'timestamp authority' },
}
