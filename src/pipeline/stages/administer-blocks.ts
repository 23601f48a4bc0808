// The emergency stop as acts: block, list, end sessions. Taking a block away is a change (administer-changes.ts).

import { BLOCK_KINDS, toolTarget, type BlockTarget } from '../../identity/blocks.ts'
import { isStop, type Stop } from '../../kernel/errors.ts'
import type { PrincipalKey } from '../../kernel/principal.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'

export type Targeted = Aimed & { readonly aim: BlockTarget }
type Known = Received & Authenticated

/** `{kind, target, why}`: a name that nobody has is refused, or a typing error would be taken for safety. */
export const aimBlockStage = (deps: Pick<AdminDeps, 'principalNamed' | 'hasServer'>): Stage<Received, Targeted> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['kind', 'target', 'why'])
    if (isStop(read)) return read
    const { params } = read
    const aim = targetOf(deps, params['kind'] ?? '', params['target'] ?? '')
    return isStop(aim) ? aim : { act: { target: `${aim.kind} ${aim.target}`, params }, aim }
  },
})

function targetOf(deps: Pick<AdminDeps, 'principalNamed' | 'hasServer'>, word: string, target: string): BlockTarget | Stop {
  const kind = BLOCK_KINDS.find(k => k === word)
  if (!kind) return { stop: 'params-invalid', detail: `expected \`kind\` as one of ${BLOCK_KINDS.join(', ')}` }
  if (kind === 'client') return { kind, target }
  if (kind === 'principal') {
    const key = deps.principalNamed(target)
    return key === undefined
      ? { stop: 'params-invalid', detail: 'no such issuer is configured', fix: 'write `<issuer> <subject>`' }
      : { kind, target: key }
  }
  // `server/tool`, as people write it, or `server__tool`, as hosts show it
  const [, alias = target, tool] = kind === 'tool' ? (/^(.+?)(?:\/|__| )(.+)$/.exec(target) ?? []) : []
  if (!deps.hasServer(alias))
    return { stop: 'params-invalid', detail: 'no server of that name is configured', fix: '`gatehouse server list` shows the names' }
  if (kind === 'server') return { kind, target: alias }
  return tool === undefined
    ? { stop: 'params-invalid', detail: 'expected `target` as `server/tool`' }
    : { kind, target: toolTarget(alias, tool) }
}

export const blockStage = (deps: Pick<AdminDeps, 'blocks' | 'wouldLockOut' | 'now'>): Stage<Known & Targeted, Answered> => ({
  name: 'block',
  effect: true,
  run: async ({ principal, aim, act }) => {
    const isOwn = (aim.kind === 'client' && aim.target === principal.client) || (aim.kind === 'principal' && aim.target === principal.key)
    if (isOwn || deps.wouldLockOut(aim))
      return { stop: 'would-lock-out', detail: isOwn ? 'you came as it' : 'no operator would be left', fix: 'let another operator do it' }
    const block = { ...aim, why: act.params['why'] ?? '', by: principal.key, atSeconds: Math.floor(deps.now() / 1000) }
    const ended = await deps.blocks.block(block).catch(() => undefined)
    if (ended === undefined) return { stop: 'state-unavailable', detail: 'blocked now, but perhaps not after a restart' }
    return ended === 'full'
      ? { stop: 'state-unavailable', detail: 'there is no room for another block' }
      : adminAnswer({ blocked: block, ended })
  },
})

export const listBlocksStage = (deps: Pick<AdminDeps, 'blocks'>): Stage<Known, Answered> => ({
  name: 'list-blocks',
  run: () => adminAnswer({ blocks: deps.blocks.all() }),
})

export const aimPrincipalStage = (
  deps: Pick<AdminDeps, 'principalNamed'>,
): Stage<Received, Aimed & { readonly subject: PrincipalKey }> => ({
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['principal'])
    if (isStop(read)) return read
    const { params } = read
    const subject = deps.principalNamed(params['principal'] ?? '')
    if (subject === undefined) return { stop: 'params-invalid', detail: 'no such issuer is configured', fix: 'write `<issuer> <subject>`' }
    return { act: { target: `principal ${subject}`, params }, subject }
  },
})

export const endSessionsStage = (deps: Pick<AdminDeps, 'signOut'>): Stage<Known & { readonly subject: PrincipalKey }, Answered> => ({
  name: 'end-sessions',
  effect: true,
  run: async ({ subject }) => {
    const ended = await deps.signOut(subject).catch(() => undefined)
    return ended ? adminAnswer({ ended }) : { stop: 'state-unavailable', detail: 'ended now; its tokens may count again after a restart' }
  },
})
