// The table of subcommands: their words, options and help. src/cli/main.ts walks it.

import type { CommandModule } from './command.ts'
import type { Command, Option } from './command-row.ts'
import { AUDIT } from './commands-audit.ts'
import { AUDIT_READING } from './commands-audit-reading.ts'
import { AUDIT_VALUES } from './commands-audit-values.ts'
import { POLICY } from './commands-policy.ts'
import { APPROVALS } from './commands-approvals.ts'
import { DELIVERY } from './commands-delivery.ts'
import { MARKS } from './commands-marks.ts'
import { REGISTRY } from './commands-registry.ts'
import { SERVERS } from './commands-servers.ts'
import { SIGNING } from './commands-signing.ts'
import { TRUST } from './commands-trust.ts'
import { ADMIN, ASKING, WHY } from './options.ts'

/** Options every command has. */
export const COMMON: Readonly<Record<string, Option>> = {
  config: { kind: 'text', value: 'FILE', short: 'c', help: 'the configuration; default: $GATEHOUSE_CONFIG, else ./gatehouse.yaml' },
  json: { kind: 'flag', help: 'one JSON document on standard output' },
  help: { kind: 'flag', short: 'h', help: 'show this help' },
}

const act = (name: Exclude<keyof typeof import('./admin/acts.ts'), 'rolesText'>) => async (): Promise<CommandModule> =>
  (await import('./admin/acts.ts'))[name]

