// Who may import whom (ARCHITECTURE.md, "The house"). test/architecture.test.ts runs these rules, so no comment can switch them off.
// Layers, imports point down only: main, cli > shell > pipeline > rooms > words.

const WORDS = '(kernel|mcp)'
const ROOMS =
  '(identity|administration|approvals|vault|catalog|collision|admission|policy|flow|bridge|registry|trust|inspection|audit|arguments|schema|limits|gates|delivery)'
const PATHS_OF = names => `^src/${names}/`

/** Files at `from` import files of src only where `to` says. */
const only = (name, from, to) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: to },
})

/** Types vanish before anything runs; values at these paths may not be imported. */
const onlyAsTypes = (name, from, to) => ({
  name,
  severity: 'error',
  from,
  to: { path: to, dependencyTypesNot: ['type-only'] },
})

/** An outside package is imported by its owners alone, so that replacing it is one place's work (docs/dependencies.md). */
const owns = (pkg, ...where) => ({
  name: `only ${where.join(' and ')} may import ${pkg}`,
  severity: 'error',
  from: { path: '^src/', pathNot: where.map(w => `^src/${w}`) },
  to: { path: `node_modules/${pkg}(/|$)` },
})

module.exports = {
  forbidden: [
    { name: 'no cycles', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    { name: 'no orphans', severity: 'error', from: { orphan: true, path: '^src/' }, to: {} },

    only('kernel imports kernel alone', PATHS_OF('kernel'), PATHS_OF('kernel')),
    only('words import words alone', PATHS_OF(WORDS), PATHS_OF(WORDS)),
    {
      name: 'rooms import themselves and words, never another room',
      severity: 'error',
      from: { path: PATHS_OF(ROOMS) },
      to: { path: '^src/', pathNot: ['^src/$1/', PATHS_OF(WORDS)] },
    },
    only('pipeline imports rooms and words', PATHS_OF('pipeline'), [PATHS_OF('pipeline'), PATHS_OF(ROOMS), PATHS_OF(WORDS)]),
    // A stage says which facts it needs, and those types stand beside the stages that add them. Calling another stage would be an order outside the table.
    onlyAsTypes(
      'a stage knows the facts of other stages, never the stages',
      { path: '^src/pipeline/stages/([^/]+)\\.ts$' },
      '^src/pipeline/stages/(?!$1\\.ts$)',
    ),
    onlyAsTypes(
      'only the table knows the stages',
      { path: '^src/', pathNot: '^src/pipeline/(paths\\.ts|stages/)' },
      '^src/pipeline/stages/',
    ),
    only('the table is built by main and used by http', '^src/(?!main\\.ts|http/|pipeline/paths\\.ts)', '^src/(?!pipeline/paths\\.ts)'),

    only('config reads no further than words and the rules of a few rooms', PATHS_OF('config'), [
      PATHS_OF('config'),
      PATHS_OF(WORDS),
      '^src/(policy/allow-list|approvals/(notice|self-from)|audit/note|delivery/(forms|settings)|flow/reading|gates/(settings|url)|identity/(claims|document-url|redirects|scopes)|administration/roles|collision/(host-commands|resolution)|inspection/(finding|tiers)|arguments/(paths|pointer|rule)|registry/proof-rules|vault/credential-rule)\\.ts$',
    ]),
    only('adapters implement ports of rooms and words', PATHS_OF('adapters'), [
      PATHS_OF('adapters'),
      PATHS_OF(ROOMS),
      PATHS_OF(WORDS),
      '^src/config/schema\\.ts$',
    ]),
    onlyAsTypes('adapters get settings handed in', { path: PATHS_OF('adapters') }, '^src/config/'),
    only('http walks paths', PATHS_OF('http'), [
      PATHS_OF('http'),
      PATHS_OF(WORDS),
      '^src/pipeline/paths?\\.ts$',
      '^src/identity/(challenge|consent|sign-in)\\.ts$',
      '^src/bridge/(legacy-session|replay)\\.ts$',
    ]),
    onlyAsTypes('http calls no room but the challenge document', { path: PATHS_OF('http') }, '^src/bridge/'),
    only('the evaluation provider stands apart from the gateway', PATHS_OF('evaluation'), [
      PATHS_OF('evaluation'),
      PATHS_OF('config'),
      PATHS_OF(WORDS),
      '^src/adapters/(private-text|safe-fetch|web-fetch)\\.ts$',
    ]),
    only('the stdio bridge is a host of the gateway, not a part of it', PATHS_OF('stdio'), [
      PATHS_OF('stdio'),
      PATHS_OF(WORDS),
      '^src/adapters/upstream/(backoff|request-bytes|resumption)\\.ts$',
    ]),
    only('the demo is hosts and servers of the gateway, not a part of it', PATHS_OF('demo'), [
      PATHS_OF('demo'),
      PATHS_OF('config'),
      PATHS_OF(WORDS),
      '^src/adapters/audit/lines\\.ts$',
    ]),
    {
      name: 'the command line alone starts the stdio bridge and the demo',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(cli|demo|stdio)/' },
      to: { path: PATHS_OF('(stdio|demo)') },
    },
    only('compose joins parts for main', PATHS_OF('compose'), [
      PATHS_OF('compose'),
      PATHS_OF('(config|adapters|http|pipeline)'),
      PATHS_OF(ROOMS),
      PATHS_OF(WORDS),
    ]),
    onlyAsTypes('compose gets the snapshot handed in', { path: PATHS_OF('compose') }, '^src/config/(?!endpoints\\.ts$)'),
    {
      name: 'compose serves main alone',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/compose/', '^src/main\\.ts$'] },
      // Whether a gateway would take its policies is asked before it starts, too.
      to: { path: PATHS_OF('compose'), pathNot: '^src/compose/policy-candidate\\.ts$' },
    },
    {
      name: 'only serve starts the gateway',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/serve\\.ts$' },
      to: { path: '^src/main\\.ts$' },
    },
    {
      name: 'nobody imports the command line',
      severity: 'error',
      from: { path: '^src/(?!cli(/|\\.ts$))' },
      to: { path: '^src/cli(/|\\.ts$)' },
    },

    {
      name: 'the console takes of src declared shapes and what looks alike, and no more',
      severity: 'error',
      from: { path: '^console/src/' },
      to: { path: '^src/', pathNot: '^src/(approvals/shapes|audit/reading|pipeline/server-reviews|kernel/(look-alikes|measure))\\.ts$' },
    },
    onlyAsTypes('the console gets shapes, not the code behind them', { path: '^console/src/' }, '^src/(approvals|pipeline|kernel/measure)'),
    {
      name: 'pages are made of nothing but themselves: no package, nothing of Node',
      severity: 'error',
      from: { path: '^console/src/' },
      to: { path: '^(?!console/src/|src/)' },
    },

    {
      name: 'rooms, words and the pipeline open no socket, file or process',
      severity: 'error',
      from: { path: [PATHS_OF(WORDS), PATHS_OF(ROOMS), PATHS_OF('pipeline')] },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer|util)$' },
    },
    {
      name: 'rooms and words use no outside package',
      severity: 'error',
      from: { path: [PATHS_OF(WORDS), PATHS_OF(ROOMS), PATHS_OF('pipeline')] },
      to: { path: 'node_modules/' },
    },
    {
      name: 'no undeclared packages',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'npm-bundled', 'unknown', 'undetermined'],
        pathNot: 'node_modules/@types/',
      },
    },
    { name: 'nothing unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'nothing of test, bench or docs ships',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|docs|examples)/' },
    },

    owns('@cedar-policy/cedar-wasm', 'adapters/cedar/'),
    owns('@opentelemetry/otlp-transformer', 'adapters/telemetry/'),
    owns('@redis/client', 'adapters/delivery/redis-outlet\\.ts$'),
    owns('@sigstore/bundle', 'adapters/sigstore/'),
    owns('@sigstore/protobuf-specs', 'adapters/sigstore/'),
    owns('@sigstore/sign', 'adapters/sigstore/sign\\.ts$'),
    owns('@sigstore/verify', 'adapters/sigstore/'),
    owns('@tufjs/models', 'adapters/tuf/'),
    owns('tuf-js', 'adapters/tuf/'),
    owns('better-sqlite3', 'adapters/sqlite/'),
    owns('express', 'http/control-plane/'),
    owns('jose', 'adapters/(tokens|authorization-server/signing-keys)\\.ts$', 'evaluation/'),
    owns('oidc-provider', 'adapters/authorization-server/', 'evaluation/'),
    owns('openid-client', 'adapters/login/', 'adapters/upstream-oauth/', 'cli/login/'),
    owns('prom-client', 'adapters/telemetry/'),
    owns('rate-limiter-flexible', 'adapters/memory-counter\\.ts$'),
    owns('undici', 'adapters/'),
    owns('yaml', 'config/'),
    owns('@modelcontextprotocol/client', 'demo/', 'cli/demo'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
}
