// The settings of one upstream. Part of the table in table.ts.

import type { ServerRequestKind } from '../policy/allow-list.ts'
import { urlProblem } from './addresses.ts'
import { credential } from './credential-table.ts'
import { asSource } from './sources.ts'
import { list, map, optional, record } from './fields.ts'
import { UPSTREAM_ARGUMENTS } from './argument-table.ts'
import { UPSTREAM_INSPECTION } from './inspection-table.ts'
import { reads } from './flow-table.ts'
import { UPSTREAM_GATES } from './gate-table.ts'
import { UPSTREAM_LIMITS } from './limit-table.ts'
import { choice, duration, flag, integer, place, size, text } from './scalars.ts'
import type { KeyRule, ValueOf } from './fields.ts'

/** Aliases stand in front of tool names (`alias__tool`), so they hold no underscore and leave room within 64 characters. */
export const ALIAS: KeyRule = { what: 'a lower-case alias such as `my-files`', pattern: '^[a-z][a-z0-9]*(-[a-z0-9]+)*$', maxLength: 24 }

const ENV_NAME: KeyRule = { what: 'an environment variable name', pattern: '^[A-Za-z_][A-Za-z0-9_]*$', maxLength: 256, refuse: refuseProto }

/** Headers that belong to the gateway or to the connection (RFC 9110 section 7.6.1, MCP 2026-07-28 streamable-http). */
const OWN_HEADERS =
  /^(?:accept|accept-encoding|connection|content-.*|expect|host|keep-alive|last-event-id|mcp-.*|origin|proxy-connection|te|trailer|transfer-encoding|traceparent|tracestate|upgrade|__proto__)$/i
const HEADER_NAME: KeyRule = {
  what: 'a header name',
  pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
  maxLength: 256,
  refuse: name => (OWN_HEADERS.test(name) ? 'the gateway sets this header itself' : undefined),
}

/** What keeps a process apart from the gateway. */
const confinement = {
  uid: optional(
    integer({
      min: 1,
      max: 4_294_967_294,
      doc: 'numeric user of the operating system to run as; the gateway must be allowed to switch to it',
    }),
  ),
  gid: optional(integer({ min: 1, max: 4_294_967_294, doc: 'numeric group of the operating system to run as' })),
  launcher: optional(
    list(text({ what: 'a word of a command', maxLength: 4096, problem: noControl, doc: 'a word' }), {
      max: 100,
      unique: false,
      doc: 'command prefix that confines the process, such as `[bwrap, --unshare-all, --]`; the command and its arguments follow it',
    }),
  ),
}

const stdio = record(
  {
    command: text({
      what: 'a command',
      maxLength: 4096,
      problem: noControl,
      doc: 'program to run: a name looked up on PATH, or a path (one with a slash starts at the folder of this file)',
    }),
    args: list(asSource({ doc: 'one argument: text, or `{path: …}` for a path that starts at the folder of this file' }), {
      max: 1000,
      unique: false,
      fallback: [],
      doc: 'arguments, passed as they are; no shell is involved',
    }),
    env: map(ENV_NAME, asSource({ doc: 'text, `{fromEnv: NAME}`, `{fromFile: path}` or `{path: …}`' }), {
      max: 500,
      fallback: {},
      doc: 'the whole environment of the process besides PATH and the like; nothing of the gateway’s own environment is inherited',
    }),
    cwd: optional(place({ doc: 'working directory of the process' })),
    ...confinement,
  },
  {
    doc: 'a program that speaks MCP on standard input and output',
    aliases: { arguments: 'args', environment: 'env', workingDirectory: 'cwd' },
  },
)

