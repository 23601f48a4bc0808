// The stream of revocations as the room runs it: nothing missed, nothing twice, nobody waited for.

import { beforeEach, describe, expect, it } from 'vitest'
import type { PrincipalKey } from '../../src/kernel/principal.ts'
import { knownSequence, RevocationFeed } from '../../src/registry/revocation-feed.ts'
import type { RevocationLog } from '../../src/registry/store.ts'
import { memoryRegistry } from '../support/memory-registry.ts'

let log: RevocationLog
let feed: RevocationFeed
let reads: number
/** what a read waits for */
let gate: Promise<void>
const settled = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}
beforeEach(() => {
  log = memoryRegistry().revocations
  reads = 0
  gate = Promise.resolve()
  feed = new RevocationFeed({
    append: revocation => log.append(revocation),
    blocking: kind => log.blocking(kind),
    touching: targets => log.touching(targets),
    since: async (sequence, limit) => {
      reads++
      const found = await log.since(sequence, limit)
      await gate
      return found
    },
  })
})
const revoke = (target: string): Promise<unknown> =>
  feed.append({ kind: 'artifact', target, reason: 'policy', action: 'block', by: 'https://idp.example root' as PrincipalKey, atSeconds: 1 })

class Reader {
  readonly ids: string[] = []
  isOpen = true
  /** messages it takes before it is too slow */
  room = Infinity
  #gone: () => void = () => {}
  send(_message: Buffer, id: string): boolean {
    if (!this.isOpen) return false
    if (this.ids.length >= this.room) {
      this.end()
      return false
    }
    this.ids.push(id)
    return true
  }
  end(): void {
    this.isOpen = false
    this.#gone()
  }
  onClose(listener: () => void): void {
    this.#gone = listener
  }
}
const listen = (after = 0, room = Infinity): Reader => {
  const reader = new Reader()
  reader.room = room
  feed.follow(reader, after)
  return reader
}

describe('whoever listens', () => {
  it('gets what is behind the last one known, then each as it comes, once and in order', async () => {
    for (const target of ['a', 'b', 'c']) await revoke(target)
    const all = listen()
    const some = listen(2)
    await revoke('d')
    await settled()
    await revoke('e')
    await settled()
    expect([all.ids, some.ids]).toEqual([
      ['1', '2', '3', '4', '5'],
      ['3', '4', '5'],
    ])
  })
  it('misses nothing that comes while it is being told of what was before', async () => {
    await revoke('a')
    let open = (): void => {}
    gate = new Promise(resolve => (open = resolve))
    const reader = listen()
    await settled()
    await revoke('b')
    await revoke('c')
    expect(reader.ids).toEqual([])
    open()
    await settled()
    expect(reader.ids).toEqual(['1', '2', '3'])
  })
  it('is told in goes of a thousand: who has missed more comes again', async () => {
    for (let i = 0; i < 1001; i++) await revoke(String(i))
    const reader = listen()
    await settled()
    expect([reader.ids.length, reader.isOpen]).toEqual([1000, false])
    const again = listen(1000)
    await settled()
    expect([again.ids, again.isOpen]).toEqual([['1001'], true])
  })
  it('and goes away costs nothing afterwards; and who is too slow is not waited for', async () => {
    const [gone, slow, other] = [listen(), listen(0, 1), listen()]
    gone.end()
    await revoke('a')
    await revoke('b')
    await settled()
    expect(feed.followers).toBe(1)
    expect([gone.ids, slow.ids, slow.isOpen, other.ids]).toEqual([[], ['1'], false, ['1', '2']])
  })
  it('shares a read with all who know as much', async () => {
    const readers = Array.from({ length: 200 }, () => listen())
    await settled()
    reads = 0
    await revoke('a')
    await settled()
    expect(readers.every(({ ids }) => ids.length === 1)).toBe(true)
    expect(reads).toBe(1)
  })
  it('is sent away where the log cannot be read, instead of waiting for what happened', async () => {
    const reader = listen()
    await settled()
    gate = Promise.reject(new Error('the disk is gone'))
    gate.catch(() => {})
    await revoke('a')
    await settled()
    expect([reader.isOpen, feed.followers]).toEqual([false, 0])
  })
  it('hears also of one that may or may not have been kept', async () => {
    let heard = 0
    feed.onChange(() => heard++)
    log = memoryRegistry({ after: true }).revocations
    await expect(revoke('a')).rejects.toThrow('the store failed')
    expect(heard).toBe(1)
  })
})

describe('the last number somebody knows', () => {
  it.each([
    [undefined, 0],
    ['', 0],
    ['0', 0],
    ['17', 17],
  ])('%j is %d', (text, known) => expect(knownSequence(text)).toBe(known))
  it.each(['-1', '1.5', 'x', '1e9', '9'.repeat(16), ' 1'])('%j is none', text =>
    expect(knownSequence(text)).toMatchObject({ stop: 'params-invalid' }),
  )
})
