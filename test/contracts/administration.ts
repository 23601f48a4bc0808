// What stores of administration promise, whatever they are made of. `reopen` = what a restart finds.

import { beforeEach, describe, expect, it } from 'vitest'
import type { Proposal, ProposalStore } from '../../src/administration/proposals.ts'
import type { Block, BlockStore } from '../../src/identity/blocks.ts'
import type { LogoutTokenStore } from '../../src/identity/logout-token.ts'
import type { RevocationStore } from '../../src/identity/revocations.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'

export type Stores = {
  readonly blocks: BlockStore
  readonly revocations: RevocationStore
  readonly proposals: ProposalStore
  readonly logoutTokens: LogoutTokenStore
  reopen(): Promise<void>
  dispose(): Promise<void>
}

const ROOT = 'https://idp.example root' as PrincipalKey
const SECOND = 'https://idp.example second' as PrincipalKey
const block = (kind: Block['kind'], target: string, more: Partial<Block> = {}): Block => ({
  kind,
  target,
  why: 'w',
  by: ROOT,
  atSeconds: 10,
  ...more,
})
const proposal = (id: string, more: Partial<Proposal> = {}): Proposal => ({
  id,
  action: 'unblock',
  target: 'server up',
  why: 'it is over',
  proposer: ROOT,
  state: 'pending',
  createdSeconds: 100,
  expiresSeconds: 200,
  ...more,
})

export function administrationContract(name: string, open: () => Promise<Stores>): void {
  describe(name, () => {
    let stores: Stores
    beforeEach(async () => {
      stores = await open()
      return () => stores.dispose()
    })

    it('keeps blocks over a restart, one for each kind and target, the last one written', async () => {
      await stores.blocks.put(block('server', 'up'))
      await stores.blocks.put(block('client', 'up'))
      await stores.blocks.put(block('tool', "up x'; DROP TABLE blocks; --"))
      await stores.blocks.put(block('server', 'up', { why: 'again', atSeconds: 20 }))
      await stores.reopen()
      const all = [...(await stores.blocks.all())].sort((a, b) => a.kind.localeCompare(b.kind))
      expect(all).toEqual([
        block('client', 'up'),
        block('server', 'up', { why: 'again', atSeconds: 20 }),
        block('tool', "up x'; DROP TABLE blocks; --"),
      ])
    })
    it('removes one block and says whether it was there', async () => {
      await stores.blocks.put(block('server', 'up'))
      expect(await stores.blocks.remove({ kind: 'client', target: 'up' })).toBe(false)
      expect(await stores.blocks.remove({ kind: 'server', target: 'up' })).toBe(true)
      await stores.reopen()
      expect(await stores.blocks.all()).toEqual([])
    })

    it('keeps revocations while a token may live, the later one of a key whatever comes first', async () => {
      await stores.revocations.put({ key: 'a', atSeconds: 50, untilSeconds: 150 })
      await stores.revocations.put({ key: 'a', atSeconds: 40, untilSeconds: 140 })
      await stores.revocations.put({ key: 'b', atSeconds: 10, untilSeconds: 100 })
      await stores.reopen()
      expect(await stores.revocations.alive(100)).toEqual([{ key: 'a', atSeconds: 50, untilSeconds: 150 }])
    })

    it('lets a logout token count once, over a restart too, and forgets it when no clock would take it any more', async () => {
      const use = (jti: string, nowSeconds = 10) => stores.logoutTokens.use('https://idp.example', jti, nowSeconds + 90, nowSeconds)
      expect((await Promise.all([use('a'), use('a'), use('b')])).filter(Boolean)).toHaveLength(2)
      expect(await stores.logoutTokens.use('https://other.example', 'a', 100, 10)).toBe(true)
      await stores.reopen()
      expect(await use('a', 99)).toBe(false)
      expect(await use('a', 101)).toBe(true)
    })

    it('finds, lists (newest first) and counts proposals', async () => {
      await stores.proposals.add(proposal('1'))
      await stores.proposals.add(proposal('2', { createdSeconds: 110, expiresSeconds: 120 }))
      await stores.reopen()
      expect(await stores.proposals.find('1')).toEqual(proposal('1'))
      expect(await stores.proposals.find('3')).toBe(undefined)
      expect((await stores.proposals.list(10)).map(p => p.id)).toEqual(['2', '1'])
      expect((await stores.proposals.list(1)).map(p => p.id)).toEqual(['2'])
      expect(await stores.proposals.pending(115)).toBe(2)
      expect(await stores.proposals.pending(120)).toBe(1)
    })
    it('lets exactly one of many decisions at once through', async () => {
      await stores.proposals.add(proposal('1'))
      const tries = Array.from({ length: 8 }, (_, i) =>
        stores.proposals.decide('1', { state: i % 2 ? 'approved' : 'rejected', by: SECOND, atSeconds: 150 }),
      )
      expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1)
      expect(await stores.proposals.find('1')).toMatchObject({ decidedBy: SECOND, decidedSeconds: 150 })
    })
    it('decides nothing that expired, was decided, or is not there', async () => {
      await stores.proposals.add(proposal('1'))
      const approved = { state: 'approved', by: SECOND } as const
      expect(await stores.proposals.decide('1', { ...approved, atSeconds: 200 })).toBe(false)
      expect(await stores.proposals.decide('2', { ...approved, atSeconds: 150 })).toBe(false)
      expect(await stores.proposals.decide('1', { ...approved, atSeconds: 199 })).toBe(true)
      expect(await stores.proposals.decide('1', { ...approved, atSeconds: 199 })).toBe(false)
    })
    it('settles what was approved, and nothing else', async () => {
      await stores.proposals.add(proposal('1'))
      await stores.proposals.settle('1', 'applied')
      expect((await stores.proposals.find('1'))?.state).toBe('pending')
      await stores.proposals.decide('1', { state: 'approved', by: SECOND, atSeconds: 150 })
      await stores.proposals.settle('1', 'applied')
      await stores.reopen()
      expect((await stores.proposals.find('1'))?.state).toBe('applied')
      await stores.proposals.settle('1', 'failed')
      expect((await stores.proposals.find('1'))?.state).toBe('applied')
    })
  })
}
