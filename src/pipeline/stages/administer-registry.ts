// Publishing as acts: server.json and bundles, status, revocations.

import { isStop, type Stop } from '../../kernel/errors.ts'
import { member, rawOf, textOf } from '../../mcp/json.ts'
import type { JsonDoc, JsonNode } from '../../mcp/json.ts'
import { serverResponse } from '../../registry/official.ts'
import type { Attesting } from '../../registry/attest.ts'
import { LOCK_FILES, type Offered } from '../../registry/documents.ts'
import type { Submission } from '../../registry/publish.ts'
import { REVOCATION_KINDS, REVOCATION_REASONS } from '../../registry/store.ts'
import { MAX_BUNDLES } from '../../registry/vouching.ts'
import { actorOf } from '../actor.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'
import type { Granted } from './authenticate-publisher.ts'

type Known = Received & Authenticated & Granted & Aimed
type Deps = Pick<AdminDeps, 'registry' | 'rolesOf'>
type Submitted = Aimed & { readonly submission: Submission }

/** For the record, before anything was judged: what could be no name or version is not written into it. */
const versionTold = (name = '', version = ''): string =>
  `server ${/^[\w./-]{1,200}$/.test(name) ? name : '?'}@${/^(?:[\w.+-]{1,255}|\*)$/.test(version) ? version : '?'}`
const json = (text: string): Answered => ({ answer: { kind: 'result', result: Buffer.from(text), outcome: 'ok' } })
const invalid = (detail: string): Stop => ({ stop: 'params-invalid', detail })

/** `{serverJson, bundles, surface?, locks?, definitions?}`, or `{serverJson}` where it is to wait for one. They are read as the bytes that came: signatures are about bytes. */
export const aimSubmissionStage = (isSigned: boolean): Stage<Received, Submitted> => ({
  name: 'aim',
  run: x => {
    const { doc, params } = x
    if (!doc || params?.kind !== 'object') return invalid('expected one JSON object')
    const known = isSigned ? ['serverJson', 'bundles', ...OFFERED] : ['serverJson']
    const strange = params.members?.find(({ key }) => !known.includes(key))
    if (strange) return invalid(`no member \`${strange.key.slice(0, 64)}\` here`)
    const document = member(params, 'serverJson')
    if (document?.kind !== 'object') return invalid('expected `serverJson` as an object')
    const raw = (node: JsonNode): string => rawOf(doc, node).toString('utf8')
    const bundles = bundlesOf(member(params, 'bundles'), raw)
    if (isSigned && bundles === undefined) return invalid(`expected \`bundles\` as a list of at most ${MAX_BUNDLES} objects`)
    const offered = offeredIn(doc, params)
    if (isStop(offered)) return offered
    const [name, version] = ['name', 'version'].map(key => {
      const node = member(document, key)
      return node?.kind === 'string' ? textOf(doc, node) : ''
    })
    const submission = { serverJson: raw(document), ...(isSigned && bundles && { bundles }), ...offered }
    return { act: { target: versionTold(name, version), params: {} }, submission }
  },
})

/** Documents that come along. */
const OFFERED = ['surface', 'locks', 'definitions']
function offeredIn(doc: JsonDoc, params: JsonNode): Offered | Stop {
  const [surface, locks, definitions] = OFFERED.map(key => member(params, key))
  if ([surface, locks, definitions].some(node => node !== undefined && node.kind !== 'object'))
    return invalid('expected `surface`, `locks` and `definitions` as objects')
  if (locks?.members?.some(({ key, value }) => value.kind !== 'string' || !LOCK_FILES.some(name => name === key)))
    return invalid(`expected \`locks\` with the texts of ${LOCK_FILES.join(' and ')}`)
  return {
    ...(surface && { surface: rawOf(doc, surface).toString('utf8') }),
    ...(definitions && { definitions: rawOf(doc, definitions).toString('utf8') }),
    ...(locks && { locks: new Map((locks.members ?? []).map(({ key, value }) => [key, textOf(doc, value)])) }),
  }
}
function bundlesOf(node: JsonNode | undefined, raw: (node: JsonNode) => string): readonly string[] | undefined {
  if (node === undefined) return []
  if (node.kind !== 'array' || !node.items || node.items.length > MAX_BUNDLES) return undefined
  return node.items.every(({ kind }) => kind === 'object') ? node.items.map(raw) : undefined
}

export const publishStage = (deps: Deps): Stage<Known & Submitted, Answered> => ({
  name: 'publish',
  effect: true,
  run: async x => {
    const entry = await deps.registry.publisher.publish(x.submission, actorOf(deps, x))
    return isStop(entry) ? entry : json(serverResponse(entry))
  },
})

