// The auth exchanges of the official registry: whoever proves a namespace is somebody by it, for five minutes and for publishing there.

import { isStop } from '../../kernel/errors.ts'
import { keyOf, type Principal } from '../../kernel/principal.ts'
import { EXCHANGED, EXCHANGE_METHODS, type Proven } from '../../registry/exchange.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Permit, Received, Stage } from '../path.ts'

type Shown = Authenticated & Aimed & { readonly permit: Permit; readonly proven: Proven }
type Deps = { readonly registry: Pick<AdminDeps['registry'], 'exchange'> }

/** Tokens of some issuers carry many claims. */
const MAX_BYTES = 16_384
/** Names told in the record. */
const MAX_TOLD = 5

/** `{method, …}` with the members of the official API: the proof says who asks. */
export const proveStage = (deps: Deps & Pick<AdminDeps, 'now'>): Stage<Received, Shown> => ({
  name: 'authenticate',
  run: async x => {
    const every = readTexts(x, ['method'], Object.values(EXCHANGED).flat(), MAX_BYTES)
    if (isStop(every)) return every
    const method = EXCHANGE_METHODS.find(known => known === every.params['method'])
    if (!method) return { stop: 'path-unknown' }
    const read = readTexts(x, ['method', ...EXCHANGED[method]], [], MAX_BYTES)
    if (isStop(read)) return read
    const proven = await deps.registry.exchange.prove(method, read.params)
    if (isStop(proven)) return proven
    const told = proven.shown.slice(0, MAX_TOLD).map(({ name }) => name)
    return {
      principal: principalOf(proven, Math.floor(deps.now() / 1000)),
      proven,
      act: { target: `namespace ${told.join(' ').slice(0, 480)}`, params: {} },
      permit: { rules: [`proof:${method}`] },
    }
  },
})

/** Somebody as far as blocks, limits and the record go; no role, group or membership is anybody's who came like this. */
const principalOf = ({ issuer, subject }: Proven, nowSeconds: number): Principal =>
  Object.freeze({
    key: keyOf(issuer, subject),
    issuer,
    subject,
    kind: 'workload',
    authentication: { kind: 'namespace-proof' } as const,
    groups: [],
    scopes: [],
    wildcards: [],
    expiresAtSeconds: nowSeconds,
    issuedAtSeconds: nowSeconds,
  })

export const issueTokenStage = (deps: Deps): Stage<Received & Shown, Answered> => ({
  name: 'issue-token',
  effect: true,
  run: async ({ proven }) => {
    const issued = await deps.registry.exchange.issue(proven)
    return isStop(issued) ? issued : adminAnswer(issued)
  },
})
