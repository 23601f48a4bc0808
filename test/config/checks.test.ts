import { describe, expect, it } from 'vitest'
import { isLoopback } from '../../src/config/addresses.ts'
import { launchConcerns } from '../../src/config/launch.ts'
import { isSecretName, isSecretValue } from '../../src/config/sources.ts'
import { EXPOSED, faults, load, MINIMAL, snapshot, warnings, words } from './configs.ts'

describe('a gateway that other machines can reach', () => {
  it('loads with issuers, TLS at a declared proxy and an https public URL', async () => {
    expect(await faults(EXPOSED)).toEqual([])
    expect((await snapshot(EXPOSED)).publicUrl).toBe('https://gateway.example.com')
  })

  it.each([
    ['a public address', 'listen: 192.0.2.1:8400'],
    ['every address', 'listen: 0.0.0.0:8400'],
    ['every address, IPv6', "listen: '[::]:8400'"],
    ['an IPv4 loopback address in IPv6 clothes', "listen: '[::ffff:127.0.0.1]:8400'"],
    ['a public URL in front of loopback', 'publicUrl: https://gateway.example.com'],
    ['a proxy in front of loopback', 'trustedProxies: [10.0.0.0/8]'],
  ])('attack: %s without identity does not load', async (_, line) => {
    const result = await load(`version: 1\n${line}\n`)
    expect(result.ok).toBe(false)
    if (result.ok) return
    expect(result.faults.every(f => f.code === 'exposed' && f.fix !== undefined)).toBe(true)
    expect(result.faults.map(f => f.message).join()).toContain('who may vouch for callers')
  })

  it.each([
    ['no issuers', (t: string) => t.replace(/identity.*\n/, ''), 'who may vouch for callers'],
    ['no TLS', (t: string) => t.replace(/trustedProxies.*\n/, ''), 'without TLS'],
    ['no public URL', (t: string) => t.replace(/publicUrl.*\n/, ''), 'needs an https `publicUrl`'],
    ['an http public URL', (t: string) => t.replace('https://gateway', 'http://gateway'), 'needs an https `publicUrl`'],
    [
      'the evaluation provider',
      (t: string) => t.replace('identity: {', 'identity: { evaluation: { users: [{ name: a }] },'),
      'asks for no password',
    ],
    ['a proxy anywhere', (t: string) => t.replace('10.0.0.0/8', '0.0.0.0/0'), 'a network of all addresses is everybody'],
  ])('attack: %s does not load', async (_, change, message) => {
    expect(await words(change(EXPOSED))).toContain(message)
  })

  const stdio = (extra: string): string =>
    `${EXPOSED}upstreams: { a: { stdio: { command: node${extra} }, allow: [{ subjects: ['*'], tools: [t] }] } }`
  it('refuses processes under its own user and says how to mend it', async () => {
    expect(await words(stdio(''))).toMatch(/keys and its audit log in reach.*`uid` of its own or a `launcher`/)
    expect(await words(stdio(', uid: 1000'))).toContain('confines nothing')
    expect(await faults(stdio(', uid: 2000, gid: 2000'))).toEqual([])
    expect(await faults(stdio(', launcher: [bwrap, --unshare-all, --]'))).toEqual([])
    expect(await faults(stdio(', launcher: []'))).toHaveLength(1)
    expect(await faults(stdio(', uid: 0'))).toHaveLength(2)
    expect(await faults(stdio(', gid: 2000'))).toHaveLength(2)
  })
})

describe('faults of lists', () => {
  it('name the entries as they stand in the file, also behind one that could not be read', async () => {
    const rules = ['{ tools: [t], pointer: path, maxLength: 3 }', '{ tools: [t], pointer: /path }', '{ pointer: /path, maxLength: 3 }']
    const text = `${MINIMAL}upstreams: { a: { stdio: { command: node }, arguments: { rules: [${rules.join(', ')}] } } }`
    expect((await faults(text)).map(each => each.split(' ')[1])).toEqual(
      ['[0].pointer', '[1]', '[2]'].map(at => `upstreams.a.arguments.rules${at}`),
    )
  })
  it('do not advise quotes where they would not help', async () => {
    expect(await words(`${MINIMAL}limits: { rates: { tool: 100 } }`)).toBe(
      'limits.rates.tool: expected a count and a time such as `120/1m`, got `100`; ',
    )
  })
})

