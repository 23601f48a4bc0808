// What each upstream must satisfy: one transport, nothing in the clear, confinement where strangers can reach the gateway, and rules that mean something.

import { checkArgumentRules } from './argument-checks.ts'
import { isLoopback, urlOf } from './addresses.ts'
import type { ValueSource } from './fields.ts'
import { checkCredential } from './credential-checks.ts'
import { launchConcerns } from './launch.ts'
import type { Reading } from './reading.ts'
import { isSecretName, isSecretValue, secretArguments } from './sources.ts'
import type { ConfigDocument } from './table.ts'
import type { UpstreamDocument } from './upstream-table.ts'

type Rule = UpstreamDocument['allow'][number]

export type Surroundings = { readonly issuers: readonly string[]; readonly isExposed: boolean; readonly ownUid: number | undefined }

export function checkUpstreams(doc: ConfigDocument, reading: Reading, around: Surroundings): void {
  const ids = new Map<string, string>()
  for (const [alias, upstream] of doc.upstreams) {
    const at = `upstreams.${alias}`
    checkTransport(at, reading)
    if (upstream.stdio) checkStdio(upstream.stdio, `${at}.stdio`, reading, around)
    if (upstream.http) checkRemote(upstream.http, `${at}.http`, reading)
    if (upstream.sse) checkRemote(upstream.sse, `${at}.sse`, reading)
    if (upstream.server) checkServer(upstream, upstream.server, { at, reading, doc, around })
    checkShare(upstream, at, reading)
    checkCredential(upstream, at, reading, doc)
    checkBounds(upstream, at, reading)
    checkScopes(upstream, at, reading)
    checkArgumentRules(upstream, at, reading)
    upstream.allow.forEach((rule, index) => {
      checkRule(rule, `${at}.allow[${index}]`, reading, around.issuers)
      checkId(rule.id ?? defaultRuleId(alias, index), `${at}.allow[${index}]`, ids, reading)
    })
    if (upstream.admission === 'configured' && !upstream.server) reading.warn('configured-admission', `${at}.admission`, UNREVIEWED, REVIEW)
    if (upstream.allow.length === 0 && !doc.policies && !reading.isFaulty(`${at}.allow`))
      reading.warn('nobody-allowed', at, 'no rule allows anybody to use it', 'add one under `allow`')
  }
  if (doc.admission === 'configured' && [...doc.upstreams.values()].some(({ server, admission }) => !server && admission === undefined))
    reading.warn('configured-admission', 'admission', UNREVIEWED, REVIEW)
  const isReviewed = [...doc.upstreams.values()].some(({ server, admission = doc.admission }) => !server && admission === 'required')
  if (isReviewed && doc.reviewers.size === 0 && !reading.isFaulty('reviewers'))
    reading.warn(
      'unsigned-admissions',
      'admission',
      'reviewers’ decisions need no signature: whoever can write into the folder `admissions` can admit servers',
      'name `reviewers` with their public keys or identities',
    )
  const unverified = [...doc.upstreams].filter(([, { server }]) => !server).map(([alias]) => alias)
  if (unverified.length > 0) {
    reading.warn(
      'unverified-sources',
      'upstreams',
      `nothing verifies who published these servers: ${unverified.slice(0, 20).join(', ')}${unverified.length > 20 ? ' and others' : ''}`,
      'take them from the registry: `server` with a name and a version',
    )
  }
}

const UNREVIEWED = 'nobody has reviewed what these servers offer: whatever they list may be seen and called, also after it changed'
const REVIEW = 'review each with `gatehouse server approve`, then say `required`'

/** A word that covers nothing protects nothing, whoever wrote it thought otherwise. */
function checkScopes(upstream: UpstreamDocument, at: string, reading: Reading): void {
  for (const [word, { tools, prompts, resources }] of upstream.scopes) {
    const path = `${at}.scopes.${word}`
    if (tools.length + prompts.length + resources.length === 0 && !reading.isFaulty(path))
      reading.fault('value', path, 'covers nothing', 'name its `tools`, `prompts` or `resources`')
  }
}

/** Id of a rule that was given none; `index` counts from 0. */
export const defaultRuleId = (alias: string, index: number): string => `${alias}/allow/${index + 1}`

function checkTransport(at: string, reading: Reading): void {
  const given = ['server', 'stdio', 'http', 'sse'].filter(kind => reading.has(`${at}.${kind}`))
  if (given.length === 0)
    reading.fault(
      'missing',
      at,
      'expected one of `server`, `stdio`, `http` and `sse`',
      'name its version in the registry, or say how to reach it',
    )
  if (given.length > 1)
    reading.fault(
      'conflict',
      at,
      `expected one of \`server\`, \`stdio\`, \`http\` and \`sse\`, got ${given.join(' and ')}`,
      'keep one, or give the other an alias of its own',
    )
}

