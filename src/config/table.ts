// The whole configuration as one table of fields. It drives reading, docs/configuration.md and schemas/gatehouse.schema.json.

import { cidrProblem, hostProblem, originProblem, outboundProblem, parseListen, urlProblem } from './addresses.ts'
import { approvals } from './approval-table.ts'
import { ARTIFACTS } from './artifact-table.ts'
import { audit } from './audit-table.ts'
import { COLLISIONS } from './collision-table.ts'
import { list, map, optional, record } from './fields.ts'
import { choice, duration, flag, parsed, path, size, text } from './scalars.ts'
import type { KeyRule, ValueOf } from './fields.ts'
import { identity } from './identity-table.ts'
import { INSPECTION } from './inspection-table.ts'
import { isDocumentUrl } from '../identity/document-url.ts'
import { flow } from './flow-table.ts'
import { limits } from './limit-table.ts'
import { MIRRORS } from './mirror-table.ts'
import { PROOFS } from './proof-table.ts'
import { telemetry } from './telemetry-table.ts'
import { ADMISSIONS, ALIAS, upstream } from './upstream-table.ts'

const subject = (doc: string): ReturnType<typeof text> =>
  text({ what: 'a subject', maxLength: 2304, pattern: /^[^*\s]+(?: [^*\s]+)?$/, doc })
const role = (doc: string) =>
  record(
    {
      subjects: list(subject('a subject, or `<issuer> <subject>` where several issuers are configured'), {
        fallback: [],
        doc: 'people, by their subject',
      }),
      groups: list(text({ what: 'a group', maxLength: 256, doc: 'a group' }), { fallback: [], doc: 'members of these groups' }),
      issuers: optional(
        list(text({ what: 'an issuer', maxLength: 2048, doc: 'an issuer' }), {
          doc: 'groups count only in tokens of these issuers; required for groups where several are configured',
        }),
      ),
    },
    { fallback: {}, doc },
  )
const administration = record(
  {
    roles: record(
      {
        operator: role('blocks, ends sessions, rotates keys; whoever stands in `operators` is one too'),
        policyAuthor: role('proposes policy and trust changes'),
        approver: role('approves or rejects what somebody else proposed'),
        auditor: role('reads what is blocked and proposed'),
        publisher: role('publishes servers'),
      },
      { fallback: {}, doc: 'who may administer, by role' },
    ),
    twoPerson: optional(
      flag({
        doc: 'changes to policy, trust and keys, and taking a block away, need a second person; default: where other machines reach the gateway',
      }),
    ),
    proposalLife: duration('seconds', { min: '1m', max: '30d', fallback: '1d', doc: 'a proposal nobody decided expires after this' }),
  },
  { fallback: {}, doc: 'administering the gateway at `/admin` and with the commands `login`, `block`, `unblock`, `proposals`, `key`' },
)

const keys = record(
  {
    vault: optional(
      record(
        {
          fromFile: optional(path({ doc: 'a file' })),
          fromEnv: optional(
            text({
              what: 'the name of an environment variable',
              maxLength: 256,
              pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
              doc: 'an environment variable of the gateway',
            }),
          ),
          fromCommand: optional(
            list(text({ what: 'a program or an argument', maxLength: 4096, doc: 'program, then arguments' }), {
              max: 64,
              doc: 'a command that prints it within ten seconds: the hook for a key service; no shell, the gateway’s own environment',
            }),
          ),
        },
        {
          doc: 'where the vault’s key comes from: one of these; two lines at most, `v1 ` and 32 bytes as base64url each, the current key first, the one before second; default: `keys/vault.key` in `dataDir`, made at the first use',
        },
      ),
    ),
  },
  { fallback: {}, doc: 'keys that others keep; read at the start and at each reload' },
)

const REVIEWER: KeyRule = { what: 'a name such as `ann`', pattern: '^[A-Za-z0-9][A-Za-z0-9 ._@-]*$', maxLength: 128 }

