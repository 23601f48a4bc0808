// The verbs of publishers and of who keeps the registry: namespaces, and publishing.

import { createPublicKey, ECDH, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createPrivate } from '../../adapters/private-text.ts'
import { readPrivateKey } from '../../adapters/sigstore/private-key.ts'
import { Fault } from '../../kernel/errors.ts'
import { challengeText, domainOf } from '../../registry/domain-proofs.ts'
import type { CommandArgs } from '../command.ts'
import { readIfThere } from '../files.ts'
import { documentMembers } from './documents.ts'
import { exchangeToken, isProved } from './exchange.ts'
import { act, gatewayOf, send, sendWith, type ActAnswer } from './gateway.ts'
import { proofToken } from './proof-token.ts'
import { changeText, records, table, text, timeOf, verb, WHY } from './verb.ts'

const WHICH = 'expected a namespace, such as com.example'
const KEY = 'expected --key: the private key that proves the domain; or --oidc, or --login'
const MAX_BUNDLE_BYTES = 262_144
const MAX_SERVER_JSON_BYTES = 65_536
const MAX_KEY_BYTES = 16_384

export const claimNamespace = verb({
  command: 'namespace claim',
  run(args) {
    const [namespace] = args.positionals
    const file = args.text('key')
    if (namespace === undefined) return WHICH
    return file === undefined ? KEY : prepared(args, namespace, file)
  },
  tell: ({ namespace, domain, record, key }) =>
    `the key is in ${text(key)}\n${text(domain)} publishes, as a TXT record of its own or in https://${text(domain)}/.well-known/mcp-registry-auth:\n\n  ${text(record)}\n\nthen: gatehouse namespace verify ${text(namespace)} --key ${text(key)}\n`,
})

async function prepared(args: CommandArgs, namespace: string, file: string): Promise<ActAnswer> {
  const path = resolve(args.io.cwd, file)
  if (!existsSync(path)) {
    const { privateKey } = generateKeyPairSync('ed25519')
    await createPrivate(path, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, MAX_KEY_BYTES)
  }
  return { ok: true, body: { namespace, domain: domainOf(namespace), record: recordOf(readPrivateKey(path)), key: file } }
}

