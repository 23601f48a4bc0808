// Proposals in memory; can fail before or after it keeps a change.

import type { Proposal, ProposalStore } from '../../src/administration/proposals.ts'
import type { Failing } from './memory-blocks.ts'

export function memoryProposals(failing: Failing = {}): ProposalStore {
  const kept = new Map<string, Proposal>()
  const change = async <T>(run: () => T): Promise<T> => {
    await Promise.resolve()
    if (failing.before) throw new Error('the store failed')
    const done = run()
    if (failing.after) throw new Error('the store failed')
    return done
  }
  return {
    add: proposal => change(() => void kept.set(proposal.id, proposal)),
    find: id => Promise.resolve(kept.get(id)),
    list: limit => Promise.resolve([...kept.values()].reverse().slice(0, limit)),
    pending: nowSeconds => Promise.resolve([...kept.values()].filter(p => p.state === 'pending' && p.expiresSeconds > nowSeconds).length),
    decide: (id, { state, by, atSeconds }) =>
      change(() => {
        const found = kept.get(id)
        if (found?.state !== 'pending' || found.expiresSeconds <= atSeconds) return false
        kept.set(id, { ...found, state, decidedBy: by, decidedSeconds: atSeconds })
        return true
      }),
    settle: (id, state) =>
      change(() => {
        const found = kept.get(id)
        if (found?.state === 'approved') kept.set(id, { ...found, state })
      }),
  }
}