type Attests = Aimed & { readonly attesting: Attesting }
/** `{name, version, bundle, surface?, locks?, definitions?}` */
export const aimAttestationStage: Stage<Received, Attests> = {
  name: 'aim',
  run: ({ doc, params }) => {
    const [name, version, bundle] = ['name', 'version', 'bundle'].map(key => member(params, key))
    const strange = params?.members?.some(({ key }) => !['name', 'version', 'bundle', ...OFFERED].includes(key))
    if (!doc || !params || strange || name?.kind !== 'string' || version?.kind !== 'string' || bundle?.kind !== 'object')
      return invalid('expected `name` and `version` as texts and `bundle` as an object')
    const offered = offeredIn(doc, params)
    if (isStop(offered)) return offered
    const act = { name: textOf(doc, name), version: textOf(doc, version) }
    return {
      act: { target: versionTold(act.name, act.version), params: act },
      attesting: { ...act, bundle: rawOf(doc, bundle).toString('utf8'), ...offered },
    }
  },
}
export const attestStage = (deps: Deps): Stage<Known & Attests, Answered> => ({
  name: 'attest',
  effect: true,
  run: async x => {
    const entry = await deps.registry.publisher.attest(x.attesting, actorOf(deps, x))
    return isStop(entry) ? entry : json(serverResponse(entry))
  },
})

/** `{name, version, status, statusMessage}`, without `version` for all of them */
export const aimStatusStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['name', 'status'], ['version', 'statusMessage'])
    if (isStop(read)) return read
    const { name = '', version = '*', status = '' } = read.params
    return { act: { target: `${versionTold(name, version)} ${status.slice(0, 20)}`, params: read.params } }
  },
}
export const setStatusStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'set-status',
  effect: true,
  run: async x => {
    const { name = '', version, status = '', statusMessage: message } = x.act.params
    const change = { name, status, ...(version !== undefined && { version }), ...(message !== undefined && { message }) }
    const changed = await deps.registry.publisher.setStatus(change, actorOf(deps, x))
    if (isStop(changed)) return changed
    const { count, entries } = changed
    const [only] = entries
    if (version !== undefined && only) return json(serverResponse(only))
    return json(`{"updatedCount":${count},"servers":[${entries.map(serverResponse).join(',')}]}`)
  },
})

/** `{kind, target, reason, action}`, and `notBefore` (RFC 3339) of keys and identities */
export const aimRevocationStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['kind', 'target', 'reason', 'action'], ['notBefore'])
    if (isStop(read)) return read
    const { kind = '', target = '' } = read.params
    return { act: { target: `${kind.slice(0, 20)} ${target.slice(0, 480)}`, params: read.params } }
  },
}
export const revokeStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'revoke',
  effect: true,
  run: async x => {
    const { target = '', notBefore, ...words } = x.act.params
    const kind = REVOCATION_KINDS.find(known => known === words['kind'])
    const reason = REVOCATION_REASONS.find(known => known === words['reason'])
    const action = words['action']
    if (!kind) return invalid(`expected \`kind\` as one of ${REVOCATION_KINDS.join(', ')}`)
    if (!reason) return invalid(`expected \`reason\` as one of ${REVOCATION_REASONS.join(', ')}`)
    if (action !== 'block' && action !== 'warn') return invalid('expected `action` as block or warn')
    if (!TARGETS[kind].test(target)) return invalid(`expected \`target\` as ${WORDS[kind]}`)
    const since = notBefore === undefined ? undefined : Date.parse(notBefore) / 1000
    const isDated = kind === 'key' || kind === 'identity'
    if (since !== undefined && !(isDated && Number.isInteger(since)))
      return invalid('expected `notBefore` as a date and time in whole seconds, of a key or identity')
    const revocation = { kind, target, reason, action, ...(since !== undefined && { notBeforeSeconds: since }) } as const
    const kept = await deps.registry.publisher.revoke(revocation, actorOf(deps, x))
    return isStop(kept) ? kept : adminAnswer({ revocation: kept })
  },
})

type Kind = (typeof REVOCATION_KINDS)[number]
/** A typing error would be taken for safety. What a version or namespace is called is looked up besides. */
const TARGETS: Readonly<Record<Kind, RegExp>> = {
  version: /^[^@\s]+@\S+$/,
  artifact: /^(?:[0-9a-f]{64}|[0-9a-f]{128})$/,
  bundle: /^[0-9a-f]{64}$/,
  key: /^[A-Za-z0-9+/]{43}=$/,
  identity: /^https:\/\/\S+ \S+$/,
  namespace: /^[A-Za-z0-9.-]+$/,
}
const WORDS: Readonly<Record<Kind, string>> = {
  version: '`name@version`',
  artifact: 'its SHA-256 or SHA-512 in lower-case hexadecimal',
  bundle: 'its SHA-256 in lower-case hexadecimal',
  key: 'its hint: base64 of the SHA-256 of the public key',
  identity: '`<issuer> <subject of the certificate>`',
  namespace: 'its name',
}