/** The public half as domains publish it (src/registry/domain-key.ts reads it). */
function recordOf(key: KeyObject): string {
  const { kty, crv, x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' })
  if (kty === 'OKP') return `v=MCPv1; k=ed25519; p=${Buffer.from(x, 'base64url').toString('base64')}`
  if (crv !== 'P-384') throw new Fault('signing-key-invalid', 'expected a key for Ed25519 or P-384')
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  const compressed = ECDH.convertKey(point, 'secp384r1', undefined, undefined, 'compressed') as Buffer
  return `v=MCPv1; k=ecdsap384; p=${compressed.toString('base64')}`
}

export const verifyNamespace = verb({
  command: 'namespace verify',
  run(args) {
    const [namespace] = args.positionals
    const [file, isToken] = [args.text('key'), isProved(args)]
    if (namespace === undefined) return WHICH
    if (args.flag('login'))
      return isToken || file !== undefined
        ? '--login excludes --key and --oidc'
        : act(args, 'namespaces/verify', { method: 'login', namespace })
    if (isToken) return file === undefined ? provedByToken(args, namespace) : '--key and --oidc exclude each other'
    return file === undefined ? KEY : proved(args, namespace, file)
  },
  tell: ({ namespace }) => {
    const { name, provedAtSeconds, proveAgainAtSeconds, state, quiet } = (namespace ?? {}) as Record<string, unknown>
    const { untilSeconds } = (quiet ?? {}) as Record<string, unknown>
    const isQuiet = Number(untilSeconds) > Number(provedAtSeconds)
    const silence = isQuiet ? `; it is another key or account than before, so nothing is published before ${timeOf(untilSeconds)}` : ''
    return `${text(name)} is proved until ${timeOf(proveAgainAtSeconds)}${state === 'frozen' ? ', and frozen: ask an operator' : silence}\n`
  },
})

async function proved(args: CommandArgs, namespace: string, file: string): Promise<ActAnswer> {
  const key = readPrivateKey(resolve(args.io.cwd, file))
  recordOf(key) // of a kind that domains can publish
  const claimed = await act(args, 'namespaces/claim', { namespace })
  if (!claimed.ok) return claimed
  const { nonce, origin } = (claimed.body['challenge'] ?? {}) as Record<string, unknown>
  if (typeof nonce !== 'string' || typeof origin !== 'string') throw new Fault('gateway-answer-invalid', 'the gateway gave no challenge')
  const timestamp = new Date(args.io.now()).toISOString()
  // What is signed is worked out here but for the nonce and the gateway's own name: a gateway that named another domain would get a signature for nothing.
  const message = Buffer.from(challengeText(origin, domainOf(namespace), nonce, timestamp))
  const signature = (
    key.asymmetricKeyType === 'ed25519' ? sign(null, message, key) : sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' })
  ).toString('hex')
  return act(args, 'namespaces/verify', { nonce, timestamp, signature, method: args.flag('https') ? 'https' : 'dns' })
}

async function provedByToken(args: CommandArgs, namespace: string): Promise<ActAnswer> {
  const { gateway } = await gatewayOf(args)
  return act(args, 'namespaces/verify', { method: 'oidc', token: await proofToken(args, gateway), namespace })
}

export const listNamespaces = verb({
  command: 'namespace list',
  run: args => act(args, 'namespaces/list'),
  tell: ({ namespaces }) =>
    table(
      ['namespace', 'state', 'proved by', 'until', 'quiet until', 'last look', 'members'],
      records(namespaces).map(n => [
        text(n['name']),
        text(n['state']),
        text(n['proof']),
        timeOf(n['proveAgainAtSeconds']) || '-',
        timeOf((n['quiet'] as Record<string, unknown> | undefined)?.['untilSeconds']) || '-',
        text((n['look'] as Record<string, unknown> | undefined)?.['found']) || '-',
        records(n['members'])
          .map(member => `${text(member['principal'])} (${text(member['role'])})`)
          .join(', '),
      ]),
      'there are no namespaces\n',
    ),
})

export const registerNamespace = verb({
  command: 'namespace register',
  run(args) {
    const [namespace, ...owner] = args.positionals
    const why = args.text('why')
    if (namespace === undefined || owner.length === 0) return 'expected a namespace and its owner'
    return why === undefined ? WHY : act(args, 'namespaces/register', { target: `${namespace} ${owner.join(' ')}`, why })
  },
  tell: changeText,
})

export const freezeNamespace = verb({
  command: 'namespace freeze',
  run(args) {
    const [namespace] = args.positionals
    const why = args.text('why')
    if (namespace === undefined) return WHICH
    return why === undefined ? WHY : act(args, 'namespaces/freeze', { namespace, why })
  },
  tell: () => 'frozen: nobody publishes in it until it is thawed\n',
})

export const thawNamespace = verb({
  command: 'namespace thaw',
  run(args) {
    const [target] = args.positionals
    const why = args.text('why')
    if (target === undefined) return WHICH
    return why === undefined ? WHY : act(args, 'namespaces/thaw', { target, why })
  },
  tell: changeText,
})

export const publish = verb({
  command: 'publish',
  run(args) {
    const serverFile = args.positionals[0] ?? 'server.json'
    const given = args.list('bundle')
    if (args.flag('unsigned')) return given.length > 0 ? '--bundle and --unsigned exclude each other' : sent(args, serverFile, undefined)
    const own = `${serverFile}.sigstore.json`
    if (given.length === 0 && !existsSync(resolve(args.io.cwd, own)))
      return `expected --bundle, \`${own}\` as \`gatehouse sign\` writes it, or --unsigned`
    return sent(args, serverFile, given.length === 0 ? [own] : given)
  },
  tell(body) {
    const { name, version } = (body['server'] ?? {}) as Record<string, unknown>
    const meta = (body['_meta'] ?? {}) as Record<string, unknown>
    const { standing, sequence } = (meta['gatehouse/trust'] ?? {}) as Record<string, unknown>
    const next = standing === 'quarantined' ? '; a reviewer’s bundle admits it' : ''
    return `published ${text(name)} ${text(version)} (sequence ${Number(sequence)}): ${text(standing)}${next}\n`
  },
})

const WHICH_VERSION = 'expected a version, such as com.example/weather@1.0.0'
/** `name@version` */
function versionIn(word: string | undefined): { readonly name: string; readonly version: string } | undefined {
  const [, name, version] = /^([^@]+)@(.+)$/.exec(word ?? '') ?? []
  return name === undefined || version === undefined ? undefined : { name, version }
}
const standingText = (body: Record<string, unknown>): string => {
  const { name, version } = (body['server'] ?? {}) as Record<string, unknown>
  const { standing } = (((body['_meta'] ?? {}) as Record<string, unknown>)['gatehouse/trust'] ?? {}) as Record<string, unknown>
  return `${text(name)} ${text(version)}: ${text(standing)}\n`
}

export const attest = verb({
  command: 'registry attest',
  run(args) {
    const [which, file] = args.positionals
    const of = versionIn(which)
    if (!of) return WHICH_VERSION
    return file === undefined ? 'expected a bundle' : attested(args, of, file)
  },
  tell: standingText,
})
async function attested(args: CommandArgs, of: object, file: string): Promise<ActAnswer> {
  const bundle = await jsonIn(args, file, MAX_BUNDLE_BYTES)
  const documents = await documentMembers(args, dirname(file), [bundle])
  return send(args, '/v1/attestations', `${JSON.stringify(of).slice(0, -1)},"bundle":${bundle}${documents}}`)
}

export const setStatus = verb({
  command: 'registry status',
  run(args) {
    const [which = '', status] = args.positionals
    const message = args.text('message')
    const of = versionIn(which) ?? { name: which }
    if (which === '' || status === undefined) return 'expected a server or `server@version`, and active, deprecated or deleted'
    return act(args, 'registry/status', { ...of, status, ...(message !== undefined && { statusMessage: message }) })
  },
  tell: body => (Array.isArray(body['servers']) ? records(body['servers']).map(standingText).join('') : standingText(body)),
})

export const revoke = verb({
  command: 'registry revoke',
  run(args) {
    const [kind, ...target] = args.positionals
    const [reason, notBefore] = [args.text('reason'), args.text('not-before')]
    if (kind === undefined || target.length === 0)
      return 'expected what to revoke: version, artifact, bundle, key, identity or namespace, and which'
    if (reason === undefined) return 'expected --reason: it is published'
    const action = args.flag('warn') ? 'warn' : 'block'
    return act(args, 'registry/revoke', { kind, target: target.join(' '), reason, action, ...(notBefore !== undefined && { notBefore }) })
  },
  tell: ({ revocation }) => {
    const { kind, target, sequence } = (revocation ?? {}) as Record<string, unknown>
    return `revoked ${text(kind)} ${text(target)}, as number ${Number(sequence)}\n`
  },
})

/** With the token of who is signed in, or with one that a proof was just exchanged for. A refused exchange is told as it is. */
async function senderFor(args: CommandArgs): Promise<(path: string, body: string) => Promise<ActAnswer>> {
  if (!isProved(args)) return (path, body) => send(args, path, body)
  const { gateway } = await gatewayOf(args)
  const exchanged = await exchangeToken(args)
  if (!exchanged.ok) return () => Promise.resolve(exchanged)
  return (path, body) => sendWith(gateway, { path, body, token: String(exchanged.body['registry_token']) })
}

/** server.json as it lies here: what was signed is what is sent. */
async function sent(args: CommandArgs, serverFile: string, bundles: readonly string[] | undefined): Promise<ActAnswer> {
  const serverJson = await jsonIn(args, serverFile, MAX_SERVER_JSON_BYTES)
  const post = await senderFor(args)
  if (!bundles) return post('/v0.1/publish', serverJson)
  const texts: string[] = []
  for (const file of bundles) texts.push(await jsonIn(args, file, MAX_BUNDLE_BYTES))
  const documents = await documentMembers(args, dirname(serverFile), texts)
  return post('/v1/publish', `{"serverJson":${serverJson},"bundles":[${texts.join(',')}]${documents}}`)
}

async function jsonIn(args: CommandArgs, file: string, maxBytes: number): Promise<string> {
  const found = await readIfThere(resolve(args.io.cwd, file), maxBytes)
  if (!found) throw new Fault('file-missing', `\`${file}\` is not there`)
  const json = found.bytes.toString('utf8').trim()
  try {
    JSON.parse(json)
  } catch {
    throw new Fault('file-invalid', `\`${file}\` is no JSON`)
  }
  return json
}