export const COMMANDS: readonly Command[] = [
  {
    name: 'serve',
    summary: 'run the gateway',
    about: ['Loads the configuration, starts listening and runs until SIGTERM or SIGINT, then drains. SIGHUP reloads the configuration.'],
    options: {},
    load: () => import('./serve.ts'),
  },
  {
    name: 'stdio',
    summary: 'bridge for hosts that only spawn processes',
    about: [
      'Speaks MCP on standard input and output and carries every message to the running gateway. Hosts such as Claude Desktop start it themselves; `gatehouse import` writes the entry.',
      'The access token comes from --token-file, else from the environment variable GATEHOUSE_TOKEN, else from the evaluation identity provider of the configuration. It never stands on the command line.',
      'Ends when its standard input does: requests under way get ten seconds to finish, and the exit code is 0.',
    ],
    options: {
      url: {
        kind: 'text',
        value: 'URL',
        help: 'endpoint of the gateway, as a URL or a path; default: /mcp of the configuration’s publicUrl',
      },
      server: { kind: 'text', value: 'ALIAS', help: 'one server of the configuration, its names untouched: /servers/ALIAS/mcp' },
      user: { kind: 'text', value: 'NAME', help: 'user of the evaluation identity provider; default: the first configured' },
      'token-file': {
        kind: 'text',
        value: 'FILE',
        help: 'file with an access token of your identity provider; looked at again every few seconds',
      },
    },
    load: () => import('./stdio.ts'),
  },
  {
    name: 'token',
    summary: 'mint a short-lived access token from the evaluation identity provider',
    about: [
      'For command-line hosts and scripts. The token is good for one endpoint and one user, and works only where the evaluation identity provider runs.',
    ],
    options: {
      user: { kind: 'text', value: 'NAME', help: 'whom it stands for; default: the first configured user' },
      resource: { kind: 'text', value: 'URL', help: 'endpoint it is good for, as a path or a full URL; default: /mcp' },
      scope: { kind: 'text', value: 'SCOPES', help: 'scopes such as "files:read files:write"; default: all of the endpoint' },
    },
    load: () => import('./token.ts'),
  },
  {
    name: 'demo',
    summary: 'walk a real host through real servers and show what was decided and recorded',
    about: [
      'Starts the first-run configuration of the repository on free ports, with its data in a temporary folder, connects a host built on the official SDK, and makes a list, a call, a call that asks two questions, and a call that is refused. Then it reads the audit log and says what each entry means.',
      '`gatehouse demo deputy` shows the confused deputy instead: two users, an honest server, a malicious host and a malicious server, and every attack refused with its reason.',
      '`gatehouse demo supply-chain` publishes a real server signed and reviewed, uses it, then swaps its tarball, edits what was installed and what was published, lets it turn, goes back to an older version and revokes it: each stopped, with its reason.',
      '`gatehouse demo policy` writes a rule: its test fails, it is mended, replayed over what the gateway recorded, tried in the shadow, promoted, and a denial by it explained.',
      '`gatehouse demo approvals` has two servers ask something within a call: one question is approved in a browser, one rejected in a terminal, one decided by nobody; and shows what host, server and audit log saw of each.',
      '`gatehouse demo audit` tells an incident from the audit log: search, the story of a call, a proof for others, delivery to a file and a collector; then somebody changes the log, and with its key writes it anew.',
      'Exit code 0 only when every step did what it claims. Needs a clone of the repository with its development dependencies (`npm ci`).',
    ],
    positionals: '[deputy|supply-chain|policy|approvals|audit]',
    maxPositionals: 1,
    options: {
      era: { kind: 'text', value: 'modern|legacy', help: 'revision of the host: 2026-07-28 or 2025-11-25; default: modern' },
      browser: {
        kind: 'text',
        value: 'FILE',
        help: 'of `approvals`: the Chromium to drive, or `none`; default: the one that is installed',
      },
    },
    load: () => import('./demo.ts'),
  },
  {
    name: 'doctor',
    summary: 'explain what is wrong and how to mend it',
    about: [
      'Looks at the machine, the configuration, the data directory, the identity providers, the policies and the upstreams. Each line says what is so and, if it is not well, how to mend it.',
    ],
    options: {},
    load: () => import('./doctor.ts'),
  },
  {
    name: 'init',
    summary: 'write a first configuration',
    about: [
      'Writes gatehouse.yaml and the data directory, and names the first operator. Never overwrites without --force, and then keeps a backup.',
    ],
    positionals: '[dir]',
    maxPositionals: 1,
    options: {
      operator: { kind: 'text', value: 'NAME', help: 'the first operator; default: your user name' },
      force: { kind: 'flag', help: 'replace an existing gatehouse.yaml, keeping a backup beside it' },
    },
    load: () => import('./init.ts'),
  },
  {
    name: 'import',
    summary: 'bring in the MCP servers of Claude Desktop, Claude Code, Cursor and VS Code',
    about: [
      'Without --apply it only shows what it would do. With --apply it adds the servers to gatehouse.yaml, moves secrets into files of the data directory, and points the host at the gateway after a backup.',
      'With --undo it puts back what the last import changed.',
    ],
    options: {
      apply: { kind: 'flag', help: 'write what the preview shows' },
      undo: { kind: 'flag', help: 'put back what the last import changed' },
      force: { kind: 'flag', help: 'with --undo: also where a file was changed since (its present state is kept as a backup)' },
      host: { kind: 'list', value: 'NAME', help: 'claude-desktop, claude-code, cursor or vscode; may be repeated; default: all' },
      project: { kind: 'text', value: 'DIR', help: 'project whose files are read too; default: the working directory' },
      via: {
        kind: 'text',
        value: 'http|stdio',
        help: 'how hosts reach the gateway; default: http, stdio where a host only spawns processes',
      },
      'input-file': { kind: 'list', value: 'ID=FILE', help: 'value of a VS Code input, read from a file; may be repeated' },
    },
    load: () => import('./import.ts'),
  },
  {
    name: 'config check',
    summary: 'check the configuration and say everything that is wrong with it',
    about: [
      'Also the folder of policies that it names, and its shadow, as the gateway would take them: loaded, tested, each fault with its place.',
      'Exit code 3 when it would not load, or a gateway would not start with its policies. Warnings do not change the exit code.',
    ],
    options: {},
    load: () => import('./config-check.ts'),
  },
  ...SERVERS,
  {
    name: 'login',
    summary: 'sign in to administer a gateway',
    about: [
      'Opens a browser at the authorization server that the gateway names, takes its answer on 127.0.0.1 (PKCE), and keeps the tokens in a file of your settings folder that only you can read. With --device it shows a code to enter on another device, where the server offers that.',
      'A token of this login administers and does nothing else: no MCP endpoint takes it. It is renewed when it ends; `gatehouse logout` ends it.',
    ],
    options: {
      url: { kind: 'text', value: 'URL', help: 'the gateway; default: publicUrl of the configuration' },
      issuer: { kind: 'text', value: 'URL', help: 'authorization server; default: the first the gateway names' },
      'client-id': {
        kind: 'text',
        value: 'ID',
        help: 'client registered there for this command; default: gatehouse-cli, or one registered now',
      },
      scope: { kind: 'text', value: 'SCOPES', help: 'scopes to ask for, where the server needs them to make a token for /admin' },
      device: { kind: 'flag', help: 'enter a code on another device' },
      'no-browser': { kind: 'flag', help: 'only print the address' },
    },
    load: () => import('./login.ts'),
  },
  {
    name: 'logout',
    summary: 'end the login',
    about: ['Forgets the tokens of `gatehouse login` for this gateway, and revokes them where the authorization server takes that.'],
    options: { url: { kind: 'text', value: 'URL', help: 'the gateway; default: publicUrl of the configuration' } },
    load: () => import('./logout.ts'),
  },
  {
    name: 'whoami',
    summary: 'show who one is to a gateway, and one’s roles',
    about: ['As the gateway sees it now.'],
    options: ADMIN,
    load: act('whoami'),
  },
  {
    name: 'connections list',
    summary: 'show which accounts of yours servers use in your name',
    about: [
      'What is connected for whoever is signed in (`gatehouse login`), and which servers want an account and have none. Nobody sees another person’s, operators neither.',
    ],
    options: ASKING,
    load: act('listConnections'),
  },
  {
    name: 'connections revoke',
    summary: 'take an account back from a server',
    about: [
      'In force at once: calls under way with it end, and the next call of a host asks to connect anew. The server’s authorization server is told, where it takes that. Names a server, or the id that `connections list` shows.',
    ],
    positionals: 'SERVER|ID',
    maxPositionals: 1,
    options: ASKING,
    load: act('revokeConnection'),
  },
  ...POLICY,
  ...REGISTRY,
  {
    name: 'block',
    summary: 'emergency stop of a server, tool, principal or client',
    about: [
      'In force at once, and after restarts: what runs for it or on it ends (streams, sessions, calls, parked calls; processes of a server), and nothing new begins. Needs the role operator.',
      'A principal is `<issuer> <subject>`, or the subject alone where there is one issuer; a client its OAuth client id; a server its alias; a tool `server/tool`.',
    ],
    positionals: 'server|tool|principal|client NAME',
    maxPositionals: 3,
    options: { why: WHY, ...ADMIN },
    load: act('block'),
  },
  {
    name: 'unblock',
    summary: 'take a block away',
    about: ['Where the two-person rule is on, this proposes it, and somebody else approves: `gatehouse proposals approve`.'],
    positionals: 'server|tool|principal|client NAME',
    maxPositionals: 3,
    options: { why: WHY, ...ADMIN },
    load: act('unblock'),
  },
  {
    name: 'blocks list',
    summary: 'show what is blocked, by whom and why',
    about: ['For operators, approvers and auditors.'],
    options: ADMIN,
    load: act('listBlocks'),
  },
  ...APPROVALS,
  ...MARKS,
  ...DELIVERY,
  {
    name: 'collisions',
    summary: 'show what could be taken for something else, and what would resolve it',
    about: [
      'Entries that are held come first, each with the lines to put into the configuration (docs/collisions.md); then names that Gatehouse keeps apart, then decisions in force. For operators, policy authors, approvers and auditors.',
    ],
    options: ADMIN,
    load: async () => (await import('./admin/collisions.ts')).collisions,
  },
  {
    name: 'sessions end',
    summary: 'end streams, sessions and calls of a principal',
    about: ['Its tokens until now no longer count; it can sign in anew. To keep it out, block it.'],
    positionals: 'PRINCIPAL',
    maxPositionals: 2,
    options: ADMIN,
    load: act('endSessions'),
  },
  {
    name: 'key rotate',
    summary: 'make a new generation of a key',
    about: [
      '`sealing`: request states, cursors and task ids; what the generation before sealed still opens. `vault`: everybody’s upstream credentials; all are sealed anew. `audit`: checkpoints of the audit log; the new key signs once the log says so under the old one, and witnesses are to be told it. `audit-values`: wraps the keys of recorded contents; those are wrapped anew. Under the two-person rule it is proposed.',
    ],
    positionals: 'KEY',
    maxPositionals: 1,
    options: { why: WHY, ...ADMIN },
    load: act('rotateKey'),
  },
  {
    name: 'proposals list',
    summary: 'show changes that wait for a second person, and what became of others',
    about: ['The two-person rule: `administration.twoPerson`.'],
    options: ADMIN,
    load: act('listProposals'),
  },
  {
    name: 'proposals approve',
    summary: 'approve and apply what somebody else proposed',
    about: ['Needs the role operator or approver. Nobody approves an own proposal.'],
    positionals: 'ID',
    maxPositionals: 1,
    options: ADMIN,
    load: act('approve'),
  },
  {
    name: 'proposals reject',
    summary: 'reject a proposal, or take an own one back',
    about: ['Needs the role operator or approver.'],
    positionals: 'ID',
    maxPositionals: 1,
    options: ADMIN,
    load: act('reject'),
  },
  {
    name: 'break-glass',
    summary: 'administer locally, for a limited time, when nobody can sign in',
    about: [
      'On the gateway’s machine, as the user it runs as (or root): for the time given, commands with --break-glass need no token and no second person. Loud: a warning in the log, `degraded` in /readyz, the metric gatehouse_break_glass_open, and every act in the audit log under the rule `break-glass`.',
      'A restart of the gateway closes it.',
    ],
    options: {
      for: { kind: 'text', value: 'TIME', help: 'how long, such as 30m; at most 4h' },
      why: WHY,
      close: { kind: 'flag', help: 'close it now' },
    },
    load: act('breakGlass'),
  },
  {
    name: 'key rotate-offline',
    summary: 'give a key of a stopped gateway a new generation',
    about: [
      '`vault`: a new key for everybody’s upstream credentials; all of them are sealed anew before it ends, and a start after a crash goes on with it. `sealing`: for request states, cursors and task ids; those of the generation before still open. `audit`: for checkpoints of the audit log; the next start says so in the log, under the old key, and then the new one signs.',
      'A running gateway is told by `gatehouse key rotate` instead. A vault key that the configuration takes from elsewhere is rotated there.',
    ],
    positionals: '<vault|sealing|audit>',
    maxPositionals: 1,
    options: {},
    load: () => import('./key-rotate-offline.ts'),
  },
  {
    name: 'backup',
    summary: 'copy the state of a gateway, running or not',
    about: [
      'Writes state.db as it is at one moment, with a manifest that the key of the audit log signs, into a folder that is new or empty. The audit log, trust/, secrets/ and the configuration are not part of it.',
      'Without --with-keys the copy opens nothing by itself: keep keys/ somewhere else.',
    ],
    positionals: '<dir>',
    maxPositionals: 1,
    options: { 'with-keys': { kind: 'flag', help: 'also copy keys/, into files only their owner can read' } },
    load: () => import('./backup.ts'),
  },
  {
    name: 'restore',
    summary: 'put a backup in place; the gateway must be stopped',
    about: [
      'Checks the backup whole, then puts its state.db in place. Floors and pins in trust/ are never restored. Says so, and changes nothing, where grants would be lost.',
      'Nothing that was ended since lives again: sign-ins, consents and approvals are ended whole; blocks, revocations and revoked connections are taken from the present state.db and from the audit log. What neither tells is said.',
      'The audit log goes on where it is what was signed; otherwise a new one begins that names it, and what is left of the old one is kept beside it (docs/runbooks/restore.md).',
    ],
    positionals: '<dir>',
    maxPositionals: 1,
    options: {
      'with-keys': { kind: 'flag', help: 'also put back the keys that the backup holds' },
      'keep-connections': {
        kind: 'flag',
        help: 'keep connected accounts although the audit log since the backup is missing, so that nobody knows which were revoked',
      },
      force: { kind: 'flag', help: 'replace a state.db or a vault key that is there (kept beside it), or restore without the key' },
    },
    load: () => import('./restore.ts'),
  },
  ...SIGNING,
  ...TRUST,
  ...AUDIT_READING,
  ...AUDIT_VALUES,
  ...AUDIT,
  {
    name: 'version',
    summary: 'print the version',
    about: ['Prints the versions of Gatehouse and Node.'],
    options: {},
    load: () => import('./version.ts'),
  },
]
