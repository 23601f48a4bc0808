// The rows of the commands of publishers and of who keeps the registry.

import type { Command, Option } from './command-row.ts'
import type { CommandModule } from './command.ts'
import { ADMIN, ASKING, GATEWAY, WHY } from './options.ts'

const PROOF_KEY: Option = { kind: 'text', value: 'FILE', help: 'private key that proves the domain, PEM' }
/** What statements name by digest. */
const DOCUMENTS: Readonly<Record<string, Option>> = {
  surface: { kind: 'text', value: 'FILE', help: 'the surface that was signed; default: surface.json beside it' },
  definitions: {
    kind: 'text',
    value: 'FILE',
    help: 'the definitions behind it (`gatehouse server surface --definitions`); default: definitions.json',
  },
  lock: {
    kind: 'list',
    value: 'FILE',
    help: 'a lock file that was signed; default: package-lock.json and requirements.txt. May be repeated',
  },
}
const signers = (name: keyof typeof import('./admin/signers.ts')) => async (): Promise<CommandModule> =>
  (await import('./admin/signers.ts'))[name]
const exchange = async (): Promise<CommandModule> => (await import('./admin/exchange.ts')).registryToken
const PROOF_TOKEN: Readonly<Record<string, Option>> = {
  oidc: { kind: 'flag', help: 'prove it by a token: of GATEHOUSE_OIDC_TOKEN, or of the job of GitHub Actions that runs this' },
  'oidc-token-file': { kind: 'text', value: 'FILE', help: 'the same, with the token in a file' },
}
const registry = (name: keyof typeof import('./admin/registry.ts')) => async (): Promise<CommandModule> =>
  (await import('./admin/registry.ts'))[name]
const advisories = (name: keyof typeof import('./admin/advisories.ts')) => async (): Promise<CommandModule> =>
  (await import('./admin/advisories.ts'))[name]
const reading = (name: keyof typeof import('./admin/reading.ts')) => async (): Promise<CommandModule> =>
  (await import('./admin/reading.ts'))[name]
const mirrorVerbs = (name: keyof typeof import('./admin/mirrors.ts')) => async (): Promise<CommandModule> =>
  (await import('./admin/mirrors.ts'))[name]

