// The rows of the commands that sign and verify.

import type { Command, Option } from './command-row.ts'
import { SIGNER } from './options.ts'

/** What is signed or verified. */
const PRESENTED: Readonly<Record<string, Option>> = {
  artifact: { kind: 'list', value: 'FILE', help: 'an artifact of server.json; PURL=FILE where it has several. May be repeated' },
  lock: { kind: 'list', value: 'FILE', help: 'its lock file: package-lock.json or requirements.txt. May be repeated' },
  surface: { kind: 'text', value: 'FILE', help: 'digests of its tools, prompts, resources, templates and instructions' },
}
/** A review names none: it is about a version, wherever that is published. */
const REGISTRY: Readonly<Record<string, Option>> = {
  registry: { kind: 'text', value: 'ID', help: 'the registry it is signed for; default: local' },
}

/** Where it is written. */
const BUNDLE: Readonly<Record<string, Option>> = {
  out: { kind: 'text', value: 'FILE', help: 'the bundle; default: beside server.json' },
  force: { kind: 'flag', help: 'replace a bundle that is there' },
  statement: { kind: 'flag', help: 'only print the statement, unsigned' },
}

export const SIGNING: readonly Command[] = [
  {
    name: 'sign',
    summary: 'sign a server version, as its publisher',
    about: [
      'Makes one statement of server.json, its artifacts, lock file and surface, and signs it: with a key (--key), by a program that holds the key (--key-command), or with an identity (--fulcio). Writes a Sigstore bundle.',
      'The program reads the bytes to sign on standard input and prints the signature: DER for ECDSA over SHA-256, 64 bytes for Ed25519, as they are or in base64. docs/signing.md shows it with PKCS #11.',
    ],
    positionals: '[server.json]',
    maxPositionals: 1,
    options: {
      ...PRESENTED,
      ...REGISTRY,
      sequence: { kind: 'text', value: 'N', help: 'number of this version: one more than that of the version before' },
      previous: { kind: 'text', value: 'SHA256', help: 'digest of the statement of the version before, as it was printed' },
      'valid-days': { kind: 'text', value: 'N', help: 'days until it no longer counts; default: 365' },
      env: { kind: 'list', value: 'NAME', help: 'environment variable it may be given besides those in server.json. May be repeated' },
      egress: { kind: 'list', value: 'HOST', help: 'host it may reach. May be repeated' },
      ...SIGNER,
      ...BUNDLE,
    },
    load: () => import('./sign.ts'),
  },
  {
    name: 'sign review',
    summary: 'admit a server version, as a reviewer',
    about: [
      'Makes a SLSA verification summary over server.json, its artifacts, lock file and surface, and signs it as `gatehouse sign` does. It admits a version nobody else signed; the signer policy pairs --verifier with whoever may sign for it.',
    ],
    positionals: '[server.json]',
    maxPositionals: 1,
    options: {
      ...PRESENTED,
      verifier: { kind: 'text', value: 'URL', help: 'the reviewer, as the signer policy names them' },
      rules: { kind: 'text', value: 'FILE', help: 'the rules it was reviewed by; their digest is signed' },
      input: { kind: 'list', value: 'FILE', help: 'a bundle that was looked at. May be repeated' },
      sequence: {
        kind: 'text',
        value: 'N',
        help: 'the number of this version, where no publisher signed one: 1 for the first, then one more',
      },
      'downgrade-to': {
        kind: 'text',
        value: 'N',
        help: 'let this older version count as number N, at or above what was used before; needs --why',
      },
      why: { kind: 'text', value: 'TEXT', help: 'the reason of the downgrade; it is signed' },
      ...SIGNER,
      ...BUNDLE,
    },
    load: () => import('./sign-review.ts'),
  },
  {
    name: 'verify',
    summary: 'verify a bundle offline, and what it is about',
    about: [
      'Verifies a bundle against a signer policy and a pinned trusted root, then compares server.json, artifacts, lock file and surface with what was signed. Goes to no network. Exit code 1 when it is refused; the reason, the rule and what would fix it are printed.',
      'Without --trusted-root no certificate, log or timestamp counts, and signatures by keys alone are believed.',
    ],
    positionals: 'BUNDLE',
    maxPositionals: 1,
    options: {
      policy: { kind: 'text', value: 'FILE', help: 'who may sign: JSON, see docs/signing.md' },
      'trusted-root': { kind: 'text', value: 'FILE', help: 'trusted_root.json of the Sigstore instance' },
      server: { kind: 'text', value: 'FILE', help: 'the server.json it has to be about' },
      ...PRESENTED,
      ...REGISTRY,
      floor: { kind: 'text', value: 'N', help: 'lowest sequence that may be used' },
      review: { kind: 'flag', help: 'it is a reviewer’s bundle' },
    },
    load: () => import('./verify.ts'),
  },
]
