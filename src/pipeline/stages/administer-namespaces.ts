// Namespaces as acts: claimed and proved by publishers, shared by their owners, registered, frozen and thawed by operators.

import { LOCAL_ISSUER } from '../../administration/break-glass.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import type { Principal } from '../../kernel/principal.ts'
import { member, textOf } from '../../mcp/json.ts'
import type { MemberRole } from '../../registry/namespace.ts'
import type { ClaimProof } from '../../registry/domain-proofs.ts'
import type { LoginClaim, TokenClaim } from '../../registry/token-proofs.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'

type Known = Received & Authenticated & Aimed
type Proof = ClaimProof | TokenClaim | LoginClaim
type Deps = { readonly registry: Pick<AdminDeps['registry'], 'namespaces' | 'loginToken'> }

/** These texts, the first of which names the namespace. */
const aim = (names: readonly string[], optional: readonly string[] = []): Stage<Received, Aimed> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, names, optional)
    return isStop(read) ? read : { act: { target: `namespace ${(read.params[names[0] ?? ''] ?? '').slice(0, 200)}`, params: read.params } }
  },
})
/** `{namespace}`; `method` `oidc`: for a challenge that a token answers */
export const aimNamespaceStage = aim(['namespace'], ['method'])
/** `{namespace, why}` */
export const aimFreezeStage = aim(['namespace', 'why'])
/** Tokens of some issuers carry many claims; the body of an act is bounded anyway. */
const MAX_TOKEN_BYTES = 16_384
/**
 * `{nonce, timestamp, signature, method, namespace}`: which namespace it is for, the challenge says, and the one that is meant has to be the same. With `method` `oidc`: `{token, namespace, nonce}`, where the token says it,
 * the namespace is the one that is meant, and the nonce that of a challenge which the token answers. With `login`: `{namespace}`, by the caller's own sign-in.
 */
export const aimProofStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const method = x.doc && x.params?.kind === 'object' ? member(x.params, 'method') : undefined
    const way = x.doc !== undefined && method?.kind === 'string' ? textOf(x.doc, method) : ''
    const isToken = way === 'oidc' || way === 'login'
    const read =
      way === 'login'
        ? readTexts(x, ['method'], ['namespace'])
        : isToken
          ? readTexts(x, ['method', 'token'], ['namespace', 'nonce'], MAX_TOKEN_BYTES)
          : readTexts(x, ['nonce', 'timestamp', 'signature', 'method'], ['namespace'])
    if (isStop(read)) return read
    const { namespace = isToken ? 'of a token' : 'of a challenge' } = read.params
    return { act: { target: `namespace ${namespace.slice(0, 200)}`, params: read.params } }
  },
}

export const claimStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'open-challenge',
  effect: true,
  run: async ({ principal, act }) => {
    const { namespace = '', method = 'domain' } = act.params
    if (method !== 'domain' && method !== 'oidc') return { stop: 'params-invalid', detail: 'expected `method` as domain or oidc' }
    const challenge = await deps.registry.namespaces.claim(namespace, principal.key, method)
    return isStop(challenge) ? challenge : adminAnswer({ challenge })
  },
})

export const proveStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'prove-namespace',
  effect: true,
  run: async ({ principal, act }) => {
    const proof = act.params['method'] === 'login' ? await loginOf(deps, principal, act.params['namespace']) : proofIn(act.params)
    if (isStop(proof)) return proof
    const namespace = await deps.registry.namespaces.verify(principal.key, proof)
    return isStop(namespace) ? namespace : adminAnswer({ namespace })
  },
})

/** By the claims of the caller's own sign-in: the token comes from where that was, never from the caller. */
async function loginOf(deps: Deps, principal: Principal, namespace: string | undefined): Promise<Proof | Stop> {
  const token = await deps.registry.loginToken(principal)
  return typeof token === 'string' ? { method: 'login', token, ...(namespace !== undefined && { namespace }) } : token
}

function proofIn({ nonce, timestamp = '', signature = '', method, token = '', namespace }: Aimed['act']['params']): Proof | Stop {
  const meant = namespace !== undefined && { namespace }
  if (method === 'oidc') return { method, token, ...meant, ...(nonce !== undefined && { nonce }) }
  if (method !== 'dns' && method !== 'https') return { stop: 'params-invalid', detail: 'expected `method` as dns, https, oidc or login' }
  return { nonce: nonce ?? '', timestamp, signature, method, ...meant }
}

/** Operators and auditors see all; a publisher those he is a member of: who else publishes is nobody's business but theirs. */
export const listNamespacesStage = (deps: Deps & Pick<AdminDeps, 'rolesOf'>): Stage<Received & Authenticated, Answered> => ({
  name: 'list-namespaces',
  run: async ({ principal }) => {
    const own = deps.rolesOf(principal)
    const isAll = principal.issuer === LOCAL_ISSUER || own.has('operator') || own.has('auditor')
    const all = await deps.registry.namespaces.list()
    return adminAnswer({ namespaces: all.filter(({ members }) => isAll || members.some(member => member.principal === principal.key)) })
  },
})

/** `{namespace, principal, role}`; role `none` takes somebody out */
export const aimMemberStage: Stage<Received, Aimed> = aim(['namespace', 'principal', 'role'])
const ROLES: Readonly<Record<string, MemberRole | undefined>> = { owner: 'owner', publisher: 'publisher', none: undefined }

export const setMemberStage = (deps: Deps & Pick<AdminDeps, 'principalNamed'>): Stage<Known, Answered> => ({
  name: 'set-member',
  effect: true,
  run: async ({ principal, act }) => {
    const { namespace = '', role = '' } = act.params
    if (!Object.hasOwn(ROLES, role)) return { stop: 'params-invalid', detail: 'expected `role` as owner, publisher or none' }
    const member = deps.principalNamed(act.params['principal'] ?? '')
    if (member === undefined) return { stop: 'params-invalid', detail: 'no such issuer is configured', fix: 'write `<issuer> <subject>`' }
    const changed = await deps.registry.namespaces.setMember(namespace, { principal: member, role: ROLES[role] }, principal.key)
    return isStop(changed) ? changed : adminAnswer({ namespace: changed })
  },
})

/** Stopping something needs one person; `thaw-namespace` is a change. */
export const freezeStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'freeze-namespace',
  effect: true,
  run: async ({ act }) => {
    const frozen = await deps.registry.namespaces.setState(act.params['namespace'] ?? '', 'frozen')
    return frozen
      ? adminAnswer({ namespace: frozen })
      : { stop: 'params-invalid', detail: 'there is no such namespace, or it is frozen already' }
  },
})