function checkStdio(stdio: NonNullable<UpstreamDocument['stdio']>, at: string, reading: Reading, around: Surroundings): void {
  checkConfinement(stdio, at, reading, around)
  for (const [name, source] of stdio.env) warnLiteral(source, isSecretName(name), reading)
  checkArguments(stdio.args, reading)
  const words = stdio.args.map(source => (source.from === 'literal' ? source.text : ''))
  for (const concern of launchConcerns([stdio.command, ...words], [...stdio.env.keys()])) reading.warn('risky-command', at, concern)
}

function checkArguments(args: readonly ValueSource[], reading: Reading): void {
  const secrets = secretArguments(args)
  args.forEach((source, index) => warnLiteral(source, secrets.has(index), reading))
}

type Confinement = Pick<NonNullable<UpstreamDocument['stdio']>, 'uid' | 'gid' | 'launcher'>
function checkConfinement({ uid, gid, launcher }: Confinement, at: string, reading: Reading, around: Surroundings): void {
  if (around.isExposed && uid === undefined && launcher === undefined) {
    reading.fault(
      'exposed',
      at,
      'would run as the gateway’s own user, with its keys and its audit log in reach, for callers on other machines',
      'give it a `uid` of its own or a `launcher` that confines it, or listen on 127.0.0.1',
    )
  }
  if (around.isExposed && launcher === undefined && uid !== undefined && uid === around.ownUid) {
    reading.fault(
      'exposed',
      `${at}.uid`,
      'is the gateway’s own user, which confines nothing',
      'make a user for it, or give it a `launcher`',
    )
  }
  if (launcher?.length === 0) reading.fault('value', `${at}.launcher`, 'expected at least one word')
  if (gid !== undefined && uid === undefined) reading.fault('conflict', `${at}.gid`, 'a group without a `uid` leaves the process its user')
}

type ServerPlace = { readonly at: string; readonly reading: Reading; readonly doc: ConfigDocument; readonly around: Surroundings }

/** What can be said before its server.json is read; the rest is refused when the version is verified. */
function checkServer(
  upstream: UpstreamDocument,
  server: NonNullable<UpstreamDocument['server']>,
  { at, reading, doc, around }: ServerPlace,
): void {
  const path = `${at}.server`
  // Until its signatures are verified it might be a process.
  if (server.package !== 'remote') checkConfinement(server, path, reading, around)
  else
    for (const key of ['args', 'env', 'uid', 'gid', 'launcher'] as const)
      if (reading.has(`${path}.${key}`)) reading.fault('conflict', `${path}.${key}`, 'a remote server is no process here', 'take it out')
  if (upstream.admission === 'configured')
    reading.fault(
      'conflict',
      `${at}.admission`,
      'a server of the registry is admitted by a reviewer’s signature, and by nothing else',
      'take it out',
    )
  if (!doc.registry.trust && !doc.registry.repository && !reading.isFaulty('registry'))
    reading.fault(
      'missing',
      path,
      'nothing says who may sign for it, and who reviews',
      'set `registry.repository`, or `registry.trust` with a file of policies',
    )
  for (const [name, source] of server.env) warnLiteral(source, isSecretName(name), reading)
  checkArguments(server.args, reading)
  checkHeaders(server.headers, path, reading)
}

function checkRemote(remote: NonNullable<UpstreamDocument['http']>, at: string, reading: Reading): void {
  const url = urlOf(remote.url)
  if (url?.protocol === 'http:' && !isLoopback(url.hostname)) {
    if (remote.unsafeAllowHttp) reading.warn('plain-http', `${at}.url`, 'plain http: everybody on the way can read and change what passes')
    else
      reading.fault(
        'value',
        `${at}.url`,
        'expected https for another machine',
        'use https://; `unsafeAllowHttp: true` accepts that everybody on the way can read and change what passes',
      )
  }
  if (remote.spkiSha256?.length === 0)
    reading.fault('value', `${at}.spkiSha256`, 'expected at least one digest', 'name one, or take it out')
  if (url?.protocol === 'http:' && remote.spkiSha256)
    reading.fault('conflict', `${at}.spkiSha256`, 'is for https alone: over plain http no key is shown', 'use https://, or take it out')
  if (url && [...url.searchParams].some(([name, value]) => isSecretName(name) || isSecretValue(value))) {
    reading.warn('literal-secret', `${at}.url`, 'the query seems to hold a secret', 'send it in `headers`, with `fromEnv` or `fromFile`')
  }
  checkHeaders(remote.headers, at, reading)
}

