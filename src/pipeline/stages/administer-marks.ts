// Marks of what was read, as acts: who has some and where from, and taking them away before they end. Whoever carries a mark does not clear it, unless the configuration
// says so: what they read could have told them to.

import type { Mark } from '../../flow/store.ts'
import { LOCAL_ISSUER } from '../../administration/break-glass.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import type { Principal, PrincipalKey } from '../../kernel/principal.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'

type Known = Received & Authenticated
type Deps = Pick<AdminDeps, 'marks' | 'rolesOf'>
type Chosen = Aimed & { readonly whose: PrincipalKey }

/** Told at once; there may be more. */
const MAX_LISTED = 1000

/** One's own; everybody's for those who look after the gateway. */
export const listMarksStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'list-marks',
  run: ({ principal }) => {
    const found = deps.marks.all(mayLook(deps, principal) ? undefined : principal.key)
    return adminAnswer({
      marks: found.slice(0, MAX_LISTED).map(told),
      ...(found.length > MAX_LISTED && { more: found.length - MAX_LISTED }),
    })
  },
})

/** `{principal, client, why}`: without a principal, one's own; without a client, all of them. */
export const aimMarksStage = (deps: Deps & Pick<AdminDeps, 'principalNamed'>): Stage<Known, Chosen> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['why'], ['principal', 'client'])
    if (isStop(read)) return read
    const { principal, client } = read.params
    const whose = principal === undefined ? x.principal.key : deps.principalNamed(principal)
    if (whose === undefined) return { stop: 'params-invalid', detail: 'no such issuer is configured', fix: 'write `<issuer> <subject>`' }
    const refused = whose === x.principal.key ? ownRefusal(deps) : othersRefusal(deps, x.principal)
    return refused ?? { act: { target: `marks ${whose}${client === undefined ? '' : ` ${client}`}`, params: read.params }, whose }
  },
})

/** On record with who and why first. */
export const clearMarksStage = (deps: Pick<AdminDeps, 'marks'>): Stage<Known & Chosen, Answered> => ({
  name: 'clear-marks',
  effect: true,
  run: async ({ principal, whose, act }) => {
    const { client, why = '' } = act.params
    await deps.marks.recordClear({ of: whose, by: principal.key, why, ...(client !== undefined && { client }) })
    const done = await deps.marks.clear(whose, client)
    if (!done) return { stop: 'state-unavailable', detail: 'the marks still stand', fix: 'try again' }
    return adminAnswer({ cleared: done.cleared.map(told), running: done.running })
  },
})

const mayLook = (deps: Pick<AdminDeps, 'rolesOf'>, principal: Principal): boolean =>
  principal.issuer === LOCAL_ISSUER || hasAny(deps, principal, ['operator', 'approver', 'auditor'])

function hasAny(
  { rolesOf }: Pick<AdminDeps, 'rolesOf'>,
  principal: Principal,
  roles: readonly ('operator' | 'approver' | 'auditor')[],
): boolean {
  const own = rolesOf(principal)
  return roles.some(role => own.has(role))
}

const ownRefusal = ({ marks }: Pick<AdminDeps, 'marks'>): Stop | undefined =>
  marks.mayClearOwn()
    ? undefined
    : {
        stop: 'role-missing',
        detail: 'nobody clears their own marks here',
        fix: 'ask another operator or approver, or wait until they end',
      }

const othersRefusal = (deps: Pick<AdminDeps, 'rolesOf'>, principal: Principal): Stop | undefined =>
  principal.issuer === LOCAL_ISSUER || hasAny(deps, principal, ['operator', 'approver'])
    ? undefined
    : { stop: 'role-missing', detail: 'needs the role operator or approver', fix: 'ask an operator of this gateway' }

const timeOf = (ms: number): string => new Date(ms).toISOString()
function told({ untrustedUntilMs, privateUntilMs, atMs, ...mark }: Mark): object {
  return {
    ...mark,
    at: timeOf(atMs),
    ...(untrustedUntilMs > 0 && { untrustedUntil: timeOf(untrustedUntilMs) }),
    ...(privateUntilMs > 0 && { privateUntil: timeOf(privateUntilMs) }),
  }
}