describe('a gateway on this machine only', () => {
  it('needs nobody else', async () => {
    expect(await faults(`${MINIMAL}upstreams: { a: { stdio: { command: node } } }`)).toEqual([])
  })

  it.each([
    ['nobody could sign in', 'version: 1\n'],
    ['is https, but nothing ends TLS', `${MINIMAL}publicUrl: https://localhost:8400\n`],
    ['the gateway’s own port', 'version: 1\nidentity: { evaluation: { port: 8400, users: [{ name: a }] } }\n'],
    ['this user stands here twice', 'version: 1\nidentity: { evaluation: { users: [{ name: a }, { name: a }] } }\n'],
    ['at least one user', 'version: 1\nidentity: { evaluation: { users: [] } }\n'],
    [
      'this issuer stands here twice',
      "version: 1\nidentity: { issuers: [{ issuer: 'https://a.example' }, { issuer: 'https://a.example' }] }\n",
    ],
    [
      'this issuer stands here twice',
      "version: 1\nidentity: { issuers: [{ issuer: 'http://127.0.0.1:8401' }], evaluation: { users: [{ name: a }] } }\n".replace(
        'issuers: [',
        "issuers: [{ issuer: 'http://127.0.0.1:8401' }, ",
      ),
    ],
    ['put in keys of their own', "version: 1\nidentity: { issuers: [{ issuer: 'http://login.example.com' }] }\n"],
    [
      'put in keys of their own',
      "version: 1\nidentity: { issuers: [{ issuer: 'https://a.example', jwksUri: 'http://a.example/jwks' }] }\n",
    ],
    [
      'exclude each other',
      "version: 1\nidentity: { issuers: [{ issuer: 'https://a.example', jwksUri: 'https://a.example/jwks', jwksFile: f }] }\n",
    ],
    ['IP address to listen on', `${MINIMAL}listen: gateway.example.com:8400\n`],
    ['port from 1 to 65535', `${MINIMAL}listen: 127.0.0.1:0\n`],
    ['port from 1 to 65535', `${MINIMAL}listen: 127.0.0.1:65536\n`],
    ['such as `127.0.0.1:8400`', `${MINIMAL}listen: ':8400'\n`],
    ['no upstream `b`', `${MINIMAL}sets: { s: [b] }\n`],
    ['larger than `sessions`', `${MINIMAL}limits: { sessions: 10 }\n`],
    ['larger than `replayTotalSize`', `${MINIMAL}limits: { replaySize: 1GiB }\n`],
  ])('still refuses contradictions: %s', async (message, text) => {
    expect(await words(text)).toContain(message)
  })

  it('listens where localhost is, whatever a resolver says', async () => {
    expect((await snapshot(`${MINIMAL}listen: localhost:9000\n`)).listen).toEqual({ host: '127.0.0.1', port: 9000 })
    expect((await snapshot(`${MINIMAL}listen: '[::1]:80'\n`)).publicUrl).toBe('http://[::1]')
  })
})

describe('a server of the registry', () => {
  const pinned = `${MINIMAL}registry: { trust: { policies: policies.json } }\nadmission: configured\nupstreams: { a: { server: { name: com.example/Weather, version: 1.0.0-rc.1, args: [-v], env: { KEY: k } }, allow: [] } }\n`
  it('is pinned to one version, always reviewed, and no source that nobody verifies', async () => {
    const { upstreams } = await snapshot(pinned)
    expect(upstreams.get('a')).toMatchObject({
      admission: 'required',
      transport: { kind: 'server', name: 'com.example/Weather', version: '1.0.0-rc.1', args: ['-v'], env: { KEY: 'k' }, headers: {} },
    })
    expect((await warnings(pinned)).filter(w => /configured-admission|unverified-sources|unsigned-admissions/.test(w))).toEqual([])
  })
})

