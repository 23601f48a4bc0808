// Approvals and grants in memory, with the promises of the real stores. `fail` breaks the next write, before or after it is kept.

import type { Approval, StandingGrant } from '../../src/approvals/approval.ts'
import type { ApprovalStore, GrantStore } from '../../src/approvals/store.ts'

export type MemoryApprovals = { readonly approvals: ApprovalStore; readonly grants: GrantStore; fail?: 'before' | 'after' | undefined }

export function memoryApprovals(): MemoryApprovals {
  const rows = new Map<string, Approval>()
  const bodies = new Map<string, string>()
  const escalated = new Set<string>()
  const grants = new Map<string, StandingGrant>()
  const whole: { -readonly [key in keyof MemoryApprovals]: MemoryApprovals[key] } = { approvals: store(), grants: grantStore() }
  return whole

  /** One turn passes before it happens, as with a real store. */
  async function written<T>(change: () => T): Promise<T> {
    await Promise.resolve()
    const { fail } = whole
    whole.fail = undefined
    if (fail === 'before') throw new Error('the disk is full')
    const made = change()
    if (fail === 'after') throw new Error('the disk is gone')
    return made
  }

  function store(): ApprovalStore {
    const isLive = ({ state, expiresSeconds }: Approval, now: number): boolean =>
      ['pending', 'approved', 'rejected'].includes(state) && expiresSeconds > now
    const newestFirst = (): Approval[] => [...rows.values()].reverse()
    return {
      open: (approval, body, { total, perPrincipal, perServer }) =>
        written(() => {
          const now = approval.openedSeconds
          if ([...rows.values()].some(a => a.digest === approval.digest && isLive(a, now))) return 'exists'
          const waiting = [...rows.values()].filter(a => a.state === 'pending' && a.expiresSeconds > now)
          const { principal } = approval.binding
          const own = [...rows.values()].filter(
            a => a.binding.principal === principal && ['pending', 'rejected'].includes(a.state) && a.expiresSeconds > now,
          )
          if (waiting.length >= total || own.length >= perPrincipal) return 'full'
          if (own.filter(a => a.binding.server === approval.binding.server).length >= perServer) return 'full'
          rows.set(approval.id, approval)
          bodies.set(approval.id, body)
          return 'opened'
        }),
      find: by =>
        Promise.resolve('id' in by ? rows.get(by.id) : [...rows.values()].find(a => a.digest === by.digest && isLive(a, by.nowSeconds))),
      body: id => Promise.resolve(bodies.get(id)),
      list({ state, principal, about, before, limit }) {
        const all = newestFirst()
        const from = before === undefined ? 0 : all.findIndex(({ id }) => id === before) + 1
        const found = all
          .slice(from)
          .filter(
            a =>
              (state === undefined || a.state === state) &&
              (principal === undefined || a.binding.principal === principal) &&
              (about === undefined || a.binding.server === about.server) &&
              (about?.name === undefined || (a.binding.method === about.method && a.binding.name === about.name)),
          )
        return Promise.resolve(found.slice(0, limit))
      },
      change: (id, version, change) =>
        written(() => {
          const found = rows.get(id)
          if (found?.version !== version) return undefined
          const next = { ...found, ...change, version: version + 1 }
          rows.set(id, next)
          if (next.state === 'rejected' && next.rejected?.by === next.binding.principal) bodies.delete(id)
          return next
        }),
      sweep: (now, limit) =>
        written(() => {
          const over = [...rows.values()].filter(a => (a.state === 'pending' || a.state === 'approved') && a.expiresSeconds <= now)
          const ended = over.slice(0, limit).map((a): Approval => ({ ...a, state: 'expired', version: a.version + 1 }))
          for (const each of ended) {
            rows.set(each.id, each)
            bodies.delete(each.id)
          }
          const due = [...rows.values()].filter(
            a =>
              a.state === 'pending' &&
              !escalated.has(a.id) &&
              a.demands.some(({ escalation }) => escalation && a.openedSeconds + escalation.afterSeconds <= now),
          )
          for (const { id } of due) escalated.add(id)
          return { ended, escalated: due }
        }),
    }
  }

  function grantStore(): GrantStore {
    const held = (now: number): StandingGrant[] => [...grants.values()].reverse().filter(g => g.expiresSeconds > now)
    return {
      give: (grant, perPrincipal) =>
        written(() => {
          for (const [id, { digest }] of grants) if (digest === grant.digest) grants.delete(id)
          const own = held(grant.givenSeconds).filter(g => g.terms.principal === grant.terms.principal)
          if (own.length >= perPrincipal) return false
          grants.set(grant.id, grant)
          return true
        }),
      find: (digest, now) => Promise.resolve(held(now).find(g => g.digest === digest)),
      use: (id, now) =>
        written(() => {
          const found = grants.get(id)
          if (!found || found.expiresSeconds <= now) return false
          grants.set(id, { ...found, uses: found.uses + 1, usedSeconds: now })
          return true
        }),
      list: (principal, now, limit) =>
        Promise.resolve(
          held(now)
            .filter(g => principal === undefined || g.terms.principal === principal)
            .slice(0, limit),
        ),
      revoke: (id, principal) =>
        written(() => {
          const found = grants.get(id)
          if (!found || (principal !== undefined && found.terms.principal !== principal)) return undefined
          grants.delete(id)
          return found
        }),
    }
  }
}
