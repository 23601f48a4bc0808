// The rows of the commands that review and admit servers.

import type { Command } from './command-row.ts'
import { SIGNER } from './options.ts'

export const SERVERS: readonly Command[] = [
  {
    name: 'server list',
    summary: 'show how each server is admitted and what waits for a reviewer',
    about: ['Reads the configuration, the folder of admissions and what was seen of each server. Touches no server.'],
    options: {},
    load: () => import('./server/list.ts'),
  },
  {
    name: 'server review',
    summary: 'look at all that a server lists, and keep it for a review',
    about: [
      'Starts or connects to the server as the gateway would, reads its instructions, tools, prompts, resources and templates, and shows what differs from what was admitted.',
      'A server whose command names no exact version is not started. A running gateway keeps by itself what admitted servers list otherwise: `gatehouse server diff` shows that.',
    ],
    positionals: 'ALIAS',
    maxPositionals: 1,
    options: {},
    load: () => import('./server/review.ts'),
  },
  {
    name: 'server diff',
    summary: 'show how a server starts and what it lists, against what was admitted',
    about: [
      'Members of its launch specification that differ from the admitted one, then each definition that differs with its class (hostile-looking, material, cosmetic), its codes (docs/drift-rules.md), and old and new values as inert text. Exit code 1 where anything differs.',
    ],
    positionals: 'ALIAS',
    maxPositionals: 1,
    options: {},
    load: () => import('./server/diff.ts'),
  },
  {
    name: 'server surface',
    summary: 'print the surface of a server as a file to sign',
    about: ['What was seen of the server as one digest per definition, canonical JSON: what `gatehouse sign --surface` takes.'],
    positionals: 'ALIAS',
    maxPositionals: 1,
    options: {
      mode: {
        kind: 'text',
        value: 'subset|exact',
        help: '`subset`: callers may be listed less; `exact`: all of it or nothing; default: subset',
      },
      definitions: { kind: 'flag', help: 'print the definitions behind it instead, as `gatehouse publish` sends them' },
    },
    load: () => import('./server/surface.ts'),
  },
  {
    name: 'server approve',
    summary: 'admit how a server starts and what it was seen to list',
    about: [
      'Writes the admission (an in-toto statement), its signature where a key is given, and the admitted definitions into the folder of admissions. Where the configuration names `reviewers`, a decision counts only with the signature of the reviewer it names. Only the surface named by --surface and the launch specification named by --launch are admitted: what was looked at, not what the server lists or the configuration says by now.',
      'A reviewer with `evaluation: true` needs no --key on the machine where `gatehouse init` made it.',
      'Where nothing was seen yet, --launch alone admits how it starts: the gateway starts it then, holds all it lists and keeps it for a review.',
    ],
    positionals: 'ALIAS',
    maxPositionals: 1,
    options: {
      surface: {
        kind: 'text',
        value: 'DIGEST',
        help: 'the surface that was reviewed, as `gatehouse server diff` names it; at least 12 characters of it',
      },
      launch: {
        kind: 'text',
        value: 'DIGEST',
        help: 'how it starts, as `gatehouse server diff` names it; at least 12 characters of it',
      },
      mode: {
        kind: 'text',
        value: 'subset|exact',
        help: '`subset`: what is not admitted is held; `exact`: it holds the whole server; default: subset',
      },
      reviewer: { kind: 'text', value: 'NAME', help: 'who reviewed it; default: the only one in `reviewers`, else your user name' },
      ...SIGNER,
      why: { kind: 'text', value: 'TEXT', help: 'why; kept in the statement' },
    },
    load: async () => (await import('./server/approve.ts')).approve,
  },
  {
    name: 'server quarantine',
    summary: 'refuse a server until it is reviewed anew',
    about: [
      'Writes a statement that says no: the server is not started, and nothing of it is listed or called. `gatehouse server approve` takes it back.',
      'Needs no signature. With one, the admission before it counts no more where somebody puts it back.',
    ],
    positionals: 'ALIAS',
    maxPositionals: 1,
    options: {
      reviewer: { kind: 'text', value: 'NAME', help: 'who refuses it; default: the only one in `reviewers`, else your user name' },
      ...SIGNER,
      why: { kind: 'text', value: 'TEXT', help: 'why; kept in the statement' },
    },
    load: async () => (await import('./server/approve.ts')).quarantine,
  },
]