describe('upstreams', () => {
  const one = (text: string): string => `${MINIMAL}upstreams: { a: ${text} }`

  it.each([
    ['{}', 'expected one of `server`, `stdio`, `http` and `sse`'],
    ["{ server: { name: 'com.example/weather', version: latest } }", 'one exact version'],
    ["{ server: { name: 'com.example/weather', version: LATEST } }", 'one exact version'],
    ["{ server: { name: 'com.example/weather', version: '^1.0.0' } }", 'one exact version'],
    ['{ server: { name: weather, version: 1.0.0 } }', 'a server name such as'],
    ["{ server: { name: 'com.example/weather', version: 1.0.0 } }", 'nothing says who may sign for it'],
    ["{ server: { name: 'com.example/weather', version: 1.0.0 }, stdio: { command: node } }", 'got server and stdio'],
    ["{ server: { name: 'com.example/weather', version: 1.0.0 }, admission: configured }", 'admitted by a reviewer’s signature'],
    ["{ server: { name: 'com.example/weather', version: 1.0.0, package: remote, env: { A: b } } }", 'is no process here'],
    ["{ server: { name: 'com.example/weather', version: 1.0.0, headers: { Host: y } } }", 'the gateway sets this header itself'],
    ["{ server: { name: 'com.example/weather', version: 1.0.0 }, credential: { kind: oauth } }", 'a process takes a static secret'],
    [
      "{ server: { name: 'com.example/weather', version: 1.0.0, package: remote }, credential: { kind: oauth } }",
      'name the URL in `resource`',
    ],
    ["{ http: { url: 'https://x.example' }, sse: { url: 'https://x.example' } }", 'got http and sse'],
    ["{ http: { url: 'http://x.example' } }", 'expected https for another machine'],
    ["{ sse: { url: 'http://10.0.0.1/sse' } }", 'expected https for another machine'],
    ["{ http: { url: 'http://127.0.0.1.example.com' } }", 'expected https for another machine'],
    ["{ http: { url: 'https://user:pass@x.example' } }", 'without a user name or password'],
    ["{ http: { url: 'https://x.example/#f' } }", 'without a fragment'],
    ["{ http: { url: 'file:///etc/passwd' } }", 'starts with https:// or http://'],
    ["{ http: { url: 'https://x.example', headers: { Host: y } } }", 'the gateway sets this header itself'],
    ["{ http: { url: 'https://x.example', headers: { mcp-session-id: y } } }", 'the gateway sets this header itself'],
    ["{ http: { url: 'https://x.example', headers: { Transfer-Encoding: y } } }", 'the gateway sets this header itself'],
    ["{ http: { url: 'https://x.example', headers: { 'A B': y } } }", 'a header name as the key'],
    ['{ http: { url: \'https://x.example\', headers: { A: "b\\r\\nC: d" } } }', 'without line breaks'],
    ["{ http: { url: 'https://x.example', headers: { x-key: a, X-Key: b } } }", 'stands here twice'],
    ["{ http: { url: 'http://127.0.0.1:3000/mcp', spkiSha256: [PIN] } }".replace('PIN', '0'.repeat(64)), 'is for https alone'],
    ["{ sse: { url: 'https://x.example', spkiSha256: [] } }", 'expected at least one digest'],
    ["{ http: { url: 'https://x.example', spkiSha256: [sha256/abc=] } }", 'a SHA-256 digest in lower-case hexadecimal'],
    ['{ stdio: { command: node, env: { "A=B": c } } }', 'an environment variable name as the key'],
    ['{ stdio: { command: node, env: { __proto__: c } } }', 'this name is refused'],
    ['{ stdio: { command: "node\\n" } }', 'without control characters'],
    ['{ stdio: { command: node }, timeouts: { call: 1h } }', '`call` is longer than `hard`'],
    ['{ stdio: { command: node }, limits: { messageSize: 1GiB } }', '`messageSize` is larger'],
  ])('%s is refused', async (text, message) => {
    expect(await words(one(text))).toContain(message)
  })

  it.each([
    "{ http: { url: 'http://127.0.0.1:3000/mcp' } }",
    "{ http: { url: 'http://localhost:3000/mcp' } }",
    "{ http: { url: 'http://[::1]:3000/mcp' } }",
    "{ http: { url: 'http://x.example', unsafeAllowHttp: true } }",
    "{ http: { url: 'https://x.example', spkiSha256: [PIN] } }".replace('PIN', 'ab'.repeat(32)),
  ])('%s is accepted', async text => {
    expect(await faults(one(text))).toEqual([])
  })

  it.each([
    ["{ http: { url: 'http://x.example', unsafeAllowHttp: true } }", 'upstreams.a.http.url plain-http'],
    ["{ http: { url: 'https://x.example?api_key=1' } }", 'upstreams.a.http.url literal-secret'],
    [
      "{ http: { url: 'https://x.example', headers: { Authorization: 'Bearer abcdefghij' } } }",
      'upstreams.a.http.headers.Authorization literal-secret',
    ],
    ['{ stdio: { command: x, env: { GITHUB_TOKEN: abc } } }', 'upstreams.a.stdio.env.GITHUB_TOKEN literal-secret'],
    ['{ stdio: { command: x, env: { DB: "postgres://u:p@h/d" } } }', 'upstreams.a.stdio.env.DB literal-secret'],
    ['{ stdio: { command: x, args: [--api-key, abc] } }', 'upstreams.a.stdio.args[1] literal-secret'],
    ['{ stdio: { command: x, args: [--token=abc] } }', 'upstreams.a.stdio.args[0] literal-secret'],
    ['{ stdio: { command: npx, args: [-y, some-mcp] } }', 'upstreams.a.stdio risky-command'],
    ['{ stdio: { command: x, env: { API_KEY: { fromEnv: K } } }, share: all }', 'upstreams.a.share shared-credential'],
    ['{ stdio: { command: x } }', 'upstreams.a nobody-allowed'],
    ["{ stdio: { command: x }, allow: [{ subjects: ['*'], tools: ['*'] }] }", 'upstreams.a.allow[0] everything-allowed'],
    ['{ stdio: { command: x } }', 'upstreams unverified-sources'],
  ])('%s is worth a warning', async (text, warning) => {
    expect(await warnings(one(text), { env: { K: 'k' } })).toContain(warning)
  })
})

