// Namespaces, challenges and spent proofs in memory; can fail before or after a change is kept.

import { canonicalJson } from '../../src/kernel/canonical-json.ts'
import type { Binding } from '../../src/registry/binding.ts'
import type {
  Challenge,
  ChallengeStore,
  KeptProof,
  Namespace,
  NamespaceStore,
  NamespaceWatch,
  Quiet,
  SpentProofs,
} from '../../src/registry/namespace.ts'
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
const isBound = ({ bound }: Namespace, before: Binding | undefined): boolean =>
  (bound && canonicalJson(bound)) === (before && canonicalJson(before))
const silenced = (namespace: Namespace, quiet: Quiet | undefined): Namespace =>
  quiet && quiet.untilSeconds > (namespace.quiet?.untilSeconds ?? 0) ? { ...namespace, quiet } : namespace

export function memoryNamespaces(failing: Failing = {}): NamespaceStore & NamespaceWatch {
  const kept = new Map<string, { namespace: Namespace; readonly skeleton: string }>()
  const change = changing(failing)
  const found = (name: string) => kept.get(name.toLowerCase())
  return {
    find: name => Promise.resolve(found(name)?.namespace),
    register: (namespace, skeleton, owner) =>
      change(() => {
        const isTaken = [...kept.values()].some(other => other.skeleton === skeleton)
        if (isTaken || found(namespace.name)) return false
        kept.set(namespace.name.toLowerCase(), { namespace: { ...namespace, members: [{ principal: owner, role: 'owner' }] }, skeleton })
        return true
      }),
    prove: (proved: KeptProof, before, quiet) =>
      change(() => {
        const one = found(proved.name)
        if (!one || !isBound(one.namespace, before)) return false
        const { name, members, state, quiet: earlier, signer } = one.namespace
        const { proof, bound, provedAtSeconds, proveAgainAtSeconds } = proved
        one.namespace = silenced(
          {
            ...{ name, members, state, proof, provedAtSeconds },
            ...(bound && { bound }),
            ...(proveAgainAtSeconds !== undefined && { proveAgainAtSeconds }),
            ...(earlier && { quiet: earlier }),
            ...(signer !== undefined && { signer }),
          },
          quiet,
        )
        return true
      }),
    setState: (name, state) =>
      change(() => {
        const one = found(name)
        if (!one || one.namespace.state === state) return false
        one.namespace = { ...one.namespace, state }
        return true
      }),
    setMember: (name, { principal, role }, { principal: by, quiet }) =>
      change(() => {
        const one = found(name)
        if (one?.namespace.state !== 'active') return false
        const { members } = one.namespace
        if (!members.some(member => member.principal === by && member.role === 'owner')) return false
        const others = members.filter(member => member.principal !== principal)
        if (role !== 'owner' && !others.some(member => member.role === 'owner')) return false
        if (role === undefined && others.length === members.length) return false
        one.namespace = silenced(
          sorted({ ...one.namespace, members: role === undefined ? others : [...others, { principal, role }] }),
          quiet,
        )
        return true
      }),
    reassign: (name, { principal, atSeconds, quiet }) =>
      change(() => {
        const one = found(name)
        if (!one) return false
        const { name: own, signer, quiet: earlier } = one.namespace
        const next: Namespace = {
          ...{ name: own, state: 'active', proof: 'operator', provedAtSeconds: atSeconds },
          ...(signer !== undefined && { signer }),
          ...(earlier && { quiet: earlier }),
          members: [{ principal, role: 'owner' }],
        }
        one.namespace = silenced(next, quiet)
        return true
      }),
    list: () =>
      Promise.resolve(
        [...kept.values()].map(({ namespace }) => namespace).sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1)),
      ),
    due: (endsUntil, lookedUntil, most) =>
      Promise.resolve(
        [...kept.values()]
          .map(({ namespace }) => ({ ...namespace, members: [] }))
          .filter(
            ({ proof, bound, look, proveAgainAtSeconds = Infinity }) =>
              (proof === 'dns' || proof === 'https') && bound && proveAgainAtSeconds <= endsUntil && (look?.atSeconds ?? 0) <= lookedUntil,
          )
          .sort(
            (a, b) => (a.look?.atSeconds ?? 0) - (b.look?.atSeconds ?? 0) || (a.proveAgainAtSeconds ?? 0) - (b.proveAgainAtSeconds ?? 0),
          )
          .slice(0, most),
      ),
    looked: (name, bound, { atSeconds, found: what, proveAgainAtSeconds, quiet }) =>
      change(() => {
        const one = found(name)
        if (!one || !isBound(one.namespace, bound)) return false
        const look = { atSeconds, found: what }
        one.namespace = silenced({ ...one.namespace, look, ...(proveAgainAtSeconds !== undefined && { proveAgainAtSeconds }) }, quiet)
        return true
      }),
    sign: (name, before, signer, quiet) =>
      change(() => {
        const one = found(name)
        if (one?.namespace.signer !== before || !one) return false
        one.namespace = silenced({ ...one.namespace, signer }, quiet)
        return true
      }),
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

export function memorySpentProofs(failing: Failing = {}): SpentProofs {
  const kept = new Map<string, number>()
  const change = changing(failing)
  return {
    spend: (id, expiresAt, now) =>
      change(() => {
        for (const [other, until] of kept) if (until < now) kept.delete(other)
        if (kept.has(id)) return false
        kept.set(id, expiresAt)
        return true
      }),
  }
}
