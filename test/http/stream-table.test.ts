import { describe, expect, it } from 'vitest'
import { SseChannel, StreamTable } from '../../src/http/sse-channel.ts'
import { keyOf } from '../../src/kernel/principal.ts'

function channel() {
  const written: string[] = []
  let close = (): void => {}
  const made = new SseChannel({
    write: chunk => (written.push(chunk.toString()), true),
    end: () => close(),
    onClose(listener) {
      const before = close
      close = () => {
        before()
        listener()
      }
    },
  })
  return { made, written }
}
const held = (expiresAtSeconds: number, isStillGood?: () => Promise<boolean>) => ({
  principal: alice, issuer: 'https://i', issuedAtSeconds: 0, expiresAtSeconds, aliases: [], ...(isStillGood && { isStillGood }),
}) // prettier-ignore
const alice = keyOf('https://i', 'alice')

describe('standing streams', () => {
  it('N031: a stream ends with the token that opened it, whatever newer token its owner has; others go on', () => {
    const table = new StreamTable()
    const [old, fresh] = [channel(), channel()]
    table.add(old.made, held(100))
    table.add(fresh.made, held(200))
    table.tick(99)
    expect([old.made.isOpen, fresh.made.isOpen, table.size]).toEqual([true, true, 2])
    table.tick(100)
    expect([old.made.isOpen, fresh.made.isOpen, table.size]).toEqual([false, true, 1])
    expect(old.made.write(Buffer.from('late'))).toBe(false)
    expect(table.isFull(alice, { total: 10, perPrincipal: 1 })).toBe(true)
    table.tick(200)
    expect([table.size, table.isFull(alice, { total: 10, perPrincipal: 1 })]).toEqual([0, false])
  })
  it('N015: a stream ends when the issuer takes its token back, or cannot say; the others are asked about and go on', async () => {
    const table = new StreamTable()
    const streams = { good: channel(), revoked: channel(), silent: channel(), unasked: channel() }
    table.add(
      streams.good.made,
      held(100, async () => true),
    )
    table.add(
      streams.revoked.made,
      held(100, async () => false),
    )
    table.add(
      streams.silent.made,
      held(100, () => Promise.reject(new Error('out of order'))),
    )
    table.add(streams.unasked.made, held(100))
    await table.recheck(50)
    expect(Object.entries(streams).map(([name, { made }]) => [name, made.isOpen])).toEqual([
      ['good', true],
      ['revoked', false],
      ['silent', false],
      ['unasked', true],
    ])
  })
  it('thousands of streams are asked about a few at a time', async () => {
    const table = new StreamTable()
    const now = { running: 0, most: 0 }
    const ask = async (): Promise<boolean> => {
      now.running += 1
      now.most = Math.max(now.most, now.running)
      await Promise.resolve()
      now.running -= 1
      return true
    }
    for (let i = 0; i < 2_000; i++) table.add(channel().made, held(100, ask))
    await table.recheck(50)
    expect([now.most <= 16, table.size]).toEqual([true, 2_000])
  })
})