export const REGISTRY: readonly Command[] = [
  {
    name: 'namespace claim',
    summary: 'say what a domain has to publish to prove a namespace',
    about: [
      'Makes a key where there is none in --key, and prints the record that the domain of the namespace publishes: `com.example` is proved by example.com. Asks no gateway; then `gatehouse namespace verify`.',
    ],
    positionals: 'NAMESPACE',
    maxPositionals: 1,
    options: { key: PROOF_KEY },
    load: registry('claimNamespace'),
  },
  {
    name: 'namespace verify',
    summary: 'prove a namespace by the key its domain publishes, or by a token of its code host',
    about: [
      'Asks the gateway for a challenge, signs it, and lets the gateway compare with what the domain publishes: in DNS, or with --https in a file. Needs the role publisher. A proof counts for 30 days, and is prolonged while the domain publishes the same key.',
      'With --oidc by a token of an issuer in `registry.proofs`, for names such as io.github.acme: of --oidc-token-file, of GATEHOUSE_OIDC_TOKEN, or of the job of GitHub Actions that runs this. With --login by your own sign-in, where you signed in at such an issuer through this gateway.',
    ],
    positionals: 'NAMESPACE',
    maxPositionals: 1,
    options: {
      ...ASKING,
      key: PROOF_KEY,
      ...PROOF_TOKEN,
      login: { kind: 'flag', help: 'prove it by the claims of your own sign-in' },
      https: { kind: 'flag', help: 'look in https://DOMAIN/.well-known/mcp-registry-auth instead of DNS' },
    },
    load: registry('verifyNamespace'),
  },
  {
    name: 'namespace list',
    summary: 'show namespaces, whose they are and how they were proved',
    about: ['Needs the role operator or auditor; with publisher alone it shows those you are a member of.'],
    options: ADMIN,
    load: registry('listNamespaces'),
  },
  {
    name: 'namespace register',
    summary: 'give a namespace to somebody by an operator’s word',
    about: [
      'For namespaces that no domain proves, and names that look like another one and are none. Needs the role operator; follows the two-person rule.',
      'The owner is `<issuer> <subject>`, or the subject alone where there is one issuer; `gatehouse whoami` shows both of whoever asks, as `subject of issuer`.',
    ],
    positionals: 'NAMESPACE OWNER',
    maxPositionals: 3,
    options: { ...ADMIN, why: WHY },
    load: registry('registerNamespace'),
  },
  {
    name: 'namespace freeze',
    summary: 'let nobody publish in a namespace, at once',
    about: ['What is published stays. Needs the role operator; `namespace thaw` takes it back under the two-person rule.'],
    positionals: 'NAMESPACE',
    maxPositionals: 1,
    options: { ...ADMIN, why: WHY },
    load: registry('freezeNamespace'),
  },
  {
    name: 'namespace thaw',
    summary: 'let its members publish in a frozen namespace again',
    about: ['Needs the role operator; follows the two-person rule.'],
    positionals: 'NAMESPACE',
    maxPositionals: 1,
    options: { ...ADMIN, why: WHY },
    load: registry('thawNamespace'),
  },
  {
    name: 'namespace reassign',
    summary: 'give a namespace to another owner, and take it from everybody else',
    about: [
      'For a name that changed hands for good: its members go, it is active again, and nothing is published in it for `registry.cooldown`. Its new owner proves it anew. Needs the role operator; follows the two-person rule.',
    ],
    positionals: 'NAMESPACE OWNER',
    maxPositionals: 3,
    options: { ...ADMIN, why: WHY },
    load: signers('reassignNamespace'),
  },
  {
    name: 'namespace signer',
    summary: 'propose who signs for a namespace',
    about: [
      'FILE holds one signer policy, as docs/signing.md has it. What is approved is staged in the repository of trust where this gateway publishes it, for its keyholders to sign; elsewhere the answer is the policies to carry to them. It never counts by itself. Needs the role operator or policy-author; follows the two-person rule.',
    ],
    positionals: 'NAMESPACE FILE',
    maxPositionals: 2,
    options: { ...ADMIN, why: WHY },
    load: signers('proposeSigner'),
  },
  {
    name: 'registry signers',
    summary: 'show who may sign for which namespace, and what is proposed',
    about: ['With the role publisher alone it shows the namespaces you are a member of.'],
    options: ASKING,
    load: signers('listSigners'),
  },
  {
    name: 'publish',
    summary: 'publish a server version into the registry',
    about: [
      'Sends server.json and its bundles; the gateway verifies all of them before it keeps anything. Without --bundle it takes server.json.sigstore.json, as `gatehouse sign` leaves it; sign with --registry and the gateway’s public URL.',
      'Surface, definitions and lock file go along where they lie beside server.json and are what was signed.',
      'With --unsigned it goes into quarantine without a bundle. Either way a reviewer’s bundle admits it. Needs the role publisher and the namespace.',
      'With --oidc a job publishes without an account: by a token that proves the namespace (`gatehouse registry token`).',
    ],
    positionals: '[server.json]',
    maxPositionals: 1,
    options: {
      ...ASKING,
      bundle: { kind: 'list', value: 'FILE', help: 'a Sigstore bundle. May be repeated' },
      ...DOCUMENTS,
      unsigned: { kind: 'flag', help: 'send no bundle' },
      ...PROOF_TOKEN,
    },
    load: registry('publish'),
  },
  {
    name: 'registry token',
    summary: 'exchange a proof of a namespace for a token of five minutes that publishes there',
    about: [
      'For jobs without an account at the gateway; `gatehouse publish --oidc` does it by itself. Prints the token, for --token-file of `publish` and `registry status`; it is good for nothing else. Somebody has to have proved the namespace before, by the same account or key.',
      'By a token of an issuer in `registry.proofs`; or with --domain and --key by a signature in the form of the official registry, where `registry.officialProofs` takes it.',
    ],
    options: {
      url: GATEWAY,
      ...PROOF_TOKEN,
      domain: { kind: 'text', value: 'DOMAIN', help: 'the domain whose key signs' },
      key: PROOF_KEY,
      https: { kind: 'flag', help: 'its key is in https://DOMAIN/.well-known/mcp-registry-auth instead of DNS' },
    },
    load: exchange,
  },
  {
    name: 'registry reviews',
    summary: 'show the versions that wait for a reviewer, in the order they came',
    about: [
      '`gatehouse registry diff --waiting` shows how one differs from what is served; a reviewer’s bundle (`gatehouse sign review`, `gatehouse registry attest`) admits it. Needs the role operator, approver or auditor.',
    ],
    positionals: '[TEXT]',
    maxPositionals: 1,
    options: ASKING,
    load: reading('reviews'),
  },
  {
    name: 'registry diff',
    summary: 'show how the surface of a version differs from another’s',
    about: [
      'Each difference with its class (hostile-looking, material, cosmetic), its codes (docs/drift-rules.md), and old and new values as inert text.',
    ],
    positionals: 'SERVER@VERSION',
    maxPositionals: 1,
    options: {
      ...ASKING,
      from: { kind: 'text', value: 'VERSION', help: 'the version to compare it with' },
      waiting: { kind: 'flag', help: 'it waits for a reviewer; needs the role operator, approver or auditor' },
    },
    load: reading('diffVersions'),
  },
  {
    name: 'registry resolve',
    summary: 'show which version of a server a gateway would take, who signed it, and what speaks against it',
    about: ['The version that the gateway’s configuration pins, or the highest that is served. Nothing of it is verified here.'],
    positionals: 'SERVER[@VERSION]',
    maxPositionals: 1,
    options: ASKING,
    load: reading('resolveServer'),
  },
  {
    name: 'registry attest',
    summary: 'add a bundle to a version in the registry; a reviewer’s admits it',
    about: [
      'The gateway verifies it before it keeps it. Surface, definitions and lock file go along where they lie beside the bundle and are what was signed: a server that nobody signed gets them with its review.',
      'Needs the role operator, or publisher and the namespace.',
    ],
    positionals: 'SERVER@VERSION BUNDLE',
    maxPositionals: 2,
    options: { ...ASKING, ...DOCUMENTS },
    load: registry('attest'),
  },
  {
    name: 'registry status',
    summary: 'deprecate a version, take that back, or withdraw it for good',
    about: [
      'STATUS is active, deprecated or deleted. Without a version all of the server that can change do. Deleted is for good, and revokes. Needs the role operator, or publisher and the namespace.',
    ],
    positionals: 'SERVER[@VERSION] STATUS',
    maxPositionals: 2,
    options: { ...ADMIN, message: { kind: 'text', value: 'TEXT', help: 'shown to whoever reads the registry; not with active' } },
    load: registry('setStatus'),
  },
  {
    name: 'registry revoke',
    summary: 'revoke a version, artifact, bundle, key, identity or namespace',
    about: [
      'WHICH is `server@version`, a digest in hexadecimal, the hint of a key, `<issuer> <subject>` of an identity, or a namespace. For good, published to whoever reads the registry, and needs the role operator.',
      'A gateway that runs the version, or what is made of what was revoked, ends it at once; `gatehouse block` stops a server whose upstream is no version of the registry.',
    ],
    positionals: 'KIND WHICH',
    maxPositionals: 3,
    options: {
      ...ADMIN,
      reason: { kind: 'text', value: 'REASON', help: 'malware, vulnerable, key-compromise, account-takeover, policy or publisher-request' },
      warn: { kind: 'flag', help: 'warn alone, and withdraw nothing' },
      'not-before': {
        kind: 'text',
        value: 'TIME',
        help: 'of keys and identities: what a trusted time puts before it still counts (RFC 3339)',
      },
    },
    load: registry('revoke'),
  },
  {
    name: 'registry revocations',
    summary: 'show what was revoked, or tell of it as it comes',
    about: [
      'With --follow one line for each, from --since on, until it is ended: by the stream of the registry, or by asking it twice a minute where it has none. For scripts and alerts; needs a sign-in where the registry is not open to anybody.',
    ],
    options: {
      ...ASKING,
      since: { kind: 'text', value: 'NUMBER', help: 'the last number that is known; default: 0' },
      follow: { kind: 'flag', help: 'tell of each as it comes' },
    },
    load: async () => (await import('./admin/revocations.ts')).revocations,
  },
  {
    name: 'registry advise',
    summary: 'record advisories (OSV): what is known to be vulnerable or malware is not admitted',
    about: [
      'Each FILE is one document of the Open Source Vulnerability format, about npm, PyPI or NuGet packages, images (ecosystem OCI) or servers by their registry name (ecosystem MCP). A document with a later `modified` takes the place of the one before.',
      'Versions that it concerns are named, and not admitted any more. Those that run are warned of; malware (ids MAL-…) revokes them, for good. Needs the role operator.',
    ],
    positionals: 'FILE…',
    maxPositionals: 1000,
    options: ASKING,
    load: advisories('advise'),
  },
  {
    name: 'registry advisories',
    summary: 'show the advisories that were recorded, or one of them whole',
    about: ['Needs the role operator or auditor.'],
    positionals: '[ADVISORY]',
    maxPositionals: 1,
    options: ASKING,
    load: advisories('listAdvisories'),
  },
  {
    name: 'registry withdraw',
    summary: 'withdraw an advisory: there was nothing in it after all',
    about: [
      'Records a newer document of it with `withdrawn`. What it revoked stays revoked. An advisory that somebody publishes anew comes back with its next document. Needs the role operator.',
    ],
    positionals: 'ADVISORY',
    maxPositionals: 1,
    options: ADMIN,
    load: advisories('withdraw'),
  },
  {
    name: 'registry mirrors',
    summary: 'show how far other registries were read, and what was refused of them',
    about: ['`registry.mirrors` names them. Needs the role operator or auditor; --now needs operator.'],
    options: { ...ADMIN, now: { kind: 'text', value: 'URL', help: 'read this one now' } },
    load: mirrorVerbs('mirrors'),
  },
  {
    name: 'registry mirrored',
    summary: 'show what other registries offer, or the server.json of one version',
    about: [
      'None of it is served or run: a reviewer’s bundle (`gatehouse sign review`, `gatehouse registry attest`) admits a version. Needs the role operator, approver or auditor.',
    ],
    positionals: '[TEXT | SERVER@VERSION]',
    maxPositionals: 1,
    options: ADMIN,
    load: mirrorVerbs('mirrored'),
  },
]
