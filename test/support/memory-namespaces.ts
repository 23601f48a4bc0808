// Namespaces and challenges in memory; can fail before or after a change is kept.

import type { Challenge, ChallengeStore, Namespace, NamespaceStore } from '../../src/registry/namespaces.ts'
import type { Failing } from './memory-blocks.ts'

const changing =
  (failing: Failing) =>
  async <T>(run: () => T): Promise<T> => {
    await Promise.resolve()
    if (failing.before) throw new Error('the store failed')
    const done = run()
    if (failing.after) throw new Error('the store failed')
    return done
  }
const sorted = (namespace: Namespace): Namespace => ({
  ...namespace,
  members: [...namespace.members].sort((a, b) => (a.principal < b.principal ? -1 : 1)),
})

export function memoryNamespaces(failing: Failing = {}): NamespaceStore {
  const kept = new Map<string, { namespace: Namespace; readonly skeleton: string }>()
  const change = changing(failing)
  return {
    find: name => Promise.resolve(kept.get(name.toLowerCase())?.namespace),
    register: (namespace, skeleton, owner) =>
      change(() => {
        const isTaken = [...kept.values()].some(other => other.skeleton === skeleton)
        if (isTaken || kept.has(namespace.name.toLowerCase())) return false
        kept.set(namespace.name.toLowerCase(), { namespace: { ...namespace, members: [{ principal: owner, role: 'owner' }] }, skeleton })
        return true
      }),
    prove: ({ name, proof, provedAtSeconds, proveAgainAtSeconds }) =>
      change(() => {
        const found = kept.get(name.toLowerCase())
        if (!found) return false
        const { name: own, members, state } = found.namespace
        found.namespace = {
          name: own,
          members,
          state,
          proof,
          provedAtSeconds,
          ...(proveAgainAtSeconds !== undefined && { proveAgainAtSeconds }),
        }
        return true
      }),
    setState: (name, state) =>
      change(() => {
        const found = kept.get(name.toLowerCase())
        if (!found || found.namespace.state === state) return false
        found.namespace = { ...found.namespace, state }
        return true
      }),
    setMember: (name, { principal, role }, by) =>
      change(() => {
        const found = kept.get(name.toLowerCase())
        if (found?.namespace.state !== 'active') return false
        const { members } = found.namespace
        if (!members.some(member => member.principal === by && member.role === 'owner')) return false
        const others = members.filter(member => member.principal !== principal)
        if (role !== 'owner' && !others.some(member => member.role === 'owner')) return false
        if (role === undefined && others.length === members.length) return false
        found.namespace = sorted({ ...found.namespace, members: role === undefined ? others : [...others, { principal, role }] })
        return true
      }),
    list: () =>
      Promise.resolve(
        [...kept.values()].map(({ namespace }) => namespace).sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1)),
      ),
  }
}

export function memoryChallenges(failing: Failing = {}): ChallengeStore {
  let kept: (Challenge & { readonly until: number })[] = []
  const change = changing(failing)
  return {
    open: (challenge, until, most) =>
      change(() => {
        const alive = kept.filter(other => other.until > challenge.issuedAtSeconds)
        const own = alive.filter(other => other.principal === challenge.principal).slice(-(most - 1))
        kept = [...alive.filter(other => other.principal !== challenge.principal), ...own, { ...challenge, until }]
      }),
    spend: (nonce, now) =>
      change(() => {
        const found = kept.find(challenge => challenge.nonce === nonce && challenge.until > now)
        if (!found) return undefined
        kept = kept.filter(challenge => challenge !== found)
        const { namespace, principal, issuedAtSeconds } = found
        return { nonce, namespace, principal, issuedAtSeconds }
      }),
  }
}