function checkHeaders(headers: ReadonlyMap<string, ValueSource>, at: string, reading: Reading): void {
  const names = [...headers.keys()]
  for (const [name, source] of headers) {
    if (names.some(other => other !== name && other.toLowerCase() === name.toLowerCase()))
      reading.fault('conflict', `${at}.headers.${name}`, 'this header stands here twice', 'keep one of them')
    if (source.from === 'literal' && /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(source.text)) {
      reading.fault(
        'value',
        `${at}.headers.${name}`,
        'expected a header value without line breaks, control characters or characters beyond Latin-1',
      )
    }
    warnLiteral(source, isSecretName(name), reading)
  }
}

function warnLiteral(source: ValueSource, hasSecretName: boolean, reading: Reading): void {
  if (source.from !== 'literal' || source.text === '' || (!hasSecretName && !isSecretValue(source.text))) return
  reading.warn('literal-secret', source.path, 'a secret seems to be written out here', 'use `{fromEnv: NAME}` or `{fromFile: path}`')
}

function checkShare(upstream: UpstreamDocument, at: string, reading: Reading): void {
  if (upstream.share !== 'all') return
  const { stdio, http, sse, server } = upstream
  const sources = [stdio?.env, http?.headers, sse?.headers, server?.env, server?.headers].flatMap(named => [...(named ?? [])])
  if (sources.some(([name, source]) => isSecretName(name) || source.from === 'env' || source.from === 'file')) {
    reading.warn(
      'shared-credential',
      `${at}.share`,
      '`all` says it holds no credential, yet it is given one: every caller would act with it',
    )
  }
}

function checkBounds(upstream: UpstreamDocument, at: string, reading: Reading): void {
  const { timeouts, limits } = upstream
  if (timeouts.call > timeouts.hard)
    reading.fault(
      'conflict',
      `${at}.timeouts.${reading.has(`${at}.timeouts.call`) ? 'call' : 'hard'}`,
      '`call` is longer than `hard`',
      'lower `call` or raise `hard`',
    )
  if (limits.messageSize > limits.bufferSize) {
    reading.fault(
      'conflict',
      `${at}.limits.${reading.has(`${at}.limits.messageSize`) ? 'messageSize' : 'bufferSize'}`,
      '`messageSize` is larger than `bufferSize`',
      'one message must fit the buffer',
    )
  }
}

function checkRule(rule: Rule, at: string, reading: Reading, issuers: readonly string[]): void {
  const people = rule.subjects.length + rule.groups.length + rule.clients.length
  if (people === 0 && !reading.isFaulty(at))
    reading.fault(
      'missing',
      at,
      'applies to nobody',
      "name `subjects`, `groups` or `clients`; `subjects: ['*']` is everybody who has signed in",
    )
  const permitted = [rule.tools, rule.prompts, rule.resources, rule.methods, rule.serverRequests]
  if (permitted.every(names => names.length === 0) && !reading.isFaulty(at))
    reading.fault('missing', at, 'permits nothing', 'name `tools`, `prompts`, `resources`, `methods` or `serverRequests`')
  for (const key of ['subjects', 'tools', 'prompts', 'resources'] as const) {
    if (rule[key].length > 1 && rule[key].includes('*'))
      reading.fault('conflict', `${at}.${key}`, '`*` covers the rest of the list', 'keep it alone, or take it out')
  }
  rule.issuers?.forEach((issuer, index) => {
    if (!issuers.includes(issuer) && !reading.isFaulty('identity'))
      reading.fault('value', `${at}.issuers[${index}]`, 'names an issuer that is not configured', `configured: ${issuers.join(', ')}`)
  })
  const names = rule.groups.length + rule.clients.length + rule.subjects.filter(s => s !== '*').length
  if (names > 0 && rule.issuers === undefined && issuers.length > 1) {
    reading.fault('conflict', at, 'several issuers may use these names for different people', 'add `issuers`')
  }
  if (rule.issuers?.length === 0) reading.fault('value', `${at}.issuers`, 'expected at least one issuer')
  if (rule.subjects.includes('*') && rule.tools.includes('*'))
    reading.warn('everything-allowed', at, 'lets everybody who has signed in call every tool, also those the upstream adds later')
}

function checkId(id: string, at: string, ids: Map<string, string>, reading: Reading): void {
  const other = ids.get(id)
  if (other === undefined) ids.set(id, at)
  else
    reading.fault(
      'conflict',
      at,
      `the rule id \`${id}\` is taken by ${other}`,
      'the audit log tells rules apart by their ids: choose another',
    )
}
