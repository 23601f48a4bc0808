// Advisories as acts: an operator records OSV documents and withdraws them; operators and auditors read what counts.

import { isStop, type Stop } from '../../kernel/errors.ts'
import { member, rawOf, textOf } from '../../mcp/json.ts'
import type { Advice, Kept } from '../../registry/advisories/advise.ts'
import { dateOf } from '../../registry/official.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import type { Answered, Authenticated, Received, Stage } from '../path.ts'
import { actorOf } from '../actor.ts'

type Known = Received & Authenticated & Aimed
type Deps = Pick<AdminDeps, 'registry' | 'rolesOf'>
type Advising = Aimed & { readonly document: string }
const invalid = (detail: string): Stop => ({ stop: 'params-invalid', detail })

/** `{advisory}`, an OSV document. Kept as the bytes that came. */
export const aimAdvisoryStage: Stage<Received, Advising> = {
  name: 'aim',
  run: ({ doc, params }) => {
    const document = member(params, 'advisory')
    if (!doc || document?.kind !== 'object' || params?.members?.length !== 1) return invalid('expected `advisory` as an object')
    const id = member(document, 'id')
    const named = id?.kind === 'string' ? textOf(doc, id).slice(0, 100) : '?'
    return { act: { target: `advisory ${named}`, params: {} }, document: rawOf(doc, document).toString('utf8') }
  },
}
export const adviseStage = (deps: Deps): Stage<Known & Advising, Answered> => ({
  name: 'advise',
  effect: true,
  run: async x => told(await deps.registry.advising.advise(x.document, actorOf(deps, x))),
})

/** `{id}` */
export const aimWithdrawalStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['id'])
    if (isStop(read)) return read
    return { act: { target: `advisory ${(read.params['id'] ?? '').slice(0, 100)}`, params: read.params } }
  },
}
export const withdrawAdvisoryStage = (deps: Deps): Stage<Known, Answered> => ({
  name: 'withdraw-advisory',
  effect: true,
  run: async x => told(await deps.registry.advising.withdraw(x.act.params['id'] ?? '', actorOf(deps, x))),
})

/** `{id}` for one whole document, `{after}` for a page of what they are about; nothing for the first page */
export const aimAdvisoriesStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, [], ['id', 'after'])
    return isStop(read) ? read : { act: { target: 'advisories', params: read.params } }
  },
}
export const listAdvisoriesStage = (deps: Deps): Stage<Received & Aimed, Answered> => ({
  name: 'list-advisories',
  run: async ({ act }) => {
    const { id, after = '' } = act.params
    if (id !== undefined) {
      const found = await deps.registry.advising.find(id)
      if (!found) return { stop: 'registry-unknown', detail: 'there is no such advisory' }
      return adminAnswer({ ...shown(found), document: JSON.parse(found.document) as object })
    }
    const { advisories, next } = await deps.registry.advising.list(after)
    return adminAnswer({ advisories: advisories.map(shown), metadata: { count: advisories.length, ...(next !== undefined && { next }) } })
  },
})

const shown = ({ id, modifiedMs, isWithdrawn, isMalware, summary, by, atMs }: Kept): object => ({
  id,
  modified: dateOf(modifiedMs / 1000),
  isWithdrawn,
  isMalware,
  ...(summary !== undefined && { summary }),
  recordedBy: by,
  recordedAt: dateOf(atMs / 1000),
})

/** Versions of one answer that are named. */
const MAX_NAMED = 500

function told(advice: Advice | Stop): Answered | Stop {
  if (isStop(advice)) return advice
  const { advisory, concerned, stopped } = advice
  const named = concerned.slice(0, MAX_NAMED).map(({ name, version, standing }) => ({
    ...{ name, version },
    standing: stopped.some(other => other.name === name && other.version === version) ? 'revoked' : standing,
  }))
  return adminAnswer({ advisory: shown(advisory), concerned: named, metadata: { concerned: concerned.length, stopped: stopped.length } })
}
