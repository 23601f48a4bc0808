// The subcommands of whoever runs a trust repository, and of those who hold its keys.

import type { CommandModule } from './command.ts'
import type { Command, Option } from './command-row.ts'

const act = (name: keyof typeof import('./trust/acts.ts')) => async (): Promise<CommandModule> => (await import('./trust/acts.ts'))[name]

const STAGED: Readonly<Record<string, Option>> = {
  'trusted-root': { kind: 'text', value: 'FILE', help: 'which logs, authorities and certificate issuers count; signed by root keyholders' },
  policies: { kind: 'text', value: 'FILE', help: 'a signer policy, as docs/signing.md describes it; signed by namespaces keyholders' },
  floors: { kind: 'text', value: 'FILE', help: 'lowest sequences, `{"version":1,"floors":{"NAME":N}}`; signed by namespaces keyholders' },
}

export const TRUST: readonly Command[] = [
  {
    name: 'trust init',
    summary: 'begin a trust repository: its online keys, and what keyholders sign first',
    about: [
      'Two of three or more root keyholders, and two of two or more namespaces keyholders: name the public key of each. Keys that stay on this machine (timestamp, snapshot, index, revocations) are made in DIR/online. What people sign lies in DIR/staged; `gatehouse trust publish` takes it up. docs/runbooks/trust.md walks through it.',
      'With --evaluation one key signs everything, and it lies in DIR/online as well: whoever has this machine is trusted with all. It never becomes anything else, and a gateway that others reach is to refuse it.',
    ],
    positionals: '<dir>',
    maxPositionals: 1,
    options: {
      root: { kind: 'list', value: 'FILE', help: 'public key of a root keyholder: PEM, Ed25519 or P-256. Repeated for each' },
      namespaces: { kind: 'list', value: 'FILE', help: 'the same of a namespaces keyholder' },
      evaluation: { kind: 'flag', help: 'one key for everything, for trying out' },
      ...STAGED,
    },
    load: act('init'),
  },
  {
    name: 'trust stage',
    summary: 'lay changed documents out for their keyholders to sign',
    about: [
      'Documents that are not named stay as they are. Floors only rise. What was staged for the same role before is replaced, with its signatures.',
    ],
    positionals: '<dir>',
    maxPositionals: 1,
    options: STAGED,
    load: act('stage'),
  },
  {
    name: 'trust sign',
    summary: 'sign a staged file, as a keyholder',
    about: [
      'Needs that one file and the key, and no network: it can be carried to where the key is. Prints what is signed: compare each digest with that of the document you agreed on (`sha256sum`).',
      'Signatures gather in the file; pass it on, or sign copies side by side and hand all of them to `gatehouse trust publish`.',
    ],
    positionals: '<file>',
    maxPositionals: 1,
    options: {
      key: { kind: 'text', value: 'FILE', help: 'private key: PEM, Ed25519 or P-256; readable by its owner alone' },
      'key-command': {
        kind: 'text',
        value: 'COMMAND',
        help: 'program that signs what it reads, as for `gatehouse sign`; split at spaces, no shell',
      },
      'public-key': { kind: 'text', value: 'FILE', help: 'with --key-command: its public key, PEM' },
    },
    load: act('sign'),
  },
  {
    name: 'trust rotate',
    summary: 'lay out new keys of a role, or renew what it signs',
    about: [
      'For root and namespaces: --add and --remove keyholders; without both, what they sign is renewed before it expires. A new root is signed by two of the old keyholders and two of the new ones. For timestamp, snapshot, index and revocations a new key is made here, and counts when the keyholders have signed it.',
    ],
    positionals: '<dir>',
    maxPositionals: 1,
    options: {
      role: { kind: 'text', value: 'ROLE', help: 'root, namespaces, timestamp, snapshot, index or revocations' },
      add: { kind: 'list', value: 'FILE', help: 'public key of a new keyholder. May be repeated' },
      remove: {
        kind: 'list',
        value: 'FILE|ID',
        help: 'key that no longer counts: its public half, or its id as `trust status` prints it. May be repeated',
      },
    },
    load: act('rotate'),
  },
  {
    name: 'trust publish',
    summary: 'take up what enough keyholders signed, and sign snapshot and timestamp anew',
    about: [
      'Files named after DIR are signed copies of what is staged. What lacks signatures stays staged. Run it every few minutes: a timestamp counts for an hour. DIR/metadata and DIR/targets are what gateways read; DIR/online never leaves this machine.',
    ],
    positionals: '<dir> [signed copies]',
    maxPositionals: 33,
    options: {
      index: { kind: 'text', value: 'FILE', help: 'a whole index in place of the one there is, cut into its parts; signed here' },
      revocations: { kind: 'text', value: 'FILE', help: 'new revocations, `{"version":1,"signers":[],"versions":[]}`; signed here' },
    },
    load: act('publish'),
  },
  {
    name: 'trust status',
    summary: 'show what expires when, who still has to sign, and whether gateways would believe it',
    about: ['Asks the repository as a new gateway does. Exit code 1 when that would not believe all of it.'],
    positionals: '<dir>',
    maxPositionals: 1,
    options: {},
    load: act('status'),
  },
  {
    name: 'trust floors',
    summary: 'show what this gateway must not go back behind, or compare it with a copy kept elsewhere',
    about: [
      'Floors and versions of trust metadata in DATA/trust, which is in no backup. Whoever can write there could put an older state in its place: only a copy that they cannot reach tells. Without DATA it is `dataDir` of the configuration. The gateway may run meanwhile.',
      'Exit code 1 when something went back; each is named.',
    ],
    positionals: '[data]',
    maxPositionals: 1,
    options: {
      export: { kind: 'text', value: 'FILE', help: 'write the copy' },
      check: { kind: 'text', value: 'FILE', help: 'compare with the copy' },
    },
    load: () => import('./trust/floors.ts'),
  },
]