describe('rules', () => {
  const rules = (text: string, head = MINIMAL): string => `${head}upstreams: { a: { stdio: { command: x }, allow: [${text}] } }`
  it.each([
    ['{ tools: [t] }', 'applies to nobody'],
    ['{ subjects: [u] }', 'permits nothing'],
    ["{ subjects: ['*', u], tools: [t] }", '`*` covers the rest'],
    ["{ subjects: [u], tools: ['*', t] }", '`*` covers the rest'],
    ["{ subjects: [u], tools: ['get-*'] }", 'compared as they are'],
    ["{ subjects: [u], prompts: ['get-*'] }", 'compared as they are'],
    ["{ subjects: ['a*'], tools: [t] }", 'compared as they are'],
    ["{ groups: ['*'], tools: [t] }", 'means nothing here'],
    ["{ clients: ['*'], tools: [t] }", 'means nothing here'],
    ["{ subjects: [u], resources: ['file:///*/x'] }", 'at the end or not at all'],
    ["{ subjects: [u], methods: ['*'] }", 'expected a method'],
    ["{ subjects: [u], methods: ['tools/call'] }", 'governed by `tools`'],
    ['{ subjects: [u], serverRequests: [elicitation] }', 'did you mean'],
    ['{ subjects: [u], tools: [t], issuers: [https://b.example] }', 'an issuer that is not configured'],
    ['{ id: r, subjects: [u], tools: [t] }, { id: r, subjects: [v], tools: [t] }', 'is taken by upstreams.a.allow[0]'],
    ['{ subjects: [u], tools: [t] }, { id: a/allow/1, subjects: [v], tools: [t] }', 'is taken by upstreams.a.allow[0]'],
  ])('%s is refused', async (text, message) => {
    const got = await words(rules(text))
    if (message === 'did you mean') expect(got).toContain('expected one of `elicitation.form`')
    else expect(got).toContain(message)
  })

  it('accept what the upstream lists: templates with stars inside braces, and prefixes', async () => {
    expect(await faults(rules("{ subjects: [u], resources: ['file:///{path*}', 'file:///pub/*'] }"))).toEqual([])
    expect(await faults(rules("{ subjects: [u], resources: ['*'], methods: [skills/list] }"))).toEqual([])
  })

  it('attack: with several issuers a bare name could be somebody else, so the rule must name its issuers', async () => {
    const two = "version: 1\nidentity: { issuers: [{ issuer: 'https://a.example' }, { issuer: 'https://b.example' }] }\n"
    expect(await words(rules('{ subjects: [u], tools: [t] }', two))).toContain('several issuers may use these names')
    expect(await words(rules('{ groups: [g], tools: [t] }', two))).toContain('several issuers may use these names')
    expect(await faults(rules("{ subjects: ['*'], tools: [t] }", two))).toEqual([])
    expect(await faults(rules('{ subjects: [u], issuers: [https://a.example], tools: [t] }', two))).toEqual([])
    expect(await words(`${two}operators: [alice]\n`)).toContain('write `<issuer> <subject>`')
    expect((await snapshot(`${two}operators: ['https://b.example alice']\n`)).operators).toEqual(['https://b.example alice'])
    expect(await words(`${two}operators: ['https://c.example alice']\n`)).toContain('not configured')
  })
})

it('operators become principal keys', async () => {
  expect((await snapshot(`${MINIMAL}operators: [alice]\n`)).operators).toEqual(['http://127.0.0.1:8401 alice'])
})

