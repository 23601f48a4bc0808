// The inbox when there is more than it lists: what waits stays in it.

import { expect, it } from 'vitest'
import type { ApprovalList } from '../../src/approvals/shapes.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import type { AdminDeps } from '../../src/pipeline/administration.ts'
import type { Authenticated, Received } from '../../src/pipeline/path.ts'
import { listApprovalsStage } from '../../src/pipeline/stages/administer-approvals.ts'
import { approval } from '../contracts/approvals.ts'
import { memoryApprovals } from '../support/memory-approvals.ts'

const LIMITS = { total: 10_000, perPrincipal: 10_000, perServer: 10_000 }
const key = (name: string): PrincipalKey => `https://idp.example ${name}` as PrincipalKey

async function listed(name: string, groups: readonly string[], fill: (open: (n: number, more?: object) => Promise<void>) => Promise<void>) {
  const store = memoryApprovals().approvals
  await fill(async (n, more = {}) => {
    const made = approval(
      { id: `a-${n}`, openedSeconds: 1000 + n, expiresSeconds: 100_000 + n, ...more },
      { principal: key('alice'), request: String(n) },
    )
    await store.open({ ...made, state: 'pending' }, '{}', LIMITS)
    if (made.state !== 'pending') await store.change(made.id, 1, made)
  })
  const deps = {
    approvals: { store, groupsOf: () => groups, selfFrom: () => 'console' },
    rolesOf: () => new Set(groups.length > 0 ? ['approver'] : []),
    now: () => 50_000_000,
  } as unknown as Pick<AdminDeps, 'approvals' | 'rolesOf' | 'now'>
  const principal = { key: key(name), issuer: 'https://idp.example', subject: name }
  const made = await listApprovalsStage(deps).run({ principal } as unknown as Received & Authenticated)
  if (!('answer' in made) || made.answer.kind !== 'result') throw new Error('no answer')
  return JSON.parse(made.answer.result.toString()) as ApprovalList
}

it.each([
  ['whoever asked', 'alice', []],
  ['whoever may decide it', 'bob', ['approvers']],
])('attack: what waits is pushed out of the inbox of %s by asking and taking back', async (_, name, groups) => {
  const { approvals, more } = await listed(name, groups, async open => {
    await open(0)
    for (let n = 1; n <= 1100; n++) await open(n, { state: 'rejected', rejected: { by: key('alice'), atSeconds: 1, why: 'never mind' } })
  })
  expect(approvals).toHaveLength(500)
  expect(more).toBe(true)
  expect(approvals.filter(({ state }) => state === 'pending').map(({ id }) => id)).toEqual(['a-0'])
})

it('attack: hundreds are asked for, so that nobody sees the one that ends first', async () => {
  const { approvals } = await listed('bob', ['approvers'], async open => {
    for (let n = 0; n < 1200; n++) await open(n)
  })
  expect(approvals.map(({ id }) => id)).toContain('a-0')
  expect(approvals[0]?.id).toBe('a-499')
})