/** gatehouse.yaml */
export const GATEHOUSE = record(
  {
    version: choice([1], { doc: 'version of this format: `1`' }),
    listen: parsed({
      what: 'an address and a port',
      maxLength: 64,
      parse: parseListen,
      fallback: '127.0.0.1:8400',
      doc: 'where the gateway listens; anything but loopback needs issuers, TLS and an https `publicUrl`',
    }),
    tls: optional(
      record(
        { cert: path({ doc: 'certificate chain, PEM' }), key: path({ doc: 'private key, PEM; readable by the gateway alone' }) },
        { doc: 'the gateway’s own TLS', aliases: { certFile: 'cert', keyFile: 'key' } },
      ),
    ),
    publicUrl: optional(
      text({
        what: 'an origin',
        maxLength: 2048,
        problem: originProblem,
        doc: 'origin under which hosts reach the gateway; endpoints’ resource identifiers start with it; default: `listen` as a URL',
      }),
    ),
    allowedHosts: list(text({ what: 'a host', maxLength: 300, problem: hostProblem, doc: 'a host' }), {
      max: 100,
      fallback: [],
      doc: 'further Host values accepted, `host` or `host:port`',
    }),
    allowedOrigins: list(text({ what: 'an origin', maxLength: 300, problem: originProblem, doc: 'an origin' }), {
      max: 100,
      fallback: [],
      doc: 'further Origin values accepted',
    }),
    trustedProxies: list(text({ what: 'a network', maxLength: 64, problem: cidrProblem, doc: 'a network' }), {
      max: 100,
      fallback: [],
      doc: 'networks of proxies whose X-Forwarded-For is believed; declaring one says that TLS ends there',
    }),
    monitoring: record(
      {
        allow: list(text({ what: 'a network', maxLength: 64, problem: cidrProblem, doc: 'a network' }), {
          max: 100,
          fallback: ['127.0.0.0/8', '::1/128'],
          doc: 'networks from which `/metrics` is answered and `/readyz` names what the gateway stands on; to others `/readyz` says only yes or no. What comes through a proxy counts as its client, and only a proxy of `trustedProxies` is believed',
        }),
      },
      { fallback: {}, doc: 'who may watch the gateway without a token' },
    ),
    dataDir: path({ fallback: '.gatehouse', doc: 'folder for the audit log, `state.db`, keys, secrets and pins' }),
    keys,
    operators: list(subject('a subject, or `<issuer> <subject>` where several issuers are configured'), {
      fallback: [],
      doc: 'people who administer the gateway; the first is named by `gatehouse init`',
    }),
    administration,
    identity,
    admission: choice(ADMISSIONS, {
      fallback: 'required',
      doc: 'how servers are admitted that do not say otherwise: `required`: only what a reviewer admitted is listed and called, and a server that nobody has reviewed offers nothing; `configured`: this file alone admits them, and whatever they list may pass',
    }),
    admissions: path({ fallback: 'admissions', doc: 'folder of reviewers’ decisions, one file per upstream; looked at every second' }),
    reviewers: map(
      REVIEWER,
      record(
        {
          publicKey: optional(path({ doc: 'public key, PEM: P-256, P-384 or Ed25519; the gateway never sees the private one' })),
          evaluation: flag({
            fallback: false,
            doc: 'with `publicKey`: its private half lies on this machine, as `gatehouse init` makes it for trying things out. Said at every start; refused where other machines reach the gateway',
          }),
          issuer: optional(
            text({
              what: 'the https URL of an issuer',
              maxLength: 512,
              pattern: /^https:\/\/[!-~]+$/,
              doc: 'instead of `publicKey`: keyless, as an identity of this OpenID issuer, exactly as certificates have it',
            }),
          ),
          san: optional(
            text({
              what: 'a name',
              maxLength: 1024,
              pattern: /^[!-~]+$/,
              doc: 'with `issuer`: the name in the certificate, exactly: a URI or an email address',
            }),
          ),
          sanPattern: optional(
            text({
              what: 'an https URL with stars behind its first path segment',
              maxLength: 1024,
              pattern: /^https:\/\/[a-z0-9.-]+(?::\d{1,5})?\/[^*/?#\s]+\/[!-~]+$/,
              doc: 'with `issuer`, instead of `san`: the same with one to four `*`, each for letters, digits, `.`, `_` and `-`',
            }),
          ),
          root: optional(path({ doc: 'with `issuer`: trusted_root.json of the Sigstore instance that issues and logs the certificates' })),
        },
        { doc: 'a reviewer: either `publicKey`, or `issuer` with `san` or `sanPattern` and `root`' },
      ),
      {
        max: 100,
        fallback: {},
        doc: 'who may admit servers, by name: where anybody stands here, a decision counts only with the signature of the reviewer it names (`gatehouse server approve --key` or `--fulcio`); none: decisions need no signature',
      },
    ),
    approvals,
    audit,
    flow,
    policies: optional(
      record(
        {
          folder: path({
            doc: 'folder with `authz/*.cedar`, `obligations/*.cedar` and `tests/*.yaml`; looked at every second, and taken over whole once its rules are valid and its tests pass',
          }),
          shadow: optional(
            path({
              doc: 'another such folder, whose rules are asked beside and decide nothing: where they would decide otherwise, the audit event says so',
            }),
          ),
        },
        {
          doc: 'rules in Cedar (docs/policies.md): a request passes only where they permit it; `upstreams.<alias>.allow` counts as permits beside them. Without it the allow rules decide alone',
        },
      ),
    ),
    ...INSPECTION,
    upstreams: map(ALIAS, upstream, { max: 1000, fallback: {}, doc: 'the MCP servers behind the gateway, by alias' }),
    sets: map(ALIAS, list(text({ what: 'an alias', maxLength: 24, doc: 'an alias' }), { max: 1000, doc: 'aliases' }), {
      max: 1000,
      fallback: {},
      doc: 'curated views: `/sets/<name>/mcp` shows only these upstreams',
    }),
    registry: record(
      {
        trust: optional(
          record(
            {
              policies: path({ doc: 'who may sign for a namespace, and which reviewers there are: a file as docs/signing.md has it' }),
              root: optional(path({ doc: 'the pinned trusted root (trusted_root.json); without it signatures by keys alone count' })),
            },
            {
              doc: 'what publications and admissions are verified by, read anew at each; without it nothing is verified, and nothing admitted',
            },
          ),
        ),
        repository: optional(
          record(
            {
              folder: optional(path({ doc: 'where it lies, or' })),
              url: optional(
                text({
                  what: 'a URL',
                  maxLength: 2048,
                  problem: urlProblem,
                  doc: 'the base URL of its `metadata/` and `targets/`; fetched as `outbound` allows',
                }),
              ),
              publish: flag({
                fallback: false,
                doc: 'sign what is due of timestamp, snapshot, index and revocations of the folder at each look, with the keys in its `online/`, as `gatehouse trust publish` does; other gateways find it at `/tuf/`',
              }),
              root: path({ doc: 'its first root metadata (1.root.json), which is believed once' }),
              every: duration('ms', {
                min: '1s',
                max: '1m',
                fallback: '30s',
                doc: 'how often it is asked, up to a fifth earlier; a revocation counts after this and what its publisher takes',
              }),
              grace: duration('ms', {
                min: '0ms',
                max: '30d',
                fallback: '1d',
                doc: 'how long after what it said expired versions are used on that were verified before; nothing new meanwhile, and revocations count. `0ms`: not at all',
              }),
            },
            {
              doc: 'a signed repository (TUF) that policies and trusted root come from, instead of `trust`; asked at the start and again and again',
            },
          ),
        ),
        namespaceSize: size({
          min: '1MiB',
          max: '1024GiB',
          fallback: '512MiB',
          doc: 'everything that is kept of one namespace: server.json, bundles, lock files, surfaces and definitions of all its versions. Nothing of it is ever deleted',
        }),
        vulnerable: choice(['refuse', 'warn'], {
          fallback: 'refuse',
          doc: 'what becomes of a version that an advisory concerns (`gatehouse registry advise`): refuse it, or take it and warn; malware is refused in any case',
        }),
        sets: map(
          ALIAS,
          record(
            {
              servers: list(
                text({
                  what: 'a server name or `namespace/*`',
                  maxLength: 200,
                  pattern: /^[a-zA-Z0-9][a-zA-Z0-9.-]*\/(?:\*|[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?)$/,
                  doc: 'a server name, or `namespace/*` for all servers of one',
                }),
                { max: 1000, doc: 'what hosts find below `/sets/<name>/v0.1/servers`' },
              ),
              anonymous: flag({
                fallback: false,
                doc: 'may be read without a token even where other machines reach the gateway; where they do not, everything may',
              }),
            },
            { doc: 'one view' },
          ),
          { max: 1000, fallback: {}, doc: 'curated views of the registry' },
        ),
        ...PROOFS,
        ...MIRRORS,
        ...ARTIFACTS,
      },
      { fallback: {}, doc: 'the registry of servers at `/v0.1`, as docs/registry.md describes it' },
    ),
    ...COLLISIONS,
    outbound: record(
      {
        allow: list(
          text({ what: 'a host with its port, or a network', maxLength: 300, problem: outboundProblem, doc: '`host:port` or a network' }),
          {
            max: 1000,
            fallback: [],
            doc: 'internal hosts (`idp.corp.example:443`) and private networks (`10.1.0.0/16`) that may be fetched from over https; link-local and metadata addresses stay closed whatever stands here',
          },
        ),
      },
      {
        fallback: {},
        doc: 'where keys, metadata, client documents and tokens may be fetched from besides public addresses; upstreams need nothing here',
      },
    ),
    oauthClient: record(
      {
        metadataUrl: optional(
          text({
            what: 'a URL',
            maxLength: 512,
            problem: documentProblem,
            doc: 'its client ID, where an authorization server takes the URL of a document (client ID metadata documents); default: `<publicUrl>/oauth/client-metadata.json`, which it serves. Set it where authorization servers cannot reach the gateway, and publish there what stands at that path; whoever is connected connects anew',
          }),
        ),
      },
      { fallback: {}, doc: 'what the gateway is to the authorization servers of upstreams (`upstreams.<alias>.credential`)' },
    ),
    limits,
    log: record(
      { level: choice(['debug', 'info', 'warn', 'error'], { fallback: 'info', doc: 'least severe line written' }) },
      { fallback: {}, doc: 'the gateway’s own log (standard error, JSON)' },
    ),
    telemetry,
  },
  {
    doc: 'gatehouse.yaml',
    aliases: {
      mcpServers: 'upstreams',
      servers: 'upstreams',
      port: 'listen',
      host: 'listen',
      auth: 'identity',
      issuers: 'identity',
      users: 'identity',
      evaluation: 'identity',
      url: 'publicUrl',
    },
  },
)
export type ConfigDocument = ValueOf<typeof GATEHOUSE>

function documentProblem(value: string): string | undefined {
  return isDocumentUrl(value)
    ? undefined
    : 'expected an https URL with a host name and a path, written as a browser shows it, without user name, query and fragment'
}