describe('words the checks stand on', () => {
  it.each(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', 'LOCALHOST', 'a.localhost', 'localhost.'])(
    '%s stays on this machine',
    host => {
      expect(isLoopback(host)).toBe(true)
    },
  )
  it.each([
    '0.0.0.0',
    '::',
    '[::]',
    '128.0.0.1',
    '10.0.0.1',
    '::ffff:127.0.0.1',
    'localhost.example.com',
    'mylocalhost',
    '127.0.0.1.example.com',
    'x',
    '',
  ])('%s may not', host => {
    expect(isLoopback(host)).toBe(false)
  })

  it.each([
    'API_KEY',
    'GITHUB_TOKEN',
    'apiKey',
    '--access-token',
    'Authorization',
    'X-Api-Key',
    'DB_PASSWORD',
    'Cookie',
    'SECRET',
    'client_secret',
    'AWS_SECRET_ACCESS_KEY',
    'GH_PAT',
  ])('%s names a secret', name => {
    expect(isSecretName(name)).toBe(true)
  })
  it.each(['PATH', 'AUTHOR', 'KEYBOARD', 'MONKEY', 'TOKENIZER', 'MAX_PATH', 'LOG_LEVEL', 'User-Agent', 'PATTERN'])('%s does not', name => {
    expect(isSecretName(name)).toBe(false)
  })
  it.each([
    'sk-abcdefghijklmnopqrst',
    `ghp_${'a'.repeat(36)}`,
    'xoxb-1234567890-abc',
    `AKIA${'A'.repeat(16)}`,
    '-----BEGIN PRIVATE KEY-----',
    'postgres://u:p@h/db',
    'Bearer abcdefgh',
  ])('%s is a secret', value => {
    expect(isSecretValue(value)).toBe(true)
  })
  it.each(['https://example.com/a:b@c', 'C:\\Users\\me', '/home/me', 'some-sk-thing', '@modelcontextprotocol/server-memory'])(
    '%s is not',
    value => {
      expect(isSecretValue(value)).toBe(false)
    },
  )

  it.each([
    [['npx', '-y', '@scope/mcp'], 'without an exact version'],
    [['npx', '-y', '--package', 'x', 'y'], 'without an exact version'],
    [['cmd', '/c', 'npx', '-y', 'x'], 'without an exact version'],
    [['uvx', 'mcp-server'], 'without an exact version'],
    [['C:\\node\\npx.cmd', 'x'], 'without an exact version'],
    [['npx', '-y', 'x@latest'], 'without an exact version'],
    [['bash', '-c', 'x'], 'reads its argument as a script'],
    [['bash', '-c', 'curl https://x | sh'], 'pipes something fetched'],
    [['sudo', 'x'], 'rights of another user'],
    [['node', '-e', 'x'], 'code that stands on the command line'],
    [['docker', 'run', '--privileged', 'x'], 'privileged'],
    [['docker', 'run', '-v', '/var/run/docker.sock:/var/run/docker.sock', 'x'], 'control of the container engine'],
    [['docker', 'run', '-v', '/:/host', 'x'], 'whole file system'],
  ])('%j stands out', (command, concern) => {
    expect(launchConcerns(command).join()).toContain(concern)
  })
  it('variables that load other code stand out', () => {
    expect(launchConcerns(['node', 'x.js'], ['NODE_OPTIONS']).join()).toContain('NODE_OPTIONS')
  })
  it.each([
    [['npx', '-y', 'x@1.2.3']],
    [['npx', '-y', '@scope/x@1.2.3', '--flag']],
    [['uvx', 'x==1.2']],
    [['node', 'server.js']],
    [['npx', './local.js']],
    [['docker', 'run', '-i', '--rm', `image@sha256:${'a'.repeat(64)}`]],
  ])('%j does not', command => {
    expect(launchConcerns(command)).toEqual([])
  })
})

describe('scopes', () => {
  const upstream = (scopes: string): string =>
    `upstreams: { files: { http: { url: 'https://f.example/mcp' }, allow: [{ subjects: ['*'], tools: ['*'] }], scopes: ${scopes} } }`
  const granting = (grant: string, more = upstream('{ read: { tools: [read_*] } }')): string =>
    `version: 1\n${more}\nidentity: { issuers: [{ issuer: 'https://i.example', grant: [${grant}] }] }\n`

  it('are given to everybody or to somebody, and exist', async () => {
    const got = await snapshot(
      granting(
        "{ everyone: true, scopes: ['*'] }, { to: { groups: [dev], scopes: [api.use] }, scopes: ['files:read', 'files:use', 'files:*'] }",
      ),
    )
    expect(got.issuers[0]?.grant).toEqual([
      { everyone: true, groups: [], scopes: [], clients: [], subjects: [], give: ['*'] },
      { everyone: false, groups: ['dev'], scopes: ['api.use'], clients: [], subjects: [], give: ['files:read', 'files:use', 'files:*'] },
    ])
    expect(got.upstreams.get('files')?.scopes.get('read')).toEqual({ tools: ['read_*'], prompts: [], resources: [] })
  })
  it.each([
    ["{ scopes: ['*'] }", 'expected `to` with somebody in it, or `everyone: true`'],
    ["{ to: {}, scopes: ['*'] }", 'expected `to` with somebody in it, or `everyone: true`'],
    ["{ to: { groups: [a] }, everyone: true, scopes: ['*'] }", 'expected `to` with somebody in it, or `everyone: true`'],
    ['{ everyone: true, scopes: [] }', 'expected at least one scope'],
    ["{ everyone: true, scopes: ['file:read'] }", 'no upstream `file`'],
    ["{ everyone: true, scopes: ['file:*'] }", 'no upstream `file`'],
    ["{ everyone: true, scopes: ['files:wirte'] }", '`files` has no scope `wirte`; known: use, read'],
    ["{ everyone: true, scopes: ['files:r*'] }", 'expected a scope such as'],
    ["{ everyone: true, scopes: ['FILES:read'] }", 'expected a scope such as'],
    ["{ to: { groups: ['*'] }, scopes: ['*'] }", 'expected a group'],
  ])('a mapping like %s is refused', async (grant, message) => expect(await words(granting(grant))).toContain(message))
  it.each([
    ['{ read: {} }', 'covers nothing'],
    ['{ READ: { tools: [a] } }', 'expected a lower-case word such as `read` as the key'],
    ["{ read: { tools: ['*_file'] } }", '`*` stands at the end or not at all'],
  ])('words like %s are refused', async (scopes, message) =>
    expect(await words(granting("{ everyone: true, scopes: ['*'] }", upstream(scopes)))).toContain(message),
  )
})