const remote = (doc: string): typeof http => record(remoteFields, { doc, aliases: { endpoint: 'url' } })
const remoteFields = {
  url: text({ what: 'a URL', maxLength: 2048, problem: urlProblem, doc: 'where it answers; https, unless it is on this machine' }),
  headers: map(HEADER_NAME, asSource({ doc: 'text, `{fromEnv: NAME}` or `{fromFile: path}`, with an optional `prefix`' }), {
    max: 100,
    fallback: {},
    doc: 'sent with every request; the caller’s own token is never sent',
  }),
  spkiSha256: optional(
    list(
      text({
        what: 'a SHA-256 digest in lower-case hexadecimal',
        maxLength: 64,
        pattern: /^[0-9a-f]{64}$/,
        doc: 'SHA-256 of a public key (SPKI, DER)',
      }),
      {
        max: 8,
        doc: 'public keys its certificate may have, besides being valid: a connection to any other is given up before anything is sent. Name the next key too before it changes',
      },
    ),
  ),
  unsafeAllowHttp: flag({
    fallback: false,
    doc: 'accept plain http to another machine; everybody on the way can read and change what passes',
  }),
}
const http = record(remoteFields, { doc: 'a server that speaks Streamable HTTP', aliases: { endpoint: 'url' } })

/** Names and versions as the registry's schema has them. */
const SERVER_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,98}[a-zA-Z0-9])?\/[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,98}[a-zA-Z0-9])?$/
const SERVER_VERSION = /^(?!latest$)[0-9A-Za-z][0-9A-Za-z.+_-]{0,254}$/i
const PACKAGES = ['npm', 'mcpb', 'pypi', 'oci', 'remote'] as const

const server = record(
  {
    name: text({
      what: 'a server name such as `com.example/weather`',
      maxLength: 200,
      pattern: SERVER_NAME,
      doc: 'its name in the registry',
    }),
    version: text({
      what: 'one exact version, no range and never `latest`',
      maxLength: 255,
      pattern: SERVER_VERSION,
      doc: 'the pin: this version is run and no other, whatever the registry calls its latest',
    }),
    package: optional(
      choice(PACKAGES, { doc: 'which of its packages is started, or `remote`; needed where its server.json leaves a choice' }),
    ),
    args: list(asSource({ doc: 'one argument: text, or `{path: …}` for a path that starts at the folder of this file' }), {
      max: 1000,
      unique: false,
      fallback: [],
      doc: 'arguments behind those of its server.json; no shell is involved',
    }),
    env: map(ENV_NAME, asSource({ doc: 'text, `{fromEnv: NAME}`, `{fromFile: path}` or `{path: …}`' }), {
      max: 500,
      fallback: {},
      doc: 'values of environment variables that its signed server.json declares; any other is refused',
    }),
    headers: map(HEADER_NAME, asSource({ doc: 'text, `{fromEnv: NAME}` or `{fromFile: path}`, with an optional `prefix`' }), {
      max: 100,
      fallback: {},
      doc: 'values of headers that its signed server.json declares for the remote; any other is refused',
    }),
    ...confinement,
  },
  {
    doc: 'a version of a server of the registry: it answers as long as its signatures, its review and what is known of trust hold (docs/registry.md)',
    aliases: { environment: 'env', arguments: 'args', registryType: 'package' },
  },
)

const ms = (doc: string, fallback: string, max: string): ReturnType<typeof duration> => duration('ms', { doc, fallback, min: '10ms', max })
const timeouts = record(
  {
    connect: ms('connect, start and probe', '10s', '10m'),
    call: ms('silence after which a call is given up; progress starts it again', '60s', '1d'),
    hard: ms('longest time of one call, progress or not', '10m', '7d'),
    idle: ms('an unused process or session stops after this', '5m', '7d'),
    park: ms('how long a call of a 2025 upstream waits for the host’s answer to a question', '5m', '1d'),
  },
  { fallback: {}, doc: 'how long things may take' },
)

