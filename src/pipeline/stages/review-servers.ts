// The reviewer's queue as acts: which servers there are and how they stand, and one of them with every difference. Admitting is no act: statements are signed elsewhere.

import { isStop, type Stop } from '../../kernel/errors.ts'
import { adminAnswer, readTexts, type AdminDeps, type Aimed } from '../administration.ts'
import { serverReview, serverRow, type ServerRow } from '../server-reviews.ts'
import type { Answered, Received, Stage } from '../path.ts'

type Deps = Pick<AdminDeps, 'reviews'>
const UNREADABLE: Stop = { stop: 'state-unavailable', detail: 'what was seen of servers cannot be read now' }
const pause = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export const listServersStage = (deps: Deps): Stage<Received, Answered> => ({
  name: 'list-servers',
  run: async () => {
    const servers: ServerRow[] = []
    try {
      // One at a time: what servers list is compared here, and calls go first.
      for (const alias of deps.reviews.aliases()) {
        const facts = await deps.reviews.look(alias)
        if (facts) servers.push(serverRow(facts))
        await pause()
      }
    } catch {
      return UNREADABLE
    }
    return adminAnswer({ servers })
  },
})

/** `{server}`: an alias */
export const aimServerStage: Stage<Received, Aimed> = {
  name: 'aim',
  run: x => {
    const read = readTexts(x, ['server'], [], 64)
    if (isStop(read)) return read
    return { act: { target: `server ${read.params['server'] ?? ''}`, params: read.params } }
  },
}

export const showServerStage = (deps: Deps): Stage<Received & Aimed, Answered> => ({
  name: 'show-server',
  run: async ({ act }) => {
    const facts = await deps.reviews.look(act.params['server'] ?? '').catch(() => UNREADABLE)
    if (!facts) return { stop: 'params-invalid', detail: 'no server of that alias', fix: '`gatehouse server list` shows them' }
    return isStop(facts) ? facts : adminAnswer(serverReview(facts))
  },
})