describe('what outbound fetches may reach', () => {
  const allowing = (entry: string): string => `${MINIMAL}outbound: { allow: ['${entry}'] }\n`
  it.each(['idp.corp.example:443', '[fd00::1]:8443', '10.0.0.1:443', '10.1.0.0/16', 'fd00::/8'])('%s can be opened', async entry => {
    const { outbound } = await snapshot(allowing(entry))
    expect([...outbound.hosts, ...outbound.networks]).toEqual([entry])
  })
  it.each([
    'idp.corp.example',
    'https://idp.corp.example',
    'IDP.example:443',
    '0x7f.1:443',
    '*:443',
    'a@b:443',
    '10.0.0.0/33',
    '0.0.0.0/0',
    'idp:99999',
  ])('%s is refused', async entry => expect(await words(allowing(entry))).toContain('outbound.allow[0]'))
})

describe('what the gateway is to the authorization servers of upstreams', () => {
  const at = (url: string): string => `${MINIMAL}oauthClient: { metadataUrl: '${url}' }\n`
  it('its document may be published elsewhere', async () => {
    expect((await snapshot(at('https://apps.example.com/gatehouse.json'))).clientMetadataUrl).toBe(
      'https://apps.example.com/gatehouse.json',
    )
    expect((await snapshot(MINIMAL)).clientMetadataUrl).toBeUndefined()
  })
  it.each([
    'http://apps.example.com/gatehouse.json',
    'https://apps.example.com',
    'https://apps.example.com/',
    'https://apps.example.com/a/../gatehouse.json',
    'https://apps.example.com/gatehouse.json?x=1',
    'https://apps.example.com/gatehouse.json#x',
    'https://me@apps.example.com/gatehouse.json',
    'https://10.0.0.1/gatehouse.json',
  ])('%s names no such document', async url => expect(await words(at(url))).toContain('expected an https URL with a host name and a path'))
})

describe('who administers', () => {
  const many = MINIMAL.replace('users:', 'port: 8401, users:')
  it('roles become rules, the people of `operators` first', async () => {
    const text = `${MINIMAL}operators: [alice]\nadministration: { roles: { operator: { groups: [ops] }, auditor: { subjects: [alice] } } }\n`
    const { administration } = await snapshot(text)
    expect(administration.roles.filter(r => r.subjects.length + r.groups.length > 0)).toEqual([
      { role: 'operator', subjects: ['http://127.0.0.1:8401 alice'], groups: ['ops'] },
      { role: 'auditor', subjects: ['http://127.0.0.1:8401 alice'], groups: [] },
    ])
    expect(administration.twoPerson).toBe(false)
  })
  it('two persons are asked for where other machines reach the gateway', async () => {
    expect((await snapshot(EXPOSED)).administration.twoPerson).toBe(true)
    expect((await snapshot(`${EXPOSED}administration: { twoPerson: false }\n`)).administration.twoPerson).toBe(false)
  })
  it('attack: a gateway for others whose configuration names no operator does not load', async () => {
    expect(await words(EXPOSED.replace(/operators: .*\n/, ''))).toContain('nobody could administer this gateway')
  })
  it('attack: roles without an operator do not load', async () => {
    expect(await words(`${many}administration: { roles: { approver: { groups: [x] } } }\n`)).toContain('nobody is an operator')
  })
  it('attack: operators whom nobody can sign in as do not load', async () => {
    expect(await words(`${MINIMAL}operators: [bob]\n`)).toContain('names nobody whom the evaluation identity provider knows')
    expect(await words(`${MINIMAL}operators: [bob, alice]\n`)).toBe('')
  })
  it('attack: a group of the same name at another issuer', async () => {
    const two = EXPOSED.replace("example.com' }]", "example.com' }, { issuer: 'https://partner.example' }]").replace(
      /operators: .*\n/,
      'administration: { roles: { operator: { groups: [ops] } } }\n',
    )
    expect(await words(two)).toContain('several issuers may have groups of these names')
    const one = two.replace('groups: [ops]', "groups: [ops], issuers: ['https://login.example.com']")
    expect((await snapshot(one)).administration.roles[0]).toMatchObject({ groups: ['ops'], issuers: ['https://login.example.com'] })
  })
  it('one person alone under the two-person rule is warned about', async () => {
    expect(await warnings(EXPOSED.replace('[root, second]', '[root]'))).toContain('operators two-person')
    expect(await warnings(EXPOSED)).not.toContain('operators two-person')
  })
})