const limits = record(
  {
    concurrency: integer({ min: 1, max: 100_000, fallback: 64, doc: 'calls in flight; further ones queue' }),
    queue: integer({ min: 0, max: 1_000_000, fallback: 256, doc: 'waiting calls; further ones are refused' }),
    connections: integer({
      min: 1,
      max: 100_000,
      fallback: 32,
      doc: 'processes or sessions kept; the least recently used idle ones stop first',
    }),
    messageSize: size({ min: '1KiB', max: '1GiB', fallback: '16MiB', doc: 'one message from the upstream' }),
    bufferSize: size({ min: '1KiB', max: '2GiB', fallback: '32MiB', doc: 'waiting bytes towards or from one connection' }),
    listPages: integer({ min: 1, max: 10_000, fallback: 100, doc: 'pages of one list' }),
    listEntries: integer({ min: 1, max: 1_000_000, fallback: 10_000, doc: 'entries of one list' }),
    listSize: size({ min: '1KiB', max: '1GiB', fallback: '16MiB', doc: 'bytes of one list' }),
    notificationsPerSecond: integer({
      min: 0,
      max: 100_000,
      fallback: 200,
      doc: 'notifications passed on per call; further ones are dropped and counted',
    }),
    rounds: integer({ min: 1, max: 100, fallback: 8, doc: 'times one call may ask the host something' }),
    ...UPSTREAM_LIMITS,
  },
  { fallback: {}, doc: 'how much one upstream may use' },
)

/** How servers are admitted. */
export const ADMISSIONS = ['required', 'configured'] as const

const names = (kind: string): ReturnType<typeof list<string>> =>
  list(text({ what: `the name of a ${kind}`, maxLength: 512, problem: onlyWholeStar, doc: 'a name as the upstream spells it' }), {
    max: 10_000,
    fallback: [],
    doc: `${kind}s it permits, as the upstream names them; \`['*']\` permits all`,
  })

const SERVER_REQUESTS = [
  'elicitation.form',
  'elicitation.url',
  'sampling',
  'sampling.tools',
  'roots',
] as const satisfies readonly ServerRequestKind[]

const rule = record(
  {
    id: optional(
      text({
        what: 'an id of letters, digits and `._/-`',
        maxLength: 64,
        pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]*$/,
        doc: 'name of the rule in the audit log; default `<alias>/allow/<n>`, counted from 1',
      }),
    ),
    subjects: who('subject', "subjects (users) it applies to; `['*']` is everybody who has signed in"),
    groups: who('group', 'groups it applies to'),
    clients: who('client', 'OAuth client ids it applies to; a client that registers itself chooses its own name'),
    issuers: optional(
      list(text({ what: 'an issuer', maxLength: 2048, doc: 'an issuer' }), {
        max: 100,
        doc: 'only people of these issuers; required where several issuers are configured and the rule names anybody but `*`',
      }),
    ),
    tools: names('tool'),
    prompts: names('prompt'),
    resources: list(text({ what: 'a resource URI or template', maxLength: 2048, problem: onlyTrailingStar, doc: 'a URI or a template' }), {
      max: 10_000,
      fallback: [],
      doc: "URIs or templates it permits, as the upstream lists them; a trailing `*` permits what starts with the rest, `['*']` all",
    }),
    methods: list(
      text({
        what: 'a method',
        maxLength: 256,
        pattern: /^[A-Za-z][\w.-]*(?:\/[\w.$-]+)+$/,
        problem: notCore,
        doc: 'a method such as `skills/list`',
      }),
      {
        fallback: [],
        doc: 'further methods, such as those of extensions',
      },
    ),
    serverRequests: list(choice(SERVER_REQUESTS, { doc: 'a kind' }), {
      fallback: [],
      doc: 'what the upstream may ask of the host while it works; nothing is asked unless a rule names it',
    }),
  },
  { doc: 'one rule: whom it applies to and what it permits', aliases: { users: 'subjects', user: 'subjects', roles: 'groups' } },
)

const WORD: KeyRule = { what: 'a lower-case word such as `read`', pattern: '^[a-z][a-z0-9_.-]*$', maxLength: 32 }
const covered = (kind: string, maxLength: number): ReturnType<typeof list<string>> =>
  list(text({ what: `the name of a ${kind}`, maxLength, problem: onlyTrailingStar, doc: 'a name as the upstream spells it' }), {
    max: 10_000,
    fallback: [],
    doc: `${kind}s that need it; a trailing \`*\` means all that start with the rest, \`['*']\` all`,
  })
