// Changes under the two-person rule: proposed, approved by somebody else, applied once. With the rule off, or under break-glass, applied at once.

import { LOCAL_ISSUER, MAX_BREAK_GLASS_SECONDS } from '../../administration/break-glass.ts'
import type { Change } from '../../administration/proposals.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed, type Asked } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'

type Known = Received & Authenticated & Aimed
type Changing = Pick<AdminDeps, 'changes' | 'proposals' | 'isTwoPerson'>

/** `{kind, target, why}`, written as for `block`; what is not blocked cannot be freed. */
export const aimUnblockStage = (deps: Pick<AdminDeps, 'blocks' | 'principalNamed'>): Stage<Received, Aimed> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['kind', 'target', 'why'])
    if (isStop(read)) return read
    const { kind, target: text = '' } = read.params
    const meant = [text, deps.principalNamed(text), text.replace(/\/|__/, ' ')]
    const block = deps.blocks.all().find(b => b.kind === kind && meant.includes(b.target))
    if (!block) return { stop: 'params-invalid', detail: 'it is not blocked', fix: '`gatehouse blocks list` shows what is' }
    const target = `${block.kind} ${block.target}`
    return { act: { target, params: { ...read.params, target } } }
  },
})

/** `{target, why}` of another change. */
export const aimChangeStage = (prefix: string): Stage<Received, Aimed> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['target', 'why'])
    return isStop(read) ? read : { act: { target: `${prefix} ${read.params['target'] ?? ''}`, params: read.params } }
  },
})

export const changeStage = (deps: Changing, action: string): Stage<Known, Answered> => ({
  name: 'change',
  effect: true,
  run: async ({ principal, act }) => {
    const change: Change = { action, target: act.params['target'] ?? '' }
    const asked = { by: principal.key, why: act.params['why'] ?? '' }
    if (!deps.isTwoPerson() || principal.issuer === LOCAL_ISSUER) return applied(await apply(deps, change, asked), action)
    const proposal = await deps.proposals.propose(change, asked.why, asked.by)
    return isStop(proposal) ? proposal : adminAnswer({ state: 'proposed', proposal })
  },
})

const apply = async (deps: Changing, { action, target }: Change, asked: Asked): Promise<object | undefined> =>
  deps.changes[action]?.(target, asked)

/** How the target of a change is written, for whoever wrote it otherwise. */
const NAMING: Readonly<Record<string, string>> = {
  'rotate-key': 'write `audit`, `sealing`, `vault` or `audit-values`',
  'register-namespace':
    'write a namespace that nobody has (`gatehouse namespace list`; one that somebody has is reassigned), then its owner as `<issuer> <subject>`',
  'reassign-namespace': 'write a namespace that there is, then its new owner as `<issuer> <subject>`',
  'stage-signer-policy': 'propose it anew: it is not kept any more, or does not fit into the policies as they are now',
  'thaw-namespace': '`gatehouse namespace list` shows the names',
}

const applied = (done: object | undefined, action: string): Answered | Stop =>
  done
    ? adminAnswer({ state: 'applied', ...done })
    : { stop: 'params-invalid', detail: 'there is nothing of that name to change', fix: NAMING[action] ?? 'look at what there is' }

export const aimProposalStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['id'])
    return isStop(read) ? read : { act: { target: `proposal ${read.params['id'] ?? ''}`, params: read.params } }
  },
}

/** The intent names a proposal alone. What is applied stands in the log before it is: whoever restores an older database learns of it. */
export const approveStage = (deps: Changing & Pick<AdminDeps, 'recordChange'>): Stage<Known, Answered> => ({
  name: 'approve',
  effect: true,
  run: async ({ principal, act }) => {
    let action = ''
    const proposal = act.params['id'] ?? ''
    const done = await deps.proposals.approve(proposal, principal.key, async change => {
      action = change.action
      await deps.recordChange({ proposal, action, target: change.target, by: principal.key })
      return apply(deps, change, { by: change.proposer, why: change.why })
    })
    return done !== undefined && isStop(done) ? done : applied(done, action)
  },
})

export const rejectStage = (deps: Pick<AdminDeps, 'proposals'>): Stage<Known, Answered> => ({
  name: 'reject',
  effect: true,
  run: async ({ principal, act }) => {
    const done = await deps.proposals.reject(act.params['id'] ?? '', principal.key)
    return isStop(done) ? done : adminAnswer({ proposal: done })
  },
})

export const listProposalsStage = (deps: Pick<AdminDeps, 'proposals'>): Stage<Received & Authenticated, Answered> => ({
  name: 'list-proposals',
  run: async () => adminAnswer({ proposals: await deps.proposals.list() }),
})

/** Roles as the gateway sees them now: what `gatehouse login` shows. */
export const whoamiStage = (deps: Pick<AdminDeps, 'rolesOf'>): Stage<Received & Authenticated, Answered> => ({
  name: 'tell-roles',
  run: ({ principal }) =>
    adminAnswer({ issuer: principal.issuer, subject: principal.subject, client: principal.client, roles: [...deps.rolesOf(principal)] }),
})

/** `{seconds, why}` */
export const aimBreakGlassStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['seconds', 'why'])
    if (isStop(read)) return read
    const { params } = read
    const seconds = params['seconds'] ?? ''
    if (!/^[1-9]\d{0,5}$/.test(seconds) || Number(seconds) > MAX_BREAK_GLASS_SECONDS)
      return { stop: 'params-invalid', detail: `expected \`seconds\` from 1 to ${MAX_BREAK_GLASS_SECONDS}` }
    return { act: { target: `break-glass ${seconds}`, params } }
  },
}

export const openBreakGlassStage = (deps: Pick<AdminDeps, 'breakGlass' | 'onBreakGlass'>): Stage<Known, Answered> => ({
  name: 'open-break-glass',
  effect: true,
  run: async ({ principal, act }) => {
    const why = act.params['why'] ?? ''
    const opening = deps.breakGlass.open(why, principal.subject, Number(act.params['seconds']))
    await deps.onBreakGlass('open', principal.subject, { why, untilSeconds: opening.untilSeconds })
    return adminAnswer({ opening })
  },
})

export const closeBreakGlassStage = (deps: Pick<AdminDeps, 'breakGlass'>): Stage<Received & Authenticated, Answered> => ({
  name: 'close-break-glass',
  effect: true,
  run: () => adminAnswer({ closed: deps.breakGlass.close() }),
})