describe('what issuers assert', () => {
  const issuers = (...settings: string[]): string =>
    `version: 1\nidentity: { issuers: [${settings.map((more, i) => `{ issuer: 'https://i${i}.example'${more === '' ? '' : `, ${more}`} }`).join(', ')}] }\n`
  const asked = (more = ''): string => `introspection: { clientId: gw, clientSecret: { fromEnv: SECRET }${more} }`
  const env = { env: { SECRET: 's' } }

  it('tokens that nobody can take back live 15 minutes, those that are asked about an hour, or what is configured', async () => {
    const got = await snapshot(issuers('', asked(), 'maxTokenLife: 2h'), env)
    expect(got.issuers.map(i => i.maxTokenSeconds)).toEqual([900, 3600, 7200])
    expect(got.issuers[1]?.introspection).toEqual({ clientId: 'gw', clientSecret: 's', method: 'basic', isOpaque: true })
  })
  it.each(['email', 'preferred_username', 'upn', 'tid+email', 'name'])(
    '`%s` names nobody for ever and is refused as a subject',
    async subjectClaim => {
      expect(await words(issuers(`subjectClaim: ${subjectClaim}`))).toContain('can change hands')
    },
  )
  it('`tid+oid` is accepted', async () => expect(await words(issuers('subjectClaim: tid+oid'))).toBe(''))
  it('opaque tokens of two issuers would be shown to the wrong one', async () => {
    expect(await words(issuers(asked(), asked()), env)).toContain('two issuers have opaque tokens')
    expect(await words(issuers(asked(), asked(', opaque: false')), env)).toBe('')
  })
  it('tokens and the secret are not sent in the clear to another machine', async () => {
    expect(await words(issuers(asked(", url: 'http://i.example/introspect'")), env)).toContain('expected https')
  })
  it.each([
    ['kind: workloads', 'expected the subjects that count'],
    ["kind: workloads, subjects: ['*']", '`*` stands at the end of some text'],
    ["kind: workloads, subjects: ['repo:*/x']", '`*` stands at the end of some text'],
  ])('workloads of anybody are refused: %s', async (settings, message) => expect(await words(issuers(settings))).toContain(message))
  it('workloads of one organisation are accepted', async () => {
    const got = await snapshot(issuers("kind: workloads, subjects: ['repo:my-org/*']"))
    expect(got.issuers[0]).toMatchObject({ kind: 'workload', subjects: ['repo:my-org/*'] })
  })
})

describe('registry.repository', () => {
  const repository = (text: string): string => `${MINIMAL}registry: { repository: { root: 1.root.json, ${text} } }\n`
  it('is a folder or a URL, with the root to begin with', async () => {
    const { registry } = await snapshot(repository('url: https://trust.example/tuf/'))
    expect(registry.repository).toMatchObject({
      place: { url: 'https://trust.example/tuf/' },
      root: expect.stringMatching(/1\.root\.json$/) as string,
    })
    expect((await snapshot(repository('folder: trust'))).registry.repository?.place).toEqual({
      folder: expect.stringMatching(/trust$/) as string,
    })
  })
  it.each([
    ['both', 'folder: trust, url: https://trust.example/'],
    ['neither', ''],
  ])('does not load with %s', async (_, text) => {
    expect(await words(repository(text))).toContain('exactly one of `folder` and `url`')
  })
  it('does not load with a URL that it is to sign for', async () => {
    expect(await words(repository('publish: true, url: https://trust.example/'))).toContain('what is elsewhere is signed elsewhere')
  })
  it('does not load beside files, which would count though the repository says otherwise', async () => {
    expect(await words(`${MINIMAL}registry: { trust: { policies: p.json }, repository: { root: r.json, folder: t } }\n`)).toContain(
      'takes its place',
    )
  })
})

describe('registry.from', () => {
  const from = (text: string): string => `${MINIMAL}registry: { from: { ${text} } }\n`
  it('is the URL that publishers sign for', async () => {
    const { registry } = await snapshot(from('url: https://Registry.example/, grace: 2h'))
    expect(registry.from).toEqual({ url: 'https://registry.example', graceMs: 7_200_000 })
    expect((await snapshot(from('url: http://127.0.0.1:8080'))).registry.from?.graceMs).toBe(86_400_000)
  })
  it('attack: over plain http somebody on the way holds revocations back: it does not load', async () => {
    expect(await words(from('url: http://registry.example'))).toContain('hold revocations back')
  })
})

