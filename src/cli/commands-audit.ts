// The subcommands about the audit log: proving it, and cosigning that of others.

import type { Command, Option } from './command-row.ts'
import { ASKING, WHY } from './options.ts'

const DATA_DIR: Option = { kind: 'text', value: 'DIR', help: 'data directory, or a copy of it; default: that of the configuration' }

export const AUDIT: readonly Command[] = [
  {
    name: 'audit verify',
    summary: 'check that nothing in an audit log was changed, removed or put in',
    about: [
      'Checks every event, every hash and every checkpoint, without a network: of a data directory, of a gateway that runs or not, of a copy of one, or of an export bundle. Without PATH it is the data directory of the configuration. What is not as it was signed is named: the event, or the events between two checkpoints. Exit code 1 then.',
      'Whoever holds a log and its key can write all of it anew, and it verifies: only what somebody else keeps tells. So one of --checkpoint and --witness is needed. --unsafe-local goes without: with --key it finds what was done without the log’s key, without --key only what was done by somebody who did not sign it anew with a key of his own.',
      'With --proof, --event and --key: whether one event is in the log.',
    ],
    positionals: '[path]',
    maxPositionals: 1,
    options: {
      checkpoint: {
        kind: 'list',
        value: 'FILE',
        help: 'a checkpoint of this log kept elsewhere: from a witness, a mail, another export. May be repeated',
      },
      witness: {
        kind: 'list',
        value: 'VKEY',
        help: 'a witness that must have signed it up to the last minutes, as `gatehouse witness` prints its key. May be repeated',
      },
      'max-behind': {
        kind: 'text',
        value: 'DURATION',
        help: 'how old the first event may be that such a witness did not sign: a minute ago it may just not have been asked yet. Default: 10m',
      },
      'unsafe-local': { kind: 'flag', help: 'believe the log’s own key alone' },
      key: {
        kind: 'list',
        value: 'VKEY',
        help: 'a key of the log, as `gatehouse audit key` printed it; default: those the log tells itself',
      },
      'taken-at': {
        kind: 'text',
        value: 'TIME',
        help: 'of a copy: when it was made. The last events of a running gateway have no checkpoint for a moment, and for no longer. Default: now; of a bundle, what its last event says',
      },
      proof: { kind: 'text', value: 'FILE', help: 'a proof of one event (.tlog-proof)' },
      event: { kind: 'text', value: 'FILE', help: 'the event it is about, as it stands in the log' },
    },
    load: () => import('./audit/verify.ts'),
  },
  {
    name: 'audit export',
    summary: 'write the audit log into one file that can be checked elsewhere',
    about: [
      'Every event up to the last checkpoint, with its hash, and all checkpoints: text, one event a line. `gatehouse audit verify FILE` checks it without the gateway. The gateway may run meanwhile. Events hold names of people and what they did: the file is for its owner alone (0600).',
    ],
    positionals: '<file>',
    maxPositionals: 1,
    options: { 'data-dir': DATA_DIR, from: { kind: 'text', value: 'SEQ', help: 'from this event on; default: the oldest there is' } },
    load: () => import('./audit/export.ts'),
  },
  {
    name: 'audit prove',
    summary: 'write one event and the proof that it is in the log',
    about: [
      'The proof (C2SP tlog-proof) holds the last checkpoint with the signatures of its witnesses. `gatehouse audit verify --proof`, and other tools, check it without the log and without a network.',
      'With --url, --token-file or --user, or after `gatehouse login`, it asks the gateway, which needs the role auditor; else, and with --data-dir, it reads files. An event that was changed has no proof.',
    ],
    positionals: '<event>',
    maxPositionals: 1,
    options: {
      'data-dir': DATA_DIR,
      ...ASKING,
      out: {
        kind: 'text',
        value: 'NAME',
        help: 'NAME.tlog-proof and NAME.json are written; default: event-SEQ. The event is named by its number or its id',
      },
    },
    load: () => import('./audit/prove.ts'),
  },
  {
    name: 'audit key',
    summary: 'print the public key by which an audit log is verified',
    about: [
      'The key in use, as C2SP verifier key: for `gatehouse witness --log`, and for --key of `gatehouse audit verify`. Give it to them by a way of your own: a log that tells its own key proves nothing.',
    ],
    options: { 'data-dir': DATA_DIR, all: { kind: 'flag', help: 'those it had before too, oldest first, one a line' } },
    load: () => import('./audit/key.ts'),
  },
  {
    name: 'audit begin',
    summary: 'end the audit log and begin a new one that names it',
    about: [
      'For a log that cannot go on: it was rolled back or changed, its key is lost, or it is to have another name. The gateway must be stopped. The folder of the log goes aside under a dated name, whole; what was signed of it stays in `trust/audit.json`, with who ended it and why; the next start begins a new log under a new name, whose first event says all that.',
      'It makes nothing good: checkpoints of the old log still tell what became of it (`gatehouse audit verify FOLDER --checkpoint FILE`), and no checkpoint of it is one of the new log. Give witnesses the new key line. Events that a sink has not got yet stay in the old folder.',
    ],
    options: { why: WHY, yes: { kind: 'flag', help: 'do it; without, it is only told what would be done' } },
    load: () => import('./audit/begin.ts'),
  },
  {
    name: 'witness',
    summary: 'cosign the checkpoints of audit logs, and detect forks',
    about: [
      'A small server for another machine, run by somebody else than the gateway: it signs that a log only grew since it last looked. With its signature whoever changes the log, with the log’s own key too, is found out (docs/audit.md).',
      'POST /add-checkpoint takes checkpoints (C2SP tlog-witness); GET /SHA-256-OF-ORIGIN/checkpoint tells the newest that it signed. Nobody needs a token: what is not signed by a key of --log is refused.',
      'A checkpoint that contradicts what it saw is refused, kept in FOLDER/refused and told on standard error. Its key is FOLDER/witness.key, 0600, made at the first start; its memory is FOLDER/witness.db. Losing the folder means a new name and a new key.',
    ],
    options: {
      name: { kind: 'text', value: 'NAME', help: 'how its signatures call it, such as witness.example.com/1; never changed' },
      log: {
        kind: 'list',
        value: 'VKEY',
        help: 'a log it looks after, as `gatehouse audit key` prints it. Repeated for each log, and for each key of a log',
      },
      folder: { kind: 'text', value: 'DIR', help: 'its key and its memory; default: ./witness' },
      listen: { kind: 'text', value: 'HOST:PORT', help: 'default: 127.0.0.1:8791' },
      'tls-cert': { kind: 'text', value: 'FILE', help: 'certificate chain, PEM; gateways on other machines send to https alone' },
      'tls-key': { kind: 'text', value: 'FILE', help: 'its private key, PEM' },
    },
    load: () => import('./witness.ts'),
  },
]
