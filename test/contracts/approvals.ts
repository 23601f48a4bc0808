// What stores of approvals and standing grants promise, whatever they are made of. `reopen` = what a restart finds.

import { beforeEach, describe, expect, it } from 'vitest'
import { bindingDigest, termsDigest, termsOf, type Approval, type Binding, type StandingGrant } from '../../src/approvals/approval.ts'
import type { ApprovalStore, GrantStore } from '../../src/approvals/store.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'

export type ApprovalStores = {
  readonly approvals: ApprovalStore
  readonly grants: GrantStore
  reopen(): Promise<void>
  dispose(): Promise<void>
}

const ALICE = 'https://idp.example alice' as PrincipalKey
const ZOE = 'https://idp.example zoe' as PrincipalKey
const LIMITS = { total: 1000, perPrincipal: 100, perServer: 100 }
let ids = 0

const bound = (more: Partial<Binding> = {}): Binding => ({
  kind: 'call',
  principal: ALICE,
  client: "x'; DROP TABLE approvals; --",
  endpoint: 'https://gateway.example/mcp',
  server: 'github',
  identity: 'identity',
  account: '',
  definition: 'definition',
  method: 'tools/call',
  name: '🦊',
  request: 'request',
  within: '',
  demands: 'demands',
  ...more,
})

export function approval(more: Partial<Approval> = {}, binding: Partial<Binding> = {}): Approval {
  const whole = bound(binding)
  return {
    id: `approval-${(ids += 1)}`,
    binding: whole,
    digest: bindingDigest(whole),
    state: 'pending',
    version: 1,
    quorum: 1,
    demands: [{ rule: 'guard', approvers: ['approvers'], ttlSeconds: 900 }],
    votes: [],
    openedSeconds: 1000,
    expiresSeconds: 1900,
    ...more,
  }
}

const grant = (more: Partial<StandingGrant> = {}, binding: Partial<Binding> = {}): StandingGrant => {
  const terms = termsOf(bound(binding))
  return {
    id: `grant-${(ids += 1)}`,
    terms,
    digest: termsDigest(terms),
    approval: 'approval-1',
    votes: [{ by: ZOE, as: ['approvers'], atSeconds: 1000, standingSeconds: 600 }],
    givenSeconds: 1000,
    expiresSeconds: 1600,
    uses: 0,
    ...more,
  }
}