describe('registry.proofs', () => {
  const PROOF = 'issuer: https://token.ci.example, namespace: "io.github.{repository_owner}", ownerId: repository_owner_id'
  const proofs = (...texts: string[]): string => `${MINIMAL}registry: { proofs: [${texts.map(text => `{ ${text} }`).join(', ')}] }\n`
  it('is for this registry where nothing else is said', async () => {
    const { registry, publicUrl } = await snapshot(proofs(PROOF))
    expect(registry.proofs).toEqual([
      expect.objectContaining({ audience: publicUrl, ownerId: 'repository_owner_id', bind: [], maxTokenSeconds: 3600 }),
    ])
    expect((await snapshot(proofs(`${PROOF}, audience: mcp, require: { ref: refs/heads/main }`))).registry.proofs).toEqual([
      expect.objectContaining({ audience: 'mcp', require: new Map([['ref', 'refs/heads/main']]) }),
    ])
  })
  it.each([
    ['an issuer twice', [PROOF, PROOF], 'stands here twice'],
    ['keys from two places', [`${PROOF}, jwksUri: https://ci.example/keys, jwksFile: keys.json`], 'exclude each other'],
    ['an issuer that others can answer for', [PROOF.replace('https:', 'http:')], 'expected https'],
    ['keys that others can put in', [`${PROOF}, jwksUri: http://ci.example/keys`], 'expected https'],
    ['an algorithm without a key', [`${PROOF}, algorithms: [none]`], 'none'],
    ['a shared secret', [`${PROOF}, algorithms: [HS256]`], 'HS256'],
    ['a name that every token proves', [PROOF.replace('{repository_owner}', 'acme')], 'at least one claim in braces'],
    ['a name that the token chooses', [PROOF.replace('io.github.{', '{')], 'expected'],
    ['the owner’s number bound twice', [`${PROOF}, bind: [repository_owner_id]`], 'take it out'],
    ['no number', [PROOF.replace(', ownerId: repository_owner_id', '')], 'ownerId'],
  ])('does not load with %s', async (_what, texts, expected) => {
    expect(await words(proofs(...texts))).toContain(expected)
  })
})

describe('registry.artifacts', () => {
  const artifacts = (text: string): string => `${MINIMAL}registry: { artifacts: { ${text} } }\n`
  it('names sources as base URLs without a trailing slash', async () => {
    const text = artifacts(
      "npm: 'https://npm.example/team/', npmAuthorization: { fromEnv: T, prefix: 'Bearer ' }, mirrorOf: ['https://registry.example/'], mcpb: ['files.example:8443']",
    )
    expect((await snapshot(text, { env: { T: 'secret' } })).registry.artifacts).toMatchObject({
      npm: 'https://npm.example/team',
      npmAuthorization: 'Bearer secret',
      mirrorOf: ['https://registry.example'],
      mcpb: ['files.example:8443'],
    })
    expect(await faults(artifacts('npm: http://127.0.0.1:4873/'))).toEqual([])
  })
  it.each([
    ['npm: http://npm.example/', 'expected https for another machine'],
    ["oci: 'https://user:secret@oci.example/'", 'without a user name or password'],
    ["pypi: 'https://pypi.example/simple?x=1'", 'without a query'],
    ['npmAuthorization: { fromEnv: T }', 'for a registry that is not named'],
    ["mcpb: ['https://files.example/']", 'expected a host'],
    ["mcpb: ['*.example']", 'name each host'],
    ['nuget: https://x.example', 'no setting `nuget` here'],
    ['npm: https://x.example, npmAuthorization: "a\\r\\nb: c"', 'one line of ASCII'],
  ])('%s is refused', async (text, message) => {
    expect(await words(artifacts(text), { env: { T: 'x' } })).toContain(message)
  })
  it('a server that runs as a user who cannot read the data directory is worth a warning', async () => {
    const server = (folder: string): string =>
      `${MINIMAL}registry: { trust: { policies: p.json }${folder} }\nupstreams: { a: { server: { name: com.example/a, version: 1.0.0, uid: 2000 } } }\n`
    expect(await warnings(server(''))).toContain('upstreams.a.server.uid closed-artifacts')
    expect(await warnings(server(', artifacts: { folder: /srv/content }'))).not.toContain('upstreams.a.server.uid closed-artifacts')
  })
  it('a token that is written out is worth a warning', async () => {
    expect(await warnings(artifacts('npm: https://npm.example, npmAuthorization: Bearer abc'))).toContain(
      'registry.artifacts.npmAuthorization literal-secret',
    )
  })
})
