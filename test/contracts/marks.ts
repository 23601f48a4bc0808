// What a store of marks promises, whatever it is made of. `reopen` = what a restart finds.

import { beforeEach, describe, expect, it } from 'vitest'
import type { Mark, MarkStore } from '../../src/flow/store.ts'
import type { PrincipalKey } from '../../src/kernel/principal.ts'

export type MarkStores = { readonly marks: MarkStore; reopen(): Promise<void>; dispose(): Promise<void> }

export const mark = (more: Partial<Mark> = {}): Mark => ({
  principal: 'https://idp.example alice' as PrincipalKey,
  client: 'claude',
  server: 'github',
  method: 'tools/call',
  name: 'get_issue',
  atMs: 1000,
  untrustedUntilMs: 5000,
  privateUntilMs: 0,
  ...more,
})

export function marksContract(name: string, open: () => Promise<MarkStores>): void {
  describe(name, () => {
    let stores: MarkStores
    const alive = async (): Promise<readonly Mark[]> => [...(await stores.marks.alive(0))].sort((a, b) => a.atMs - b.atMs)
    beforeEach(async () => {
      stores = await open()
      return () => stores.dispose()
    })

    it('keeps marks over a restart, one for each principal, client and server', async () => {
      const hostile = mark({ client: "x'; DROP TABLE flow_marks; --", server: '*', name: '🦊', atMs: 2000 })
      await stores.marks.put(mark())
      await stores.marks.put(hostile)
      await stores.marks.put(mark({ principal: 'https://idp.example bob' as PrincipalKey, atMs: 3000 }))
      await stores.reopen()
      expect(await alive()).toEqual([mark(), hostile, mark({ principal: 'https://idp.example bob' as PrincipalKey, atMs: 3000 })])
    })

    it('never brings an end forward, and says what was read last', async () => {
      await stores.marks.put(mark({ untrustedUntilMs: 9000, privateUntilMs: 7000 }))
      await stores.marks.put(mark({ name: 'get_file', atMs: 2000, untrustedUntilMs: 6000, privateUntilMs: 8000 }))
      await stores.reopen()
      expect(await stores.marks.alive(0)).toEqual([mark({ name: 'get_file', atMs: 2000, untrustedUntilMs: 9000, privateUntilMs: 8000 })])
    })

    it('finds a mark until its later end, and forgets it then', async () => {
      await stores.marks.put(mark({ untrustedUntilMs: 5000, privateUntilMs: 7000 }))
      expect(await stores.marks.alive(6999)).toHaveLength(1)
      expect(await stores.marks.alive(7000)).toEqual([])
      await stores.marks.forget(6999)
      expect(await stores.marks.alive(0)).toHaveLength(1)
      await stores.marks.forget(7000)
      await stores.reopen()
      expect(await stores.marks.alive(0)).toEqual([])
    })

    it('removes those that are named and no others, and does what was asked at once in the order of asking', async () => {
      const other = mark({ client: 'cursor' })
      await stores.marks.put(other)
      await Promise.all([stores.marks.put(mark()), stores.marks.remove([mark(), mark({ server: 'nothing' })])])
      expect(await stores.marks.alive(0)).toEqual([other])
      await Promise.all([stores.marks.remove([mark()]), stores.marks.put(mark()), stores.marks.remove([])])
      await stores.reopen()
      expect(await stores.marks.alive(0)).toHaveLength(2)
    })
  })
}