const scopes = map(
  WORD,
  record(
    { tools: covered('tool', 512), prompts: covered('prompt', 512), resources: covered('resource', 2048) },
    { doc: 'what needs the scope `<alias>:<word>`' },
  ),
  {
    max: 100,
    fallback: {},
    doc: 'scopes of this upstream, by word: `read` is the scope `<alias>:read`; what several words cover needs them all, what none covers needs `<alias>:use`',
  },
)

export const upstream = record(
  {
    title: optional(text({ what: 'a title', maxLength: 128, problem: noControl, doc: 'shown to people' })),
    stdio: optional(stdio),
    http: optional(http),
    sse: optional(remote('a server that speaks the old HTTP+SSE of 2024-11-05')),
    server: optional(server),
    era: choice(['auto', 'legacy', 'modern'], {
      fallback: 'auto',
      doc: '`auto` probes once and remembers; the others refuse an upstream of the other era (`legacy`: 2025, `modern`: 2026-07-28)',
    }),
    share: choice(['principal', 'all'], {
      fallback: 'principal',
      doc: '`principal`: processes and connections of their own for every caller; `all`: you say the server is stateless and holds no credential of anybody',
    }),
    admission: optional(
      choice(ADMISSIONS, {
        doc: '`required`: what it lists passes as far as a reviewer admitted it; `configured`: this file says that whatever it lists may pass; default: `admission` of the whole, and always `required` for a `server`',
      }),
    ),
    labels: list(text({ what: 'a label', maxLength: 64, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, doc: 'a word such as `production`' }), {
      max: 32,
      fallback: [],
      doc: 'words of yours for this server, that policies can name it by: `resource in MCP::Label::"production"`',
    }),
    reads,
    lists: choice(['principal', 'shared'], { fallback: 'principal', doc: '`shared`: you say its lists do not depend on who asks' }),
    listTtl: duration('seconds', {
      min: '1s',
      max: '1d',
      fallback: '60s',
      doc: 'how long a list is kept where the upstream announces no changes',
    }),
    timeouts,
    limits,
    ...UPSTREAM_ARGUMENTS,
    ...UPSTREAM_INSPECTION,
    ...UPSTREAM_GATES,
    scopes,
    credential: optional(credential),
    allow: list(rule, { max: 1000, fallback: [], doc: 'what may be used, and by whom; without a rule nobody may use anything' }),
  },
  {
    doc: 'one upstream: exactly one of `server`, `stdio`, `http` and `sse`, and who may use what of it',
    aliases: { command: 'stdio', url: 'http', name: 'title', rules: 'allow', tools: 'allow', ttl: 'listTtl' },
  },
)
export type UpstreamDocument = ValueOf<typeof upstream>

function who(kind: 'subject' | 'group' | 'client', doc: string): ReturnType<typeof list<string>> {
  return list(
    text({
      what: `a ${kind}`,
      maxLength: kind === 'client' ? 2048 : 255,
      problem: kind === 'subject' ? onlyWholeStar : noStar,
      doc: `a ${kind}`,
    }),
    { max: 10_000, fallback: [], doc },
  )
}

function onlyWholeStar(value: string): string | undefined {
  return value !== '*' && value.includes('*') ? '`*` stands alone or not at all: names are compared as they are' : noControl(value)
}
function noStar(value: string): string | undefined {
  return value.includes('*') ? "`*` means nothing here; `subjects: ['*']` is everybody who has signed in" : noControl(value)
}
function onlyTrailingStar(value: string): string | undefined {
  // RFC 6570 section 2.4.2: templates may hold `*` within braces.
  const literal = value.replaceAll(/\{[^{}]*\}/g, '')
  return literal.slice(0, -1).includes('*') ? '`*` stands at the end or not at all' : noControl(value)
}
function notCore(value: string): string | undefined {
  const [, kind] = /^(tools|prompts|resources)\//.exec(value) ?? []
  return kind === undefined ? undefined : `\`${value}\` is governed by \`${kind}\``
}
function noControl(value: string): string | undefined {
  return /[\u0000-\u001f\u007f]/.test(value) ? 'expected text without control characters' : undefined
}
function refuseProto(key: string): string | undefined {
  return key === '__proto__' ? 'this name is refused' : undefined
}