export function approvalsContract(name: string, open: () => Promise<ApprovalStores>): void {
  describe(name, () => {
    let stores: ApprovalStores
    beforeEach(async () => {
      stores = await open()
      return () => stores.dispose()
    })
    const opened = async (made: Approval, limits = LIMITS): Promise<Approval> => {
      expect(await stores.approvals.open(made, `body of ${made.id}`, limits)).toBe('opened')
      return made
    }
    const change = (found: Approval, more: Partial<Approval>) => {
      const { state, votes, expiresSeconds } = { ...found, ...more }
      return stores.approvals.change(found.id, found.version, {
        state,
        votes,
        expiresSeconds,
        ...(more.spent && { spent: more.spent }),
        ...(more.rejected && { rejected: more.rejected }),
      })
    }

    it('keeps approvals over a restart, whole, with what people are shown beside them', async () => {
      const made = await opened(approval({ quorum: 2 }))
      const voted = await change(made, { votes: [{ by: ZOE, as: ['approvers'], atSeconds: 1001 }] })
      await stores.reopen()
      expect(voted).toEqual({ ...made, version: 2, votes: [{ by: ZOE, as: ['approvers'], atSeconds: 1001 }] })
      expect(await stores.approvals.find({ id: made.id })).toEqual(voted)
      expect(await stores.approvals.body(made.id)).toBe(`body of ${made.id}`)
      expect(await stores.approvals.find({ id: 'no-such' })).toBeUndefined()
      expect(await stores.approvals.body('no-such')).toBeUndefined()
    })

    it('has one live approval of a digest, of any number that are opened at once', async () => {
      const many = Array.from({ length: 8 }, () => approval())
      const answers = await Promise.all(many.map(each => stores.approvals.open(each, '', LIMITS)))
      expect(answers.filter(answer => answer === 'opened')).toHaveLength(1)
      expect(answers.filter(answer => answer === 'exists')).toHaveLength(7)
      const digest = many[0]?.digest ?? ''
      const live = await stores.approvals.find({ digest, nowSeconds: 1899 })
      expect(live).toMatchObject({ state: 'pending' })
      expect(await stores.approvals.find({ digest, nowSeconds: 1900 })).toBeUndefined()
    })

    it('opens the next of a digest once the last was used, or its time is over', async () => {
      const first = await opened(approval())
      await change(first, { state: 'spent', spent: { call: 'call', rounds: 1, atSeconds: 1001 } })
      const second = await opened(approval({ openedSeconds: 1002 }))
      await opened(approval({ openedSeconds: 1900, expiresSeconds: 2800 }))
      expect(await stores.approvals.find({ id: first.id })).toMatchObject({ state: 'spent', spent: { call: 'call', rounds: 1 } })
      expect(await stores.approvals.find({ id: second.id })).toMatchObject({ state: 'pending' })
    })

    it('answers with a rejected one until its time is over', async () => {
      const first = await opened(approval())
      await change(first, { state: 'rejected', rejected: { by: ZOE, atSeconds: 1001, why: 'no' } })
      expect(await stores.approvals.open(approval(), '', LIMITS)).toBe('exists')
      expect(await stores.approvals.find({ digest: first.digest, nowSeconds: 1500 })).toMatchObject({ rejected: { why: 'no' } })
    })

    it('lets one of any number change a version', async () => {
      const made = await opened(approval())
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => change(made, { state: 'spent', spent: { call: `call-${i}`, rounds: 1, atSeconds: 1001 } })),
      )
      expect(answers.filter(answer => answer !== undefined)).toHaveLength(1)
      await stores.reopen()
      expect((await stores.approvals.find({ id: made.id }))?.spent).toEqual(answers.find(answer => answer)?.spent)
    })

    it('bounds what waits in all and of one principal, and counts nothing that ended', async () => {
      const limits = { total: 3, perPrincipal: 2, perServer: 2 }
      const first = await opened(approval({}, { request: 'a' }), limits)
      await opened(approval({}, { request: 'b' }), limits)
      expect(await stores.approvals.open(approval({}, { request: 'c' }), '', limits)).toBe('full')
      await opened(approval({}, { principal: ZOE, request: 'a' }), limits)
      expect(await stores.approvals.open(approval({}, { principal: ZOE, request: 'b' }), '', limits)).toBe('full')
      await change(first, { state: 'approved' })
      await opened(approval({}, { request: 'c' }), limits)
      const late = { openedSeconds: 1900, expiresSeconds: 2800 }
      await opened(approval(late, { request: 'd' }), limits)
    })

    it('attack: a server fills all places of its user. It has few of them, and the others stay free', async () => {
      const limits = { total: 10, perPrincipal: 4, perServer: 2 }
      const first = await opened(approval({}, { request: 'a' }), limits)
      await opened(approval({}, { request: 'b' }), limits)
      expect(await stores.approvals.open(approval({}, { request: 'c' }), '', limits)).toBe('full')
      await opened(approval({}, { server: 'jira', request: 'a' }), limits)
      // Another user of the same server is nobody's business.
      await opened(approval({}, { principal: ZOE, request: 'a' }), limits)
      await change(first, { state: 'approved' })
      await opened(approval({}, { request: 'c' }), limits)
      expect(await stores.approvals.open(approval({}, { request: 'd' }), '', limits)).toBe('full')
    })

    it('lists newest first, by what is asked for, in pages', async () => {
      const all: Approval[] = []
      for (const request of ['a', 'b', 'c', 'd'])
        all.push(await opened(approval({}, { request, server: request < 'c' ? 'github' : 'jira' })))
      const other = await opened(approval({}, { principal: ZOE, name: 'other' }))
      const idsOf = async (filter: Omit<Parameters<ApprovalStore['list']>[0], 'limit'>, limit = 10) =>
        (await stores.approvals.list({ ...filter, limit })).map(({ id }) => id)
      const [a, b, c, d] = all.map(({ id }) => id)
      expect(await idsOf({})).toEqual([other.id, d, c, b, a])
      expect(await idsOf({ principal: ALICE }, 2)).toEqual([d, c])
      expect(await idsOf({ principal: ALICE, before: c ?? '' })).toEqual([b, a])
      expect(await idsOf({ about: { server: 'jira' } })).toEqual([d, c])
      expect(await idsOf({ about: { server: 'github', method: 'tools/call', name: 'other' } })).toEqual([other.id])
      expect(await idsOf({ about: { server: 'github', method: 'prompts/get', name: 'other' } })).toEqual([])
      if (all[1]) await change(all[1], { state: 'approved' })
      expect(await idsOf({ state: 'approved' })).toEqual([b])
      expect(await idsOf({ state: 'pending', principal: ALICE })).toEqual([d, c, a])
    })

    it('ends what is over, tells it once, and forgets what was shown; tells once that further people may decide', async () => {
      const pending = await opened(approval({}, { request: 'a' }))
      const approved = await opened(approval({}, { request: 'b' }))
      await change(approved, { state: 'approved', expiresSeconds: 1500 })
      const escalation = { afterSeconds: 300, approvers: ['managers'] }
      const late = await opened(approval({ demands: [{ rule: 'r', approvers: ['a'], ttlSeconds: 900, escalation }] }, { request: 'c' }))
      expect(await stores.approvals.sweep(1299, 10)).toEqual({ ended: [], escalated: [] })
      expect(await stores.approvals.sweep(1300, 10)).toMatchObject({ ended: [], escalated: [{ id: late.id, version: 1 }] })
      expect(await stores.approvals.sweep(1500, 10)).toMatchObject({
        ended: [{ id: approved.id, state: 'expired', version: 3 }],
        escalated: [],
      })
      expect(await stores.approvals.sweep(1900, 1)).toMatchObject({ ended: [{}] })
      expect(await stores.approvals.sweep(1900, 10)).toMatchObject({ ended: [{}] })
      expect(await stores.approvals.sweep(1900, 10)).toEqual({ ended: [], escalated: [] })
      await stores.reopen()
      expect(await stores.approvals.find({ id: pending.id })).toMatchObject({ state: 'expired' })
      expect(await stores.approvals.body(pending.id)).toBeUndefined()
    })

    it('keeps standing grants over a restart, one of each digest, until they end', async () => {
      const first = grant()
      expect(await stores.grants.give(first, 10)).toBe(true)
      const second = grant({ expiresSeconds: 1700 })
      expect(await stores.grants.give(second, 10)).toBe(true)
      await stores.reopen()
      expect(await stores.grants.find(second.digest, 1699)).toEqual(second)
      expect(await stores.grants.find(second.digest, 1700)).toBeUndefined()
      expect(await stores.grants.list(undefined, 1000, 10)).toEqual([second])
    })

    it('counts uses while a grant holds, and no longer', async () => {
      const given = grant()
      await stores.grants.give(given, 10)
      expect(await stores.grants.use(given.id, 1100)).toBe(true)
      expect(await stores.grants.use(given.id, 1600)).toBe(false)
      expect(await stores.grants.use('no-such', 1100)).toBe(false)
      expect(await stores.grants.list(ALICE, 1100, 10)).toEqual([{ ...given, uses: 1, usedSeconds: 1100 }])
    })

    it('bounds grants of one principal, and revokes for their holder or for anybody', async () => {
      const [a, b, other] = [grant({}, { name: 'a' }), grant({}, { name: 'b' }), grant({}, { principal: ZOE })]
      expect(await stores.grants.give(a, 1)).toBe(true)
      expect(await stores.grants.give(b, 1)).toBe(false)
      expect(await stores.grants.give(other, 1)).toBe(true)
      expect(await stores.grants.revoke(a.id, ZOE)).toBeUndefined()
      expect(await stores.grants.revoke(a.id, ALICE)).toEqual(a)
      expect(await stores.grants.revoke(a.id, ALICE)).toBeUndefined()
      expect(await stores.grants.revoke(other.id, undefined)).toEqual(other)
      await stores.reopen()
      expect(await stores.grants.list(undefined, 1000, 10)).toEqual([])
      expect(await stores.grants.use(a.id, 1100)).toBe(false)
    })
  })
}
